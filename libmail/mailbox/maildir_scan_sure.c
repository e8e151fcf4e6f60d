/* Scanning until nothing is in doubt, and giving UIDs to files that have none. */
#include "mailbox/maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"

enum { PASSES = 3, PASSES_OPENING = 10, TICK_PAUSE_MS = 35 };

static struct scan *sorting; /* qsort has no context; one mailbox is synced at a time */

static int by_time(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int order = maildir_name_compare(found_base(sorting, x), found_base(sorting, y));
    return order ? order : bytes_compare(found_name(sorting, x), found_name(sorting, y));
}

static bool file_there(struct maildir *maildir, const struct scan *scan, const struct found *found)
{
    char path[300];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%.*s", found->in_new ? "new" : "cur",
             BYTES_FMT(found_name(scan, found)));
    return fstatat(maildir->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* The scan's unlisted file is entry's. */
static bool settle(struct maildir *maildir, const struct scan *scan, const struct found *found,
                   struct maildir_entry *entry)
{
    int64_t info =
        names_intern(&maildir->entries.infos, bytes_skip(found_name(scan, found), found->base_len));
    if (info < 0)
        return false;
    entry->info = (uint32_t)info;
    entry->state = (uint8_t)(ENTRY_PRESENT | ENTRY_SEEN | (found->in_new ? ENTRY_NEW : 0) |
                             (found->recent ? ENTRY_RECENT : 0));
    return true;
}

/* Sorts the unlisted files by time, keeps those that are still there, one for each base name, and
 * settles those that are listed by now. */
static bool still_unlisted(struct maildir *maildir, struct scan *scan, bool *again)
{
    size_t kept = 0;
    bool failed = false;
    sorting = scan;
    if (scan->count)
        qsort(scan->unlisted, scan->count, sizeof(*scan->unlisted), by_time);
    for (size_t i = 0; i < scan->count && !failed; i++) {
        struct found *found = &scan->unlisted[i];
        struct maildir_entry *entry =
            entries_find(&maildir->entries, found_base(scan, found), &failed);
        if (!file_there(maildir, scan, found))
            *again = true; /* renamed or removed since: the next scan tells */
        else if (entry && !(entry->state & ENTRY_DEAD))
            failed = !settle(maildir, scan, found, entry);
        else if (!kept ||
                 !bytes_equal(found_base(scan, &scan->unlisted[kept - 1]), found_base(scan, found)))
            scan->unlisted[kept++] = *found;
        else
            *again = true; /* a second file of this name: the next scan parts the two */
    }
    scan->count = kept;
    return !failed;
}

static bool list_names(struct maildir *maildir, struct scan *scan, struct error *err)
{
    struct bytes *names = calloc(scan->count, sizeof(*names));
    if (!names)
        return error_memory(err);
    for (size_t i = 0; i < scan->count; i++)
        names[i] = found_base(scan, &scan->unlisted[i]);
    bool ok = uidlist_append(&maildir->uidlist, names, scan->count, NULL, err) &&
              uidlist_refresh(&maildir->uidlist, &maildir->entries, err);
    free(names);
    return ok;
}

/* UIDs of this session only, for a mailbox that cannot be written and has no list. */
static bool list_virtually(struct maildir *maildir, struct scan *scan, struct error *err)
{
    for (size_t i = 0; i < scan->count; i++)
        if (!entries_add(&maildir->entries, maildir->uidlist.next++, (struct bytes){ 0 },
                         found_base(scan, &scan->unlisted[i])))
            return error_memory(err);
    return true;
}

static bool settle_all(struct maildir *maildir, struct scan *scan, struct error *err)
{
    bool failed = false;
    for (size_t i = 0; i < scan->count && !failed; i++) {
        struct maildir_entry *entry =
            entries_find(&maildir->entries, found_base(scan, &scan->unlisted[i]), &failed);
        failed = failed || (entry && !settle(maildir, scan, &scan->unlisted[i], entry));
    }
    return !failed || error_memory(err);
}

bool maildir_prepare_list(struct maildir *maildir, const struct scan *scan, struct error *err)
{
    struct uidlist *list = &maildir->uidlist;
    if (!uidlist_refresh(list, &maildir->entries, err))
        return false;
    if (list->fd < 0)
        return uidlist_create(list, &maildir->entries, maildir->tree, maildir->root, err);
    bool failed = false, returned = false;
    for (size_t i = 0; i < scan->count && !failed && !returned; i++) {
        struct maildir_entry *entry =
            entries_find(&maildir->entries, found_base(scan, &scan->unlisted[i]), &failed);
        returned = entry && entry->state & ENTRY_DEAD;
    }
    if (failed)
        return error_memory(err);
    return (!returned && !list->messy && uidlist_whole(list)) ||
           uidlist_rewrite(list, &maildir->entries, err);
}

static bool adopt_locked(struct maildir *maildir, struct scan *scan, bool *again, struct error *err)
{
    if (!maildir_prepare_list(maildir, scan, err))
        return false;
    if (!still_unlisted(maildir, scan, again))
        return error_memory(err);
    return !scan->count || (list_names(maildir, scan, err) && settle_all(maildir, scan, err));
}

/* Gives UIDs to the files that have none. A list that cannot be written now (read-only, disk full)
 * leaves them hidden, which the log says once. */
static bool adopt(struct maildir *maildir, struct scan *scan, bool *again, bool *want_lock,
                  struct error *err)
{
    struct error failure = { 0 };
    if (maildir->virtual)
        return (still_unlisted(maildir, scan, again) || error_memory(err)) &&
               list_virtually(maildir, scan, err) && settle_all(maildir, scan, err);
    if (!maildir->locked && !maildir->lock_failure.class) {
        *want_lock = true;
        return true;
    }
    if (maildir->locked && adopt_locked(maildir, scan, again, &failure))
        return true;
    if (!maildir->locked)
        failure = maildir->lock_failure;
    if (maildir->uidlist.fd < 0 || failure.class == ERROR_NO_SUCH) {
        if (err)
            *err = failure;
        return false;
    }
    if (!maildir->unlisted_told)
        log_error("%zu new messages cannot be shown: %s", scan->count, failure.text);
    maildir->unlisted_told = true;
    return true;
}

/* Letters that have no name yet, in case dovecot-keywords was changed within a tick. */
static bool name_letters(struct maildir *maildir, struct error *err)
{
    uint32_t known = 0, used = 0;
    for (unsigned i = 0; i < MAILDIR_KEYWORDS; i++)
        known |= maildir->mailbox.keywords[i] ? UINT32_C(1) << i : 0;
    for (uint32_t i = 0; i < maildir->entries.infos.count; i++)
        used |= maildir_info_parse(names_get(&maildir->entries.infos, i)).keywords;
    if (used & ~known)
        maildir->keywords_ino = 0;
    return maildir_keywords_refresh(maildir, err);
}

static bool one_pass(struct maildir *maildir, struct scan *scan, bool *again, bool *want_lock,
                     struct error *err)
{
    bool doubts = false, vanished = false;
    if (!maildir_scan(maildir, scan, &doubts, err))
        return false;
    if (scan->count || maildir->uidlist.messy)
        if (!adopt(maildir, scan, &vanished, want_lock, err))
            return false;
    maildir->stamp = scan->stamp;
    maildir->stamped = !vanished;
    *again = doubts || vanished;
    return true;
}

/* At opening, what is listed and neither met nor dead could not be numbered later. */
static bool still_looking(const struct maildir *maildir, int pass)
{
    if (pass < PASSES)
        return true;
    if (pass >= PASSES_OPENING || maildir->mailbox.view.records)
        return false;
    for (size_t i = 0; i < maildir->entries.count; i++)
        if (!(maildir->entries.at[i].state & (ENTRY_PRESENT | ENTRY_DEAD)))
            return true;
    return false;
}

/* What was met in new/ is told as \\Recent, whatever becomes of this scan. */
static bool note_recent(struct maildir *maildir)
{
    bool ok = true;
    for (size_t i = 0; ok && i < maildir->entries.count; i++)
        if (maildir->entries.at[i].state & ENTRY_RECENT)
            ok = numset_add(&maildir->mailbox.view.recent, maildir->entries.at[i].uid,
                            maildir->entries.at[i].uid);
    return ok;
}

bool maildir_scan_until_sure(struct maildir *maildir, bool *want_lock, struct error *err)
{
    bool again = true;
    for (int pass = 0; again && still_looking(maildir, pass); pass++) {
        struct scan scan = { .move = maildir->mailbox.write };
        /* A scan within the tick of the last change proves nothing. */
        if (pass == PASSES - 1)
            nanosleep(&(struct timespec){ .tv_nsec = TICK_PAUSE_MS * 1000000L }, NULL);
        bool ok = one_pass(maildir, &scan, &again, want_lock, err);
        scan_free(&scan);
        if (!ok || *want_lock)
            return ok && (note_recent(maildir) || error_memory(err));
    }
    maildir->doubts = again;
    return (note_recent(maildir) || error_memory(err)) && name_letters(maildir, err);
}

bool maildir_ensure_list(struct maildir *maildir, bool *want_lock, struct error *err)
{
    struct error failure = maildir->lock_failure;
    struct scan none = { 0 };
    if (maildir->uidlist.fd >= 0 || maildir->virtual)
        return true;
    if (!maildir->locked && !failure.class) {
        *want_lock = true;
        return true;
    }
    if (maildir->locked && maildir_prepare_list(maildir, &none, &failure))
        return true;
    if (failure.class != ERROR_NOT_PERMITTED || maildir->uidlist.uidvalidity) {
        if (err)
            *err = failure;
        return false;
    }
    log_warning("%s: served with UIDs of this session only: %s", maildir->paths.mail, failure.text);
    maildir->virtual = true;
    maildir->mailbox.write = false;
    maildir->uidlist.uidvalidity = (uint32_t)time(NULL);
    return true;
}
