/* One POP3 connection (RFC 1939): state, replies and the table of commands. The same structure serves the
 * two processes of a connection: the one that speaks with a stranger has login set, the one that is the
 * user has session set. A handler answers and returns; it ends the conversation by setting end. */
#ifndef POP3D_POP3_H
#define POP3D_POP3_H

#include "base/buf.h"
#include "mailbox/mailbox.h"
#include "mailbox/store.h"
#include "serve/serve.h"

enum {
    POP3_LINE_MAX = 2048,  /* octets of a command; RFC 2449, 4 asks for 255 */
    POP3_SASL_MAX = 12288, /* octets of a line of a SASL exchange (RFC 4954, 4) */
    POP3_ERRORS_MAX = 20,  /* commands that fail in a row end the conversation */
};

enum { /* states in which a command is allowed */
    POP3_AUTHORIZATION = 1 << 0,
    POP3_TRANSACTION = 1 << 1,
    POP3_ANY = POP3_AUTHORIZATION | POP3_TRANSACTION,
};

struct pop3;

struct pop3_command {
    const char *name;
    void (*run)(struct pop3 *pop3, struct bytes argument);
    unsigned states;
    bool argument;  /* it must have one; without, the handler decides */
    bool bare;      /* it must have none */
    bool plaintext; /* it sends a password readably: only where that is allowed */
};
extern const struct pop3_command pop3_commands[]; /* commands.c; ended by name NULL */

struct maildrop;

struct pop3 {
    const struct conf *conf;
    struct input *in;
    struct output *out;
    struct login *login;     /* AUTHORIZATION */
    struct session *session; /* TRANSACTION */
    unsigned state;
    bool end;                /* after this command */
    unsigned errors;         /* -ERR in a row */
    bool utf8;               /* UTF8 was given (RFC 6856, 2.1) */
    struct buf user;         /* of USER, for PASS */
    char methods[256];       /* TRANSACTION: what CAPA said about USER and SASL before */
    struct maildrop *drop;   /* TRANSACTION */
    struct pop3_counts {
        uint64_t top, top_octets, retr, retr_octets, deleted, size;
    } counts;
};

/* "+OK text" and "-ERR [code] text"; code "" for none (RFC 2449, 8). */
void pop3_ok(struct pop3 *pop3, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pop3_err(struct pop3 *pop3, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* -ERR from an error: code and words by its class, the details to the log as trouble with what. */
void pop3_error(struct pop3 *pop3, const struct error *err, const char *what);

/* Reads commands and runs them until end is set or the connection is gone: then false with *err. */
bool pop3_converse(struct pop3 *pop3, struct error *err);
/* Splits a line into command name and argument, and runs the command. */
void pop3_command(struct pop3 *pop3, struct bytes line);

/* The two halves of the program (struct service). */
void pop3_login(struct login *login);
int pop3_session(struct session *session);

/* What goes from login to session: UTF8 mode, and what CAPA said about USER and SASL. */
size_t pop3_resume_write(const struct pop3 *pop3, char *out, size_t size);
bool pop3_resume_read(struct pop3 *pop3, struct bytes resume);

/* The handlers, by file. */
void pop3_capa(struct pop3 *pop3, struct bytes argument);  /* capability.c */
void pop3_user(struct pop3 *pop3, struct bytes argument);  /* authorization.c */
void pop3_pass(struct pop3 *pop3, struct bytes argument);
void pop3_apop(struct pop3 *pop3, struct bytes argument);
void pop3_stls(struct pop3 *pop3, struct bytes argument);
void pop3_auth(struct pop3 *pop3, struct bytes argument);  /* sasl.c */
void pop3_stat(struct pop3 *pop3, struct bytes argument);  /* transaction.c */
void pop3_list(struct pop3 *pop3, struct bytes argument);
void pop3_uidl(struct pop3 *pop3, struct bytes argument);
void pop3_dele(struct pop3 *pop3, struct bytes argument);
void pop3_rset(struct pop3 *pop3, struct bytes argument);
void pop3_noop(struct pop3 *pop3, struct bytes argument);
void pop3_retr(struct pop3 *pop3, struct bytes argument);  /* retrieve.c */
void pop3_top(struct pop3 *pop3, struct bytes argument);
void pop3_quit(struct pop3 *pop3, struct bytes argument);  /* session.c */
void pop3_utf8(struct pop3 *pop3, struct bytes argument);  /* language.c */
void pop3_lang(struct pop3 *pop3, struct bytes argument);

/* Answers a verdict other than AUTH_OK; last: the connection ends (authorization.c). */
void pop3_refuse(struct pop3 *pop3, enum auth_verdict verdict, bool last);
/* Whether login told the client that a password may be sent readably, and which mechanisms there are (capability.c). */
void pop3_methods(const struct pop3 *pop3, char *out, size_t size);

#endif
