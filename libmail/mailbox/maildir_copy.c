/* COPY between Maildirs: hard links where the file system allows, else copies of the files as they
 * are. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "mailbox/maildir_append.h"

enum { FRESH_S = 300 };

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

/* A program that does not sync what it delivers leaves that to the kernel, which does it within a
 * minute. Any change shows in the time of the last one, some that matter not, too. */
static bool is_fresh(const struct stat *st)
{
    return st->st_ctim.tv_sec > time(NULL) - FRESH_S;
}

/* Each sync is a flush of the disk; so many are one for all of it (sync_files). */
static bool sync_source(struct maildir_append *append, struct maildir *source, const char *from,
                        struct error *err)
{
    if (++append->fresh > FRESH_SYNCED_EACH)
        return true;
    int fd = openat(source->root, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    bool ok = fd < 0 || file_sync_data(fd, source->paths.mail, err);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Links the file at `from` to `to`: 1 done, 0 try another way, -1 with *err. */
static int link_file(struct maildir_append *append, struct maildir *source, const char *from,
                     const char *to, struct error *err)
{
    struct stat st;
    if (fstatat(source->root, from, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return 0;
    if (is_fresh(&st) && !sync_source(append, source, from, err))
        return -1;
    if (linkat(source->root, from, append->maildir->root, to, 0) == 0)
        return 1;
    if (errno != ENOSPC && errno != EDQUOT)
        return 0;
    error_errno(err, errno, "copying to %s", append->maildir->paths.mail);
    return -1;
}

/* The link is the message already, under its final name. As link_file. */
static int link_direct(struct maildir_append *append, struct maildir *source, const char *from,
                       struct error *err)
{
    char to[600];
    if (!pending_end(append, err))
        return -1;
    struct pending *last = &append->pending[append->count - 1];
    pending_path(append, last, to);
    int linked = link_file(append, source, from, to, err);
    if (linked > 0) {
        last->moved = last->synced = true;
        return 1;
    }
    append->text.len = last->at + last->tmp_len;
    append->count--;
    return linked;
}

/* Makes the source's file a message of append: a link by its name, or a copy through its
 * descriptor. */
static bool bring(struct maildir_append *append, struct maildir *source,
                  const struct maildir_message *message, struct error *err)
{
    char to[600];
    struct stat st;
    snprintf(to, sizeof(to), "tmp/%.*s", BYTES_FMT(pending_tmp(append, &append->current)));
    int linked = append->direct ? link_direct(append, source, message->path, err) : 0;
    if (linked != 0)
        return linked > 0;
    int fd = maildir_open_file(source, message->record.uid, &st, err);
    if (fd < 0)
        return false;
    bool ok = copy_file(append, fd, &st, to, err) && pending_end(append, err);
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
    learn_copy(append, append->count - 1, mailbox, message->slot);
    return true;
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

/* On one file system links are all there is to make, and they are made where they stay, behind the
 * lock. Octets that have to be copied are copied aside, without it. */
static bool choose_way(struct maildir_append *append, const struct maildir *source,
                       struct error *err)
{
    struct stat from, to;
    append->lenient = true;
    if (fstat(source->root, &from) != 0 || fstat(append->maildir->root, &to) != 0 ||
        from.st_dev != to.st_dev)
        return true;
    if (from.st_ino == to.st_ino)
        return true; /* looking for a message's file may need the lock */
    append->direct = maildir_lock(append->maildir, UIDLIST_LOCK_WAIT_MS, err);
    if (!append->direct || !append_ready_list(append->maildir, err))
        return false;
    append->known = append_index_begin(append);
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
    out->from = calloc(most, sizeof(*out->from));
    out->to = calloc(most, sizeof(*out->to));
    bool ok = (out->from && out->to) || error_memory(err);
    ok = ok && choose_way(append, maildir_of(mailbox), err) &&
         copy_all(append, maildir_of(mailbox), seqs, out, err);
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
