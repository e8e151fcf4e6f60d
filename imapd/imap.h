/* One IMAP session after login: state, replies, and the table of commands. A command parses its arguments wholly (parser.h), then acts, then
 * answers. */
#ifndef IMAPD_IMAP_H
#define IMAPD_IMAP_H

#include "imapd/parser.h"
#include "mailbox/append.h"
#include "mailbox/mailbox.h"
#include "mailbox/store.h"
#include "serve/serve.h"

enum { /* states in which a command is allowed */
    IMAP_AUTHENTICATED = 1 << 0,
    IMAP_SELECTED = 1 << 1,
    IMAP_ANY = IMAP_AUTHENTICATED | IMAP_SELECTED,
};

enum imap_sync { /* which untagged changes the end of a command may report (RFC 3501, 5.2, 7.4.1) */
    IMAP_SYNC_NONE,    /* the command does it itself or changes the selection */
    IMAP_SYNC_KEEP,    /* no EXPUNGE: FETCH, STORE, SEARCH */
    IMAP_SYNC_ALL,
};

struct imap {
    struct session *session;
    const struct conf *conf;
    struct input *in;
    struct output *out;
    struct parser parser;
    struct arena *arena;       /* of the command */
    struct store *store;
    struct mailbox *mailbox;   /* selected, or NULL */
    struct bytes tag;
    bool uid;                  /* the command came as UID ... */
    bool logout;               /* end after this command */
    const struct imap_command *command;
    struct imap_counts { uint64_t fetched, body_bytes, appended, expunged, commands; } counts; /* for the log line at the end */
};

struct imap_command {
    const char *name; /* upper case; "UID FETCH" for the UID forms */
    /* Parses, acts, answers by imap_ok/no/bad. False: the parser failed (the dispatcher answers BAD) or the connection broke. */
    bool (*run)(struct imap *imap);
    unsigned states;
    enum imap_sync sync;
};
extern const struct imap_command imap_commands[]; /* commands.c; ended by name NULL */

/* Tagged answers; code without brackets or NULL. imap_ok first reports changes as command->sync allows. All return true. */
bool imap_ok(struct imap *imap, const char *code, const char *text);
bool imap_no(struct imap *imap, const char *code, const char *text);
bool imap_bad(struct imap *imap, const char *text);
/* NO from an error: response code and words by class (error_reply), details to the log. */
bool imap_error(struct imap *imap, const struct error *err);
/* "* ..." lines. */
void imap_untagged(struct imap *imap, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reports changes of the selected mailbox (EXPUNGE, EXISTS, RECENT, FLAGS, FETCH). */
bool imap_sync(struct imap *imap, enum imap_sync how, struct error *err);
/* Resolves a sequence set of the command (UIDs when imap->uid) to sequence numbers of the selected mailbox. False: failed parser (BAD) for
 * numbers beyond EXISTS in a non-UID command. */
bool imap_set(struct imap *imap, struct bytes text, struct numset *seqs);

/* Writing values into imap->out. */
void imap_write_flags(struct imap *imap, const struct message *message);         /* "(\Seen $Forwarded)" */
void imap_write_astring(struct imap *imap, struct bytes text);                   /* atom, quoted or literal */
void imap_write_string(struct imap *imap, struct bytes text);                    /* quoted or literal, never NIL */
void imap_write_mailbox(struct imap *imap, struct bytes utf8);                   /* as modified UTF-7 astring */
const char *imap_capabilities(const struct login *login);                        /* capability.c; NULL: after login */

/* Commands of other files (fetch.c, search.c, store.c ...), one declaration each. */
bool imap_fetch(struct imap *imap);
bool imap_search(struct imap *imap);
bool imap_store(struct imap *imap);
bool imap_expunge(struct imap *imap);
bool imap_copy(struct imap *imap);
bool imap_move(struct imap *imap);

/* The FETCH response line of one message's flags ("* 3 FETCH (FLAGS (...) UID n)"), used by STORE and sync. with_uid as UID commands want it. */
void imap_fetch_flags(struct imap *imap, uint32_t seq, bool with_uid);

#endif
