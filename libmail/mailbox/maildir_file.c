/* Opening a message's file, which other programs may rename at any moment. */
#include "mailbox/maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { READ_BUFFER = 64 * 1024 };

static struct maildir_entry *present_entry(struct maildir *maildir, uint32_t uid, struct error *err)
{
    struct maildir_entry *entry = entries_uid(&maildir->entries, uid);
    if (entry && entry->state & ENTRY_PRESENT)
        return entry;
    error_set(err, ERROR_NO_SUCH, "message %u of %s is gone", uid, maildir->paths.mail);
    return NULL;
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
                      struct error *err)
{
    char path[600];
    *fd = -1;
    for (int tries = 0; tries < RENAME_TRIES; tries++) {
        struct maildir_entry *entry = present_entry(maildir, uid, err);
        if (!entry)
            return false;
        entry_path(&maildir->entries, entry, path, sizeof(path));
        int result = try_open(maildir, path, open, fd, st);
        if (result > 0 && !S_ISREG(st->st_mode)) {
            if (*fd >= 0)
                close(*fd);
            *fd = -1;
            return error_set(err, ERROR_CORRUPT, "%s/%s is not a file", maildir->paths.mail, path);
        }
        if (result > 0)
            return true;
        if (result < 0)
            return error_errno(err, errno, "opening %s/%s", maildir->paths.mail, path);
        if (!maildir_relocate(maildir, uid, err))
            return false;
    }
    return error_set(err, ERROR_TEMPORARY,
                     "message %u of %s is renamed faster than it can be opened", uid,
                     maildir->paths.mail);
}

int maildir_open_file(struct maildir *maildir, uint32_t uid, struct stat *st, struct error *err)
{
    int fd;
    return find_file(maildir, uid, true, &fd, st, err) ? fd : -1;
}

bool maildir_source(struct mailbox *mailbox, uint32_t uid, bool open, struct message_source *source,
                    struct error *err)
{
    struct maildir *maildir = maildir_of(mailbox);
    struct stat st;
    int fd;
    if (!find_file(maildir, uid, open, &fd, &st, err))
        return false;
    const struct maildir_entry *entry = entries_uid(&maildir->entries, uid);
    struct bytes base = entry_name(&maildir->entries, entry);
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
