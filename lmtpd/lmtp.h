/* One LMTP connection (RFC 2033 over RFC 5321): state, replies, the table of commands. All of it runs in the parser. */
#ifndef LMTPD_LMTP_H
#define LMTPD_LMTP_H

#include "base/arena.h"
#include "base/input.h"
#include "base/output.h"
#include "lmtpd/connection.h"
#include "lmtpd/delivery.h"

enum {
    LMTP_LINE_MAX = 4096,      /* octets of a command; RFC 5321, 4.5.3.1.4 asks for 512, extensions for more */
    LMTP_ERRORS_MAX = 20,      /* commands that fail in a row end the conversation */
    LMTP_COMMANDS_MAX = 1000,  /* commands without a message between them */
    LMTP_TIMEOUT = 300,        /* seconds; RFC 5321, 4.5.3.2.7 */
};

enum { /* states in which a command is allowed */
    LMTP_GREETED = 1 << 0, /* before LHLO */
    LMTP_READY = 1 << 1,
    LMTP_MAIL = 1 << 2,    /* a transaction is open */
    LMTP_CHUNKS = 1 << 3,  /* within BDAT */
    LMTP_ANY = LMTP_GREETED | LMTP_READY | LMTP_MAIL | LMTP_CHUNKS,
};

struct lmtp;

struct lmtp_command {
    const char *name;
    void (*run)(struct lmtp *lmtp, struct bytes argument);
    unsigned states;
    bool bare; /* has no argument */
};
extern const struct lmtp_command lmtp_commands[]; /* commands.c; ended by name NULL */

struct lmtp {
    const struct connection *connection;
    const struct conf *conf;
    int monitor;                 /* descriptor of the monitor */
    struct transport *transport; /* NULL: pipes */
    struct input *in;
    struct output *out;
    const char *hostname;
    unsigned state;
    bool end;                    /* after this command */
    unsigned errors, commands;
    char client[256];            /* of LHLO, "" before it */
    struct arena *arena;         /* of the transaction */
    struct delivery delivery;    /* of the transaction */
    bool smtputf8;
    unsigned transactions;       /* number of the current one, for Received's id */
    struct { unsigned messages, delivered, failed; } counts;
};

/* "250 2.1.0 text"; enhanced "" for none (RFC 2034). */
void lmtp_reply(struct lmtp *lmtp, int code, const char *enhanced, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Ends the transaction: what is not committed vanishes. */
void lmtp_reset(struct lmtp *lmtp);
/* Strangers who have not said LHLO get login_timeout for it. */
void lmtp_patience(struct lmtp *lmtp);
/* Reads a command line and runs it until end is set or the connection is gone: then false with *err. */
bool lmtp_converse(struct lmtp *lmtp, struct error *err);
void lmtp_command(struct lmtp *lmtp, struct bytes line);

/* The handlers, by file. */
void lmtp_lhlo(struct lmtp *lmtp, struct bytes argument);     /* session.c */
void lmtp_starttls(struct lmtp *lmtp, struct bytes argument);
void lmtp_noop(struct lmtp *lmtp, struct bytes argument);
void lmtp_rset(struct lmtp *lmtp, struct bytes argument);
void lmtp_vrfy(struct lmtp *lmtp, struct bytes argument);
void lmtp_help(struct lmtp *lmtp, struct bytes argument);
void lmtp_quit(struct lmtp *lmtp, struct bytes argument);
void lmtp_mail(struct lmtp *lmtp, struct bytes argument);     /* envelope.c */
void lmtp_rcpt(struct lmtp *lmtp, struct bytes argument);
void lmtp_data(struct lmtp *lmtp, struct bytes argument);     /* data.c */
void lmtp_bdat(struct lmtp *lmtp, struct bytes argument);

#endif
