/* The inside of an append to a Maildir, shared with COPY. */
#ifndef MAILBOX_MAILDIR_APPEND_H
#define MAILBOX_MAILDIR_APPEND_H

#include "mailbox/mailbox_parse.h"
#include "mailbox/maildir_private.h"

enum { FRESH_SYNCED_EACH = 16 }; /* more files than that are synced all together, at the end */

struct pending {
    size_t at; /* in text: the name in tmp/, then the final one */
    uint8_t tmp_len, base_len, len;
    bool in_new, moved;
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
    bool direct;  /* COPY by links to the final names; the list's lock is held from the start */
    size_t fresh; /* files linked whose octets may not be on the disk yet */
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
/* "new/NAME" or "cur/NAME", once it was ended. */
void pending_path(const struct maildir_append *append, const struct pending *pending,
                  char out[600]);
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
/* The same for a copy, from what the source's index knows. */
void learn_copy(struct maildir_append *append, size_t pending, struct mailbox *source,
                uint32_t uid);
void learn_tell_index(struct maildir_append *append, const struct append_result *result);
void learn_free(struct maildir_append *append);

#endif
