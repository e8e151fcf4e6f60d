/* The records file, mapped: a header, a bit for each removed message, and an array of records of
 * fixed size in UID order. A slot is a record's place in the array, counted from 0; it never
 * changes while the file is the same. */
#ifndef INDEX_RECORDS_H
#define INDEX_RECORDS_H

#include <stdint.h>
#include "index/mapping.h"

enum {
    INDEX_SIZE = 1 << 0, /* size and wire_size are true: the message was read */
    INDEX_DATE = 1 << 1,
    INDEX_FIELDS = 1 << 2,  /* cache points to fields */
    INDEX_CLAIMED = 1 << 3, /* size is true, wire_size only claimed by the message's name */
    INDEX_HEAD = 1 << 4,    /* cache points to the header */
    INDEX_CACHED = INDEX_FIELDS | INDEX_HEAD,
};

enum { INDEX_DEAD = 1 << 7 }; /* in place: the message was removed */

struct index_record {
    uint32_t uid;
    uint16_t known;
    uint8_t flags;
    uint8_t place; /* bits 0 to 6: the format's own */
    uint64_t keywords;
    int64_t date;
    uint64_t size;      /* octets on the disk */
    uint64_t wire_size; /* octets in wire form */
    uint64_t modseq;
    uint64_t cache; /* where the cached fields are, and how many octets; the index's own */
    uint32_t cache_size;
};

enum { INDEX_STAMP = 64 };
struct index_header {
    uint32_t uidvalidity, uidnext;
    uint32_t count, dead; /* slots in use, and those of them whose message was removed */
    uint32_t unseen, deleted;
    uint32_t first_unseen; /* no slot below is unseen */
    uint32_t recent_from;  /* UIDs from here on were announced to nobody */
    uint32_t fresh_from;   /* the format's: no UID below lies where new messages come in */
    uint64_t modseq;       /* the highest given */
    unsigned char stamp[INDEX_STAMP]; /* the format's: equal means that nothing changed */
    uint64_t list_mark;               /* the format's: of its list of UIDs */
    int64_t check_due;    /* the format's: from when on names are to be compared; 0: they are known */
    int64_t scan_due;     /* the format's: from when on all is to be read again; 0: no need */
    uint64_t names;       /* the format's: a sum over the names of all messages */
    uint64_t boot; /* when the machine was started */
    int64_t adding_until; /* the format's: until then somebody may be between its list and the
                             records */
    /* the index's own */
    uint32_t capacity;
    bool replaced; /* another file is at the path */
    uint64_t log, log_end, cache, cache_end, cache_live;
};

enum { RECORDS_HEADER = 4096, RECORD_SIZE = 64 };

struct records {
    unsigned refs;
    int fd;
    uint32_t capacity, uidvalidity;
    struct mapping mapping;
};

/* Opens the file of fd (owned). NULL with *wrong saying what is wrong with it. */
struct records *records_open(int fd, const char **wrong);
struct records *records_hold(struct records *records);
void records_drop(struct records **records);

/* False: the header is damaged. */
bool records_header(const struct records *records, struct index_header *out);
/* The record of slot, removed or not. False: damaged, or there is none. */
bool records_at(struct records *records, uint32_t slot, struct index_record *out);
/* The UID there, unchecked (0 where nothing can be read). */
uint32_t records_uid(struct records *records, uint32_t slot);
/* The first of count slots whose UID is uid or greater; count when none is. */
uint32_t records_from(struct records *records, uint32_t count, uint32_t uid);
/* Whether the slot's message was removed, as the bits say; 64 slots at once from slot 64 * i. */
uint64_t records_dead(struct records *records, uint32_t i);

/* For those who write. */
void record_encode(unsigned char out[RECORD_SIZE], const struct index_record *record,
                   uint32_t uidvalidity);
bool record_decode(const unsigned char in[RECORD_SIZE], struct index_record *out,
                   uint32_t uidvalidity);
enum { HEADER_SIZE = 256 };
void header_encode(unsigned char out[HEADER_SIZE], const struct index_header *header);
/* NULL, or what is wrong. */
const char *header_decode(const unsigned char in[HEADER_SIZE], struct index_header *out);
/* Where slot's record stands in a file of this capacity, and its bit's octet. */
uint64_t records_offset(uint32_t capacity, uint32_t slot);
uint64_t records_bit_offset(uint32_t slot);

#endif
