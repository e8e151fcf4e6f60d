/* A user's mail: its namespaces, the tree of mailboxes, subscriptions. Names are UTF-8 with the
 * namespace's prefix and separator, as IMAP shows them; INBOX in any case. Protocol code knows
 * nothing of formats, paths or files. */
#ifndef MAILBOX_STORE_H
#define MAILBOX_STORE_H

#include <time.h>
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "conf/conf.h"

struct store;

struct store_user {
    const char *name;        /* user@domain or user */
    const char *home;        /* "" when none */
    const char *service;     /* "imap", ... for %s */
    const struct conf *conf; /* with the user's settings applied; outlives the store */
};

/* Finds where the mail is (conf->mail, namespaces; or ~/Maildir, an mbox spool, a new ~/Maildir),
 * creates what is missing for INBOX, and the mailboxes that are configured to be there at first
 * login. Errors name user and path. */
struct store *store_open(const struct store_user *user, struct error *err);
/* The same, but makes nothing: for looking. */
struct store *store_look(const struct store_user *user, struct error *err);
void store_close(struct store **store);
/* Which rule gave the location, in a sentence each; for `mailadm user`. Appended. */
struct buf;
void store_explain(const struct store *store, struct buf *out);

enum {
    LIST_NOSELECT = 1 << 0,    /* a level of hierarchy without a mailbox of its own */
    LIST_NONEXISTENT = 1 << 1, /* subscribed, but not there */
    LIST_HASCHILDREN = 1 << 2,
    LIST_HASNOCHILDREN = 1 << 3,
    LIST_NOINFERIORS = 1 << 4,
    LIST_SUBSCRIBED = 1 << 5,
    LIST_CHILD_SUBSCRIBED =
        1 << 6, /* for LSUB's "%": some child that does not match is subscribed */
    LIST_MARKED = 1 << 7,
    LIST_UNMARKED = 1 << 8,
};

struct store_entry {
    struct bytes name; /* UTF-8, whole */
    char separator;
    unsigned attributes;
    struct bytes special_use; /* "\\Sent \\Archive", empty for none */
};

struct store_query {
    struct bytes *patterns; /* reference and pattern already joined; "*" any, "%" any but the
                               separator; UTF-8 */
    size_t patterns_count;
    bool subscribed;  /* LSUB, LIST (SUBSCRIBED): subscriptions are the source */
    bool special_use; /* only those with a special use */
};

/* Calls each() for every match in a stable order (INBOX first, then sorted, parents before
 * children). each returns false to stop. */
bool store_list(struct store *store, const struct store_query *query,
                bool (*each)(void *context, const struct store_entry *entry), void *context,
                struct error *err);

struct store_namespace {
    struct bytes prefix;
    char separator;
    enum { STORE_PRIVATE, STORE_SHARED, STORE_PUBLIC } kind;
    bool hidden;
};
/* The i-th namespace, counted from 0; false behind the last. */
bool store_namespace(const struct store *store, size_t i, struct store_namespace *out);
/* The separator that holds for name. */
char store_separator(const struct store *store, struct bytes name);

/* Each durable on return (DESIGN, section 6). create: missing parents too. ERROR_EXISTS,
 * ERROR_NO_SUCH, ERROR_INVALID (a name that the format cannot hold), ERROR_NOT_PERMITTED (deleting
 * INBOX), ... special_use: attributes to give it (RFC 6154) or empty. */
bool store_create(struct store *store, struct bytes name, struct bytes special_use,
                  struct error *err);
bool store_delete(struct store *store, struct bytes name, struct error *err);
/* Children move along; INBOX: its messages move, it stays, empty (RFC 3501, 6.3.5). */
bool store_rename(struct store *store, struct bytes from, struct bytes to, struct error *err);
bool store_subscribe(struct store *store, struct bytes name, bool on, struct error *err);
/* Whether a mailbox that can be selected is there. */
bool store_exists(struct store *store, struct bytes name, bool *exists, struct error *err);

struct store_status {
    uint32_t messages, recent, unseen, uidnext, uidvalidity;
    uint64_t size; /* sum of wire sizes; filled only when asked */
};
bool store_status(struct store *store, struct bytes name, bool want_size, struct store_status *out,
                  struct error *err);

/* Deletes what the `autoexpunge` settings say is too old. For the end of a session; errors go to
 * the log. */
void store_autoexpunge(struct store *store);

#endif
