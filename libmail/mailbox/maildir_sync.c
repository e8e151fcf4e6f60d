/* Bringing what we know of a Maildir up to date: the list, the keywords, the directories; and
 * giving UIDs to new files. */
#include "mailbox/maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"

enum { PASSES = 3, PASSES_OPENING = 10, TICK_PAUSE_MS = 35, SOON_MS = 200 };

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
    maildir->index_stale = true;
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

/* Under the lock: the list is there, whole, and without lines that stand in the way of the unlisted
 * files. */
static bool prepare_list(struct maildir *maildir, const struct scan *scan, struct error *err)
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
    if (!prepare_list(maildir, scan, err))
        return false;
    if (!still_unlisted(maildir, scan, again))
        return error_memory(err);
    return !scan->count || (list_names(maildir, scan, err) && settle_all(maildir, scan, err));
}

/* Gives UIDs to the files that have none. A list that cannot be written now (read-only, disk full)
 * leaves them hidden, which the log says once. */
static bool adopt(struct maildir *maildir, struct scan *scan, bool *again, struct error *err)
{
    struct error failure = { 0 };
    if (maildir->virtual)
        return (still_unlisted(maildir, scan, again) || error_memory(err)) &&
               list_virtually(maildir, scan, err) && settle_all(maildir, scan, err);
    bool ok = maildir_lock(maildir, UIDLIST_LOCK_WAIT_MS, &failure);
    if (ok) {
        ok = adopt_locked(maildir, scan, again, &failure);
        maildir_unlock(maildir);
    }
    if (ok)
        return true;
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

static bool one_pass(struct maildir *maildir, struct scan *scan, bool *again, struct error *err)
{
    bool doubts = false, vanished = false;
    if (!maildir_scan(maildir, scan, &doubts, err))
        return false;
    if (scan->count || maildir->uidlist.messy)
        if (!adopt(maildir, scan, &vanished, err))
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
    if (pass >= PASSES_OPENING || maildir->mailbox.view.count)
        return false;
    for (size_t i = 0; i < maildir->entries.count; i++)
        if (!(maildir->entries.at[i].state & (ENTRY_PRESENT | ENTRY_DEAD)))
            return true;
    return false;
}

static bool scan_until_sure(struct maildir *maildir, struct error *err)
{
    bool again = true;
    maildir->deferred_scan = 0;
    for (int pass = 0; again && still_looking(maildir, pass); pass++) {
        struct scan scan = { .move = maildir->mailbox.write };
        /* A scan within the tick of the last change proves nothing. */
        if (pass == PASSES - 1)
            nanosleep(&(struct timespec){ .tv_nsec = TICK_PAUSE_MS * 1000000L }, NULL);
        bool ok = one_pass(maildir, &scan, &again, err);
        scan_free(&scan);
        if (!ok)
            return false;
    }
    if (again)
        maildir->deferred_scan = maildir_clock() + SOON_MS;
    return name_letters(maildir, err);
}

/* A list where there is none: made, or feigned where nothing can be written. */
static bool ensure_list(struct maildir *maildir, struct error *err)
{
    struct error failure = { 0 };
    struct scan none = { 0 };
    if (maildir->uidlist.fd >= 0 || maildir->virtual)
        return true;
    bool ok = maildir_lock(maildir, UIDLIST_LOCK_WAIT_MS, &failure);
    if (ok) {
        ok = prepare_list(maildir, &none, &failure);
        maildir_unlock(maildir);
    }
    if (ok)
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

bool maildir_sync(struct mailbox *mailbox, struct error *err)
{
    struct maildir *maildir = maildir_of(mailbox);
    struct maildir_stamp now;
    if (maildir_events(maildir)) {
        maildir->stamped = false; /* it need not show in a time stamp */
        watch_drain(maildir->watch);
    }
    if (!stamp_take(maildir, &now, err))
        return false;
    uint64_t read = maildir->uidlist.readings;
    if (!maildir->virtual && !uidlist_refresh(&maildir->uidlist, &maildir->entries, err))
        return false;
    if (read != maildir->uidlist.readings)
        maildir->stamped = false; /* new lines: where are their files? */
    if (!ensure_list(maildir, err) || !maildir_keywords_refresh(maildir, err))
        return false;
    mailbox->uidvalidity = maildir->uidlist.uidvalidity;
    if (maildir_needs_scan(maildir, &now) && !scan_until_sure(maildir, err))
        return false;
    mailbox->uidnext = maildir->uidlist.next ? maildir->uidlist.next : UINT32_MAX;
    if (!maildir_index_keep(maildir, err))
        return false;
    return !maildir->undurable_since || maildir_clock() < maildir->undurable_since + 2000 ||
           maildir_checkpoint(mailbox, err);
}

static struct maildir_info parsed_info(struct maildir *maildir, uint32_t number)
{
    size_t at = number % (sizeof(maildir->parsed) / sizeof(maildir->parsed[0]));
    if (maildir->parsed[at].number != number + 1) {
        maildir->parsed[at].info = maildir_info_parse(names_get(&maildir->entries.infos, number));
        maildir->parsed[at].number = number + 1;
    }
    return maildir->parsed[at].info;
}

/* Listed, but its file is neither met nor known to be gone: numbering stops there until a later
 * scan knows, since what comes to light behind a greater UID could not be numbered any more. */
static bool is_open(const struct view *view, const struct maildir_entry *entry)
{
    return !(entry->state & (ENTRY_PRESENT | ENTRY_DEAD)) &&
           (!view->count || entry->uid > view->messages[view->count - 1].uid);
}

bool maildir_live(struct mailbox *mailbox, size_t *cursor, struct view_message *out)
{
    struct maildir *maildir = maildir_of(mailbox);
    const struct entries *entries = &maildir->entries;
    for (; *cursor < entries->count; ++*cursor) {
        const struct maildir_entry *entry = &entries->at[*cursor];
        if (is_open(&mailbox->view, entry))
            return false;
        if (!(entry->state & ENTRY_PRESENT))
            continue;
        struct maildir_info info = parsed_info(maildir, entry->info);
        out->uid = entry->uid;
        bool recent = entry->state & ENTRY_RECENT || entry->uid >= maildir->recent_from;
        out->flags = info.flags | (recent ? FLAG_RECENT : 0);
        out->keywords = 0;
        for (unsigned i = 0; info.keywords >> i; i++) /* a letter without a name is no keyword */
            if (info.keywords >> i & 1 && mailbox->keywords[i])
                out->keywords |= UINT64_C(1) << i;
        ++*cursor;
        return true;
    }
    return false;
}

bool maildir_relocate(struct maildir *maildir, uint32_t uid, struct error *err)
{
    struct maildir_entry *guessed = entries_uid(&maildir->entries, uid);
    if (guessed && guessed->state & ENTRY_PRESENT && maildir_guess(maildir, guessed))
        return true;
    for (int tries = 0; tries < PASSES_OPENING; tries++) {
        struct scan scan = { 0 };
        bool doubts, ok = maildir_scan(maildir, &scan, &doubts, err);
        scan_free(&scan);
        if (!ok)
            return false;
        maildir->stamped = false; /* what else it found is the next sync's */
        struct maildir_entry *entry = entries_uid(&maildir->entries, uid);
        if (entry && entry->state & ENTRY_SEEN)
            return true;
        if (!entry || entry->state & ENTRY_DEAD)
            break;
        if (tries == PASSES - 2)
            nanosleep(&(struct timespec){ .tv_nsec = TICK_PAUSE_MS * 1000000L }, NULL);
    }
    struct maildir_entry *entry = entries_uid(&maildir->entries, uid);
    if (!entry || entry->state & ENTRY_DEAD)
        return error_set(err, ERROR_NO_SUCH, "message %u of %s was removed by another program", uid,
                         maildir->paths.mail);
    return error_set(err, ERROR_TEMPORARY,
                     "message %u of %s is renamed by another program all the time", uid,
                     maildir->paths.mail);
}
