/* SEARCH over an open mailbox (RFC 3501 and RFC 9051, 6.4.4): a program of keys, evaluated cheapest
 * first; text is looked at only for messages that the rest leaves. */
#ifndef QUERY_SEARCH_H
#define QUERY_SEARCH_H

#include "mailbox/mailbox.h"

enum search_kind {
    SEARCH_ALL,
    SEARCH_AND,
    SEARCH_OR,
    SEARCH_NOT,
    SEARCH_SEQS,
    SEARCH_UIDS, /* set */
    SEARCH_FLAG,
    SEARCH_KEYWORD, /* number: FLAG_* ; text: keyword */
    SEARCH_BEFORE,
    SEARCH_ON,
    SEARCH_SINCE, /* number: day (INTERNALDATE) */
    SEARCH_SENTBEFORE,
    SEARCH_SENTON,
    SEARCH_SENTSINCE, /* number: day (Date field) */
    SEARCH_LARGER,
    SEARCH_SMALLER, /* number: octets */
    SEARCH_HEADER,  /* field, text ("" : field present) */
    SEARCH_BODY,
    SEARCH_TEXT, /* text */
};

struct search_key {
    enum search_kind kind;
    struct search_key *next;     /* sibling */
    struct search_key *children; /* AND, OR (two), NOT (one) */
    uint64_t number;
    struct numset set;        /* sequence numbers or UIDs, resolved */
    struct bytes field, text; /* text is UTF-8 already */
};

/* Adds to *found the sequence numbers of messages that match key, rising. tick (may be NULL) is
 * called now and then on long searches; false stops it. */
bool search_run(struct mailbox *mailbox, const struct search_key *key, struct numset *found,
                bool (*tick)(void *context), void *context, struct error *err);

#endif
