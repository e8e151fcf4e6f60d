/* A parsed message in the form in which the index keeps it. */
#ifndef MAILBOX_MAILBOX_PARSE_H
#define MAILBOX_MAILBOX_PARSE_H

#include "index/index.h"
#include "message/part.h"

/* Appends envelope, body, bodystructure and parts, one behind the other; fields are views of out,
 * until it grows. */
bool parse_write(struct buf *out, const struct part *root, struct bytes fields[INDEX_FIELD_COUNT]);

#endif
