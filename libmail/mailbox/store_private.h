/* What the files of the store share. */
#ifndef MAILBOX_STORE_PRIVATE_H
#define MAILBOX_STORE_PRIVATE_H

#include "mailbox/format.h"

struct namespace
{
    const char *name;
    struct bytes prefix; /* ends with the separator unless empty */
    char separator;
    bool inbox, hidden, list, subscriptions;
    int kind; /* STORE_PRIVATE ... */
    struct location location;
    const char *why; /* a sentence: what said where it is */
};

struct store {
    struct arena *arena;
    struct store_user user;
    struct namespace *namespaces;
    size_t count;
    struct mailbox *parked; /* the last that was left, or NULL */
};

/* Fills store->namespaces from conf (namespace.c). */
bool namespace_open_all(struct store *store, struct error *err);
/* The namespace that holds name (longest prefix; INBOX in any case), or NULL. */
struct namespace *namespace_of(const struct store *store, struct bytes name);
/* The namespace in whose file the subscription of name is kept, and the name there ('/'-separated;
 * in arena). */
bool namespace_subscription(struct store *store, struct bytes name, struct arena *arena,
                            struct namespace **ns, struct bytes *inner, struct error *err);
/* A name inside a namespace as users see it, appended. */
void namespace_show(const struct namespace *ns, struct bytes inner, struct buf *out);
/* Whether name is INBOX (in any case), or lies below it: "inbox/x". */
bool name_is_inbox(struct bytes name);

/* Makes the mailboxes that are configured to be there (store_auto.c); errors go to the log. */
void store_make_configured(struct store *store);

/* Whether name matches pattern: "*" any octets, "%" any but separator. room: two rows of
 * pattern.len + 1 flags. */
bool pattern_match(struct bytes pattern, struct bytes name, char separator, bool *room);

#endif
