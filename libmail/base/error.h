/* How a function says that it failed: a class for the program (and the client), a sentence for a
 * person. The sentence says what happened, to whom and what to do; it may name files, so it goes to
 * the log, while clients get it only where the caller decides so. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

/* The union of what IMAP, POP3 and LMTP can tell a client apart. */
enum error_class {
    ERROR_NONE,
    ERROR_TEMPORARY,     /* may work later; our or the machine's trouble */
    ERROR_NO_SUCH,       /* mailbox, user or message does not exist */
    ERROR_EXISTS,        /* already there */
    ERROR_NOT_PERMITTED, /* the system or a rule forbids it */
    ERROR_OVER_QUOTA,    /* quota or disk full */
    ERROR_TOO_BIG,       /* a limit on one message or argument */
    ERROR_CORRUPT,       /* stored data is not what it should be */
    ERROR_LIMIT,         /* a limit on number or memory */
    ERROR_CONFLICT,      /* somebody else holds or changed it */
    ERROR_INVALID,       /* the request makes no sense as it is */
    ERROR_UNAVAILABLE,   /* a service that we need does not answer */
    ERROR_CLASSES
};

struct error {
    enum error_class class;
    char text[500]; /* UTF-8, one line, NUL-terminated */
};

/* Fill *err (which may be NULL) and return false, so that one can write: return error_set(...). */
bool error_set(struct error *err, enum error_class class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same from an errno value: the class follows from it and its text is appended after ": ". */
bool error_errno(struct error *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool error_memory(struct error *err); /* ERROR_LIMIT, "out of memory" */
/* Puts words in front: "opening INBOX: " + what was there. Returns false. */
bool error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What each protocol says for a class (RFC 5530; RFC 2449, 3206; RFC 3463). */
struct error_reply {
    const char *imap;     /* response code without brackets, "" for none */
    const char *pop3;     /* "SYS/TEMP", "SYS/PERM", "IN-USE", ... or "" */
    int smtp;             /* 451, 550, ... */
    const char *enhanced; /* "4.3.0", "5.1.1", ... */
    const char *words;    /* a short sentence fit for a client */
};
const struct error_reply *error_reply(enum error_class class);

#endif
