#include "index/index_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"

enum { FLUSH_RECORDS = 1024 };

void index_close(struct index **index)
{
    if (!*index)
        return;
    index_flush(*index);
    records_close(*index);
    cache_close(*index);
    overlay_clear(&(*index)->overlay);
    if ((*index)->dir >= 0)
        close((*index)->dir);
    free((*index)->path);
    free(*index);
    *index = NULL;
}

bool index_header(const struct index *index, struct index_header *out)
{
    *out = index->header;
    return index->records >= 0;
}

bool index_current(const struct index *index)
{
    struct stat at_path, open;
    return index->records >= 0 && fstatat(index->dir, INDEX_FILE, &at_path, 0) == 0 &&
           fstat(index->records, &open) == 0 && at_path.st_ino == open.st_ino &&
           at_path.st_dev == open.st_dev;
}

size_t index_count(const struct index *index)
{
    return index->records >= 0 ? index->count : 0;
}

bool index_at(struct index *index, size_t i, struct index_record *out)
{
    return i < index->count && records_at(index, (uint32_t)i, out);
}

bool index_get(struct index *index, uint32_t uid, struct index_record *out)
{
    const struct index_record *learnt = overlay_find(&index->overlay, uid);
    if (learnt && learnt->known & STAGED) {
        index_flush(index);
        learnt = overlay_find(&index->overlay, uid);
    }
    if (learnt)
        *out = *learnt;
    return learnt || records_find(index, uid, out);
}

void index_put(struct index *index, const struct index_record *record)
{
    if (overlay_set(&index->overlay, record))
        index->unwritten++;
}

size_t index_unwritten(const struct index *index)
{
    return index->unwritten;
}

bool index_fields(struct index *index, const struct index_record *record, struct buf *memory,
                  struct bytes fields[INDEX_FIELD_COUNT])
{
    return record->known & INDEX_CACHED && cache_read(index, record, memory, fields);
}

int index_lock(struct index *index, struct error *err)
{
    if (!index->write) {
        error_set(err, ERROR_NOT_PERMITTED, "%s cannot be written", index->path);
        return -1;
    }
    int fd =
        openat(index->dir, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) {
        error_errno(err, errno, "opening %s/" LOCK_FILE, index->path);
        return -1;
    }
    if (file_lock(fd, true, LOCK_WAIT_MS, LOCK_FILE, err))
        return fd;
    close(fd);
    return -1;
}

/* A disk that is full stops the index, and the log says so once. */
static void writing_failed(struct index *index, const struct error *err)
{
    if (!index->write_told && err->class != ERROR_CONFLICT && err->class != ERROR_NOT_PERMITTED)
        log_warning("the index of %s is not written: %s", index->path, err->text);
    index->write_told = index->write_told || err->class != ERROR_CONFLICT;
}

/* Under the lock, with the cache prepared. Whatever comes of it, nothing is staged any more. */
static bool write_stage(struct index *index, struct error *err)
{
    bool ok = stage_write(&index->stage, index, err);
    for (size_t i = 0; i < index->stage.count; i++) {
        const struct index_record *staged = &index->stage.records[i];
        struct index_record *known = overlay_find(&index->overlay, staged->uid);
        if (!known || !(known->known & STAGED))
            continue;
        known->known &= (uint16_t)~STAGED;
        if (ok)
            *known = *staged;
    }
    stage_clear(&index->stage);
    return ok;
}

static void drop_stage(struct index *index)
{
    for (size_t i = 0; i < index->stage.count; i++) {
        struct index_record *known = overlay_find(&index->overlay, index->stage.records[i].uid);
        if (known)
            known->known &= (uint16_t)~STAGED;
    }
    stage_clear(&index->stage);
}

void index_flush(struct index *index)
{
    struct error err = { 0 };
    if (!index->stage.count)
        return;
    int lock = index_lock(index, &err);
    if (lock < 0 || !cache_prepare(index, &err) || !write_stage(index, &err))
        writing_failed(index, &err);
    drop_stage(index);
    if (lock >= 0)
        close(lock);
}

void index_fields_put(struct index *index, const struct index_record *record,
                      const struct bytes fields[INDEX_FIELD_COUNT])
{
    struct index_record learnt = *record;
    learnt.known &= (uint16_t)~INDEX_CACHED;
    if (index->write && stage_add(&index->stage, &learnt, fields))
        learnt.known |= STAGED;
    index_put(index, &learnt);
    if (index->stage.text.len >= STAGE_MOST)
        index_flush(index);
}

static struct index *make_index(const char *directory, uint32_t uidvalidity, bool write)
{
    struct index *index = calloc(1, sizeof(*index));
    if (!index || !(index->path = strdup(directory))) {
        free(index);
        return NULL;
    }
    index->records = index->cache = -1;
    index->uidvalidity = uidvalidity;
    if (write)
        file_mkdir(AT_FDCWD, directory, 0700, true, NULL, NULL);
    index->dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    index->write = write && index->dir >= 0 && faccessat(index->dir, ".", W_OK, AT_EACCESS) == 0;
    return index;
}

struct index *index_open(const char *directory, uint32_t uidvalidity, bool write)
{
    struct index *index = make_index(directory, uidvalidity, write);
    if (!index)
        return NULL;
    records_open(index);
    cache_open(index);
    cache_catch_up(index);
    return index;
}

void index_add(const char *directory, uint32_t uidvalidity, const struct index_message *messages,
               size_t count)
{
    struct error err = { 0 };
    struct index *index = make_index(directory, uidvalidity, true);
    int lock = index ? index_lock(index, &err) : -1;
    bool ok = lock >= 0 && cache_prepare_blind(index, &err);
    for (size_t i = 0; ok && i < count; i++) {
        stage_add(&index->stage, &messages[i].record, messages[i].fields);
        if (index->stage.text.len >= STAGE_MOST || i + 1 == count)
            ok = write_stage(index, &err);
    }
    if (index && !ok)
        writing_failed(index, &err);
    if (index)
        stage_clear(&index->stage);
    if (lock >= 0)
        close(lock);
    index_close(&index);
}

struct writing {
    int fd;
    uint32_t count;
    uint64_t live;
    struct buf text;
};

static bool flush_records(struct index *index, struct writing *writing, size_t least,
                          struct error *err)
{
    if (writing->text.len < least)
        return true;
    bool ok = !buf_failed(&writing->text) &&
              file_write(writing->fd, buf_view(&writing->text), index->path, err);
    writing->text.len = 0;
    return ok;
}

static bool write_records(struct index *index, struct writing *writing,
                          bool (*next)(void *context, struct index_record *record), void *context,
                          struct error *err)
{
    struct index_record record = { 0 }, known;
    unsigned char text[RECORD_SIZE];
    bool ok = true;
    for (; ok && next(context, &record); writing->count++) {
        struct index_record out = record;
        out.known = 0;
        out.date = 0;
        out.size = out.wire_size = out.cache = out.cache_size = 0;
        if (index_get(index, record.uid, &known)) {
            out.known = known.known;
            out.date = known.date;
            out.size = known.size;
            out.wire_size = known.wire_size;
            out.cache = known.known & INDEX_CACHED ? known.cache : 0;
            out.cache_size = known.known & INDEX_CACHED ? known.cache_size : 0;
            writing->live += out.cache_size;
        }
        record_encode(text, &out, index->uidvalidity);
        buf_append(&writing->text, text, sizeof(text));
        ok = flush_records(index, writing, FLUSH_RECORDS * RECORD_SIZE, err);
    }
    return ok && flush_records(index, writing, 1, err);
}

bool records_write(struct index *index, const struct index_header *header,
                   bool (*next)(void *context, struct index_record *record), void *context,
                   uint64_t *live, struct error *err)
{
    struct writing writing = { .text = BUF_INIT((FLUSH_RECORDS + 1) * RECORD_SIZE) };
    unsigned char text[HEADER_SIZE] = { 0 };
    writing.fd = openat(index->dir, INDEX_FILE ".tmp",
                        O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (writing.fd < 0)
        return error_errno(err, errno, "creating %s/" INDEX_FILE ".tmp", index->path);
    bool ok = file_write(writing.fd, bytes_make(text, sizeof(text)), index->path, err) &&
              write_records(index, &writing, next, context, err);
    header_encode(text, index, header, writing.count);
    if (ok && pwrite(writing.fd, text, sizeof(text), 0) != (ssize_t)sizeof(text))
        ok = error_errno(err, errno, "writing %s/" INDEX_FILE, index->path);
    buf_free(&writing.text);
    close(writing.fd);
    if (ok && renameat(index->dir, INDEX_FILE ".tmp", index->dir, INDEX_FILE) != 0)
        ok = error_errno(err, errno, "replacing %s/" INDEX_FILE, index->path);
    if (!ok)
        unlinkat(index->dir, INDEX_FILE ".tmp", 0);
    *live = writing.live;
    return ok;
}

bool index_write(struct index *index, const struct index_header *header,
                 bool (*next)(void *context, struct index_record *record), void *context,
                 struct error *err)
{
    struct error failure = { 0 };
    int lock = index_lock(index, &failure);
    bool ok = lock >= 0;
    if (ok && (index->cache >= 0 || index->unwritten))
        ok = cache_prepare(index, &failure) && write_stage(index, &failure);
    drop_stage(index);
    uint64_t live = 0;
    ok = ok && records_write(index, header, next, context, &live, &failure);
    if (ok) {
        overlay_clear(&index->overlay);
        index->unwritten = 0;
        if (records_open(index))
            cache_compact(index, live);
    } else {
        writing_failed(index, &failure);
    }
    if (lock >= 0)
        close(lock);
    if (!ok && err)
        *err = failure;
    return ok;
}
