/* Messages on their way into a Maildir: each a file in tmp/, synced, then all moved to new/ or cur/
 * and given UIDs together, under the list's lock: who finds a file without UID waits for our lock
 * and then finds the UID. A power cut may leave lines in the list whose files are not there: their
 * UIDs stay taken. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"
#include "mailbox/maildir_append.h"

enum { WRITE_BUFFER = 64 * 1024 };

static struct maildir_append *of(struct append *append)
{
    return (struct maildir_append *)append;
}

struct bytes pending_tmp(const struct maildir_append *append, const struct pending *pending)
{
    return (struct bytes){ append->text.data + pending->at, pending->tmp_len };
}

struct bytes pending_name(const struct maildir_append *append, const struct pending *pending)
{
    return (struct bytes){ append->text.data + pending->at + pending->tmp_len, pending->len };
}

static void tmp_path(const struct maildir_append *append, const struct pending *pending,
                     char out[600])
{
    snprintf(out, 600, "tmp/%.*s", BYTES_FMT(pending_tmp(append, pending)));
}

void pending_path(const struct maildir_append *append, const struct pending *pending, char out[600])
{
    snprintf(out, 600, "%s/%.*s", pending->in_new ? "new" : "cur",
             BYTES_FMT(pending_name(append, pending)));
}

/* Keyword names to letters of this mailbox. */
static bool find_keywords(struct maildir_append *append, const struct append_info *info,
                          uint32_t *letters, struct error *err)
{
    struct maildir *maildir = append->maildir;
    *letters = 0;
    if (info->keywords_count && !maildir_keywords_refresh(maildir, err))
        return false;
    for (size_t i = 0; i < info->keywords_count; i++) {
        struct error failure = { 0 };
        int bit = mailbox_keyword_bit(&maildir->mailbox, info->keywords[i], true, &failure);
        if (bit < 0 && append->lenient && failure.class == ERROR_LIMIT) {
            log_warning("%s: the keyword %.*s is left out: %s", maildir->paths.mail,
                        BYTES_FMT(info->keywords[i]), failure.text);
            continue;
        }
        if (bit < 0) {
            if (err)
                *err = failure;
            return false;
        }
        *letters |= UINT32_C(1) << bit;
    }
    return true;
}

bool pending_begin(struct maildir_append *append, const struct append_info *info, struct error *err)
{
    append->current = (struct pending){ .at = append->text.len };
    if (!find_keywords(append, info, &append->letters, err))
        return false;
    append->flags = info->flags & (uint8_t)~FLAG_RECENT;
    append->date = info->date;
    append->size = append->wire_size = 0;
    append->cr = append->last_cr = false;
    char unique[250];
    file_unique(unique, sizeof(unique) - 60);
    buf_string(&append->text, unique);
    append->current.tmp_len = (uint8_t)strlen(unique);
    return !buf_failed(&append->text) || error_memory(err);
}

/* The message is whole: its final name, with its sizes where they are known. */
bool pending_end(struct maildir_append *append, struct error *err)
{
    struct pending *pending = &append->current;
    if (append->count == append->capacity) {
        size_t capacity = append->capacity ? append->capacity * 2 : 4;
        struct pending *grown = reallocarray(append->pending, capacity, sizeof(*grown));
        if (!grown)
            return error_memory(err);
        append->pending = grown;
        append->capacity = capacity;
    }
    size_t start = append->text.len;
    char unique[256];
    snprintf(unique, sizeof(unique), "%.*s", BYTES_FMT(pending_tmp(append, pending)));
    buf_string(&append->text, unique);
    if (append->size || append->wire_size)
        buf_printf(&append->text, ",S=%llu,W=%llu", (unsigned long long)append->size,
                   (unsigned long long)append->wire_size);
    pending->base_len = (uint8_t)(append->text.len - start);
    pending->in_new = !append->flags && !append->letters;
    pending->flags = append->flags;
    pending->letters = append->letters;
    if (!pending->in_new)
        maildir_info_write(&append->text, (struct bytes){ 0 },
                           (struct maildir_info){ append->flags, append->letters });
    pending->len = (uint8_t)(append->text.len - start);
    if (buf_failed(&append->text))
        return error_memory(err);
    append->pending[append->count++] = *pending;
    append->open = false;
    return true;
}

/* The file of the last message that was ended, if another one follows: its octets are on their way,
 * commit waits for them. */
static void let_go(struct maildir_append *append)
{
    if (append->fd < 0)
        return;
    sync_file_range(append->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    close(append->fd);
    append->fd = -1;
}

static bool begin_message(struct append *base, const struct append_info *info, struct error *err)
{
    struct maildir_append *append = of(base);
    char path[600];
    if (append->open)
        return error_set(err, ERROR_INVALID, "a message is being appended already");
    let_go(append);
    if (!pending_begin(append, info, err))
        return false;
    tmp_path(append, &append->current, path);
    struct stat st;
    mode_t mode = fstat(append->maildir->root, &st) == 0 ? st.st_mode & 0666 : 0600;
    append->fd = openat(append->maildir->root, path,
                        O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (append->fd < 0)
        return error_errno(err, errno, "creating %s/%s", append->maildir->paths.mail, path);
    append->open = true;
    append->out.len = 0;
    learn_begin(append);
    return true;
}

static bool flush_out(struct maildir_append *append, struct error *err)
{
    bool ok = file_write(append->fd, buf_view(&append->out), append->maildir->paths.mail, err);
    learn_piece(append, buf_view(&append->out));
    append->size += append->out.len;
    append->out.len = 0;
    return ok;
}

/* In wire form each LF takes two octets unless a CR stands before it. */
static void count_wire(struct maildir_append *append, const char *data, size_t n)
{
    const char *at = data, *end = data + n;
    append->wire_size += n;
    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        append->wire_size += at > data ? at[-1] != '\r' : !append->last_cr;
        if (++at == end)
            break;
    }
    append->last_cr = end[-1] == '\r';
}

/* Octets as they are stored. */
static bool put(struct maildir_append *append, const char *data, size_t len, struct error *err)
{
    while (len) {
        if (append->out.len >= WRITE_BUFFER && !flush_out(append, err))
            return false;
        size_t n = WRITE_BUFFER - append->out.len < len ? WRITE_BUFFER - append->out.len : len;
        buf_append(&append->out, data, n);
        if (buf_failed(&append->out))
            return error_memory(err);
        count_wire(append, data, n);
        data += n;
        len -= n;
    }
    return true;
}

/* CRLF becomes LF, except behind another CR: "\r\r\n" could not be told from "\r\n" when it is read
 * again. */
static bool put_line_end(struct maildir_append *append, struct error *err)
{
    return append->last_cr ? put(append, "\r\n", 2, err) : put(append, "\n", 1, err);
}

static bool write_piece(struct append *base, struct bytes piece, struct error *err)
{
    struct maildir_append *append = of(base);
    if (!append->open)
        return error_set(err, ERROR_INVALID, "no message is being appended");
    while (piece.len) {
        if (append->cr) {
            append->cr = false;
            if (piece.data[0] == '\n') {
                piece = bytes_skip(piece, 1);
                if (!put_line_end(append, err))
                    return false;
                continue;
            }
            if (!put(append, "\r", 1, err))
                return false;
        }
        const char *cr = memchr(piece.data, '\r', piece.len);
        size_t n = cr ? (size_t)(cr - piece.data) : piece.len;
        if (!put(append, piece.data, n, err))
            return false;
        append->cr = cr != NULL;
        piece = bytes_skip(piece, cr ? n + 1 : n);
    }
    return true;
}

static bool end_message(struct append *base, struct error *err)
{
    struct maildir_append *append = of(base);
    if (!append->open)
        return error_set(err, ERROR_INVALID, "no message is being appended");
    if (append->cr && !put(append, "\r", 1, err))
        return false;
    append->cr = false;
    if (!flush_out(append, err))
        return false;
    if (append->date) {
        struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = append->date } };
        if (futimens(append->fd, times) != 0)
            return error_errno(err, errno, "setting the date of a message in %s",
                               append->maildir->paths.mail);
    }
    learn_end(append, append->fd);
    return pending_end(append, err);
}

static int message_fd(struct append *base)
{
    return of(base)->open ? of(base)->fd : -1;
}

/* Counts anew what another process says that it wrote, and parses it. */
static bool read_back(struct maildir_append *append, struct error *err)
{
    char chunk[16384];
    ssize_t n;
    append->size = append->wire_size = 0;
    append->last_cr = false;
    while ((n = pread(append->fd, chunk, sizeof(chunk), (off_t)append->size)) > 0) {
        struct bytes piece = bytes_make(chunk, (size_t)n);
        count_wire(append, piece.data, piece.len);
        learn_piece(append, piece);
        append->size += piece.len;
    }
    return n == 0 ||
           error_errno(err, errno, "reading back a message in %s", append->maildir->paths.mail);
}

static bool message_written(struct append *base, uint64_t size, uint64_t wire_size,
                            struct error *err)
{
    struct maildir_append *append = of(base);
    if (!append->open || append->out.len || append->size)
        return error_set(err, ERROR_INVALID, "no message is being written by another process");
    if (!read_back(append, err))
        return false;
    if (append->size != size || append->wire_size != wire_size) {
        error_set(err, ERROR_CORRUPT,
                  "%s: a message has %llu octets (%llu in wire form), not %llu (%llu) as was said",
                  append->maildir->paths.mail, (unsigned long long)append->size,
                  (unsigned long long)append->wire_size, (unsigned long long)size,
                  (unsigned long long)wire_size);
        return false;
    }
    return true;
}

static void free_append(struct maildir_append *append)
{
    learn_free(append);
    if (append->direct)
        maildir_unlock(append->maildir);
    if (append->fd >= 0)
        close(append->fd);
    maildir_release(append->maildir);
    buf_free(&append->text);
    buf_free(&append->out);
    free(append->pending);
    free(append);
}

static void remove_files(struct maildir_append *append)
{
    char path[600];
    if (append->fd >= 0)
        close(append->fd);
    append->fd = -1;
    for (size_t i = 0; i < append->count; i++) {
        tmp_path(append, &append->pending[i], path);
        if (append->pending[i].moved)
            pending_path(append, &append->pending[i], path);
        unlinkat(append->maildir->root, path, 0);
    }
    if (append->open) {
        tmp_path(append, &append->current, path);
        unlinkat(append->maildir->root, path, 0);
    }
}

static void abort_append(struct append *base)
{
    struct maildir_append *append = of(base);
    remove_files(append);
    free_append(append);
}

static bool sync_one(const struct maildir_append *append, const struct pending *pending,
                     struct error *err)
{
    char path[600];
    tmp_path(append, pending, path);
    int fd = openat(append->maildir->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return error_errno(err, errno, "opening %s/%s", append->maildir->paths.mail, path);
    bool ok = file_sync(fd, path, err);
    close(fd);
    return ok;
}

static bool sync_files(struct maildir_append *append, struct error *err)
{
    if (append->fresh > FRESH_SYNCED_EACH &&
        !file_sync_all(append->maildir->root, append->maildir->paths.mail, err))
        return false;
    if (append->fd >= 0) { /* the last one's is still open */
        if (!file_sync(append->fd, append->maildir->paths.mail, err))
            return false;
        append->pending[append->count - 1].synced = true;
    }
    for (size_t i = 0; i < append->count; i++)
        if (!append->pending[i].synced && !sync_one(append, &append->pending[i], err))
            return false;
    return true;
}

static bool move_files(struct maildir_append *append, struct error *err)
{
    struct maildir *maildir = append->maildir;
    for (size_t i = 0; i < append->count; i++) {
        char from[600], to[600];
        if (append->pending[i].moved)
            continue;
        tmp_path(append, &append->pending[i], from);
        pending_path(append, &append->pending[i], to);
        if (maildir_rename(maildir->root, from, maildir->root, to) != 0)
            return error_errno(err, errno, "moving %s/%s to %s", maildir->paths.mail, from, to);
        append->pending[i].moved = true;
    }
    return true;
}

static bool sync_directories(const struct maildir_append *append, struct error *err)
{
    bool cur = false, fresh = false;
    for (size_t i = 0; i < append->count; i++) {
        cur |= !append->pending[i].in_new;
        fresh |= append->pending[i].in_new;
    }
    return (!cur || file_sync_dir(append->maildir->root, "cur", err)) &&
           (!fresh || file_sync_dir(append->maildir->root, "new", err));
}

bool append_ready_list(struct maildir *maildir, struct error *err)
{
    struct uidlist *list = &maildir->uidlist;
    if (uidlist_peek(list))
        return true;
    int dir = list->dir;
    uidlist_close(list);
    uidlist_init(list, dir, maildir->paths.control);
    if (!uidlist_refresh(list, &maildir->entries, err))
        return false;
    if (list->fd < 0)
        return uidlist_create(list, &maildir->entries, maildir->tree, maildir->root, err);
    return (uidlist_whole(list) && !list->messy) || uidlist_rewrite(list, &maildir->entries, err);
}

static bool give_uids(struct maildir_append *append, struct append_result *out, struct error *err)
{
    struct bytes *names = calloc(append->count, sizeof(*names));
    if (!names)
        return error_memory(err);
    for (size_t i = 0; i < append->count; i++)
        names[i] =
            bytes_take(pending_name(append, &append->pending[i]), append->pending[i].base_len);
    bool ok = uidlist_append(&append->maildir->uidlist, names, append->count, &out->first_uid, err);
    free(names);
    return ok;
}

static bool commit_locked(struct maildir_append *append, struct append_result *out,
                          struct error *err)
{
    if (!append->direct && !append_ready_list(append->maildir, err))
        return false;
    out->uidvalidity = append->maildir->uidlist.uidvalidity;
    out->count = (uint32_t)append->count;
    out->first_uid = append->maildir->uidlist.next;
    if (!append->count)
        return true;
    bool known = append->direct ? append->known : append_index_begin(append);
    bool ok = move_files(append, err);
    known = append_index_moved(append, known && ok);
    /* The list first: its sync mostly brings the directories' entries to the disk as well. */
    ok = ok && give_uids(append, out, err) && sync_directories(append, err);
    if (known)
        append_index_listed(append, ok ? out->first_uid : 0);
    return ok;
}

static bool commit_append(struct append *base, struct append_result *out, struct error *err)
{
    struct maildir_append *append = of(base);
    struct append_result result = { 0 };
    bool ok = !append->open || error_set(err, ERROR_INVALID, "the last message was not ended");
    ok = ok && append->count < UINT32_MAX && sync_files(append, err) &&
         maildir_lock(append->maildir, UIDLIST_LOCK_WAIT_MS, err);
    if (ok) {
        ok = commit_locked(append, &result, err);
        if (!ok)
            remove_files(append);
        maildir_unlock(append->maildir);
    } else {
        remove_files(append);
    }
    if (ok && out)
        *out = result;
    free_append(append);
    return ok;
}

static const struct append_ops append_ops = {
    .message = begin_message,
    .write = write_piece,
    .end = end_message,
    .fd = message_fd,
    .written = message_written,
    .commit = commit_append,
    .abort = abort_append,
};

struct append *maildir_append(const struct location *location, struct bytes name, struct error *err)
{
    struct maildir_append *append = calloc(1, sizeof(*append));
    if (!append) {
        error_memory(err);
        return NULL;
    }
    append->append.ops = &append_ops;
    append->fd = -1;
    append->text = BUF_INIT(SIZE_MAX / 2);
    append->out = BUF_INIT(WRITE_BUFFER);
    append->maildir = maildir_make(location, name, true, err);
    if (!append->maildir) {
        free(append);
        return NULL;
    }
    append->maildir->mailbox.keywords_max = MAILDIR_KEYWORDS;
    return &append->append;
}
