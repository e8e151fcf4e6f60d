/* STORE is a rename, EXPUNGE an unlink: each is whole or not at all, whatever kills us. */
#include "mailbox/maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

struct change {
    enum store_mode mode;
    uint8_t flags;
    uint32_t keywords;
};

/* 1 renamed or nothing to do, 0 the file is not there under the name we know, -1 error. */
static int rename_once(struct maildir *maildir, struct maildir_entry *entry,
                       const struct change *change, struct error *err)
{
    char from[600], to[600];
    struct bytes info = entry_info(&maildir->entries, entry),
                 base = entry_name(&maildir->entries, entry);
    struct maildir_info old = maildir_info_parse(info);
    struct maildir_info wanted = changed_info(old, change->mode, change->flags, change->keywords);
    if (wanted.flags == old.flags && wanted.keywords == old.keywords)
        return 1;
    struct buf text = BUF_INIT(512);
    maildir_info_write(&text, info, wanted);
    int len = snprintf(to, sizeof(to), "cur/%.*s%.*s", BYTES_FMT(base), BYTES_FMT(buf_view(&text)));
    entry_path(&maildir->entries, entry, from, sizeof(from));
    int64_t number = names_intern(&maildir->entries.infos, buf_view(&text));
    buf_free(&text);
    if (number < 0 || len > 4 + 255) {
        error_set(err, ERROR_LIMIT, "%s/%s: no room for flags in the name", maildir->paths.mail,
                  from);
        return -1;
    }
    if (maildir_rename(maildir->root, from, maildir->root, to) != 0) {
        if (errno == ENOENT)
            return 0;
        error_errno(err, errno, "renaming %s/%s to %s", maildir->paths.mail, from, to);
        return -1;
    }
    entry->info = (uint32_t)number;
    entry->state &= (uint8_t)~ENTRY_NEW;
    return 1;
}

static void show_change(struct maildir *maildir, const struct maildir_entry *entry)
{
    struct view_message message;
    size_t cursor = (size_t)(entry - maildir->entries.at);
    struct view_message *shown = view_find(&maildir->mailbox, entry->uid);
    if (shown && maildir_live(&maildir->mailbox, &cursor, &message) && message.uid == shown->uid) {
        shown->flags = message.flags | (shown->flags & FLAG_RECENT);
        shown->keywords = message.keywords;
    }
}

/* ERROR_NO_SUCH: the message is gone. */
static bool change_one(struct maildir *maildir, uint32_t uid, const struct change *change,
                       struct error *err)
{
    for (int tries = 0; tries < RENAME_TRIES; tries++) {
        struct maildir_entry *entry = entries_uid(&maildir->entries, uid);
        if (!entry || !(entry->state & ENTRY_PRESENT))
            return error_set(err, ERROR_NO_SUCH, "message %u of %s is gone", uid,
                             maildir->paths.mail);
        int result = rename_once(maildir, entry, change, err);
        if (result > 0)
            show_change(maildir, entry);
        if (result)
            return result > 0;
        if (!maildir_relocate(maildir, uid, err))
            return false;
    }
    return error_set(err, ERROR_TEMPORARY,
                     "message %u of %s is renamed by another program all the time", uid,
                     maildir->paths.mail);
}

bool maildir_store(struct mailbox *mailbox, const struct numset *seqs, enum store_mode mode,
                   uint8_t flags, uint64_t keywords, struct numset *gone, struct error *err)
{
    struct maildir *maildir = maildir_of(mailbox);
    const struct change change = { mode, flags, (uint32_t)keywords };
    struct error failure = { 0 };
    size_t cursor = 0;
    uint32_t seq = 0;
    bool ok = true, clean = maildir_own_begin(maildir);
    while (ok && numset_next(seqs, &cursor, &seq) && seq <= mailbox->view.count) {
        ok = change_one(maildir, mailbox->view.messages[seq - 1].uid, &change, &failure);
        if (!ok && failure.class == ERROR_NO_SUCH)
            ok = !gone || numset_add(gone, seq, seq) || error_memory(&failure);
    }
    maildir_own_end(maildir, clean && maildir->stamped);
    if (!ok && err)
        *err = failure;
    return ok;
}

/* 1 removed, 0 look again, -1 error. */
static int unlink_once(struct maildir *maildir, struct maildir_entry *entry, struct error *err)
{
    char path[600];
    entry_path(&maildir->entries, entry, path, sizeof(path));
    if (unlinkat(maildir->root, path, 0) == 0) {
        entry->state = ENTRY_DEAD;
        return 1;
    }
    if (errno == ENOENT)
        return 0;
    error_errno(err, errno, "removing %s/%s", maildir->paths.mail, path);
    return -1;
}

static bool expunge_one(struct maildir *maildir, uint32_t uid, bool always, struct error *err)
{
    for (int tries = 0; tries < RENAME_TRIES; tries++) {
        struct maildir_entry *entry = entries_uid(&maildir->entries, uid);
        if (!entry || !(entry->state & ENTRY_PRESENT))
            return true;
        if (!always &&
            !(maildir_info_parse(entry_info(&maildir->entries, entry)).flags & FLAG_DELETED))
            return true;
        int result = unlink_once(maildir, entry, err);
        if (result)
            return result > 0;
        struct error lost = { 0 };
        if (!maildir_relocate(maildir, uid, &lost)) {
            if (lost.class == ERROR_NO_SUCH)
                return true;
            if (err)
                *err = lost;
            return false;
        }
    }
    return error_set(err, ERROR_TEMPORARY,
                     "message %u of %s is renamed by another program all the time", uid,
                     maildir->paths.mail);
}

bool maildir_expunge(struct mailbox *mailbox, const struct numset *seqs, bool always,
                     struct error *err)
{
    struct maildir *maildir = maildir_of(mailbox);
    bool ok = true, clean = maildir_own_begin(maildir);
    for (size_t i = 0; ok && i < mailbox->view.count; i++)
        if (!seqs || numset_has(seqs, (uint32_t)i + 1))
            ok = expunge_one(maildir, mailbox->view.messages[i].uid, always, err);
    maildir_own_end(maildir, clean && maildir->stamped);
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
