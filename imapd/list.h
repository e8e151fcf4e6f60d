/* What a LIST or LSUB command asks for. */
#ifndef IMAPD_LIST_H
#define IMAPD_LIST_H

#include "imapd/imap.h"

enum { /* selection options (RFC 5258, 3.1; RFC 6154, 2) */
       LIST_SELECT_SUBSCRIBED = 1 << 0,
       LIST_SELECT_SPECIAL_USE = 1 << 1,
       LIST_SELECT_REMOTE = 1 << 2, /* there are none */
       LIST_SELECT_RECURSIVE = 1 << 3,
};

enum { /* return options (RFC 5258, 3.2; RFC 5819; RFC 6154) */
       LIST_RETURN_SUBSCRIBED = 1 << 0,
       LIST_RETURN_CHILDREN = 1 << 1,
       LIST_RETURN_SPECIAL_USE = 1 << 2,
       LIST_RETURN_STATUS = 1 << 3,
};

struct list_request {
    bool extended; /* it had any of RFC 5258's forms */
    unsigned select, returns;
    unsigned status_items;
    struct bytes reference; /* UTF-8 */
    struct bytes *patterns; /* joined with the reference, UTF-8; those that are no valid modified
                               UTF-7 match nothing and are left out */
    size_t patterns_count;
    bool root; /* the pattern is "": only the separator and the root are asked for */
};

/* The arguments and the end of the command. False: the parser failed. */
bool list_parse(struct imap *imap, struct list_request *request);
bool list_parse_lsub(struct imap *imap, struct list_request *request);

#endif
