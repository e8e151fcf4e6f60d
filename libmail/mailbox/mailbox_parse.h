/* A parsed message in the form in which the index keeps it. */
#ifndef MAILBOX_MAILBOX_PARSE_H
#define MAILBOX_MAILBOX_PARSE_H

#include "index/index.h"
#include "message/part.h"

/* The header as it passes by, with its empty line; a message without one is all header. */
struct head {
    struct buf text;
    bool whole; /* the empty line was met */
};
enum { HEAD_CACHED = 16 * 1024 }; /* longer ones are read from the message */

#define HEAD_INIT ((struct head){ .text = BUF_INIT(2 * HEAD_CACHED) })
void head_feed(struct head *head, struct bytes piece);
/* What is to be cached; empty when it is too long (or memory was short). Call it at the end. */
struct bytes head_text(const struct head *head);
void head_free(struct head *head);

/* Where the header ends (behind its empty line), looking from `from` on; 0: not yet. */
size_t header_end(struct bytes text, size_t from);

/* Appends envelope, body, bodystructure, parts, sort key and header, one behind the other; fields are views
 * of out, until it grows. */
bool parse_write(struct buf *out, const struct part *root, struct bytes header,
                 struct bytes fields[INDEX_FIELD_COUNT]);

#endif
