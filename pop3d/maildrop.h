/* The maildrop of RFC 1939: the messages of INBOX as they were at login, numbered 1..n for the whole session
 * whatever others do. Messages are marked as deleted here and removed only by maildrop_update(). */
#ifndef POP3D_MAILDROP_H
#define POP3D_MAILDROP_H

#include "mailbox/mailbox.h"
#include "mailbox/store.h"

struct maildrop {
    struct store *store;     /* owned */
    struct mailbox *mailbox; /* owned; locked against other POP3 sessions */
    uint32_t count;
    uint8_t *marks;          /* by number - 1: MARK_* */
    uint64_t *sizes;         /* by number - 1; filled by maildrop_measure */
    bool measured;
};

enum {
    MARK_DELETED = 1 << 0, /* by DELE */
    MARK_GONE = 1 << 1,    /* by somebody else meanwhile, or it cannot be read: no longer shown */
    MARK_SEEN = 1 << 2,    /* retrieved */
};

/* Opens and locks INBOX of the user. ERROR_CONFLICT: another POP3 session has it. NULL with *err. */
struct maildrop *maildrop_open(const struct store_user *user, struct error *err);
void maildrop_close(struct maildrop **drop); /* removes nothing; NULL inside is fine */

/* Whether number is a message that is there and not deleted. */
bool maildrop_has(const struct maildrop *drop, uint32_t number);
/* Finds out all sizes, once. A message whose size cannot be had becomes MARK_GONE. False without memory. */
bool maildrop_measure(struct maildrop *drop, struct error *err);
/* Octets of one message in wire form; measures only this one when not all are known. ERROR_NO_SUCH: gone. */
bool maildrop_size(struct maildrop *drop, uint32_t number, uint64_t *size, struct error *err);
/* Number and octets of what maildrop_has() has. Measured before. */
void maildrop_total(const struct maildrop *drop, uint32_t *count, uint64_t *octets);
uint32_t maildrop_deleted(const struct maildrop *drop);

/* The UPDATE state: removes what was deleted, or only marks it \Deleted when not expunge; durable on return. */
bool maildrop_update(struct maildrop *drop, bool expunge, struct error *err);
/* Gives what was retrieved the flag \Seen. */
bool maildrop_seen(struct maildrop *drop, struct error *err);

#endif
