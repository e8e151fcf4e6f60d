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
    struct bytes selected;     /* the name of mailbox, UTF-8; malloc */
    bool lost;                 /* the mailbox that was selected is gone: commands on it get NO [NONEXISTENT] */
    unsigned errors;           /* BAD answers in a row */
    int keywords_told;         /* how many keywords the FLAGS line of this command had; -1: it had none */
    bool watch_said;           /* the log has been told that IDLE must poll */
    enum imap_end { IMAP_END_NONE, IMAP_END_LOGOUT, IMAP_END_CLOSED, IMAP_END_IDLE, IMAP_END_TERMINATED, IMAP_END_ERRORS, IMAP_END_BROKEN } end;
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
/* The command of that name (in any case), or NULL. */
const struct imap_command *imap_command_find(struct bytes name);

/* Reads, runs and answers one command. False: the session ends (imap->end says why). */
bool imap_command(struct imap *imap);

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

/* Leaves the selected mailbox, if there is one, without expunging. */
void imap_unselect(struct imap *imap);
/* NO for an operation on a mailbox by name: "Mailbox NAME ..." by class; the details go to the log. */
bool imap_mailbox_error(struct imap *imap, struct bytes name, const struct error *err);
/* Sends what is buffered, then waits for the client, for watch_fd (-1: none), at most timeout_ms (-1: for ever). SIGTERM ends the wait. */
enum imap_event { IMAP_EVENT_CLIENT = 1, IMAP_EVENT_WATCH = 2, IMAP_EVENT_TIMEOUT = 4, IMAP_EVENT_END = 8 };
unsigned imap_wait(struct imap *imap, int watch_fd, int timeout_ms);

/* Writing values into imap->out. */
void imap_write_flags(struct imap *imap, const struct message *message);         /* "(\Seen $Forwarded)" */
/* "* " before "(\Answered ... $Forwarded", of all flags of the mailbox; the caller closes it. */
void imap_write_flag_names(struct imap *imap, const char *before);
void imap_write_astring(struct imap *imap, struct bytes text);                   /* atom, quoted or literal */
void imap_write_string(struct imap *imap, struct bytes text);                    /* quoted or literal, never NIL */
void imap_write_mailbox(struct imap *imap, struct bytes utf8);                   /* as modified UTF-7 astring */
const char *imap_capabilities(const struct login *login);                        /* capability.c; NULL: after login */

/* Commands of other files (fetch.c, search.c, store.c ...), one declaration each. */
bool imap_fetch(struct imap *imap);
bool imap_search(struct imap *imap);
bool imap_sort(struct imap *imap);
bool imap_thread(struct imap *imap);
bool imap_store(struct imap *imap);
bool imap_expunge(struct imap *imap);
bool imap_copy(struct imap *imap);
bool imap_move(struct imap *imap);

bool imap_append(struct imap *imap);
bool imap_select(struct imap *imap);
bool imap_examine(struct imap *imap);
bool imap_close(struct imap *imap);
bool imap_unselect_command(struct imap *imap);
bool imap_list(struct imap *imap);
bool imap_lsub(struct imap *imap);
bool imap_status(struct imap *imap);
bool imap_create(struct imap *imap);
bool imap_delete(struct imap *imap);
bool imap_rename(struct imap *imap);
bool imap_subscribe(struct imap *imap);
bool imap_unsubscribe(struct imap *imap);
bool imap_namespace(struct imap *imap);
bool imap_idle(struct imap *imap);
bool imap_enable(struct imap *imap);
bool imap_id(struct imap *imap);
bool imap_capability(struct imap *imap);
bool imap_noop(struct imap *imap);
bool imap_check(struct imap *imap);
bool imap_logout(struct imap *imap);

/* What imapd/main.c hands to serve_main(). */
void imap_login(struct login *login);
int imap_session(struct session *session);

/* The FETCH response line of one message's flags ("* 3 FETCH (FLAGS (...) UID n)"), used by STORE and sync. with_uid as UID commands want it. */
void imap_fetch_flags(struct imap *imap, uint32_t seq, bool with_uid);

#endif
