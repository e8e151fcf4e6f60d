/* Where a message's file is, and opening it, which other programs may rename at any moment. */
#include "mailbox/maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { READ_BUFFER = 64 * 1024 };

static bool gone(const struct maildir *maildir, uint32_t uid, struct error *err)
{
    return error_set(err, ERROR_NO_SUCH, "message %u of %s is gone", uid, maildir->paths.mail);
}

static bool find_record(struct maildir *maildir, uint32_t uid, struct maildir_message *out,
                        struct error *err)
{
    struct records *records = index_records(maildir->mailbox.index);
    struct index_header header;
    if (!records || !records_header(records, &header))
        return error_set(err, ERROR_TEMPORARY, "the index of %s is damaged", maildir->paths.mail);
    uint32_t slot = out->slot + 1;
    if (slot >= header.count || records_uid(records, slot) != uid)
        slot = records_from(records, header.count, uid);
    out->slot = slot;
    if (slot >= header.count)
        return gone(maildir, uid, err);
    if (!records_at(records, slot, &out->record)) {
        index_damaged(maildir->mailbox.index, "a record is damaged");
        return error_set(err, ERROR_TEMPORARY, "the index of %s is damaged", maildir->paths.mail);
    }
    if (out->record.uid != uid || out->record.place & INDEX_DEAD)
        return gone(maildir, uid, err);
    return true;
}

static bool entry_message(struct maildir *maildir, uint32_t uid, struct maildir_message *out,
                          struct error *err)
{
    const struct maildir_entry *entry = entries_uid(&maildir->entries, uid);
    if (!entry || !(entry->state & ENTRY_PRESENT))
        return gone(maildir, uid, err);
    out->base_len = entry->length;
    return entry_path(&maildir->entries, entry, out->path, sizeof(out->path)) ||
           error_set(err, ERROR_LIMIT, "message %u of %s: the name is too long", uid,
                     maildir->paths.mail);
}

static bool record_message(struct maildir *maildir, struct maildir_message *out)
{
    struct uidlist_line line;
    const struct index_record *record = &out->record;
    if (!uidlist_find(&maildir->uidlist, record->uid, &line))
        return false;
    memcpy(out->path, record->place & PLACE_NEW ? "new/" : "cur/", 4);
    memcpy(out->path + 4, line.name.data, line.name.len);
    out->base_len = (uint8_t)line.name.len;
    char *info = out->path + 4 + line.name.len;
    if (record->keywords || record->place) {
        struct buf text = BUF_INIT(128);
        maildir_info_expected(&text, record->place, record->flags, (uint32_t)record->keywords);
        size_t len = text.len;
        memcpy(info, len ? text.data : "", len);
        info[len] = '\0';
        buf_free(&text);
    } else {
        maildir_flags_write(info, record->flags);
    }
    return true;
}

int maildir_message_known(struct maildir *maildir, uint32_t uid, struct maildir_message *out,
                          struct error *err)
{
    if (!find_record(maildir, uid, out, err))
        return -1;
    if (maildir->loaded)
        return entry_message(maildir, uid, out, err) ? 1 : -1;
    return !(out->record.place & PLACE_ODD) && record_message(maildir, out);
}

bool maildir_message(struct maildir *maildir, uint32_t uid, struct maildir_message *out,
                     struct error *err)
{
    int known = maildir_message_known(maildir, uid, out, err);
    if (known)
        return known > 0;
    return maildir_full_sync(maildir, err) && maildir_message_known(maildir, uid, out, err) > 0;
}

/* 1 done, 0 not there under this name, -1 another error. */
static int try_open(struct maildir *maildir, const char *path, bool open, int *fd, struct stat *st)
{
    if (!open)
        return fstatat(maildir->root, path, st, AT_SYMLINK_NOFOLLOW) == 0 ? 1
               : errno == ENOENT                                          ? 0
                                                                          : -1;
    *fd = openat(maildir->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0)
        return errno == ENOENT ? 0 : -1;
    return fstat(*fd, st) == 0 ? 1 : -1;
}

static bool find_file(struct maildir *maildir, uint32_t uid, bool open, int *fd, struct stat *st,
                      struct maildir_message *message, struct error *err)
{
    *fd = -1;
    for (int tries = 0; tries < RENAME_TRIES; tries++) {
        if (!maildir_message(maildir, uid, message, err))
            return false;
        int result = try_open(maildir, message->path, open, fd, st);
        if (result > 0 && !S_ISREG(st->st_mode)) {
            if (*fd >= 0)
                close(*fd);
            *fd = -1;
            return error_set(err, ERROR_CORRUPT, "%s/%s is not a file", maildir->paths.mail,
                             message->path);
        }
        if (result > 0)
            return true;
        if (result < 0)
            return error_errno(err, errno, "opening %s/%s", maildir->paths.mail, message->path);
        if (!maildir_relocate(maildir, uid, err))
            return false;
    }
    return error_set(err, ERROR_TEMPORARY,
                     "message %u of %s is renamed faster than it can be opened", uid,
                     maildir->paths.mail);
}

int maildir_open_file(struct maildir *maildir, uint32_t uid, struct stat *st, struct error *err)
{
    struct maildir_message message = { .slot = UINT32_MAX - 1 };
    int fd;
    return find_file(maildir, uid, true, &fd, st, &message, err) ? fd : -1;
}

bool maildir_source(struct mailbox *mailbox, uint32_t uid, bool open, struct message_source *source,
                    struct error *err)
{
    struct maildir *maildir = maildir_of(mailbox);
    struct maildir_message message = { .slot = UINT32_MAX - 1 };
    struct stat st;
    int fd;
    if (!find_file(maildir, uid, open, &fd, &st, &message, err))
        return false;
    struct bytes base = message_base(&message);
    *source = (struct message_source){
        .size = (uint64_t)st.st_size,
        .claimed_size = maildir_name_number(base, 'S'),
        .claimed_wire = maildir_name_number(base, 'W'),
        .date = st.st_mtime,
    };
    if (!open)
        return true;
    struct input *raw = input_fd(fd, READ_BUFFER, -1, true);
    if (!raw) {
        close(fd);
        return error_memory(err);
    }
    source->input = input_decompress(raw, err);
    return source->input != NULL;
}
