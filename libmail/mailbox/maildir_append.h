/* The inside of an append to a Maildir, shared with COPY. */
#ifndef MAILBOX_MAILDIR_APPEND_H
#define MAILBOX_MAILDIR_APPEND_H

#include "mailbox/mailbox_parse.h"
#include "mailbox/maildir_private.h"

struct pending {
    size_t at; /* in text: the name in tmp/, then the final one */
    uint8_t tmp_len, base_len, len;
    bool in_new, moved;
    uint8_t flags;
    uint32_t letters;
    bool synced; /* its octets are on the disk */
};

/* What was found in a message on its way, for the index. */
struct learnt {
    size_t pending; /* which message */
    uint64_t size, wire_size;
    time_t date;
    size_t at; /* in learnt_text: the fields that the index keeps */
    size_t lengths[INDEX_FIELD_COUNT];
};

struct maildir_append {
    struct append append;
    struct maildir
        *maildir; /* paths, list and lock of the destination; its directories are not read */
    bool lenient; /* COPY: a keyword that has no letter left is dropped */
    struct buf text;
    struct pending *pending;
    size_t count, capacity;
    /* the message that is being written: */
    bool open;
    struct pending current;
    int fd;
    struct buf out;
    uint8_t flags;
    uint32_t letters;
    time_t date;
    uint64_t size, wire_size;
    bool cr;             /* a CR was read and not stored yet */
    bool last_cr;        /* the last octet stored is CR */
    struct arena *arena; /* of parser; NULL: nothing is parsed */
    struct part_parser *parser;
    struct head head;
    struct buf learnt_text;
    struct learnt *learnt;
    size_t learnt_count, learnt_capacity;
};

struct bytes pending_tmp(const struct maildir_append *append, const struct pending *pending);
struct bytes pending_name(const struct maildir_append *append, const struct pending *pending);
/* Around putting a file into tmp/ under pending_tmp() of append->current. Sizes go into its name.
 */
bool pending_begin(struct maildir_append *append, const struct append_info *info,
                   struct error *err);
bool pending_end(struct maildir_append *append, struct error *err);

/* maildir_append_learn.c: a message is parsed while it is written. Whatever goes wrong there only
 * means that it is parsed again later. */
void learn_begin(struct maildir_append *append);
void learn_piece(struct maildir_append *append, struct bytes stored);
/* The current message is whole, in the file fd. */
void learn_end(struct maildir_append *append, int fd);
/* The same for a copy, from what the source's index knows of uid. */
void learn_copy(struct maildir_append *append, struct mailbox *source, uint32_t uid);
/* In a transaction of the index: the messages, whose UIDs start with first_uid, with what was learnt. */
bool learn_tell_index(struct maildir_append *append, uint32_t first_uid);
void learn_free(struct maildir_append *append);

/* maildir_append_index.c: an append told to the index in two steps, so that nobody has to read the directories. Between
 * them the index knows that a file came in, and that its UID is about to be listed.
 *
 * Before files are moved: true when the index knows all that is there, and a transaction is open. */
bool append_index_begin(struct maildir_append *append);
/* They were moved, or were not (known false). True: append_index_listed() is to be called. */
bool append_index_moved(struct maildir_append *append, bool known);
/* They have UIDs from first_uid on; 0: they do not. */
void append_index_listed(struct maildir_append *append, uint32_t first_uid);

#endif
