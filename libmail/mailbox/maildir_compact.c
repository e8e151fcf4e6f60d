/* Leaving lines of messages long gone out of dovecot-uidlist: at the end of a session that may
 * write, when they are a quarter. */
#include <time.h>
#include "base/log.h"
#include "mailbox/maildir_private.h"

enum { DEAD_LEAST = 100, LOCK_WAIT_MS = 100, TICK_PAUSE_MS = 35 };

static bool worth_it(const struct maildir *maildir)
{
    size_t dead = 0;
    for (size_t i = 0; i < maildir->entries.count; i++)
        dead += !!(maildir->entries.at[i].state & ENTRY_DEAD);
    return dead >= DEAD_LEAST && dead >= maildir->entries.count / 4;
}

/* That a file is gone the index may have said, and an index can err: two scans of our own must
 * agree. */
static bool proved(struct maildir *maildir)
{
    nanosleep(&(struct timespec){ .tv_nsec = TICK_PAUSE_MS * 1000000L },
              NULL); /* our own removals were just now */
    for (int i = 0; i < 2; i++) {
        struct scan scan = { 0 };
        bool doubts, failed = false;
        bool ok = maildir_scan(maildir, &scan, &doubts, NULL) && scan.stable;
        for (size_t k = 0; ok && k < scan.count; k++)
            ok = !entries_find(&maildir->entries, found_base(&scan, &scan.unlisted[k]), &failed) &&
                 !failed;
        scan_free(&scan);
        if (!ok)
            return false;
    }
    return true;
}

void maildir_compact(struct maildir *maildir)
{
    struct error err = { 0 };
    if (!maildir->mailbox.write || maildir->virtual || maildir->uidlist.fd < 0 ||
        !worth_it(maildir) || !proved(maildir))
        return;
    if (!maildir_lock(maildir, LOCK_WAIT_MS, &err))
        return;
    if (!uidlist_refresh(&maildir->uidlist, &maildir->entries, &err) || maildir->uidlist.fd < 0 ||
        !uidlist_rewrite(&maildir->uidlist, &maildir->entries, &err))
        log_warning("%s: the list of UIDs is not shortened: %s", maildir->paths.mail, err.text);
    maildir_unlock(maildir);
}
