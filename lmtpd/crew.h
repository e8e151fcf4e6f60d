/* The workers of a connection (worker.h): one is started for a recipient, and stays for a while for
 * the recipients of the messages that follow. A worker takes one message at a time, and at most
 * CREW_MESSAGES in its life.
 *
 * Whom may it serve? The account that it became, again and again. And another one only where the
 * kernel draws no line between the two: same uid, same gid, no groups, as virtual users have them
 * who share one mail uid. Such a process could open the other's mail before it was asked to; the
 * fence between these two users is what their mailboxes are called, in whichever process. Nothing
 * of the first is left open, and who has settings of his own gets a worker of his own. Should users
 * of one uid be fenced off from each other one day (Landlock), may_become() in crew.c has to say no
 * to it. */
#ifndef LMTPD_CREW_H
#define LMTPD_CREW_H

#include <sys/types.h>

#include "auth/account.h"
#include "base/buf.h"

enum {
    CREW_MESSAGES = 100,
    CREW_IDLE = 10 * 1000,  /* milliseconds that a worker without work is kept */
    CREW_KNOWN = 10 * 1000, /* that it counts as what its address was found to be */
};

struct hand {
    pid_t pid;          /* 0: this place is free; whoever reaps it says so by crew_reaped */
    int control;        /* to the worker; -1: it was told to end */
    struct buf address; /* the fields local part and domain that it was last found by */
    int64_t found;      /* when, of wait_clock() */
    struct buf packed;  /* its account */
    char name[ACCOUNT_NAME_MAX + 1];
    uid_t uid;
    gid_t gid;
    bool alone;      /* has groups or settings of its own */
    uint32_t detail; /* octets at the end of the local part */
    unsigned messages;
    bool busy;
    int64_t idle; /* since when it is not */
};

/* Who a recipient is. */
struct found {
    struct bytes address;
    struct buf packed;
    struct account account;
    uint32_t detail;
    int64_t when;
};

struct crew {
    struct hand *hands;
    size_t most, used, alive; /* places, those that ever were taken, processes */
};

bool crew_open(struct crew *crew, size_t most, struct error *err);
void crew_free(struct crew *crew);
/* One without work that was lately found by this address; NULL: none. */
struct hand *crew_same(struct crew *crew, struct bytes address);
/* One without work that may serve who was found, best the one that already is him. NULL: none. */
struct hand *crew_fit(struct crew *crew, const struct found *found);
/* A place for a new worker; NULL: so many are at work. */
struct hand *crew_place(struct crew *crew);
/* The process pid, reached by control, has this place now. */
void crew_start(struct crew *crew, struct hand *hand, pid_t pid, int control);
/* What the worker is told: the detail, and the account where it has to become another one; found
 * NULL: all as before. */
void crew_order(const struct hand *hand, const struct found *found, struct buf *order);
/* It has work, for who was found or (NULL) as before. */
void crew_busy(struct hand *hand, const struct found *found);
/* Lets those go that have had nothing to do for long, or have served enough. True when none is
 * left. */
bool crew_tidy(struct crew *crew);
void crew_dismiss(struct hand *hand);
void crew_dismiss_all(struct crew *crew);
/* A process ended; false: not one of these. */
bool crew_reaped(struct crew *crew, pid_t pid);

#endif
