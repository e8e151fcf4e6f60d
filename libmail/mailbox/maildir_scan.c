/* One walk over new/ and cur/.
 *
 * readdir may miss a file that is renamed meanwhile, and may show it under both names. So a file
 * that was not met is looked for under its last name; if that fails it is doubted. It is dead when
 * two scans running missed it and nobody changed the directories during the last; while others do
 * change them, only after eight. A file met twice is a duplicate only when both names exist at the
 * same time as two inodes. */
#include "mailbox/maildir_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/log.h"

enum { GUESSES = 64, GUESS_ROUNDS = 3 };

void scan_free(struct scan *scan)
{
    buf_free(&scan->text);
    free(scan->unlisted);
    *scan = (struct scan){ 0 };
}

static bool add_found(struct scan *scan, struct found **list, size_t *count, size_t *capacity,
                      struct bytes name)
{
    if (*count == *capacity) {
        size_t more = *capacity ? *capacity * 2 : 32;
        struct found *grown = reallocarray(*list, more, sizeof(*grown));
        if (!grown)
            return false;
        *list = grown;
        *capacity = more;
    }
    size_t at = scan->text.len;
    buf_bytes(&scan->text, name);
    if (buf_failed(&scan->text))
        return false;
    (*list)[(*count)++] = (struct found){ .at = (uint32_t)at,
                                          .len = (uint8_t)name.len,
                                          .base_len = (uint8_t)maildir_base(name).len };
    return true;
}

static bool add_unlisted(struct scan *scan, struct bytes name, bool in_new, bool recent)
{
    if (!add_found(scan, &scan->unlisted, &scan->count, &scan->capacity, name))
        return false;
    scan->unlisted[scan->count - 1].in_new = in_new;
    scan->unlisted[scan->count - 1].recent = recent;
    return true;
}

static bool stat_name(struct maildir *maildir, bool in_new, struct bytes name, struct stat *st)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%.*s", in_new ? "new" : "cur", BYTES_FMT(name));
    return fstatat(maildir->root, path, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode);
}

/* Two files with one base name: the second one gets a name of its own, and so a UID. */
static bool part_duplicate(struct maildir *maildir, struct scan *scan, struct bytes name,
                           bool in_new)
{
    char from[300], to[600] = "cur/";
    if (!scan->move) {
        if (!maildir->duplicate_told)
            log_warning("%s: two files have the name %.*s, only one is shown", maildir->paths.mail,
                        BYTES_FMT(maildir_base(name)));
        maildir->duplicate_told = true;
        return true;
    }
    struct bytes info = bytes_skip(name, maildir_base(name).len);
    snprintf(from, sizeof(from), "%s/%.*s", in_new ? "new" : "cur", BYTES_FMT(name));
    memcpy(to, from, 4);
    file_unique(to + 4, 250);
    snprintf(to + strlen(to), sizeof(to) - strlen(to), "%.*s", BYTES_FMT(info));
    if (strlen(to + 4) > 255 || maildir_rename(maildir->root, from, maildir->root, to) != 0)
        return true;
    log_warning("%s: two files had the name %.*s, one is %s now", maildir->paths.mail,
                BYTES_FMT(maildir_base(name)), to);
    return add_unlisted(scan, bytes_of(to + 4), in_new, in_new);
}

enum names_of_one { NAME_OLD, NAME_CURRENT, NAME_DUPLICATE };

/* The entry was met before in this scan, under another name. Which one holds? */
static enum names_of_one second_name(struct maildir *maildir, struct maildir_entry *entry,
                                     struct bytes name, bool in_new)
{
    struct stat first, second;
    char path[600];
    if (!stat_name(maildir, in_new, name, &second))
        return NAME_OLD;
    if (!entry_path(&maildir->entries, entry, path, sizeof(path)) ||
        fstatat(maildir->root, path, &first, AT_SYMLINK_NOFOLLOW) != 0)
        return NAME_CURRENT;
    return first.st_ino != second.st_ino || first.st_dev != second.st_dev ? NAME_DUPLICATE
                                                                          : NAME_OLD;
}


static bool note(struct maildir *maildir, struct scan *scan, struct bytes name, bool in_new,
                 bool recent)
{
    bool failed = false;
    struct maildir_entry *entry = entries_find(&maildir->entries, maildir_base(name), &failed);
    if (failed)
        return false;
    /* A file that had gone comes back: its UID may be known to be gone. */
    if (!entry || entry->state & ENTRY_DEAD)
        return add_unlisted(scan, name, in_new, recent);
    struct bytes info = bytes_skip(name, entry->length);
    bool same = bytes_equal(entry_info(&maildir->entries, entry), info) &&
                !(entry->state & ENTRY_NEW) == !in_new;
    if (!same && entry->state & ENTRY_SEEN) {
        enum names_of_one which = second_name(maildir, entry, name, in_new);
        if (which == NAME_DUPLICATE)
            return part_duplicate(maildir, scan, name, in_new);
        if (which == NAME_OLD)
            return true;
    }
    if (!same) {
        int64_t number = names_intern(&maildir->entries.infos, info);
        if (number < 0)
            return false;
        entry->info = (uint32_t)number;
    }
    entry->state &= (uint8_t) ~(ENTRY_NEW | ENTRY_DEAD | ENTRY_MISSES);
    entry->state |=
        ENTRY_SEEN | ENTRY_PRESENT | (in_new ? ENTRY_NEW : 0) | (recent ? ENTRY_RECENT : 0);
    return true;
}

static bool is_file(int dir, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_REG;
    return fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static DIR *open_dir(struct maildir *maildir, const char *path, struct error *err)
{
    int fd = openat(maildir->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        error_errno(err, errno, "reading %s/%s", maildir->paths.mail, path);
        if (fd >= 0)
            close(fd);
    }
    return dir;
}

/* Moves one file of new/ to cur/. Its new name in out (the old one when it stayed); false: somebody
 * else moved it. */
static bool move_to_cur(struct maildir *maildir, struct bytes name, char *out, size_t size,
                        bool *moved)
{
    char from[300];
    snprintf(from, sizeof(from), "new/%.*s", BYTES_FMT(name));
    snprintf(out, size, "cur/%.*s%s", BYTES_FMT(name),
             maildir_base(name).len == name.len ? ":2," : "");
    *moved = strlen(out + 4) <= 255 && maildir_rename(maildir->root, from, maildir->root, out) == 0;
    if (*moved)
        return true;
    bool gone = errno == ENOENT && strlen(out + 4) <= 255;
    snprintf(out, size, "new/%.*s", BYTES_FMT(name));
    return !gone;
}

static bool note_new(struct maildir *maildir, struct scan *scan, const struct found *list,
                     size_t count, bool *any)
{
    for (size_t i = 0; i < count; i++) {
        char path[300];
        struct bytes name = found_name(scan, &list[i]);
        bool moved = false;
        snprintf(path, sizeof(path), "new/%.*s", BYTES_FMT(name));
        if (scan->move && !move_to_cur(maildir, name, path, sizeof(path), &moved))
            continue;
        *any |= moved;
        if (!note(maildir, scan, bytes_of(path + 4), !moved, true))
            return false;
    }
    return true;
}

static bool walk_new(struct maildir *maildir, struct scan *scan, bool *moved, struct error *err)
{
    struct found *list = NULL;
    size_t count = 0, capacity = 0;
    struct dirent *entry;
    bool ok = true;
    DIR *dir = open_dir(maildir, "new", err);
    if (!dir)
        return false;
    while (ok && (errno = 0, entry = readdir(dir)))
        if (maildir_name_valid(bytes_of(entry->d_name)) && is_file(dirfd(dir), entry))
            ok = add_found(scan, &list, &count, &capacity, bytes_of(entry->d_name));
    int failure = ok ? errno : 0;
    closedir(dir);
    ok = ok && (failure || note_new(maildir, scan, list, count, moved));
    free(list);
    if (failure)
        return error_errno(err, failure, "reading %s/new", maildir->paths.mail);
    return ok || error_memory(err);
}

static bool walk_cur(struct maildir *maildir, struct scan *scan, struct error *err)
{
    struct dirent *entry;
    bool ok = true;
    DIR *dir = open_dir(maildir, "cur", err);
    if (!dir)
        return false;
    while (ok && (errno = 0, entry = readdir(dir)))
        if (maildir_name_valid(bytes_of(entry->d_name)) && is_file(dirfd(dir), entry))
            ok = note(maildir, scan, bytes_of(entry->d_name), false, false);
    int failure = ok ? errno : 0;
    closedir(dir);
    if (failure)
        return error_errno(err, failure, "reading %s/cur", maildir->paths.mail);
    return ok || error_memory(err);
}

/* Whether the file is under this name. */
static bool is_at(struct maildir *maildir, const struct maildir_entry *entry)
{
    struct stat st;
    char path[600];
    return entry_path(&maildir->entries, entry, path, sizeof(path)) &&
           fstatat(maildir->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

bool maildir_guess(struct maildir *maildir, struct maildir_entry *entry)
{
    struct maildir_entry guess = *entry;
    uint32_t infos = maildir->entries.infos.count;
    for (int round = 0; round < GUESS_ROUNDS; round++) {
        if (is_at(maildir, entry))
            return true;
        guess.state &= (uint8_t)~ENTRY_NEW;
        for (guess.info = 0; guess.info < infos && guess.info < GUESSES; guess.info++) {
            if (!is_at(maildir, &guess))
                continue;
            entry->info = guess.info;
            entry->state = (uint8_t)(guess.state & ~ENTRY_MISSES);
            return true;
        }
    }
    return false;
}

/* What a complete scan did not meet. */
static void judge(struct maildir *maildir, const struct scan *scan, bool *doubts)
{
    for (size_t i = 0; i < maildir->entries.count; i++) {
        struct maildir_entry *entry = &maildir->entries.at[i];
        if (entry->state & (ENTRY_SEEN | ENTRY_DEAD))
            continue;
        if (entry->state & ENTRY_PRESENT &&
            (scan->stable ? is_at(maildir, entry) : maildir_guess(maildir, entry)))
            continue;
        unsigned misses = (entry->state & ENTRY_MISSES) / ENTRY_MISS;
        if (misses == ENTRY_MISSES / ENTRY_MISS || (misses && scan->stable)) {
            entry->state = ENTRY_DEAD;
        } else {
            entry->state = (uint8_t)(entry->state + ENTRY_MISS);
            *doubts = true;
        }
    }
}

bool maildir_scan(struct maildir *maildir, struct scan *scan, bool *doubts, struct error *err)
{
    struct maildir_stamp after;
    scan->text = BUF_INIT(UINT32_MAX);
    for (size_t i = 0; i < maildir->entries.count; i++)
        maildir->entries.at[i].state &= (uint8_t)~ENTRY_SEEN;
    bool moved = true;
    for (int tries = 0; moved && tries < 3;
         tries++) { /* until new/ was quiet between the stamp and the walk */
        moved = false;
        if (!stamp_take(maildir, &scan->stamp, err) || !walk_new(maildir, scan, &moved, err))
            return false;
    }
    if (!walk_cur(maildir, scan, err) || !stamp_take(maildir, &after, err))
        return false;
    scan->stable = stamp_equal(&scan->stamp, &after) && !stamp_racy(&scan->stamp);
    *doubts = false;
    judge(maildir, scan, doubts);
    return true;
}
