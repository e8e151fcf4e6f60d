/* The items of STATUS, shared with LIST's RETURN (STATUS (...)). */
#ifndef IMAPD_STATUS_H
#define IMAPD_STATUS_H

#include "imapd/imap.h"

/* "(" item *(SP item) ")" as bits; never 0 on success. False: the parser failed. */
bool status_items(struct parser *parser, unsigned *items);
/* Sends "* STATUS mailbox (...)". */
bool status_write(struct imap *imap, struct bytes mailbox, unsigned items, struct error *err);

#endif
