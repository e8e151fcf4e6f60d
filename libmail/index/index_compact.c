/* New files in place of old ones: with room for more records, or without what nobody needs. */
#include "index/index_private.h"

#include <stdlib.h>
#include <unistd.h>

enum { WASTE_LEAST = 1024 * 1024, DEAD_LEAST = 100, BATCH = 256, CHUNK = 256 * 1024 };

/* size octets at `from` of the old file to `to` of the new one. */
static bool copy_octets(struct index *index, uint64_t from, uint64_t to, uint64_t size,
                        struct error *err)
{
    char *chunk = malloc(CHUNK);
    bool ok = chunk || error_memory(err);
    while (ok && size) {
        size_t most = size < CHUNK ? (size_t)size : CHUNK;
        ssize_t n = pread(index->records->fd, chunk, most, (off_t)from);
        if (n <= 0)
            ok = error_set(err, ERROR_CORRUPT, "%s/" INDEX_FILE " was cut off", index->path);
        ok = ok &&
             transaction_write_at(index, index->txn.file, chunk, (size_t)n, to, INDEX_FILE, err);
        from += ok ? (uint64_t)n : 0;
        to += ok ? (uint64_t)n : 0;
        size -= ok ? (uint64_t)n : 0;
    }
    free(chunk);
    return ok;
}

bool index_grow(struct index *index, struct error *err)
{
    struct transaction *txn = &index->txn;
    uint32_t old = txn->header.capacity, count = txn->header.count;
    uint64_t more = (uint64_t)old * 256;
    unsigned char text[HEADER_SIZE];
    if (old >= RECORDS_MOST)
        return true;
    txn->file = index_create_file(index, INDEX_FILE, err);
    if (txn->file < 0)
        return false;
    txn->header.capacity = more < RECORDS_MOST ? (uint32_t)more : RECORDS_MOST;
    header_encode(text, &txn->header);
    return copy_octets(index, RECORDS_HEADER, RECORDS_HEADER, (count + 7) / 8, err) &&
           copy_octets(index, records_offset(old, 0), records_offset(txn->header.capacity, 0),
                       (uint64_t)count * RECORD_SIZE, err) &&
           transaction_write_at(index, txn->file, text, sizeof(text), 0, INDEX_FILE, err) &&
           transaction_publish(index, err) && (txn->before = txn->header, true);
}

bool index_wasteful(const struct index *index, const struct index_header *header)
{
    (void)index;
    return (header->dead >= DEAD_LEAST && header->dead >= header->count / 4) ||
           header->cache_end > 2 * header->cache_live + WASTE_LEAST;
}

struct compacting {
    struct index *index;
    struct cache cache; /* the new one */
    uint64_t end;
    struct cache_stage stage;
    struct index_record records[BATCH];
    int staged[BATCH]; /* number in the stage; -1: not cached */
    size_t count;
    struct buf memory;
};

/* The gathered records go to the new file, what is cached of them to the new cache. */
static bool write_batch(struct compacting *compacting, struct error *err)
{
    struct cache_stage *stage = &compacting->stage;
    bool ok = cache_stage_write(stage, &compacting->cache, &compacting->end, err);
    for (size_t i = 0; ok && i < compacting->count; i++) {
        struct index_record *record = &compacting->records[i];
        if (compacting->staged[i] >= 0) {
            record->cache = stage->records[compacting->staged[i]].cache;
            record->cache_size = stage->records[compacting->staged[i]].cache_size;
        } else {
            record->known &= (uint16_t)~INDEX_CACHED;
            record->cache = record->cache_size = 0;
        }
        ok = transaction_add(compacting->index, record, record->modseq) || error_memory(err);
    }
    cache_stage_clear(stage);
    compacting->count = 0;
    return ok;
}

static bool take_slot(struct compacting *compacting, struct records *old, uint32_t slot,
                      struct error *err)
{
    struct bytes fields[INDEX_FIELD_COUNT];
    struct index_record record;
    if (!records_at(old, slot, &record))
        return error_set(err, ERROR_CORRUPT, "a record of %s is damaged", compacting->index->path);
    if (record.place & INDEX_DEAD)
        return true;
    buf_clear(&compacting->memory);
    bool cached = record.known & INDEX_CACHED &&
                  cache_read(&compacting->index->cache, &record, ~0U, &compacting->memory, fields,
                             INDEX_FIELD_COUNT) &&
                  cache_stage_add(&compacting->stage, &record, fields, INDEX_FIELD_COUNT);
    compacting->staged[compacting->count] = cached ? (int)compacting->stage.count - 1 : -1;
    compacting->records[compacting->count++] = record;
    if (compacting->count < BATCH && compacting->stage.text.len < STAGE_MOST)
        return true;
    return write_batch(compacting, err);
}

/* What is true of the mailbox stays. */
static void keep_header(struct index_header *header, const struct index_header *old)
{
    struct index_header kept = *old;
    kept.capacity = header->capacity;
    kept.count = kept.dead = kept.unseen = kept.deleted = kept.first_unseen = 0;
    kept.cache = kept.cache_end = kept.cache_live = 0;
    *header = kept;
}

static bool compact(struct compacting *compacting, struct records *old, struct error *err)
{
    struct index *index = compacting->index;
    struct index_header before = index->txn.header;
    bool ok = index_create(index, before.uidvalidity, before.count - before.dead, err);
    keep_header(&index->txn.header, &before);
    for (uint32_t slot = 0; ok && slot < before.count; slot++)
        ok = take_slot(compacting, old, slot, err);
    ok = ok && write_batch(compacting, err) && index_publish_file(index, CACHE_FILE, err);
    if (!ok)
        return false;
    index->txn.header.cache = compacting->cache.id;
    index->txn.header.cache_end = compacting->end;
    index->txn.header.first_unseen = 0;
    return transaction_write(index, err);
}

bool index_compact(struct index *index, struct error *err)
{
    struct compacting *compacting = calloc(1, sizeof(*compacting));
    struct records *old = records_hold(index->records);
    struct error ignored = { 0 };
    bool ok = compacting || error_memory(err);
    if (ok) /* not later: it may be made the same way */
        index_have_cache(index, &ignored);
    int fd = ok ? index_create_file(index, CACHE_FILE, err) : -1;
    if (fd >= 0) {
        *compacting = (struct compacting){ .index = index,
                                           .cache.fd = -1,
                                           .end = CACHE_HEADER,
                                           .memory = BUF_INIT(2 * (size_t)CACHE_ENTRY_MOST) };
        ok = cache_start(&compacting->cache, fd, index->txn.header.uidvalidity, err) &&
             compact(compacting, old, err);
        cache_stage_clear(&compacting->stage);
        buf_free(&compacting->memory);
        cache_close(&compacting->cache);
        cache_close(&index->cache); /* opened again when it is needed */
    }
    records_drop(&old);
    free(compacting);
    return ok && fd >= 0;
}
