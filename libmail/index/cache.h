/* The cache file: what was parsed of messages, an entry each, appended; a record says where. Each
 * field has a check of its own, so that one can be read without the others. */
#ifndef INDEX_CACHE_H
#define INDEX_CACHE_H

#include "base/buf.h"
#include "base/error.h"
#include "index/records.h"

enum {
    CACHE_HEADER = 32,
    CACHE_FIELDS = 8,
    CACHE_ENTRY = 112,
    CACHE_ENTRY_MOST = 64 * 1024 * 1024
};

struct cache {
    int fd;      /* -1: none */
    uint64_t id; /* records that name another do not point into it */
    struct mapping mapping;
};

/* Opens the cache of fd (owned; closed on failure). */
bool cache_open(struct cache *cache, int fd, uint32_t uidvalidity);
void cache_close(struct cache *cache);
bool cache_start(struct cache *cache, int fd, uint32_t uidvalidity, struct error *err);

/* Reads those fields of a record's entry whose bits are in wanted (1 << field), each appended to
 * memory. False: there is none, or it is damaged. */
bool cache_read(struct cache *cache, const struct index_record *record, unsigned wanted,
                struct buf *memory, struct bytes *fields, size_t count);

/* Entries on their way into the file: gathered, then written at once. */
struct cache_stage {
    struct buf text;
    struct index_record *records; /* cache: where in text */
    size_t count, capacity;
};
/* False: it does not fit, nothing is added. */
bool cache_stage_add(struct cache_stage *stage, const struct index_record *record,
                     const struct bytes *fields, size_t count);
/* Writes them at *end, which moves on; the records say where they are then. */
bool cache_stage_write(struct cache_stage *stage, struct cache *cache, uint64_t *end,
                       struct error *err);
void cache_stage_clear(struct cache_stage *stage);

#endif
