/* The inside of an index; the files are described in FORMAT.md. */
#ifndef INDEX_INDEX_PRIVATE_H
#define INDEX_INDEX_PRIVATE_H

#include <endian.h>
#include <string.h>
#include "base/buf.h"
#include "index/index.h"

#define INDEX_FILE "postern.index.1"
#define CACHE_FILE "postern.cache.2"
#define LOCK_FILE "postern.lock"

enum {
    HEADER_SIZE = 128,
    RECORD_SIZE = 64,
    CACHE_HEADER_SIZE = 32,
    ENTRY_SIZE = 80,
    FOOTER_SIZE = 16,
    ENTRY_MAGIC = 0x79727465,
    ENTRY_MAX = 64 * 1024 * 1024, /* a larger one is damage */
    WINDOW = 256,                 /* records read at once */
    LOCK_WAIT_MS = 100,
    STAGED = 1 << 15, /* in known: its entry is not in the file yet */
    STAGE_MOST = 256 * 1024,
};

/* What was learnt since the records were written, by UID. */
struct overlay {
    struct index_record *slots; /* uid 0: free */
    size_t size, used;
};

/* Entries that are to be appended to the cache. */
struct stage {
    struct buf text;
    struct index_record *records; /* cache: where in text */
    size_t count, capacity;
};

struct index {
    int dir; /* -1: there is no place on the disk */
    char *path;
    bool write;
    bool write_told; /* that writing failed was logged */
    uint32_t uidvalidity;
    /* records */
    int records; /* -1: none */
    struct index_header header;
    uint32_t count;
    uint64_t cache_id, cache_end; /* the cache that the records point into, and how far it was known
                                     when they were written */
    unsigned char window[WINDOW * RECORD_SIZE];
    uint32_t window_at, window_count;
    uint32_t hint; /* where the last UID was found */
    /* cache */
    int cache;        /* -1: none */
    uint64_t id, end; /* its id; up to where its entries are known */
    struct overlay overlay;
    size_t unwritten;
    struct stage stage;
};

/* index_records.c */
bool records_open(struct index *index);
void records_close(struct index *index);
bool records_at(struct index *index, uint32_t i, struct index_record *out);
bool records_find(struct index *index, uint32_t uid, struct index_record *out);
void record_encode(unsigned char out[RECORD_SIZE], const struct index_record *record,
                   uint32_t uidvalidity);
bool record_decode(const unsigned char in[RECORD_SIZE], struct index_record *record,
                   uint32_t uidvalidity);
void header_encode(unsigned char out[HEADER_SIZE], const struct index *index,
                   const struct index_header *header, uint32_t count);

/* index_cache.c */
bool cache_open(struct index *index);
void cache_close(struct index *index);
/* Under the lock: the cache at the path is open, made if need be, and read to its end; what is torn
 * there is cut off. */
bool cache_prepare(struct index *index, struct error *err);
/* Under the lock: the same without learning what is in it, for appending only. */
bool cache_prepare_blind(struct index *index, struct error *err);
/* Takes entries in that others (or we, in an earlier life) appended. */
void cache_catch_up(struct index *index);
bool cache_read(struct index *index, const struct index_record *record, struct buf *memory,
                struct bytes fields[INDEX_FIELD_COUNT]);

/* index_stage.c */
bool stage_add(struct stage *stage, const struct index_record *record,
               const struct bytes fields[INDEX_FIELD_COUNT]);
/* Under the lock, with the cache prepared: appends what is staged in one write. The staged records
 * say where their entries are then, until stage_clear(). */
bool stage_write(struct stage *stage, struct index *index, struct error *err);
void stage_clear(struct stage *stage);
void entry_footer(unsigned char out[FOOTER_SIZE], uint64_t at, uint64_t size);
/* A new cache file aside (path CACHE_FILE ".tmp"), open in index; cache_publish renames it. */
bool cache_create_aside(struct index *index, struct error *err);
bool cache_publish(struct index *index, struct error *err);

/* index.c: under the lock, writes the records aside and renames them. *live: octets of the cache
 * that they point to. */
bool records_write(struct index *index, const struct index_header *header,
                   bool (*next)(void *context, struct index_record *record), void *context,
                   uint64_t *live, struct error *err);

/* index_compact.c: under the lock, after the records were written: leaves out of the cache what no
 * record points to. */
void cache_compact(struct index *index, uint64_t live);

/* index_overlay.c */
struct index_record *overlay_find(const struct overlay *overlay, uint32_t uid);
bool overlay_set(struct overlay *overlay, const struct index_record *record);
void overlay_clear(struct overlay *overlay);

/* index_lock.c: one lock for both files, waited for at most LOCK_WAIT_MS. -1: not to be had. */
int index_lock(struct index *index, struct error *err);

/* Numbers in the files are little-endian. octets is a constant, so that this is one instruction. */
static inline void put_le(unsigned char *out, uint64_t n, size_t octets)
{
    n = htole64(n);
    memcpy(out, &n, octets);
}
static inline uint64_t get_le(const unsigned char *in, size_t octets)
{
    uint64_t n = 0;
    memcpy(&n, in, octets);
    return le64toh(n);
}

#endif
