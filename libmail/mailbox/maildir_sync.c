/* Bringing the index up to date with a Maildir. While time stamps say that nothing changed that
 * costs a few looks; else the list and the directories are read, and the index learns what they
 * say. */
#include "mailbox/maildir_private.h"

#include <time.h>
#include "base/log.h"

enum { PASSES = 3, PASSES_RELOCATE = 10, TICK_PAUSE_MS = 35, SYNC_TRIES = 3, DURABLE_MS = 2000 };

void maildir_unload(struct maildir *maildir)
{
    entries_free(&maildir->entries);
    maildir->loaded = false;
}

/* The list in memory, as it is now. */
static bool load_list(struct maildir *maildir, struct error *err)
{
    if (!maildir->loaded && !maildir->virtual) {
        entries_free(&maildir->entries);
        if (!entries_init(&maildir->entries))
            return error_memory(err);
        /* Also where it was removed meanwhile: then it is made again of what it said. */
        if (!uidlist_read(&maildir->uidlist, &maildir->entries, err))
            return false;
    }
    maildir->loaded = true;
    return maildir->virtual || uidlist_refresh(&maildir->uidlist, &maildir->entries, err);
}

/* In a transaction of the index. *want_lock: nothing was done, dovecot-uidlist.lock must be held
 * before. */
static bool scan_and_save(struct maildir *maildir, bool *want_lock, struct error *err)
{
    if (!load_list(maildir, err) || !maildir_ensure_list(maildir, want_lock, err))
        return false;
    if (*want_lock || (maildir->virtual && !maildir->memory))
        return *want_lock;
    struct index_header *header = index_edit(maildir->mailbox.index);
    bool known = index_records(maildir->mailbox.index) &&
                 header->uidvalidity == maildir->uidlist.uidvalidity;
    if (!maildir->rescan)
        maildir->recent_from = known ? header->recent_from : maildir->uidlist.next;
    if (!maildir_index_load(maildir, err) || !maildir_scan_until_sure(maildir, want_lock, err))
        return false;
    maildir->rescan = *want_lock;
    return *want_lock || maildir_index_save(maildir, err);
}

/* Nothing can be written where the index is: it goes on in memory. */
static bool index_in_memory(struct maildir *maildir, struct error *err)
{
    index_close(&maildir->mailbox.index);
    maildir->mailbox.index = index_open(NULL, true);
    maildir->memory = true;
    return maildir->mailbox.index || error_memory(err);
}

static bool sync_once(struct maildir *maildir, bool *want_lock, bool *unwritten, struct error *err)
{
    struct index *index = maildir->mailbox.index;
    if (!index_begin(index, INDEX_WAIT_MS, err)) {
        *unwritten = true;
        return false;
    }
    bool ok = scan_and_save(maildir, want_lock, err);
    if (!ok || *want_lock) {
        index_cancel(index);
        *unwritten = !ok && maildir->virtual && !maildir->memory; /* UIDs of this session only */
        return ok;
    }
    *unwritten = !index_commit(index, err);
    return !*unwritten;
}

/* The order of locks: dovecot-uidlist.lock is taken first, where it turned out to be needed. */
static bool full_sync(struct maildir *maildir, struct error *err)
{
    bool want_lock = false, unwritten = false, ok = false;
    maildir->lock_failure = (struct error){ 0 };
    maildir->rescan = false;
    for (int i = 0; i < SYNC_TRIES; i++) {
        bool locked =
            want_lock && maildir_lock(maildir, UIDLIST_LOCK_WAIT_MS, &maildir->lock_failure);
        want_lock = unwritten = false;
        ok = sync_once(maildir, &want_lock, &unwritten, err);
        if (locked)
            maildir_unlock(maildir);
        if (unwritten && !index_in_memory(maildir, err))
            return false;
        if (!want_lock && !unwritten)
            break;
    }
    return ok;
}

bool maildir_full_sync(struct maildir *maildir, struct error *err)
{
    struct records *records;
    struct index_header header;
    bool ok = full_sync(maildir, err);
    if (!ok) {
        maildir_unload(maildir);
        return false;
    }
    records = index_records(maildir->mailbox.index);
    maildir->loaded_modseq = records && records_header(records, &header) ? header.modseq : 0;
    maildir->mailbox.uidvalidity = maildir->uidlist.uidvalidity;
    return true;
}

/* Gives back what was loaded, unless nobody but us changed anything and names are known to it
 * alone. */
static void unload_if_old(struct maildir *maildir, const struct index_header *header)
{
    if (maildir->loaded && !maildir->virtual && header->modseq != maildir->loaded_modseq)
        maildir_unload(maildir);
}

bool maildir_sync(struct mailbox *mailbox, struct error *err)
{
    struct maildir *maildir = maildir_of(mailbox);
    struct maildir_stamp now;
    struct index_header header;
    if (maildir_events(maildir))
        watch_drain(maildir->watch);
    if (!stamp_take(maildir, &now, err) || !maildir_keywords_refresh(maildir, err))
        return false;
    index_flush(mailbox->index);
    index_refresh(mailbox->index);
    if (maildir_index_holds(maildir, &now, &header)) {
        unload_if_old(maildir, &header);
        maildir_check_step(maildir, &header);
        if (maildir->uidlist.uidvalidity && maildir->uidlist.uidvalidity != header.uidvalidity)
            return error_set(err, ERROR_NO_SUCH,
                             "%s has another UIDVALIDITY: the mailbox was replaced",
                             maildir->paths.mail);
        maildir->uidlist.uidvalidity = mailbox->uidvalidity = header.uidvalidity;
        if (!maildir->virtual && !uidlist_follow(&maildir->uidlist, err))
            return false;
        if (maildir->loaded && !maildir->virtual && !maildir->uidlist.version)
            maildir_unload(maildir); /* the list is another file */
    } else if (!maildir_full_sync(maildir, err)) {
        return false;
    }
    if (!maildir_take_fresh(maildir, err))
        return false;
    maildir_watch_log(maildir);
    struct records *records = index_records(mailbox->index);
    mailbox->uidnext = records && records_header(records, &header) ? header.uidnext : 1;
    if (maildir->loaded && maildir->uidlist.next > mailbox->uidnext)
        mailbox->uidnext = maildir->uidlist.next;
    return !maildir->undurable_since || maildir_clock() < maildir->undurable_since + DURABLE_MS ||
           maildir_checkpoint(mailbox, err);
}

bool maildir_relocate(struct maildir *maildir, uint32_t uid, struct error *err)
{
    if (!maildir->loaded)
        return maildir_full_sync(maildir, err);
    struct maildir_entry *guessed = entries_uid(&maildir->entries, uid);
    if (guessed && guessed->state & ENTRY_PRESENT && maildir_guess(maildir, guessed))
        return true;
    for (int tries = 0; tries < PASSES_RELOCATE; tries++) {
        struct scan scan = { 0 };
        bool doubts, ok = maildir_scan(maildir, &scan, &doubts, err);
        scan_free(&scan);
        if (!ok)
            return false;
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
