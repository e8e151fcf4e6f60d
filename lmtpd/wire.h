/* What the processes of one connection tell each other (serve/privsep.h). The parser asks the monitor for a worker
 * for each recipient and then speaks with that worker alone:
 *
 *   parser -> monitor   RECIPIENT local, domain
 *   monitor -> parser   WORKER + descriptor of its socket, or REFUSED
 *   worker -> parser    ACCOUNT class, user, detail      it found the user and became him, or not
 *   parser -> worker    OPEN
 *   worker -> parser    OPENED + descriptor of a new file, or FAILED class
 *   parser -> worker    COMMIT size, wire size, sender, recipient, Message-ID
 *   worker -> parser    DONE, or FAILED class
 *
 * The end of the socket is the order to give up: what is not committed vanishes. Nothing that the parser says is
 * trusted: sizes are compared with the file, words only go to the log. */
#ifndef LMTPD_WIRE_H
#define LMTPD_WIRE_H

#include "serve/privsep.h"

enum {
    LMTP_RECIPIENT = PRIVSEP_OWN,
    LMTP_WORKER,
    LMTP_REFUSED,
    LMTP_ACCOUNT,
    LMTP_OPEN,
    LMTP_OPENED,
    LMTP_COMMIT,
    LMTP_DONE,
    LMTP_FAILED,
};

enum {
    LMTP_WORDS_MAX = 512,       /* octets of a field that is only for the log */
    /* Milliseconds that the parser waits for workers, for all together: below what a client waits (RFC 5321, 4.5.3.2) for
     * the answers to RCPT (5 minutes), DATA (2 minutes) and the dot (10 minutes), so that one slow mailbox puts off
     * its own recipient alone. */
    LMTP_PATIENCE_WHO = 150 * 1000,
    LMTP_PATIENCE_OPEN = 80 * 1000,
    LMTP_PATIENCE_COMMIT = 300 * 1000,
};

/* A 64-bit number as a field. */
static inline void wire_put_u64(struct buf *buf, uint64_t value)
{
    field_put_number(buf, (uint32_t)(value >> 32));
    field_put_number(buf, (uint32_t)value);
}

static inline bool wire_get_u64(struct bytes *rest, uint64_t *value)
{
    uint32_t high, low;
    if (!field_get_number(rest, &high) || !field_get_number(rest, &low))
        return false;
    *value = (uint64_t)high << 32 | low;
    return true;
}

#endif
