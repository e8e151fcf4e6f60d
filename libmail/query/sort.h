/* SORT over an open mailbox (RFC 5256, 3): the keys of all messages are made in one pass over what
 * the index has cached, then compared as octets. */
#ifndef QUERY_SORT_H
#define QUERY_SORT_H

#include "mailbox/mailbox.h"

enum sort_kind {
    SORT_ARRIVAL, /* INTERNALDATE, with its time */
    SORT_CC,
    SORT_DATE, /* the Date field, else INTERNALDATE */
    SORT_FROM,
    SORT_SIZE,
    SORT_SUBJECT, /* base subject */
    SORT_TO,
    SORT_KINDS
};

struct sort_criterion {
    enum sort_kind kind;
    bool reverse;
};

/* The sequence numbers of found in the order of criteria, among equals by sequence number: *count
 * of them in *seqs (malloc: free it, also on failure, when they are those that could be read).
 * Messages that another session expunged are left out. tick (may be NULL) is called now and then;
 * false from it stops the command (ERROR_UNAVAILABLE). */
bool sort_run(struct mailbox *mailbox, const struct numset *found,
              const struct sort_criterion *criteria, size_t criteria_count, uint32_t **seqs,
              size_t *count, bool (*tick)(void *context), void *context, struct error *err);

#endif
