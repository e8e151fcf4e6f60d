/* Two processes of one connection: one without privileges that parses what strangers send, and its
 * monitor. They speak over a SOCK_SEQPACKET pair: a message is a type (32 bits) and a payload of
 * bounded size, with at most one descriptor. The monitor's side admits messages through a gate: a
 * table of what may come in which state, how often and how big; the first message that does not fit
 * ends the connection. Used by serve_main and by lmtpd, which has types of its own. */
#ifndef SERVE_PRIVSEP_H
#define SERVE_PRIVSEP_H

#include "auth/field.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "base/error.h"

#define PRIVSEP_MESSAGE_MAX 32768 /* octets of a payload, whatever the table says */
#define PRIVSEP_TYPES_MAX 32

/* Types below 8 belong to this room; a program's own start at PRIVSEP_OWN. */
enum { PRIVSEP_SIGN = 1, PRIVSEP_SIGNED = 2, PRIVSEP_OWN = 8 };

struct privsep_rule {
    const char *name;   /* for the log */
    unsigned type;      /* below PRIVSEP_TYPES_MAX */
    unsigned states;    /* in which it may come: a mask of the program's own state bits */
    unsigned count;     /* how often in the life of the connection; 0: any number */
    size_t least, most; /* octets of payload */
};
/* The rule for PRIVSEP_SIGN, to be put into a table: once, while states. */
#define PRIVSEP_RULE_SIGN(in_states)                                                               \
    {                                                                                              \
        "sign", PRIVSEP_SIGN, (in_states), 1, 5, 4096                                              \
    }

struct privsep_gate {
    const struct privsep_rule *rules;
    size_t rules_count;
    unsigned state; /* one bit; the monitor moves it */
    unsigned seen[PRIVSEP_TYPES_MAX];
};

/* Makes the pair and forks. Returns the child's id in the parent, 0 in the child, -1 with *err; *fd
 * is this side's end (close-on-exec). The child still has everything: it loads what it needs
 * (tls_load), then calls sandbox_enter. */
pid_t privsep_fork(int *fd, struct error *err);

/* Sends one message; pass: a descriptor to go with it, or -1. Blocks at most 30 s. */
bool privsep_send(int fd, unsigned type, struct bytes payload, int pass, struct error *err);

/* Waits for a message (timeout_ms, -1 for ever) and takes it through the gate, but leaves its
 * payload unread for a worker that shall have the secret in it: 1 and *type; 0 at the other side's
 * end; -1 with *err (ERROR_UNAVAILABLE: the time is over; ERROR_INVALID: not allowed, the sentence
 * is for the log). Who then reads it calls privsep_receive without a gate. */
int privsep_wait(int fd, struct privsep_gate *gate, int timeout_ms, unsigned *type,
                 struct error *err);
/* Drops the waiting message without copying its payload: after a worker died before it read it. */
void privsep_discard(int fd);
/* Reads one message: payload replaces *payload's content (set its limit to PRIVSEP_MESSAGE_MAX),
 * *passed is its descriptor or -1 (passed NULL: one that comes is closed). gate NULL: nothing is
 * checked: it was by privsep_wait, or this is the unprivileged side, which trusts its monitor.
 * Returns as privsep_wait. */
int privsep_receive(int fd, struct privsep_gate *gate, int timeout_ms, unsigned *type,
                    struct buf *payload, int *passed, struct error *err);

/* The monitor's answer to PRIVSEP_SIGN: call when privsep_wait said that type (its payload is still
 * unread). A short-lived worker that alone opens the key reads the request from fd, signs and
 * exits; the answer goes to the other side. False with *err (for the log) when no signature could
 * be made; the other side was told and will end its handshake. */
bool privsep_answer_sign(const struct conf *conf, int fd, struct error *err);
/* The unprivileged side's: a tls_signer (serve/tls.h) whose context is the int * of its end. */
bool privsep_sign(void *fd, unsigned algorithm, struct bytes data, struct buf *signature,
                  struct error *err);

#endif
