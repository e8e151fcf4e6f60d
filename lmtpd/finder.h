/* The process that finds out who an address is. It alone reads the user data base, so that neither
 * the monitor nor any process that delivers ever has a password in its memory. The first question
 * starts it, and it answers those that follow, one after the other; but not for long, since it
 * opened the password files when it started: who moves is known within FINDER_LIFE, and nobody is
 * called unknown by what was opened more than FINDER_FRESH ago. */
#ifndef LMTPD_FINDER_H
#define LMTPD_FINDER_H

#include <sys/types.h>

#include "lmtpd/recipient.h"

enum { FINDER_LIFE = 10 * 1000, FINDER_FRESH = 1000 }; /* milliseconds */

struct finder {
    const struct conf *conf;
    pid_t pid;       /* 0: none is running; whoever reaps it sets it to 0 */
    int fd;          /* -1: none is running */
    int64_t started; /* of wait_clock() */
};
#define FINDER_INIT(conf_) ((struct finder){ .conf = (conf_), .fd = -1 })

/* address: the fields local part and domain (lmtpd/wire.h), checked by the caller. Puts the account
 * into *packed (account_pack); *detail: so many octets at the end of the local part name a mailbox,
 * 0: none do. Errors as recipient_lookup; ERROR_UNAVAILABLE when no answer came in time, or the
 * other side of watch is gone, so that nobody wants one. */
bool finder_ask(struct finder *finder, struct bytes address, int watch, struct buf *packed,
                uint32_t *detail, struct error *err);
/* Lets one that is too old go; true when there is none. */
bool finder_tidy(struct finder *finder);
void finder_end(struct finder *finder);

#endif
