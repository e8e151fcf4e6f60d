/* One mailbox's index: what is known of each message by UID, so that it is not looked up or parsed
 * again. A cache and nothing more: any file may be missing, old, damaged or another's at any
 * moment, and every answer may be "not known". What a record says of a message's content holds only
 * while the message takes as many octets as it did. FORMAT.md describes the files. */
#ifndef INDEX_INDEX_H
#define INDEX_INDEX_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

struct index;

enum {
    INDEX_SIZE = 1 << 0, /* size and wire_size are true: the message was read */
    INDEX_DATE = 1 << 1,
    INDEX_FIELDS = 1 << 2,  /* cache points to fields */
    INDEX_CLAIMED = 1 << 3, /* size is true, wire_size only claimed by the message's name */
    INDEX_HEAD = 1 << 4,    /* cache points to the header */
    INDEX_CACHED = INDEX_FIELDS | INDEX_HEAD,
};

struct index_record {
    uint32_t uid;
    uint16_t known;
    uint8_t flags;
    uint8_t place; /* bits of the format's own */
    uint64_t keywords;
    int64_t date;
    uint64_t size;              /* octets on the disk */
    uint64_t wire_size;         /* octets in wire form */
    uint64_t cache, cache_size; /* where the cached fields are; the index's own */
};

enum { INDEX_STAMP = 64 };
struct index_header {
    uint32_t uidnext;
    uint32_t recent_from;             /* UIDs from here on were announced to nobody */
    unsigned char stamp[INDEX_STAMP]; /* the format's: equal means that nothing changed */
    uint32_t unseen, recent;          /* among the records */
    uint64_t counted; /* the format's: what the counts rest on beside the stamp; 0: nothing */
};

/* The header as it is stored, with its empty line. It may be cached without the others (which are
 * empty then), or they without it. */
enum {
    INDEX_ENVELOPE,
    INDEX_BODY,
    INDEX_BODYSTRUCTURE,
    INDEX_PARTS,
    INDEX_SORT,
    INDEX_HEADER,
    INDEX_FIELD_COUNT
};

/* Opens what is in directory (made when it is not there and write). Files of another uidvalidity or
 * that cannot be read are logged and left out. NULL only without memory. */
struct index *index_open(const char *directory, uint32_t uidvalidity, bool write);
void index_close(struct index **index); /* NULL inside is fine; flushes */

/* The header alone, without opening the index, with UIDVALIDITY and how many records it says there
 * are. False: none that can be read. */
bool index_peek(const char *directory, struct index_header *out, uint32_t *uidvalidity,
                uint32_t *count);
/* False: there is no index file that could be read. */
bool index_header(const struct index *index, struct index_header *out);
/* Whether the records are still the file at the path. */
bool index_current(const struct index *index);
/* How many messages the file has records of; the i-th in UID order, counted from 0. False: damaged.
 */
size_t index_count(const struct index *index);
bool index_at(struct index *index, size_t i, struct index_record *out);

/* What is known of uid. */
bool index_get(struct index *index, uint32_t uid, struct index_record *out);
/* Remembers size, wire_size, date and known of a message (in memory until index_write). */
void index_put(struct index *index, const struct index_record *record);
/* The cached fields of a record from index_get (absent ones have data NULL); memory holds them.
 * False: not known. */
bool index_fields(struct index *index, const struct index_record *record, struct buf *memory,
                  struct bytes fields[INDEX_FIELD_COUNT]);
/* Appends fields to the cache and remembers them with the record's size, wire_size and date. They
 * are gathered and written many at once, when they are asked for, or in index_flush(). A cache that
 * cannot be written is no error. */
void index_fields_put(struct index *index, const struct index_record *record,
                      const struct bytes fields[INDEX_FIELD_COUNT]);
void index_flush(struct index *index);
/* The same for messages just appended to a mailbox that is not open: nothing is read. What cannot
 * be written is left out. */
struct index_message {
    struct index_record record; /* uid, size, wire_size, date */
    struct bytes fields[INDEX_FIELD_COUNT];
};
void index_add(const char *directory, uint32_t uidvalidity, const struct index_message *messages,
               size_t count);
/* How much index_put and index_fields_put have remembered since the last writing. */
size_t index_unwritten(const struct index *index);

/* Writes the records anew: next() gives every message (uid, flags, place, keywords), rising; what
 * is known of each is added. False when it could not be written (the lock is held, disk full, ...),
 * which is no harm. */
bool index_write(struct index *index, const struct index_header *header,
                 bool (*next)(void *context, struct index_record *record), void *context,
                 struct error *err);

#endif
