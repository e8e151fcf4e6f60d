/* Entries of the cache on their way into the file: gathered, then appended in one write. */
#include "index/index_private.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

/* An entry's size again, bound to where it starts: so the end of the file shows whether it is the
 * end of an entry. */
void entry_footer(unsigned char out[FOOTER_SIZE], uint64_t at, uint64_t size)
{
    put_le(out, size, 8);
    put_le(out + 8, XXH64(out, 8, at), 8);
}

static void entry_encode(unsigned char out[ENTRY_SIZE], const struct index_record *record,
                         const struct bytes fields[INDEX_FIELD_COUNT], uint64_t check)
{
    put_le(out, ENTRY_MAGIC, 4);
    put_le(out + 4, record->uid, 4);
    put_le(out + 8, record->size, 8);
    put_le(out + 16, record->wire_size, 8);
    put_le(out + 24, (uint64_t)record->date, 8);
    for (size_t i = 0; i < INDEX_FIELD_COUNT; i++)
        put_le(out + 32 + 4 * i, fields[i].len, 4);
    put_le(out + 56, record->known, 8);
    put_le(out + 64, check, 8);
    put_le(out + 72, XXH64(out, 72, 0), 8);
}

static struct index_record *next_record(struct stage *stage)
{
    if (stage->count == stage->capacity) {
        size_t capacity = stage->capacity ? stage->capacity * 2 : 32;
        struct index_record *grown = reallocarray(stage->records, capacity, sizeof(*grown));
        if (!grown)
            return NULL;
        stage->records = grown;
        stage->capacity = capacity;
    }
    return &stage->records[stage->count];
}

static uint16_t known_by(const struct index_record *record,
                         const struct bytes fields[INDEX_FIELD_COUNT])
{
    unsigned known = record->known & (INDEX_SIZE | INDEX_DATE | INDEX_CLAIMED);
    for (size_t i = 0; i < INDEX_HEADER; i++)
        known |= fields[i].len ? INDEX_FIELDS : 0;
    return (uint16_t)(known | (fields[INDEX_HEADER].len ? INDEX_HEAD : 0));
}

bool stage_add(struct stage *stage, const struct index_record *record,
               const struct bytes fields[INDEX_FIELD_COUNT])
{
    static const unsigned char nothing[ENTRY_SIZE];
    if (!stage->text.limit)
        stage->text = BUF_INIT(2 * (size_t)ENTRY_MAX);
    struct buf *text = &stage->text;
    size_t start = text->len, payload = 0;
    struct index_record *staged = next_record(stage);
    buf_append(text, nothing, ENTRY_SIZE);
    for (size_t i = 0; i < INDEX_FIELD_COUNT; i++) {
        buf_bytes(text, fields[i]);
        payload += fields[i].len;
    }
    buf_append(text, nothing, (8 - text->len % 8) % 8 + FOOTER_SIZE);
    if (!staged || buf_failed(text) || text->len - start > ENTRY_MAX) {
        text->len = start;
        text->failed = false;
        return false;
    }
    unsigned char *entry = (unsigned char *)text->data + start;
    *staged = *record;
    staged->known = known_by(record, fields);
    staged->cache = start;
    staged->cache_size = text->len - start;
    entry_encode(entry, staged, fields, XXH64(entry + ENTRY_SIZE, payload, 0));
    stage->count++;
    return true;
}

bool stage_write(struct stage *stage, struct index *index, struct error *err)
{
    struct buf *text = &stage->text;
    for (size_t i = 0; i < stage->count; i++) {
        struct index_record *record = &stage->records[i];
        uint64_t footer = record->cache + record->cache_size - FOOTER_SIZE;
        record->cache += index->end;
        entry_footer((unsigned char *)text->data + footer, record->cache, record->cache_size);
    }
    ssize_t n = text->len ? pwrite(index->cache, text->data, text->len, (off_t)index->end) : 0;
    if (n == (ssize_t)text->len) {
        index->end += text->len;
        return true;
    }
    error_errno(err, n < 0 ? errno : ENOSPC, "writing %s/" CACHE_FILE, index->path);
    if (ftruncate(index->cache, (off_t)index->end) != 0)
        cache_close(index);
    return false;
}

void stage_clear(struct stage *stage)
{
    buf_free(&stage->text);
    free(stage->records);
    *stage = (struct stage){ 0 };
}
