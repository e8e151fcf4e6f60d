#include "mailbox/store.h"

#include <stdlib.h>
#include "base/buf.h"
#include "mailbox/store_private.h"

#define MEMORY ((size_t)4 << 20)

static bool copy_user(struct store *store, const struct store_user *user, struct error *err)
{
    store->user.name = arena_copy(store->arena, bytes_of(user->name));
    store->user.home = arena_copy(store->arena, bytes_of(user->home ? user->home : ""));
    store->user.service = arena_copy(store->arena, bytes_of(user->service ? user->service : ""));
    store->user.conf = user->conf;
    return (store->user.name && store->user.home && store->user.service) || error_memory(err);
}

/* INBOX is not there and cannot be made, though nobody forbids it: something else has its place. */
static bool in_the_way(const struct location *location, struct error *reason, struct error *err)
{
    bool exists = false;
    if (reason->class != ERROR_EXISTS && reason->class != ERROR_NO_SUCH)
        return error_set(err, reason->class, "%s", reason->text);
    if (location->format->exists(location, BYTES("INBOX"), &exists, NULL) && exists)
        return true; /* another session made it meanwhile */
    return error_set(err, ERROR_CORRUPT,
                     "%s cannot be made (%s): move away what is there and is no directory",
                     location->inbox ? location->inbox : location->root, reason->text);
}

/* A user's first visit makes INBOX, and the way to it. */
static bool make_inbox(struct store *store, struct error *err)
{
    const struct namespace *ns = namespace_of(store, BYTES("INBOX"));
    const struct location *location = &ns->location;
    struct error reason = { 0 };
    bool exists;
    if (!location->format->exists(location, BYTES("INBOX"), &exists, err))
        return false;
    return exists || location->format->create(location, BYTES("INBOX"), &reason) ||
           in_the_way(location, &reason, err);
}

struct store *store_look(const struct store_user *user, struct error *err)
{
    struct arena *arena = arena_create(MEMORY);
    struct store *store = arena ? arena_alloc(arena, sizeof(*store)) : NULL;
    if (!store) {
        arena_destroy(&arena);
        error_memory(err);
        return NULL;
    }
    store->arena = arena;
    if (!copy_user(store, user, err) || !namespace_open_all(store, err))
        store_close(&store);
    return store;
}

struct store *store_open(const struct store_user *user, struct error *err)
{
    struct store *store = store_look(user, err);
    if (!store)
        return NULL;
    if (!make_inbox(store, err)) {
        store_close(&store);
        return NULL;
    }
    store_make_configured(store);
    return store;
}

void store_close(struct store **store)
{
    if (!*store)
        return;
    mailbox_close(&(*store)->parked);
    struct arena *arena = (*store)->arena; /* holds the store itself */
    arena_destroy(&arena);
    *store = NULL;
}

static void explain_place(const struct namespace *ns, struct buf *out)
{
    const struct location *location = &ns->location;
    buf_printf(out, "    %s in %s, %s", location->format->name, location->root,
               location->layout_fs ? "directories in directories (LAYOUT=fs)" : "Maildir++");
    if (location->inbox)
        buf_printf(out, ", INBOX in %s", location->inbox);
    if (location->control)
        buf_printf(out, ", control files in %s", location->control);
    if (location->index)
        buf_printf(out, ", index in %s", location->index);
    if (location->index_memory)
        buf_string(out, ", index only in memory");
    buf_byte(out, '\n');
}

void store_explain(const struct store *store, struct buf *out)
{
    for (size_t i = 0; i < store->count; i++) {
        const struct namespace *ns = &store->namespaces[i];
        buf_printf(out, "namespace %zu%s%s: prefix \"%.*s\", separator \"%c\"%s%s%s\n", i + 1,
                   ns->name[0] ? " " : "", ns->name, BYTES_FMT(ns->prefix), ns->separator,
                   ns->inbox ? ", with INBOX" : "", ns->hidden ? ", hidden" : "",
                   ns->list ? "" : ", not listed");
        buf_printf(out, "    because %s\n", ns->why);
        explain_place(ns, out);
    }
}
