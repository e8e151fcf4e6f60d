#include "index/index_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"

enum { LOCK_TRIES = 5 };

static struct index *make_index(void)
{
    struct index *index = calloc(1, sizeof(*index));
    if (!index)
        return NULL;
    index->dir = index->memory_log = -1;
    transaction_clear(&index->txn);
    index->log.fd = index->cache.fd = -1;
    if (getrandom(&index->session, sizeof(index->session), 0) != sizeof(index->session))
        index->session = (uint32_t)getpid();
    index->session |= 1;
    return index;
}

static int open_file(const struct index *index, const char *name, int flags)
{
    return index->dir < 0
               ? -1
               : openat(index->dir, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

bool index_take_records(struct index *index, int fd)
{
    const char *wrong;
    records_drop(&index->records);
    if (fd < 0)
        return false;
    index->records = records_open(fd, &wrong);
    index->broken = false;
    if (index->records)
        index->bad_file = 0;
    else
        log_warning("%s/" INDEX_FILE " %s: it is built anew", index->path, wrong);
    return index->records != NULL;
}

static bool reopen(struct index *index)
{
    struct stat st;
    int fd = open_file(index, INDEX_FILE, index->write ? O_RDWR : O_RDONLY);
    if (fd < 0 && index->write && errno == EACCES)
        fd = open_file(index, INDEX_FILE, O_RDONLY);
    if (fd >= 0 && index->bad_file && fstat(fd, &st) == 0 && st.st_ino == index->bad_file) {
        close(fd);
        fd = -1;
    }
    return index_take_records(index, fd);
}

struct index *index_open(const char *directory, bool write)
{
    struct index *index = make_index();
    if (!index || !(index->path = strdup(directory ? directory : "(memory)"))) {
        free(index);
        return NULL;
    }
    index->write = true;
    if (!directory)
        return index;
    index->dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (index->dir < 0 && write && file_mkdir(AT_FDCWD, directory, 0700, true, NULL, NULL))
        index->dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    index->write = write && index->dir >= 0 && faccessat(index->dir, ".", W_OK, AT_EACCESS) == 0;
    reopen(index);
    return index;
}

void index_close(struct index **at)
{
    struct index *index = *at;
    *at = NULL;
    if (!index)
        return;
    index_flush(index);
    index_cancel(index);
    transaction_clear(&index->txn);
    records_drop(&index->records);
    changelog_close(&index->log);
    cache_close(&index->cache);
    cache_stage_clear(&index->stage);
    overlay_clear(&index->overlay);
    if (index->dir >= 0)
        close(index->dir);
    if (index->memory_log >= 0)
        close(index->memory_log);
    free(index->path);
    free(index);
}

bool index_writable(const struct index *index)
{
    return index->write;
}

bool index_peek(const char *directory, struct index_header *out)
{
    unsigned char header[HEADER_SIZE];
    char path[4200];
    int len = snprintf(path, sizeof(path), "%s/" INDEX_FILE, directory);
    int fd = len > 0 && (size_t)len < sizeof(path)
                 ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
                 : -1;
    if (fd < 0)
        return false;
    ssize_t n = pread(fd, header, sizeof(header), 0);
    close(fd);
    return n == (ssize_t)sizeof(header) && !header_decode(header, out);
}

bool index_is_current(const struct index *index, int open, const char *name)
{
    struct stat at_path, st;
    if (index->dir < 0)
        return true;
    return open >= 0 && fstatat(index->dir, name, &at_path, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstat(open, &st) == 0 && at_path.st_ino == st.st_ino && at_path.st_dev == st.st_dev;
}

void index_damaged(struct index *index, const char *what)
{
    struct stat st;
    if (!index->broken)
        log_warning("%s/" INDEX_FILE ": %s: it is built anew", index->path, what);
    if (index->records && fstat(index->records->fd, &st) == 0)
        index->bad_file = st.st_ino;
    index->broken = true;
}

bool index_refresh(struct index *index)
{
    struct index_header header;
    if (index->records && !index->broken && records_header(index->records, &header) &&
        !header.replaced)
        return true;
    if (index->dir < 0 && (index->broken || !index->records)) {
        records_drop(&index->records);
        return false;
    }
    if (index->records && index_is_current(index, index->records->fd, INDEX_FILE)) {
        index_damaged(index, "is damaged");
        records_drop(&index->records);
        return false;
    }
    return index->dir >= 0 && reopen(index);
}

struct records *index_records(const struct index *index)
{
    return index->records;
}

void index_writing_failed(struct index *index, const struct error *err)
{
    /* A disk that is full stops the index, and the log says so once. */
    if (!index->write_told && err->class != ERROR_CONFLICT && err->class != ERROR_NOT_PERMITTED)
        log_warning("the index of %s is not written: %s", index->path, err->text);
    index->write_told = index->write_told || err->class != ERROR_CONFLICT;
}

int index_create_file(struct index *index, const char *name, struct error *err)
{
    char tmp[64];
    int fd;
    snprintf(tmp, sizeof(tmp), "%s.tmp", name);
    if (index->dir < 0)
        fd = memfd_create(name, MFD_CLOEXEC);
    else
        fd = openat(index->dir, tmp,
                    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        error_errno(err, errno, "creating %s/%s", index->path, tmp);
    return fd;
}

bool index_publish_file(struct index *index, const char *name, struct error *err)
{
    char tmp[64];
    snprintf(tmp, sizeof(tmp), "%s.tmp", name);
    return index->dir < 0 || renameat(index->dir, tmp, index->dir, name) == 0 ||
           error_errno(err, errno, "replacing %s/%s", index->path, name);
}

/* The lock, on the file that is at the path: who deletes it must not let two in. */
static int take_lock(struct index *index, int wait_ms, struct error *err)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        int fd = openat(index->dir, LOCK_FILE,
                        O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
        if (fd < 0) {
            error_errno(err, errno, "opening %s/" LOCK_FILE, index->path);
            return -1;
        }
        bool locked = file_lock(fd, true, wait_ms, LOCK_FILE, err);
        if (locked && index_is_current(index, fd, LOCK_FILE))
            return fd;
        close(fd);
        if (!locked)
            return -1;
    }
    error_set(err, ERROR_CONFLICT, "%s/" LOCK_FILE " is deleted all the time", index->path);
    return -1;
}

/* Under the lock: the records are those at the path, or there are none. */
static void look_again(struct index *index, struct index_header *header)
{
    bool current = index->records && index_is_current(index, index->records->fd, INDEX_FILE);
    if (current && !index->broken && records_header(index->records, header))
        return;
    if (current) {
        index_damaged(index, "is damaged");
        records_drop(&index->records);
    } else if (index->dir >= 0 && reopen(index) && records_header(index->records, header)) {
        return;
    }
    records_drop(&index->records);
    *header = (struct index_header){ 0 };
}

bool index_begin(struct index *index, int wait_ms, struct error *err)
{
    struct transaction *txn = &index->txn;
    if (!index->write)
        return error_set(err, ERROR_NOT_PERMITTED, "%s cannot be written", index->path);
    int lock = index->dir < 0 ? -2 : take_lock(index, wait_ms, err);
    if (lock == -1)
        return false;
    transaction_clear(txn);
    txn->lock = lock;
    look_again(index, &txn->header);
    txn->before = txn->header;
    txn->written = txn->header.count;
    txn->last_uid = txn->written ? records_uid(index->records, txn->written - 1) : 0;
    txn->header.modseq = index_next_modseq(txn->header.modseq);
    if (!index->records || transaction_recover(index, err))
        return true;
    index_cancel(index);
    return false;
}

struct index_header *index_edit(struct index *index)
{
    return &index->txn.header;
}

void index_cancel(struct index *index)
{
    if (index->txn.lock >= 0)
        close(index->txn.lock);
    if (index->txn.file >= 0) { /* a new file that nobody will see */
        close(index->txn.file);
        if (index->dir >= 0)
            unlinkat(index->dir, INDEX_FILE ".tmp", 0);
    }
    transaction_clear(&index->txn);
}

bool index_commit(struct index *index, struct error *err)
{
    struct error failure = { 0 };
    bool ok = transaction_write(index, &failure);
    if (!ok)
        index_writing_failed(index, &failure);
    if (!ok && err)
        *err = failure;
    index_cancel(index);
    return ok;
}

bool index_step(struct index *index, struct error *err)
{
    return transaction_write(index, err);
}

/* ---- reading the log */

void index_cursor_stop(struct index_cursor *cursor)
{
    if (cursor->fd > 0)
        close(cursor->fd - 1);
    cursor->fd = 0;
}

void index_cursor_start(struct index *index, const struct index_header *header,
                        struct index_cursor *cursor)
{
    (void)index;
    if (cursor->log != header->log)
        index_cursor_stop(cursor);
    cursor->log = header->log;
    cursor->at = header->log_end;
    cursor->modseq = header->modseq;
}

static int open_log(const struct index *index)
{
    if (index->dir < 0)
        return index->memory_log >= 0 ? dup(index->memory_log) : -1;
    return open_file(index, LOG_FILE, O_RDONLY);
}

struct following {
    struct index *index;
    bool (*each)(void *context, enum index_change_type type, uint32_t uid);
    void *context;
    struct buf memory;
};

/* Reads entries from *at up to end (0: all there are). */
static bool follow_log(struct following *following, const struct changelog *log, uint64_t *at,
                       uint64_t end)
{
    struct log_entry entry;
    while (!end || *at < end) {
        if (!changelog_read(log, *at, &following->memory, &entry))
            return !end;
        *at = entry.next;
        if (entry.type == INDEX_ADDED || entry.session == following->index->session)
            continue;
        size_t size = log_item_size(entry.type);
        for (size_t i = 0; i < entry.items.len; i += size)
            if (!following->each(following->context, (enum index_change_type)entry.type,
                                 log_item_uid(entry.items.data + i)))
                return false;
    }
    return true;
}

/* The cursor's log to its end; where it was replaced, then the one after it. */
static bool follow(struct following *following, const struct index_header *header,
                   struct index_cursor *cursor)
{
    struct index *index = following->index;
    struct changelog log = { .fd = cursor->fd - 1, .id = cursor->log }, next = { .fd = -1 };
    bool same = cursor->log == header->log, ok = true;
    if (same && cursor->at == header->log_end)
        return true;
    if (!cursor->fd) { /* it was not opened when it was the log */
        if (!changelog_open(&next, open_log(index), header->uidvalidity) || next.id != header->log)
            ok = false;
        else if (!same)
            ok = next.previous == cursor->log && next.previous_end == cursor->at;
        cursor->at = ok && !same ? (uint64_t)LOG_HEADER : cursor->at;
    } else if (!same) {
        ok = changelog_open(&next, open_log(index), header->uidvalidity) &&
             next.id == header->log && next.previous == cursor->log &&
             follow_log(following, &log, &cursor->at, next.previous_end);
        cursor->at = LOG_HEADER;
    }
    if (ok && next.fd >= 0) {
        index_cursor_stop(cursor);
        cursor->fd = next.fd + 1;
        cursor->log = next.id;
        log = next;
        next.fd = -1;
    }
    changelog_close(&next);
    return ok && follow_log(following, &log, &cursor->at, header->log_end);
}

bool index_follow(struct index *index, const struct index_header *header,
                  struct index_cursor *cursor,
                  bool (*each)(void *context, enum index_change_type type, uint32_t uid),
                  void *context)
{
    struct following following = { index, each, context, BUF_INIT(LOG_ENTRY_MOST) };
    bool ok = follow(&following, header, cursor);
    buf_free(&following.memory);
    if (ok)
        cursor->modseq = header->modseq;
    return ok;
}
