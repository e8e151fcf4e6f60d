/* The inside of an index; the files are described in FORMAT.md. */
#ifndef INDEX_INDEX_PRIVATE_H
#define INDEX_INDEX_PRIVATE_H

#include <endian.h>
#include <string.h>
#include "base/buf.h"
#include "index/cache.h"
#include "index/changelog.h"
#include "index/index.h"

#define INDEX_FILE "postern.index.2"
#define LOG_FILE INDEX_LOG_NAME
#define CACHE_FILE "postern.cache.2"
#define LOCK_FILE "postern.lock"

enum {
    CAPACITY_LEAST = 64 * 1024,
    RECORDS_MOST = 1 << 28,
    CACHE_UNIT = 8,
    STAGE_MOST = 256 * 1024,
    LEARN_WAIT_MS = 100, /* for the lock, to write what is only a saving of time */
};

/* What was learnt since it was last written, by UID. */
struct overlay {
    struct index_record *slots; /* uid 0: free */
    size_t size, used;
};
enum { STAGED = 1 << 15 }; /* in known: its entry is not in the file yet */

/* What a transaction gathers. */
struct transaction {
    int lock; /* -1: none is open */
    struct index_header header;
    struct index_header before; /* as it is in the file */
    int file; /* of new records, which are not at the path yet; -1: the records are changed in place
               */
    uint32_t written; /* slots that the file has */
    struct buf added; /* encoded records, from slot `written` on */
    uint32_t last_uid;
    struct change {
        uint32_t slot;
        unsigned char type; /* enum index_change_type; 0: nobody is told */
        bool quiet;
        struct index_record record;
    } * changes;
    size_t count, capacity;
    bool failed;     /* memory, or damage */
    bool recovering; /* what is applied stands in the log already */
};

struct index {
    int dir; /* -1: in memory */
    char *path;
    bool write;
    bool write_told;   /* that writing failed was logged */
    bool broken;       /* the records were found damaged */
    uint64_t bad_file; /* inode of the damaged file: it is not opened again */
    uint32_t session;  /* marks what this session changes in the log */
    struct records *records;
    struct changelog log;
    struct cache cache;
    struct transaction txn;
    struct overlay overlay;
    struct cache_stage stage;
    int memory_log; /* in memory: the log's file; -1 */
    uint32_t hint;  /* where the last UID was found */
};

/* index.c */
/* Takes fd (owned) as the records. False: nothing that can be used. */
bool index_take_records(struct index *index, int fd);
/* A file of the index: aside as NAME.tmp, to be renamed; in memory, one without a name. */
int index_create_file(struct index *index, const char *name, struct error *err);
bool index_publish_file(struct index *index, const char *name, struct error *err);
/* Whether open is what is at the path now. */
bool index_is_current(const struct index *index, int open, const char *name);
void index_writing_failed(struct index *index, const struct error *err);
/* index_write.c: puts gathered changes into the files. */
bool transaction_write(struct index *index, struct error *err);
void transaction_clear(struct transaction *txn);
/* Takes over what a killed writer left in the log. */
bool transaction_recover(struct index *index, struct error *err);
uint64_t index_next_modseq(uint64_t last);
/* index_write_log.c: what was gathered stands in the log, whose end the header then says. Without
 * room on the disk there is no log any more, which is no error. */
bool transaction_log(struct index *index, struct error *err);
/* What was parsed of slot's message. */
bool transaction_learn(struct index *index, uint32_t slot, const struct index_record *learnt);
/* index_add(), with the record's own mod-sequence unless that is 0. */
bool transaction_add(struct index *index, const struct index_record *record, uint64_t modseq);
bool transaction_write_at(const struct index *index, int fd, const void *data, size_t len,
                          uint64_t at, const char *name, struct error *err);
/* The new file is whole: it takes the place of the old one. */
bool transaction_publish(struct index *index, struct error *err);

/* index_compact.c: a file with room for more, slots as they are. */
bool index_grow(struct index *index, struct error *err);
/* index_learn.c: the cache that the header names is open for writing, a new one if need be. */
bool index_have_cache(struct index *index, struct error *err);
/* How the counters change when a message goes from one state to another; NULL: not there. */
void header_count(struct index_header *header, uint32_t slot, const struct index_record *before,
                  const struct index_record *after);

/* index_overlay.c */
struct index_record *overlay_find(const struct overlay *overlay, uint32_t uid);
bool overlay_set(struct overlay *overlay, const struct index_record *record);
void overlay_clear(struct overlay *overlay);

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
