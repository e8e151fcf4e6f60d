/* Creating, deleting, renaming, subscribing. */
#include <stdlib.h>
#include "base/unicode.h"
#include "mailbox/store_private.h"

#define MEMORY ((size_t)1 << 20)

/* A new name: well-formed, and not what some namespace is called. */
static bool check_new(struct store *store, struct bytes name, struct error *err)
{
    if (!utf8_valid(name))
        return error_set(err, ERROR_INVALID, "the mailbox name is not UTF-8");
    for (size_t i = 0; i < store->count; i++) {
        struct bytes prefix = store->namespaces[i].prefix;
        if (prefix.len > 0 && bytes_equal(name, bytes_take(prefix, prefix.len - 1)) &&
            !name_is_inbox(name))
            return error_set(err, ERROR_NOT_PERMITTED, "\"%.*s\" is the name of a namespace",
                             BYTES_FMT(name));
    }
    return true;
}

/* RFC 3501, 6.3.3: a separator at the end only says that there will be children. */
static struct bytes without_end(struct store *store, struct bytes name)
{
    if (name.len > 1 && name.data[name.len - 1] == store_separator(store, name))
        name.len--;
    return name;
}

/* RFC 6154, 3: uses are given by the configuration; asking for the one a mailbox has is no error.
 */
static bool check_use(struct store *store, struct bytes name, struct bytes use, struct error *err)
{
    const struct conf *conf = store->user.conf;
    if (use.len == 0)
        return true;
    for (size_t i = 0; i < conf->mailboxes_count; i++)
        if (bytes_equal(name, bytes_of(conf->mailboxes[i].name)) &&
            bytes_equal_nocase(use, bytes_of(conf->mailboxes[i].special_use)))
            return true;
    return error_set(err, ERROR_NOT_PERMITTED,
                     "the special use %.*s of \"%.*s\" can only be given by the configuration: "
                     "mailbox \"%.*s\" { "
                     "special_use = ... }",
                     BYTES_FMT(use), BYTES_FMT(name), BYTES_FMT(name));
}

/* The format knows the name inside its namespace; the user knows the whole one. */
static bool reword(struct bytes name, struct error *err)
{
    if (err && err->class == ERROR_EXISTS)
        error_set(err, ERROR_EXISTS, "mailbox \"%.*s\" exists already", BYTES_FMT(name));
    else if (err && err->class == ERROR_NO_SUCH)
        error_set(err, ERROR_NO_SUCH, "there is no mailbox \"%.*s\"", BYTES_FMT(name));
    return false;
}

static bool create(struct store *store, struct bytes name, struct arena *arena, struct error *err)
{
    const struct location *location;
    struct bytes inner;
    return store_locate(store, name, arena, &location, &inner, err) &&
           (location->format->create(location, inner, err) || reword(name, err));
}

bool store_create(struct store *store, struct bytes name, struct bytes special_use,
                  struct error *err)
{
    struct arena *arena = arena_create(MEMORY);
    name = without_end(store, name);
    bool good = arena ? check_new(store, name, err) && check_use(store, name, special_use, err) &&
                            create(store, name, arena, err)
                      : error_memory(err);
    arena_destroy(&arena);
    return good;
}

bool store_delete(struct store *store, struct bytes name, struct error *err)
{
    struct arena *arena = arena_create(MEMORY);
    const struct location *location;
    struct bytes inner;
    bool good = arena != NULL || error_memory(err);
    if (good && name_is_inbox(name))
        good = error_set(err, ERROR_NOT_PERMITTED, "INBOX cannot be deleted");
    good = good && store_locate(store, name, arena, &location, &inner, err) &&
           (location->format->remove(location, inner, err) || reword(name, err));
    arena_destroy(&arena);
    return good;
}

/* RFC 3501, 6.3.5: INBOX stays, its messages go to a new mailbox. */
static bool rename_inbox(struct store *store, struct bytes to, struct error *err)
{
    struct numset all = { 0 };
    struct copy_result result = { 0 };
    struct mailbox *inbox = mailbox_open(store, BYTES("INBOX"), true, err);
    if (!inbox)
        return false;
    uint32_t count = mailbox_count(inbox);
    bool good = store_create(store, to, (struct bytes){ 0 }, err);
    if (good && count > 0) {
        good = numset_add(&all, 1, count) || error_memory(err);
        good = good && mailbox_copy(inbox, &all, to, true, &result, err);
        free(result.from);
        free(result.to);
    }
    numset_free(&all);
    mailbox_close(&inbox);
    return good;
}

static bool rename_other(struct store *store, struct bytes from, struct bytes to,
                         struct arena *arena, struct error *err)
{
    const struct location *source, *target;
    struct bytes old, new;
    if (!store_locate(store, from, arena, &source, &old, err) ||
        !store_locate(store, to, arena, &target, &new, err))
        return false;
    if (source != target)
        return error_set(err, ERROR_NOT_PERMITTED,
                         "a mailbox cannot be renamed into another namespace; create it there and "
                         "move the messages");
    return source->format->rename(source, old, new, err);
}

bool store_rename(struct store *store, struct bytes from, struct bytes to, struct error *err)
{
    to = without_end(store, to);
    if (!check_new(store, to, err))
        return false;
    if (name_is_inbox(to))
        return error_set(err, ERROR_EXISTS, "INBOX exists already");
    if (name_is_inbox(from))
        return rename_inbox(store, to, err);
    struct arena *arena = arena_create(MEMORY);
    bool good = arena ? rename_other(store, from, to, arena, err) : error_memory(err);
    arena_destroy(&arena);
    return good;
}

bool store_subscribe(struct store *store, struct bytes name, bool on, struct error *err)
{
    struct arena *arena = arena_create(MEMORY);
    struct namespace *ns;
    struct bytes inner;
    bool good = arena != NULL || error_memory(err);
    if (good && !utf8_valid(name))
        good = error_set(err, ERROR_INVALID, "the mailbox name is not UTF-8");
    good = good && namespace_subscription(store, name, arena, &ns, &inner, err) &&
           ns->location.format->subscriptions_set(&ns->location, inner, on, err);
    arena_destroy(&arena);
    return good;
}

bool store_exists(struct store *store, struct bytes name, bool *exists, struct error *err)
{
    struct arena *arena = arena_create(MEMORY);
    const struct location *location;
    struct bytes inner;
    struct error reason;
    *exists = false;
    if (!arena)
        return error_memory(err);
    bool good = store_locate(store, name, arena, &location, &inner, &reason);
    if (good)
        good = location->format->exists(location, inner, exists, err);
    else
        good = reason.class == ERROR_NO_SUCH || reason.class == ERROR_INVALID ||
               error_set(err, reason.class, "%s", reason.text);
    arena_destroy(&arena);
    return good;
}
