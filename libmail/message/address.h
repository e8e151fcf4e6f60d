/* Addresses of From, To, ...: RFC 5322, 3.4 with the obsolete forms, and what is found in the wild.
 * Never fails: what can't be read becomes an address with an empty host, so that the person still
 * sees it. */
#ifndef MESSAGE_ADDRESS_H
#define MESSAGE_ADDRESS_H

#include "base/arena.h"
#include "base/buf.h"

/* As ENVELOPE wants it (RFC 9051, 7.5.2): a group's start has mailbox = group name, host absent;
 * its end has both absent. data == NULL: NIL. */
struct address {
    struct address *next;
    struct bytes name, route, mailbox, host;
};

/* A list in order, allocated in arena; NULL for none (or no memory). value: a field's value, folds
 * allowed. */
struct address *address_parse(struct arena *arena, struct bytes value);
/* The list in IMAP's form: "((name route mailbox host)...)" or NIL. */
void address_write(struct buf *out, const struct address *list);

#endif
