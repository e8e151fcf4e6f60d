/* One message on its way to its recipients: each has a worker process of his own, which opened a file and will
 * commit it. What fails for one does not touch the others. */
#ifndef LMTPD_DELIVERY_H
#define LMTPD_DELIVERY_H

#include "base/arena.h"
#include "base/error.h"
#include "lmtpd/body.h"

struct recipient {
    struct bytes address;    /* as written, without angle brackets */
    struct bytes user;       /* whose mail */
    struct bytes detail;     /* data NULL: none */
    struct recipient *same;  /* an earlier one with the same user and detail: one copy serves both */
    int worker, file;        /* descriptors, -1: none */
    uint64_t size, wire;     /* octets of the trace header */
    const struct delivery_answer *answer; /* set once it is decided */
};

/* What the client is told about one recipient. */
struct delivery_answer {
    int code;
    const char *enhanced, *words;
};

struct delivery {
    struct bytes from;       /* of MAIL, without angle brackets */
    struct recipient *recipients; /* in the transaction's arena, room for max */
    size_t count, max;
    bool open;               /* files are open, body takes text */
    struct body body;
    uint64_t limit;          /* octets in wire form; 0: none */
    bool too_big;
    int64_t until;           /* of wait_clock(): when the last answer is there */
    char head[16384];        /* the first octets, for the log's Message-ID */
    size_t head_len;
};

/* Asks the monitor who local@domain is. True: *recipient has a worker. False: *answer says what the client is told;
 * *lost: the monitor is gone. */
bool delivery_recipient(struct recipient *recipient, int monitor, struct bytes local,
                        struct bytes domain, struct arena *arena,
                        const struct delivery_answer **answer, bool *lost);
/* Recipients with the same user and detail as an earlier one share its copy. */
void delivery_same(struct delivery *delivery, struct recipient *recipient);

/* Has all workers open their files; trace writes each one's trace header. False: no memory. */
bool delivery_open(struct delivery *delivery,
                   struct bytes (*trace)(void *context, const struct recipient *recipient),
                   void *context);
void delivery_feed(struct delivery *delivery, struct bytes text); /* wire form, dots unstuffed */
/* Everything came: workers commit side by side. */
void delivery_commit(struct delivery *delivery);
/* Whether the recipient's answer comes within ms. */
bool delivery_settled(const struct recipient *recipient, int ms);
/* Waits for the answer of each recipient, in order. */
const struct delivery_answer *delivery_await(struct delivery *delivery,
                                             struct recipient *recipient);
/* Gives up what is not committed and closes everything. */
void delivery_end(struct delivery *delivery);

#endif
