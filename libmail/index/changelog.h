/* The log of changes of one mailbox: appended entries, each whole or not there. It is written
 * before the records are, so that a killed writer's change is completed, and is what other sessions
 * read to learn what changed. */
#ifndef INDEX_CHANGELOG_H
#define INDEX_CHANGELOG_H

#include "base/buf.h"
#include "base/error.h"
#include "index/records.h"

enum {
    LOG_HEADER = 48,
    LOG_ENTRY = 32,
    LOG_CHANGE = 16,
    LOG_REMOVAL = 4,
    LOG_ENTRY_MOST = 1024 * 1024
};

struct changelog {
    int fd; /* -1: not open */
    uint64_t id;
    uint64_t previous, previous_end; /* the log before this one, and where it ended; 0: none */
};

/* Opens the log of fd (owned; closed on failure). */
bool changelog_open(struct changelog *log, int fd, uint32_t uidvalidity);
void changelog_close(struct changelog *log);
/* Writes the header of a new log into the empty file fd. */
bool changelog_start(struct changelog *log, int fd, uint32_t uidvalidity, uint64_t previous,
                     uint64_t previous_end, struct error *err);

struct log_entry {
    unsigned type;    /* enum index_change_type */
    uint32_t session; /* whose client knows; 0: nobody's */
    uint64_t modseq;
    struct bytes items; /* records, changes or UIDs, one behind the other */
    uint64_t next;      /* where the next entry starts */
};
/* The entry at offset `at`; its items are in memory. False: there is none that is whole. */
bool changelog_read(const struct changelog *log, uint64_t at, struct buf *memory,
                    struct log_entry *out);
/* Appends the entry to out, as it will stand at offset `at`. */
void changelog_encode(struct buf *out, uint64_t at, const struct log_entry *entry);

void log_change_encode(struct buf *out, const struct index_record *record);
/* uid, flags, keywords and place of a change. */
void log_change_decode(const char *item, struct index_record *out);
void log_removal_encode(struct buf *out, uint32_t uid);
uint32_t log_item_uid(const char *item); /* all items start with it */
size_t log_item_size(unsigned type);     /* 0: no such type */

#endif
