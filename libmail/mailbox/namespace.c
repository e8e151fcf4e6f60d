/* Namespaces: which part of the tree a name belongs to, and what it is called there. */
#include <errno.h>
#include "base/unicode.h"
#include "mailbox/location.h"
#include "mailbox/store_private.h"

static const struct conf_namespace only = { .name = "",
                                            .prefix = "",
                                            .location = "",
                                            .inbox = true,
                                            .list = true,
                                            .subscriptions = true,
                                            .type = "private" };

static int kind_of(const char *type)
{
    return strcmp(type, "shared") == 0   ? STORE_SHARED
           : strcmp(type, "public") == 0 ? STORE_PUBLIC
                                         : STORE_PRIVATE;
}

static bool open_location(struct store *store, const struct conf_namespace *conf,
                          struct namespace *ns, struct error *err)
{
    const char *own = conf->location[0] ? conf->location : store->user.conf->mail;
    if (!own[0])
        return location_search(&store->user, store->arena, &ns->location, &ns->why, err);
    struct buf setting = BUF_INIT(300);
    if (conf->location[0])
        buf_printf(&setting, "namespace/%s/location", conf->name);
    else
        buf_string(&setting, "mail");
    const char *source = conf_source(store->user.conf, buf_cstr(&setting));
    ns->why = arena_printf(store->arena, "%s is \"%s\" (%s)", buf_cstr(&setting), own, source);
    bool good = location_parse(own, &store->user, store->arena, &ns->location, err) ||
                error_prefix(err, "%s: %s: ", source, buf_cstr(&setting));
    buf_free(&setting);
    return good && (ns->why || error_memory(err));
}

static bool open_one(struct store *store, const struct conf_namespace *conf, struct namespace *ns,
                     struct error *err)
{
    const struct conf_vars vars = { store->user.name, store->user.home, store->user.service };
    struct buf prefix = BUF_INIT(1000);
    if (!open_location(store, conf, ns, err))
        return false;
    ns->name = conf->name;
    ns->inbox = conf->inbox;
    ns->hidden = conf->hidden;
    ns->list = conf->list;
    ns->subscriptions = conf->subscriptions;
    ns->kind = kind_of(conf->type);
    ns->separator = conf->separator ? conf->separator : ns->location.separator;
    bool good = conf_expand(conf->prefix, &vars, &prefix, err);
    if (good && !utf8_valid(buf_view(&prefix)))
        good = error_set(err, ERROR_INVALID, "the prefix is not UTF-8");
    if (good && prefix.len > 0 && prefix.data[prefix.len - 1] != ns->separator)
        good = error_set(err, ERROR_INVALID, "prefix \"%s\" must end with the separator `%c'",
                         buf_cstr(&prefix), ns->separator);
    if (good && prefix.len > 0 && !(ns->prefix = arena_bytes(store->arena, buf_view(&prefix))).data)
        good = error_memory(err);
    if (!good)
        error_prefix(err, "namespace \"%s\" of user %s: ", conf->name, store->user.name);
    buf_free(&prefix);
    return good;
}

bool namespace_open_all(struct store *store, struct error *err)
{
    const struct conf *conf = store->user.conf;
    size_t count = conf->namespaces_count ? conf->namespaces_count : 1;
    store->namespaces = arena_array(store->arena, count, sizeof(*store->namespaces));
    if (!store->namespaces)
        return error_memory(err);
    store->count = count;
    for (size_t i = 0; i < count; i++)
        if (!open_one(store, conf->namespaces_count ? &conf->namespaces[i] : &only,
                      &store->namespaces[i], err))
            return false;
    return true;
}

bool name_is_inbox(struct bytes name)
{
    return bytes_equal_nocase(name, BYTES("INBOX"));
}

static struct namespace *inbox_namespace(const struct store *store)
{
    for (size_t i = 0; i < store->count; i++)
        if (store->namespaces[i].inbox)
            return &store->namespaces[i];
    return NULL;
}

/* "inbox." is "INBOX."; the rest of a prefix is as it is. */
static bool has_prefix(struct bytes name, struct bytes prefix)
{
    if (prefix.len > 5 && bytes_equal_nocase(bytes_take(prefix, 5), BYTES("INBOX")))
        return bytes_starts_nocase(name, bytes_take(prefix, 6)) &&
               bytes_starts(bytes_skip(name, 6), bytes_skip(prefix, 6));
    return bytes_starts(name, prefix);
}

struct namespace *namespace_of(const struct store *store, struct bytes name)
{
    struct namespace *best = NULL;
    if (name_is_inbox(name))
        return inbox_namespace(store);
    for (size_t i = 0; i < store->count; i++) {
        struct namespace *ns = &store->namespaces[i];
        if (has_prefix(name, ns->prefix) && (!best || ns->prefix.len > best->prefix.len))
            best = ns;
    }
    return best;
}

static bool invalid(struct bytes name, const char *why, struct error *err)
{
    return error_set(err, ERROR_INVALID, "mailbox name \"%.*s\" is not possible: %s",
                     BYTES_FMT(name), why);
}

/* The part behind the prefix with '/' between levels; the first level INBOX in capitals. */
static bool make_inner(const struct namespace *ns, struct bytes name, struct arena *arena,
                       struct bytes *inner, struct error *err)
{
    struct bytes rest = bytes_skip(name, ns->prefix.len);
    char *copy = arena_copy(arena, rest);
    if (!copy)
        return error_memory(err);
    for (size_t i = 0; i < rest.len; i++) {
        if (copy[i] == '/' && ns->separator != '/')
            return invalid(name, "it has a \"/\"", err);
        if (copy[i] == ns->separator)
            copy[i] = '/';
    }
    *inner = bytes_make(copy, rest.len);
    if (rest.len >= 5 && (rest.len == 5 || copy[5] == '/') && name_is_inbox(bytes_take(*inner, 5)))
        memcpy(copy, "INBOX", 5);
    return true;
}

bool store_locate(struct store *store, struct bytes name, struct arena *arena,
                  const struct location **location, struct bytes *inner, struct error *err)
{
    struct namespace *ns = namespace_of(store, name);
    if (!ns)
        return error_set(err, ERROR_NO_SUCH, "no namespace of user %s holds \"%.*s\"",
                         store->user.name, BYTES_FMT(name));
    *location = &ns->location;
    if (name_is_inbox(name)) {
        *inner = BYTES("INBOX");
        return true;
    }
    if (name.len == ns->prefix.len)
        return invalid(name, "it is empty, or only the prefix of a namespace", err);
    if (!make_inner(ns, name, arena, inner, err))
        return false;
    if (ns->inbox && bytes_equal(*inner, BYTES("INBOX")))
        return error_set(err, ERROR_NO_SUCH, "\"%.*s\" is called INBOX", BYTES_FMT(name));
    return true;
}

bool namespace_subscription(struct store *store, struct bytes name, struct arena *arena,
                            struct namespace **ns, struct bytes *inner, struct error *err)
{
    struct namespace *best = NULL;
    struct namespace *own = namespace_of(store, name);
    for (size_t i = 0; i < store->count; i++) {
        struct namespace *at = &store->namespaces[i];
        if (at->subscriptions && has_prefix(name, at->prefix) &&
            (!best || at->prefix.len > best->prefix.len))
            best = at;
    }
    if (own && (own->subscriptions || !best) && name_is_inbox(name))
        best = own;
    if (!best)
        return error_set(err, ERROR_NO_SUCH,
                         "no namespace of user %s keeps the subscription of \"%.*s\"",
                         store->user.name, BYTES_FMT(name));
    *ns = best;
    if (name_is_inbox(name)) {
        *inner = BYTES("INBOX");
        return true;
    }
    return make_inner(best, name, arena, inner, err);
}

void namespace_show(const struct namespace *ns, struct bytes inner, struct buf *out)
{
    if (ns->inbox && bytes_equal(inner, BYTES("INBOX"))) {
        buf_bytes(out, inner);
        return;
    }
    buf_bytes(out, ns->prefix);
    for (size_t i = 0; i < inner.len; i++)
        buf_byte(out, inner.data[i] == '/' ? ns->separator : inner.data[i]);
}

bool store_namespace(const struct store *store, size_t i, struct store_namespace *out)
{
    if (i >= store->count)
        return false;
    const struct namespace *ns = &store->namespaces[i];
    out->prefix = ns->prefix;
    out->separator = ns->separator;
    out->kind = ns->kind;
    out->hidden = ns->hidden;
    return true;
}

char store_separator(const struct store *store, struct bytes name)
{
    const struct namespace *ns = namespace_of(store, name);
    if (!ns)
        ns = inbox_namespace(store);
    return ns ? ns->separator : store->namespaces[0].separator;
}
