/* COPY between Maildirs: hard links where the file system allows, else copies of the files as they
 * are. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "mailbox/maildir_append.h"

static bool copy_octets(int from, int to, const char *path, struct error *err)
{
    char chunk[32768];
    off_t at = 0;
    ssize_t n;
    while ((n = pread(from, chunk, sizeof(chunk), at)) > 0) {
        if (!file_write(to, bytes_make(chunk, (size_t)n), path, err))
            return false;
        at += n;
    }
    return n == 0 || error_errno(err, errno, "reading a message to copy to %s", path);
}

static bool copy_file(struct maildir_append *append, int from, const struct stat *st,
                      const char *path, struct error *err)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, st->st_mtim };
    int to = openat(append->maildir->root, path,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, st->st_mode & 0666);
    if (to < 0)
        return error_errno(err, errno, "creating %s/%s", append->maildir->paths.mail, path);
    bool ok = copy_octets(from, to, append->maildir->paths.mail, err);
    if (ok && futimens(to, times) != 0)
        ok =
            error_errno(err, errno, "setting the date of %s/%s", append->maildir->paths.mail, path);
    close(to);
    if (!ok)
        unlinkat(append->maildir->root, path, 0);
    return ok;
}

/* Links the file at `from` to `to`. It is synced before, when that mostly costs nothing: behind the
 * link it would be changed, and each sync a commit of the file system's journal. 1 done, 0 try
 * another way, -1 with *err. */
static int link_file(struct maildir_append *append, struct maildir *source, const char *from,
                     const char *to, struct error *err)
{
    struct stat st;
    int fd = openat(source->root, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return 0;
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    bool synced = regular && file_sync(fd, source->paths.mail, err);
    close(fd);
    if (!regular)
        return 0;
    if (!synced)
        return -1;
    if (linkat(source->root, from, append->maildir->root, to, 0) == 0) {
        append->current.synced = true;
        return 1;
    }
    if (errno != ENOSPC && errno != EDQUOT)
        return 0;
    error_errno(err, errno, "copying to %s", append->maildir->paths.mail);
    return -1;
}

/* Makes tmp/NAME of the source's file: a link by its name, or a copy through its descriptor. */
static bool bring(struct maildir_append *append, struct maildir *source,
                  const struct maildir_message *message, struct error *err)
{
    char to[600];
    struct stat st;
    snprintf(to, sizeof(to), "tmp/%.*s", BYTES_FMT(pending_tmp(append, &append->current)));
    int linked = link_file(append, source, message->path, to, err);
    if (linked != 0)
        return linked > 0;
    int fd = maildir_open_file(source, message->record.uid, &st, err);
    if (fd < 0)
        return false;
    bool ok = copy_file(append, fd, &st, to, err);
    close(fd);
    return ok;
}

static bool copy_one(struct maildir_append *append, struct maildir *source, uint32_t uid,
                     struct maildir_message *message, struct error *err)
{
    struct mailbox *mailbox = &source->mailbox;
    struct bytes names[MAILDIR_KEYWORDS];
    size_t count = 0;
    if (!maildir_message(source, uid, message, err))
        return false;
    for (unsigned i = 0; i < MAILDIR_KEYWORDS; i++)
        if (message->record.keywords >> i & 1 && mailbox->keywords[i])
            names[count++] = bytes_of(mailbox->keywords[i]);
    struct append_info wanted = { .flags = message->record.flags,
                                  .keywords = names,
                                  .keywords_count = count };
    if (!pending_begin(append, &wanted, err))
        return false;
    append->size = maildir_name_number(message_base(message), 'S');
    append->wire_size = maildir_name_number(message_base(message), 'W');
    if (!append->size || !append->wire_size)
        append->size = append->wire_size = 0;
    if (!bring(append, source, message, err))
        return false;
    learn_copy(append, mailbox, uid); /* not before: what is left out must not be learnt */
    return pending_end(append, err);
}

static bool copy_all(struct maildir_append *append, struct maildir *source,
                     const struct numset *seqs, struct copy_result *out, struct error *err)
{
    struct maildir_message message = { .slot = UINT32_MAX - 1 };
    size_t cursor = 0;
    uint32_t seq = 0;
    while (numset_next(seqs, &cursor, &seq) && seq <= source->mailbox.view.count) {
        struct error failure = { 0 };
        uint32_t uid = view_uid(&source->mailbox.view, seq);
        if (copy_one(append, source, uid, &message, &failure)) {
            out->from[out->count++] = uid;
        } else if (failure.class != ERROR_NO_SUCH) { /* what others have removed is left out */
            if (err)
                *err = failure;
            return false;
        }
    }
    return true;
}

bool maildir_copy(struct mailbox *mailbox, const struct numset *seqs,
                  const struct location *location, struct bytes name, struct copy_result *out,
                  struct error *err)
{
    struct append *base = maildir_append(location, name, err);
    struct maildir_append *append = (struct maildir_append *)base;
    struct append_result result = { 0 };
    uint64_t most = numset_size(seqs) + 1;
    if (!base)
        return false;
    append->lenient = true;
    out->from = calloc(most, sizeof(*out->from));
    out->to = calloc(most, sizeof(*out->to));
    bool ok = (out->from && out->to) || error_memory(err);
    ok = ok && copy_all(append, maildir_of(mailbox), seqs, out, err);
    if (!ok) {
        append_abort(&base);
        return false;
    }
    if (!append_commit(&base, &result, err))
        return false;
    out->uidvalidity = result.uidvalidity;
    for (size_t i = 0; i < out->count; i++)
        out->to[i] = result.first_uid + (uint32_t)i;
    return true;
}
