/* dovecot-uidlist.lock: its holder alone writes dovecot-uidlist and dovecot-keywords. The order of
 * all locks is in LOCKS.md. */
#include "mailbox/maildir_private.h"

bool maildir_lock(struct maildir *maildir, int wait_ms, struct error *err)
{
    if (maildir->locked++)
        return true;
    if (dotlock_take(&maildir->lock, maildir->uidlist.dir, UIDLIST, wait_ms, UIDLIST_LOCK_STALE_MS,
                     err))
        return true;
    maildir->locked--;
    return error_prefix(err, "%s: ", maildir->paths.control);
}

void maildir_unlock(struct maildir *maildir)
{
    if (maildir->locked && !--maildir->locked)
        dotlock_release(&maildir->lock);
}
