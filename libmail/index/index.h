/* One mailbox's index: a record of fixed size for each message in UID order, a log of changes, and
 * what was parsed of messages. A cache and nothing more: any file may be missing, old, damaged or
 * another's at any moment. Readers map the records and take no lock; whoever changes something
 * holds the lock, and every change stands in the log. What a record says of a message's content
 * holds only while the message takes as many octets as it did. FORMAT.md describes the files.
 *
 * A mailbox for which there is no place on the disk has an index in memory, for this session alone.
 */
#ifndef INDEX_INDEX_H
#define INDEX_INDEX_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "index/records.h"

struct index;

/* The log of changes in the index's directory: whoever waits for changes watches it. */
#define INDEX_LOG_NAME "postern.log.2"

/* All that an index has on the disk, without its directory; the lock last. */
enum { INDEX_FILES = 4 };
extern const char *const index_files[INDEX_FILES];
/* Removes them, under the lock: the next who opens the mailbox builds it anew. Who has them mapped
 * goes on with what he has. ERROR_CONFLICT: somebody holds the lock for long; ERROR_NOT_PERMITTED,
 * ... */
bool index_drop(const char *directory, struct error *err);

/* How long somebody who changes something waits for the lock. */
enum { INDEX_WAIT_MS = 10000 };

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

/* Opens what is in directory (made when it is not there and write); with directory NULL, in memory.
 * A file that cannot be read is logged and left out. NULL only without memory. */
struct index *index_open(const char *directory, bool write);
void index_close(struct index **index); /* NULL inside is fine; flushes */
/* Whether the index can be written (one in memory always). */
bool index_writable(const struct index *index);

/* The header of the file in directory, without opening the index. False: none that can be read. */
bool index_peek(const char *directory, struct index_header *out);
/* Makes the records those of the file at the path, where it was replaced or was damaged. False:
 * there are none that can be read. */
bool index_refresh(struct index *index);
/* The records as they are now; NULL: there are none. Valid until the next refresh, begin or commit:
 * records_hold() them for longer. */
struct records *index_records(const struct index *index);
/* What was read from the records is wrong: they are not used any more (logged once). */
void index_damaged(struct index *index, const char *what);

/* Who else changed what: reading the log. Zeroed: nothing was read. */
struct index_cursor {
    uint64_t log, at; /* which log, and up to where it was read */
    uint64_t modseq;  /* the highest mod-sequence when it was read */
    int fd;           /* of that log + 1; 0: not opened yet */
};
enum index_change_type { INDEX_ADDED = 1, INDEX_CHANGED, INDEX_REMOVED };
/* From now on. */
void index_cursor_start(struct index *index, const struct index_header *header,
                        struct index_cursor *cursor);
void index_cursor_stop(struct index_cursor *cursor);
/* Calls each() for every message that was changed or removed (type, UID) up to header and not by
 * this session's index_change(..., quiet). False: the log does not reach back so far: compare
 * mod-sequences. */
bool index_follow(struct index *index, const struct index_header *header,
                  struct index_cursor *cursor,
                  bool (*each)(void *context, enum index_change_type type, uint32_t uid),
                  void *context);

/* A transaction: the lock is taken (ERROR_CONFLICT when it is not to be had within wait_ms,
 * ERROR_NOT_PERMITTED where nothing can be written), what a killed writer left is put right, and
 * the header can be changed. Nothing is written before the commit, which gives the lock back, as
 * does index_cancel(). */
bool index_begin(struct index *index, int wait_ms, struct error *err);
struct index_header *index_edit(struct index *index);
/* An empty index for this UIDVALIDITY in place of what is there, for about so many messages. */
bool index_create(struct index *index, uint32_t uidvalidity, uint32_t expected, struct error *err);
/* A message behind all others (it gets the transaction's mod-sequence). False without memory or
 * with a UID that is not greater; the commit then fails, too. */
bool index_add(struct index *index, const struct index_record *record);
/* Messages behind all others, with what was parsed of them. */
struct index_message {
    struct index_record record;
    struct bytes fields[INDEX_FIELD_COUNT]; /* none: nothing was parsed */
};
bool index_add_messages(struct index *index, const struct index_message *messages, size_t count);
/* New flags of a message. quiet: the client of this session knows. A slot is changed or removed
 * once until the next step or commit: what it was before is read from the file. */
bool index_change(struct index *index, uint32_t slot, uint8_t flags, uint64_t keywords,
                  uint8_t place, bool quiet);
bool index_remove(struct index *index, uint32_t slot);
/* Writes what was gathered so far and goes on under the lock. */
bool index_step(struct index *index, struct error *err);
bool index_commit(struct index *index, struct error *err);
void index_cancel(struct index *index);
/* What header.boot is when records and mail were compared since the machine was started. */
uint64_t index_boot(void);
/* In a transaction: new files without the removed messages and without what nobody needs of the
 * cache. */
bool index_compact(struct index *index, struct error *err);
/* Whether that is worth it. */
bool index_wasteful(const struct index *index, const struct index_header *header);

/* What is known of uid: the record with what this session learnt since. */
bool index_get(struct index *index, uint32_t uid, struct index_record *out);
/* The same with the place where it is likely to be; found's slot, UINT32_MAX when it has none. */
bool index_get_at(struct index *index, struct records *records, uint32_t slot,
                  struct index_record *out);
/* Remembers size, wire_size, date and known of a message. In memory until index_flush(). */
void index_put(struct index *index, const struct index_record *record);
/* Remembers fields with the record's size, wire_size and date. They are gathered and written many
 * at once, when they are asked for, or in index_flush(). What cannot be written is no error. */
void index_fields_put(struct index *index, const struct index_record *record,
                      const struct bytes fields[INDEX_FIELD_COUNT]);
void index_flush(struct index *index);
/* The cached fields of a record from index_get, those whose bit is in wanted (1 << INDEX_ENVELOPE,
 * ...; others and absent ones have data NULL), appended to memory, which holds them. False: not
 * known. */
bool index_fields(struct index *index, const struct index_record *record, unsigned wanted,
                  struct buf *memory, struct bytes fields[INDEX_FIELD_COUNT]);

#endif
