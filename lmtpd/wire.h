/* What the processes of one connection tell each other (serve/privsep.h). The parser asks the monitor for a worker
 * for each recipient and then has a conversation with that worker alone:
 *
 *   parser -> monitor   RECIPIENT local, domain
 *   monitor -> finder   the same (finder.h)
 *   finder -> monitor   ACCOUNT class, then detail's length and account, or a sentence
 *   monitor -> worker   ORDER detail, account (empty: stay who you are) + its end of the conversation
 *   monitor -> parser   WORKER user, detail + the other end, or UNKNOWN class, or REFUSED
 *   worker -> parser    ACCOUNT class                    it is the user, or not
 *   parser -> worker    OPEN
 *   worker -> parser    OPENED + descriptor of a new file, or FAILED class
 *   parser -> worker    COMMIT size, wire size, sender, recipient, Message-ID
 *   worker -> monitor   IDLE                             it can take another ORDER
 *   worker -> parser    DONE, or FAILED class
 *
 * A conversation is one message. Its end is the order to give up: what is not committed vanishes. Nothing that the parser says is
 * trusted: sizes are compared with the file, words only go to the log. */
#ifndef LMTPD_WIRE_H
#define LMTPD_WIRE_H

#include "serve/privsep.h"

enum {
    LMTP_RECIPIENT = PRIVSEP_OWN,
    LMTP_WORKER,
    LMTP_REFUSED,
    LMTP_UNKNOWN,
    LMTP_ORDER,
    LMTP_IDLE,
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
