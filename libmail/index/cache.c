#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include "base/file.h"
#include "index/index_private.h"

/* An entry: magic, UID, size, wire size, date, what is known, then for each field its length and
 * its check, and the check of all that. The fields follow, then zeros up to CACHE_UNIT. */
enum {
    ENTRY_MAGIC = 0x32686370,
    AT_FIELDS = 40,
    AT_CHECK = CACHE_ENTRY - 8,
    MAP_SLACK = 256 * 1024
};

static const char magic[8] = { 'P', 'S', 'T', 'C', 'C', 'H', '2', '\n' };

bool cache_open(struct cache *cache, int fd, uint32_t uidvalidity)
{
    unsigned char header[CACHE_HEADER];
    cache_close(cache);
    if (fd < 0)
        return false;
    if (pread(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
        memcmp(header, magic, sizeof(magic)) != 0 || get_le(header + 8, 4) != uidvalidity ||
        get_le(header + 24, 8) != XXH3_64bits(header, 24)) {
        close(fd);
        return false;
    }
    cache->fd = fd;
    cache->id = get_le(header + 16, 8);
    return true;
}

void cache_close(struct cache *cache)
{
    mapping_drop(&cache->mapping);
    if (cache->fd >= 0)
        close(cache->fd);
    cache->fd = -1;
    cache->id = 0;
}

bool cache_start(struct cache *cache, int fd, uint32_t uidvalidity, struct error *err)
{
    unsigned char header[CACHE_HEADER] = { 0 };
    cache_close(cache);
    memcpy(header, magic, sizeof(magic));
    put_le(header + 8, uidvalidity, 4);
    if (getrandom(header + 16, 8, 0) != 8)
        return error_errno(err, errno, "asking for random octets");
    put_le(header + 24, XXH3_64bits(header, 24), 8);
    cache->fd = fd;
    cache->id = get_le(header + 16, 8);
    return file_write(fd, bytes_make(header, sizeof(header)), CACHE_FILE, err);
}

/* The octets at, as they are in the file now; NULL when the file is not that long. */
static const unsigned char *look(struct cache *cache, uint64_t at, uint64_t size)
{
    struct stat st;
    if (cache->fd < 0 || size > CACHE_ENTRY_MOST || at > (UINT64_C(1) << 40))
        return NULL;
    if (cache->mapping.at && !cache->mapping.torn && at + size <= cache->mapping.len)
        return cache->mapping.at + at;
    if (fstat(cache->fd, &st) != 0 || at + size > (uint64_t)st.st_size)
        return NULL;
    uint64_t len = (uint64_t)st.st_size + MAP_SLACK;
    return mapping_take(&cache->mapping, cache->fd, (size_t)len) ? cache->mapping.at + at : NULL;
}

static bool entry_fits(const unsigned char entry[CACHE_ENTRY], const struct index_record *record)
{
    return get_le(entry, 4) == ENTRY_MAGIC && get_le(entry + 4, 4) == record->uid &&
           get_le(entry + 8, 8) == record->size &&
           get_le(entry + AT_CHECK, 8) == XXH3_64bits(entry, AT_CHECK);
}

bool cache_read(struct cache *cache, const struct index_record *record, unsigned wanted,
                struct buf *memory, struct bytes *fields, size_t count)
{
    unsigned char entry[CACHE_ENTRY];
    size_t offsets[CACHE_FIELDS] = { 0 }, start = memory->len;
    const unsigned char *at = look(cache, record->cache, record->cache_size);
    if (!at || record->cache_size < CACHE_ENTRY)
        return false;
    memcpy(entry, at, sizeof(entry));
    if (!entry_fits(entry, record))
        return false;
    uint64_t from = CACHE_ENTRY;
    for (size_t i = 0; i < count; i++) {
        uint64_t len = get_le(entry + AT_FIELDS + 8 * i, 4);
        fields[i] = (struct bytes){ NULL, (size_t)len };
        offsets[i] = memory->len;
        if (from + len > record->cache_size)
            return false;
        if (wanted & 1U << i) {
            buf_append(memory, at + from, (size_t)len);
            const char *field = memory->data ? memory->data + offsets[i] : "";
            if (buf_failed(memory) || (uint32_t)XXH3_64bits(field, (size_t)len) !=
                                          get_le(entry + AT_FIELDS + 8 * i + 4, 4)) {
                memory->len = start;
                return false;
            }
        }
        from += len;
    }
    for (size_t i = 0; i < count; i++)
        fields[i] =
            wanted & 1U << i
                ? (struct bytes){ memory->data ? memory->data + offsets[i] : "", fields[i].len }
                : (struct bytes){ 0 };
    return true;
}

static struct index_record *next_record(struct cache_stage *stage)
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

static void entry_encode(unsigned char out[CACHE_ENTRY], const struct index_record *record,
                         const struct bytes *fields, size_t count)
{
    put_le(out, ENTRY_MAGIC, 4);
    put_le(out + 4, record->uid, 4);
    put_le(out + 8, record->size, 8);
    put_le(out + 16, record->wire_size, 8);
    put_le(out + 24, (uint64_t)record->date, 8);
    put_le(out + 32, record->known, 4);
    for (size_t i = 0; i < count; i++) {
        put_le(out + AT_FIELDS + 8 * i, fields[i].len, 4);
        put_le(out + AT_FIELDS + 8 * i + 4,
               (uint32_t)XXH3_64bits(fields[i].len ? fields[i].data : "", fields[i].len), 4);
    }
    put_le(out + AT_CHECK, XXH3_64bits(out, AT_CHECK), 8);
}

bool cache_stage_add(struct cache_stage *stage, const struct index_record *record,
                     const struct bytes *fields, size_t count)
{
    static const unsigned char nothing[CACHE_ENTRY];
    if (!stage->text.limit)
        stage->text = BUF_INIT(2 * (size_t)CACHE_ENTRY_MOST);
    struct buf *text = &stage->text;
    size_t start = text->len;
    struct index_record *staged = next_record(stage);
    buf_append(text, nothing, CACHE_ENTRY);
    for (size_t i = 0; i < count; i++)
        buf_bytes(text, fields[i]);
    buf_append(text, nothing, (CACHE_UNIT - text->len % CACHE_UNIT) % CACHE_UNIT);
    if (!staged || buf_failed(text) || text->len - start > CACHE_ENTRY_MOST) {
        text->len = start;
        text->failed = false;
        return false;
    }
    *staged = *record;
    staged->cache = start;
    staged->cache_size = (uint32_t)(text->len - start);
    entry_encode((unsigned char *)text->data + start, staged, fields, count);
    stage->count++;
    return true;
}

bool cache_stage_write(struct cache_stage *stage, struct cache *cache, uint64_t *end,
                       struct error *err)
{
    struct buf *text = &stage->text;
    if (*end + text->len >= (uint64_t)UINT32_MAX * CACHE_UNIT)
        return error_set(err, ERROR_LIMIT, "the cache is full");
    ssize_t n = text->len ? pwrite(cache->fd, text->data, text->len, (off_t)*end) : 0;
    if (n != (ssize_t)text->len)
        return error_errno(err, n < 0 ? errno : ENOSPC, "writing " CACHE_FILE);
    for (size_t i = 0; i < stage->count; i++)
        stage->records[i].cache += *end;
    *end += text->len;
    return true;
}

void cache_stage_clear(struct cache_stage *stage)
{
    buf_free(&stage->text);
    free(stage->records);
    *stage = (struct cache_stage){ 0 };
}
