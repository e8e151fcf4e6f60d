/* LIST and LSUB: all names of all namespaces, with subscriptions and the levels between, sorted so
 * that parents stand before their children; then one pass gives each its attributes. The cost is
 * that of sorting. */
#include <stdlib.h>
#include "mailbox/store_private.h"

#define MEMORY ((size_t)256 << 20)
#define PATTERN_MAX 4000

struct node {
    struct bytes name; /* as users see it */
    char separator;
    bool there; /* a mailbox, or a level above one */
    bool selectable;
    bool subscribed;
    bool matches;
    unsigned attributes;
    struct bytes special_use;
};

struct listing {
    struct store *store;
    const struct store_query *query;
    struct arena *arena;
    const struct namespace *ns; /* whose names are coming */
    struct node *nodes;         /* malloc */
    size_t count, capacity;
    struct bytes *patterns; /* INBOX in capitals */
    bool *room;
    bool failed;
};

static struct node *add(struct listing *list, struct bytes name, const struct namespace *ns)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity * 2 + 64;
        struct node *nodes = reallocarray(list->nodes, capacity, sizeof(*nodes));
        list->failed |= !nodes;
        if (!nodes)
            return NULL;
        list->nodes = nodes;
        list->capacity = capacity;
    }
    struct node *node = &list->nodes[list->count];
    *node = (struct node){ .name = arena_bytes(list->arena, name), .separator = ns->separator };
    list->failed |= !node->name.data;
    if (!node->name.data)
        return NULL;
    list->count++;
    return node;
}

static struct node *add_inner(struct listing *list, struct bytes inner)
{
    struct buf name = BUF_INIT(8192);
    namespace_show(list->ns, inner, &name);
    struct node *node = buf_failed(&name) ? NULL : add(list, buf_view(&name), list->ns);
    buf_free(&name);
    return node;
}

static bool take_mailbox(void *context, struct bytes inner, bool selectable)
{
    struct listing *list = context;
    struct node *node = add_inner(list, inner);
    if (node) {
        node->there = true;
        node->selectable = selectable;
    }
    return !list->failed;
}

/* A namespace that is not listed shows itself to who asks for its prefix. */
static bool is_wanted(const struct listing *list, const struct namespace *ns)
{
    for (size_t i = 0; !ns->list && i < list->query->patterns_count; i++)
        if (ns->prefix.len > 0 && bytes_starts(list->patterns[i], ns->prefix))
            return true;
    return ns->list;
}

/* Subscriptions whose names belong to another namespace are that one's (subscriptions = no). */
static bool take_subscriptions(struct listing *list, const struct namespace *ns, struct error *err)
{
    struct bytes *names;
    size_t count;
    struct arena *arena = arena_create(MEMORY);
    if (!arena)
        return error_memory(err);
    bool good = ns->location.format->subscriptions_read(&ns->location, arena, &names, &count, err);
    list->ns = ns;
    for (size_t i = 0; good && i < count; i++) {
        struct node *node = add_inner(list, names[i]);
        if (!node)
            good = error_memory(err);
        else
            node->subscribed = true;
        const struct namespace *owner = node ? namespace_of(list->store, node->name) : NULL;
        if (owner)
            node->separator = owner->separator;
    }
    arena_destroy(&arena);
    return good;
}

static bool take_namespace(struct listing *list, const struct namespace *ns, struct error *err)
{
    if (is_wanted(list, ns)) {
        list->ns = ns;
        if (ns->prefix.len > 1) {
            struct node *node = add(list, bytes_take(ns->prefix, ns->prefix.len - 1), ns);
            if (node)
                node->there = true;
        }
        if (!ns->location.format->list(&ns->location, take_mailbox, list, err))
            return false;
    }
    if (list->failed)
        return error_memory(err);
    return !ns->subscriptions || take_subscriptions(list, ns, err);
}

static bool starts_inbox(const struct node *node)
{
    return bytes_starts_nocase(node->name, BYTES("INBOX")) &&
           (node->name.len == 5 || node->name.data[5] == node->separator);
}

/* INBOX and what is below it first, then level by level: the separator sorts before all else. */
static int compare(const void *a, const void *b)
{
    const struct node *x = a, *y = b;
    bool in_x = starts_inbox(x), in_y = starts_inbox(y);
    if (in_x != in_y)
        return in_x ? -1 : 1;
    for (size_t i = in_x ? 5 : 0; i < x->name.len && i < y->name.len; i++) {
        int p = x->name.data[i] == x->separator ? 0 : (unsigned char)x->name.data[i];
        int q = y->name.data[i] == y->separator ? 0 : (unsigned char)y->name.data[i];
        if (p != q)
            return p - q;
    }
    return (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

static bool is_above(const struct node *parent, const struct node *child)
{
    size_t len = parent->name.len;
    return child->name.len > len && child->name.data[len] == child->separator &&
           (bytes_starts(child->name, parent->name) ||
            (name_is_inbox(parent->name) && starts_inbox(child)));
}

static void merge_equal(struct listing *list)
{
    size_t used = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct node *node = &list->nodes[i];
        if (used > 0 && compare(&list->nodes[used - 1], node) == 0) {
            list->nodes[used - 1].there |= node->there;
            list->nodes[used - 1].selectable |= node->selectable;
            list->nodes[used - 1].subscribed |= node->subscribed;
        } else {
            list->nodes[used++] = *node;
        }
    }
    list->count = used;
}

/* The levels of names that are not there themselves. Appended; the caller sorts again. */
static bool add_levels(struct listing *list)
{
    size_t known = list->count;
    for (size_t i = 0; i < known; i++) {
        size_t shared = 0; /* what the name before has been given already */
        const struct node *before = i > 0 ? &list->nodes[i - 1] : NULL;
        struct node node = list->nodes[i];
        while (before && shared < before->name.len && shared < node.name.len &&
               before->name.data[shared] == node.name.data[shared])
            shared++;
        bool covered = before && shared == before->name.len;
        for (size_t at = shared; at < node.name.len; at++) {
            if (at == 0 || node.name.data[at] != node.separator || (covered && at == shared))
                continue;
            struct namespace ns = { .separator = node.separator };
            if (!add(list, bytes_take(node.name, at), &ns))
                return false;
        }
    }
    return true;
}

static void give_attributes(struct listing *list, const size_t *stack, size_t depth,
                            struct node *node)
{
    for (size_t i = depth; i > 0; i--) {
        struct node *parent = &list->nodes[stack[i - 1]];
        if (node->there) {
            parent->there = true;
            parent->attributes |= LIST_HASCHILDREN;
        }
        if (node->subscribed && !node->matches && parent->matches)
            parent->attributes |= LIST_CHILD_SUBSCRIBED;
    }
}

static bool matches(const struct listing *list, const struct node *node)
{
    for (size_t i = 0; i < list->query->patterns_count; i++)
        if (pattern_match(list->patterns[i], node->name, node->separator, list->room))
            return true;
    return false;
}

/* Parents are on a stack while their children pass. */
static bool relate(struct listing *list)
{
    size_t depth = 0, most = 1;
    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 0, levels = 2; k < list->nodes[i].name.len; k++)
            if (list->nodes[i].name.data[k] == list->nodes[i].separator && ++levels > most)
                most = levels;
    size_t *stack = calloc(most, sizeof(*stack));
    if (!stack)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        struct node *node = &list->nodes[i];
        while (depth > 0 && !is_above(&list->nodes[stack[depth - 1]], node))
            depth--;
        node->matches = matches(list, node);
        give_attributes(list, stack, depth, node);
        if (depth < most)
            stack[depth++] = i;
    }
    free(stack);
    return true;
}

static void finish_attributes(struct node *node)
{
    if (!node->there)
        node->attributes |= LIST_NONEXISTENT;
    else if (!node->selectable)
        node->attributes |= LIST_NOSELECT;
    if (!(node->attributes & LIST_HASCHILDREN))
        node->attributes |= LIST_HASNOCHILDREN;
    if (node->subscribed)
        node->attributes |= LIST_SUBSCRIBED;
}

static void give_special_uses(struct listing *list)
{
    const struct conf *conf = list->store->user.conf;
    for (size_t i = 0; list->count > 0 && i < conf->mailboxes_count; i++) {
        struct node key = { .name = bytes_of(conf->mailboxes[i].name) };
        if (!conf->mailboxes[i].special_use[0])
            continue;
        key.separator = store_separator(list->store, key.name);
        struct node *node = bsearch(&key, list->nodes, list->count, sizeof(key), compare);
        if (node && node->selectable)
            node->special_use = bytes_of(conf->mailboxes[i].special_use);
    }
}

static bool is_asked(const struct store_query *query, const struct node *node)
{
    unsigned subscribed = LIST_SUBSCRIBED | LIST_CHILD_SUBSCRIBED;
    if (!node->matches || (query->special_use && node->special_use.len == 0))
        return false;
    return query->subscribed ? (node->attributes & subscribed) != 0 : node->there;
}

static void emit(struct listing *list, bool (*each)(void *context, const struct store_entry *entry),
                 void *context)
{
    for (size_t i = 0; i < list->count; i++) {
        struct node *node = &list->nodes[i];
        finish_attributes(node);
        const struct store_entry entry = { node->name, node->separator, node->attributes,
                                           node->special_use };
        if (is_asked(list->query, node) && !each(context, &entry))
            return;
    }
}

/* "inbox" and "inbox.x" in a pattern mean INBOX. */
static bool take_patterns(struct listing *list, struct error *err)
{
    size_t longest = 0;
    list->patterns =
        arena_array(list->arena, list->query->patterns_count + 1, sizeof(*list->patterns));
    for (size_t i = 0; list->patterns && i < list->query->patterns_count; i++) {
        struct bytes given = list->query->patterns[i];
        if (given.len > PATTERN_MAX)
            return error_set(err, ERROR_TOO_BIG, "a pattern of %zu octets is too long", given.len);
        char *copy = arena_copy(list->arena, given);
        if (!copy)
            return error_memory(err);
        if (bytes_starts_nocase(given, BYTES("INBOX")) &&
            (given.len == 5 || strchr("*%", given.data[5]) ||
             given.data[5] == store_separator(list->store, BYTES("INBOX"))))
            memcpy(copy, "INBOX", 5);
        list->patterns[i] = bytes_make(copy, given.len);
        longest = given.len > longest ? given.len : longest;
    }
    list->room = arena_array(list->arena, longest + 1, 2 * sizeof(bool));
    return (list->patterns && list->room) || error_memory(err);
}

static void sort(struct listing *list)
{
    if (list->count > 1)
        qsort(list->nodes, list->count, sizeof(*list->nodes), compare);
    merge_equal(list);
}

static bool collect(struct listing *list, struct error *err)
{
    for (size_t i = 0; i < list->store->count; i++)
        if (!take_namespace(list, &list->store->namespaces[i], err))
            return false;
    sort(list);
    size_t before = list->count;
    if (!add_levels(list))
        return error_memory(err);
    if (list->count > before)
        sort(list);
    return relate(list) || error_memory(err);
}

bool store_list(struct store *store, const struct store_query *query,
                bool (*each)(void *context, const struct store_entry *entry), void *context,
                struct error *err)
{
    struct listing list = { .store = store, .query = query, .arena = arena_create(MEMORY) };
    bool good = list.arena ? take_patterns(&list, err) && collect(&list, err) : error_memory(err);
    if (good) {
        give_special_uses(&list);
        emit(&list, each, context);
    }
    free(list.nodes);
    arena_destroy(&list.arena);
    return good;
}
