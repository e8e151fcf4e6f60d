/* Leaving lines and records of messages long gone out of dovecot-uidlist and the index: at the end
 * of a session that may write, when they are a quarter. */
#include "base/log.h"
#include "mailbox/maildir_private.h"

enum { LOCK_WAIT_MS = 100 };

/* That a file is gone the index may have said, and an index can err: the directories are read once
 * more. What they show gets a new UID if it was held for gone. */
static bool proved(struct maildir *maildir)
{
    maildir_unload(maildir);
    return maildir_full_sync(maildir, NULL) && maildir->stamped && !maildir->doubts;
}

/* Under both locks. */
static bool compact(struct maildir *maildir, struct error *err)
{
    struct index *index = maildir->mailbox.index;
    struct index_header header;
    struct stat st;
    if (!index_records(index) || !records_header(index_records(index), &header) ||
        header.modseq != maildir->loaded_modseq)
        return true; /* somebody was faster: another time */
    return uidlist_refresh(&maildir->uidlist, &maildir->entries, err) && maildir->uidlist.fd >= 0 &&
           uidlist_rewrite(&maildir->uidlist, &maildir->entries, err) &&
           fstat(maildir->uidlist.fd, &st) == 0 &&
           (index_edit(index)->list_mark = uidlist_mark_of(&st), true) && index_compact(index, err);
}

void maildir_compact(struct maildir *maildir)
{
    struct error err = { 0 };
    struct index_header header;
    struct index *index = maildir->mailbox.index;
    struct records *records = index_records(index);
    if (!maildir->mailbox.write || maildir->virtual || maildir->memory || !records ||
        !records_header(records, &header) || !index_wasteful(index, &header) || !proved(maildir))
        return;
    if (!maildir_lock(maildir, LOCK_WAIT_MS, &err))
        return;
    bool begun = !maildir->memory && index_begin(maildir->mailbox.index, LOCK_WAIT_MS, &err);
    if (begun && !compact(maildir, &err))
        log_warning("%s: the list of UIDs is not shortened: %s", maildir->paths.mail, err.text);
    if (begun)
        index_cancel(maildir->mailbox.index);
    maildir_unlock(maildir);
}
