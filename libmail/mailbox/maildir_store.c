/* STORE is a rename, EXPUNGE an unlink: each is whole or not at all, whatever kills us. */
#include "mailbox/maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int maildir_rename(int from_fd, const char *from, int to_fd, const char *to)
{
    if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (linkat(from_fd, from, to_fd, to, 0) != 0)
        return -1;
    return unlinkat(from_fd, from, 0);
}

static struct maildir_info changed_info(struct maildir_info old, enum store_mode mode,
                                        uint8_t flags, uint32_t keywords)
{
    flags &= (uint8_t)~FLAG_RECENT;
    if (mode == STORE_ADD)
        return (struct maildir_info){ old.flags | flags, old.keywords | keywords };
    if (mode == STORE_REMOVE)
        return (struct maildir_info){ old.flags & (uint8_t)~flags, old.keywords & ~keywords };
    return (struct maildir_info){ flags, keywords };
}

enum { BATCH = 256 }; /* messages for which others wait at most */

struct change {
    enum store_mode mode;
    uint8_t flags;
    uint32_t keywords;
};

static uint64_t message_hash(const struct maildir_message *message)
{
    return maildir_name_hash(message->path[0] == 'n', message_base(message), message_info(message));
}

/* The file is under this name now. */
static bool renamed(struct maildir *maildir, struct maildir_message *message, struct bytes info,
                    struct maildir_info wanted)
{
    struct buf expected = BUF_INIT(512);
    maildir_info_expected(&expected, 0, wanted.flags, wanted.keywords);
    uint8_t place = bytes_equal(buf_view(&expected), info) ? 0 : PLACE_ODD;
    index_edit(maildir->mailbox.index)->names +=
        maildir_name_hash(false, message_base(message), info) - message_hash(message);
    buf_free(&expected);
    struct maildir_entry *entry =
        maildir->loaded ? entries_uid(&maildir->entries, message->record.uid) : NULL;
    int64_t number = entry ? names_intern(&maildir->entries.infos, info) : 0;
    if (number < 0)
        return false;
    if (entry) {
        entry->info = (uint32_t)number;
        entry->state &= (uint8_t)~ENTRY_NEW;
    }
    return index_change(maildir->mailbox.index, message->slot, wanted.flags, wanted.keywords, place,
                        true);
}

/* 1 renamed or nothing to do, 0 the file is not there under the name we know, -1 error. */
static int rename_once(struct maildir *maildir, struct maildir_message *message,
                       const struct change *change, bool *touched, struct error *err)
{
    char to[600];
    struct bytes info = message_info(message);
    struct maildir_info old = maildir_info_parse(info);
    struct maildir_info wanted = changed_info(old, change->mode, change->flags, change->keywords);
    if (wanted.flags == old.flags && wanted.keywords == old.keywords)
        return 1;
    struct buf text = BUF_INIT(512);
    maildir_info_write(&text, info, wanted);
    int len = snprintf(to, sizeof(to), "cur/%.*s%.*s", BYTES_FMT(message_base(message)),
                       BYTES_FMT(buf_view(&text)));
    int result = -1;
    if (buf_failed(&text) || len > 4 + 255)
        error_set(err, ERROR_LIMIT, "%s/%s: no room for flags in the name", maildir->paths.mail,
                  message->path);
    else if (maildir_rename(maildir->root, message->path, maildir->root, to) == 0)
        *touched = true,
        result = renamed(maildir, message, buf_view(&text), wanted) || error_memory(err) ? 1 : -1;
    else if (errno == ENOENT)
        result = 0;
    else
        error_errno(err, errno, "renaming %s/%s to %s", maildir->paths.mail, message->path, to);
    buf_free(&text);
    return result;
}

/* 1 removed, 0 look again, -1 error. */
static int unlink_once(struct maildir *maildir, struct maildir_message *message, struct error *err)
{
    struct maildir_entry *entry =
        maildir->loaded ? entries_uid(&maildir->entries, message->record.uid) : NULL;
    if (unlinkat(maildir->root, message->path, 0) == 0) {
        index_edit(maildir->mailbox.index)->names -= message_hash(message);
        if (entry)
            entry->state = ENTRY_DEAD;
        return index_remove(maildir->mailbox.index, message->slot) || error_memory(err) ? 1 : -1;
    }
    if (errno == ENOENT)
        return 0;
    error_errno(err, errno, "removing %s/%s", maildir->paths.mail, message->path);
    return -1;
}

/* What is done with each message of a batch. */
struct work {
    struct maildir *maildir;
    const struct change *change; /* NULL: expunge */
    bool always;
    bool touched; /* the directories were changed in this batch */
    struct maildir_message message;
};

/* 1 done, 0 its file must be looked for, -1 error (ERROR_NO_SUCH: gone). */
static int work_once(struct work *work, uint32_t uid, struct error *err)
{
    int known = maildir_message_known(work->maildir, uid, &work->message, err);
    if (known <= 0)
        return known;
    if (work->change)
        return rename_once(work->maildir, &work->message, work->change, &work->touched, err);
    if (!work->always && !(work->message.record.flags & FLAG_DELETED))
        return 1;
    int result = unlink_once(work->maildir, &work->message, err);
    work->touched |= result > 0;
    return result;
}

/* Others wait while the index is locked; and looking for a file needs it. So it is done in batches,
 * and a message whose file is not where it should be ends one. */
static bool work_batch(struct work *work, const uint32_t *uids, size_t count, size_t *done,
                       struct error *err)
{
    struct maildir *maildir = work->maildir;
    struct index *index = maildir->mailbox.index;
    int result = 1;
    if (!index_begin(index, INDEX_WAIT_MS, err))
        return false;
    if (!index_records(index)) {
        index_cancel(index);
        return error_set(err, ERROR_TEMPORARY, "the index of %s is damaged", maildir->paths.mail);
    }
    bool clean = maildir_own_begin(maildir);
    work->message.slot = UINT32_MAX - 1;
    for (*done = 0; result > 0 && *done<count; *done += result> 0)
        result = work_once(work, uids[*done], err);
    if (work->touched)
        maildir_own_end(maildir, clean);
    work->touched = false;
    index_commit(index, NULL); /* what is not written is seen by its time stamp */
    return result >= 0;
}

/* *done: how many of uids. False with ERROR_NO_SUCH: the one behind them is gone. */
static bool work_some(struct work *work, const uint32_t *uids, size_t count, size_t *done,
                      struct error *err)
{
    for (int tries = 0; tries < RENAME_TRIES; tries++) {
        if (!work_batch(work, uids, count, done, err))
            return false;
        if (*done)
            return true;
        if (!maildir_relocate(work->maildir, uids[0], err))
            return false;
    }
    return error_set(err, ERROR_TEMPORARY,
                     "message %u of %s is renamed by another program all the time", uids[0],
                     work->maildir->paths.mail);
}

/* Does the work on all of uids; those gone meanwhile are told by their place in uids. */
static bool work_all(struct work *work, const uint32_t *uids, size_t count,
                     bool (*is_gone)(void *context, size_t i), void *context, struct error *err)
{
    for (size_t at = 0; at < count;) {
        struct error failure = { 0 };
        size_t done = 0, some = count - at < BATCH ? count - at : BATCH;
        bool ok = work_some(work, uids + at, some, &done, &failure);
        at += done;
        if (!ok && failure.class == ERROR_NO_SUCH) {
            if (is_gone && !is_gone(context, at))
                return error_memory(err);
            at++;
        } else if (!ok) {
            if (err)
                *err = failure;
            return false;
        }
    }
    return true;
}

struct gone {
    struct numset *seqs;
    const uint32_t *numbers;
};

static bool note_gone(void *context, size_t i)
{
    struct gone *gone = context;
    return numset_add(gone->seqs, gone->numbers[i], gone->numbers[i]);
}

bool maildir_store(struct mailbox *mailbox, const struct numset *seqs, enum store_mode mode,
                   uint8_t flags, uint64_t keywords, struct numset *gone, struct error *err)
{
    const struct change change = { mode, flags, (uint32_t)keywords };
    struct work work = { .maildir = maildir_of(mailbox), .change = &change };
    size_t cursor = 0;
    uint32_t seq = 0, uids[BATCH], numbers[BATCH];
    bool ok = true, more = true;
    while (ok && more) {
        size_t count = 0;
        while (count < BATCH &&
               (more = numset_next(seqs, &cursor, &seq) && seq <= mailbox->view.count)) {
            uids[count] = view_uid(&mailbox->view, seq);
            numbers[count++] = seq;
        }
        struct gone context = { gone, numbers };
        ok = work_all(&work, uids, count, gone ? note_gone : NULL, &context, err);
    }
    return ok;
}

/* Whether anything is marked at all. */
static bool none_deleted(struct mailbox *mailbox)
{
    struct index_header header;
    struct records *records = index_records(mailbox->index);
    return records && records_header(records, &header) && !header.deleted;
}

/* Whether the message is to go: with the index's flags, which others may have changed since it was
 * shown. */
static bool to_go(struct mailbox *mailbox, uint32_t seq, const struct numset *seqs, bool always)
{
    struct message message;
    if (seqs && !numset_has(seqs, seq))
        return false;
    return always || (mailbox_message(mailbox, seq, &message) && message.flags & FLAG_DELETED);
}

bool maildir_expunge(struct mailbox *mailbox, const struct numset *seqs, bool always,
                     struct error *err)
{
    struct work work = { .maildir = maildir_of(mailbox), .always = always };
    uint32_t uids[BATCH], seq = 1;
    bool ok = true;
    if (!always && none_deleted(mailbox))
        return true;
    while (ok && seq <= mailbox->view.count) {
        size_t count = 0;
        for (; count < BATCH && seq <= mailbox->view.count; seq++)
            if (to_go(mailbox, seq, seqs, always))
                uids[count++] = view_uid(&mailbox->view, seq);
        ok = work_all(&work, uids, count, NULL, NULL, err);
    }
    return ok;
}

bool maildir_checkpoint(struct mailbox *mailbox, struct error *err)
{
    struct maildir *maildir = maildir_of(mailbox);
    if (!maildir->undurable_since)
        return true;
    maildir->undurable_since = 0;
    return file_sync_dir(maildir->root, "cur", err) && file_sync_dir(maildir->root, "new", err);
}
