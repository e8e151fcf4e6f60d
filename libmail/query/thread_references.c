/* THREAD=REFERENCES (RFC 5256, 3). The steps of the RFC, with a parent for each node as the only
 * thing that steps 1 to 5 change; lists of children are made once, at the end, out of the messages
 * in the order of the time sent: so steps 4 and 6 sort all siblings at once. */
#include <stdlib.h>
#include <string.h>
#include "query/thread_private.h"

uint32_t node_create(struct threading *t)
{
    size_t node = t->nodes + 1, before = t->forest.capacity;
    if (node >= UINT32_MAX)
        return 0;
    if (node >= before) {
        if (!forest_grow(&t->forest, node + 1024))
            return 0;
        uint32_t *message = reallocarray(t->message, t->forest.capacity, sizeof(*message));
        if (!message)
            return 0;
        memset(message + before, 0, (t->forest.capacity - before) * sizeof(*message));
        t->message = message;
    }
    t->nodes = node;
    return (uint32_t)node;
}

/* Step 1 (A): "create a dummy message with this ID". False only without memory. */
static bool node_of(struct threading *t, uint64_t id, bool always, uint32_t *node)
{
    *node = 0;
    if (!always && t->nodes >= t->nodes_max)
        return true;
    uint32_t *value = map_at(&t->ids, id);
    if (value && !*value)
        *value = node_create(t);
    if (value)
        *node = *value;
    return *node != 0;
}

/* "If two or more messages have the same Message ID, then only use that Message ID in the first":
 * messages come rising. */
static bool node_of_message(struct threading *t, uint64_t id, uint32_t *node)
{
    *node = 0;
    if (id && !node_of(t, id, true, node))
        return false;
    if (!*node || t->message[*node])
        *node = node_create(t);
    return *node != 0;
}

bool references_take(struct threading *t, const struct keyed *message)
{
    uint32_t last = 0, node;
    for (size_t i = 0; i < message->key.references_count; i++) {
        if (!node_of(t, sort_key_reference(&message->key, i), false, &node))
            return false;
        if (!node)
            continue;
        if (last && !t->forest.parents[node])
            forest_link(&t->forest, last, node);
        last = node;
    }
    if (!node_of_message(t, message->key.id, &node))
        return false;
    t->message[node] = (uint32_t)t->count;
    t->messages[t->count - 1].node = node;
    if (t->forest.parents[node]) /* Step 1 (B) */
        forest_cut(&t->forest, node);
    if (last)
        forest_link(&t->forest, last, node);
    return true;
}

/* The dummies between a message and the next message above it, or the topmost dummy, are taken out;
 * what hangs on them later finds the way shortened. */
static void splice(struct threading *t, uint32_t node)
{
    uint32_t *parents = t->forest.parents, top = parents[node];
    while (top && !t->message[top] && parents[top])
        top = parents[top];
    while (node != top && parents[node] != top) {
        uint32_t next = parents[node];
        parents[node] = top;
        node = next;
    }
}

/* Step 3. children: by node, zeros. Dummies without messages below them are forgotten: nothing
 * points to them. */
static void prune(struct threading *t, uint32_t *children)
{
    uint32_t *parents = t->forest.parents;
    for (size_t i = 0; i < t->count; i++) {
        splice(t, t->messages[i].node);
        children[parents[t->messages[i].node]]++;
    }
    for (size_t i = 0; i < t->count; i++) {
        uint32_t parent = parents[t->messages[i].node];
        if (parent && !t->message[parent] && children[parent] == 1)
            parents[t->messages[i].node] = 0;
    }
}

/* The root that a message stands for in the order of roots, or 0: itself, or the dummy above it. */
static uint32_t root_of(const struct threading *t, uint32_t node)
{
    uint32_t parent = t->forest.parents[node];
    return !parent ? node : t->message[parent] ? 0 : parent;
}

/* Steps 2 and 4: the roots in order, a dummy where its first child would be. */
static size_t list_roots(const struct threading *t, uint32_t *roots, uint32_t *first)
{
    size_t count = 0;
    for (size_t i = 0; i < t->count; i++) {
        uint32_t index = t->order[i], root = root_of(t, t->messages[index].node);
        if (!root || first[root])
            continue;
        first[root] = index + 1;
        roots[count++] = root;
    }
    return count;
}

/* A dummy that was merged into another one stands for that. */
static uint32_t final_parent(const struct threading *t, uint32_t node)
{
    uint32_t parent = t->forest.parents[node];
    bool merged = parent && !t->message[parent] && t->forest.parents[parent];
    return merged ? t->forest.parents[parent] : parent;
}

/* Step 6. */
static bool build(struct threading *t)
{
    struct thread_node *nodes = calloc(t->nodes + 1, sizeof(*nodes));
    if (!nodes)
        return false;
    for (size_t i = t->count; i-- > 0;) {
        const struct thread_message *message = &t->messages[t->order[i]];
        struct thread_node *node = &nodes[message->node];
        node->seq = message->seq;
        node->parent = final_parent(t, message->node);
        if (!node->parent)
            continue;
        node->next = nodes[node->parent].child;
        nodes[node->parent].child = message->node;
    }
    uint32_t last = 0;
    for (size_t i = 0; i < t->count; i++) {
        uint32_t node = t->messages[t->order[i]].node, parent = nodes[node].parent;
        if (parent && (nodes[parent].seq || nodes[parent].child != node))
            continue; /* neither a root nor the first child of a dummy */
        uint32_t root = parent ? parent : node;
        *(last ? &nodes[last].next : &nodes[0].child) = root;
        last = root;
    }
    t->out->nodes = nodes;
    return true;
}

bool references_finish(struct threading *t)
{
    if (!t->nodes && !node_create(t))
        return false;
    uint32_t *children = calloc(t->forest.capacity, sizeof(*children));
    uint32_t *first = calloc(t->forest.capacity, sizeof(*first));
    uint32_t *roots = calloc(t->count + 1, sizeof(*roots));
    bool good = children && first && roots;
    if (good) {
        prune(t, children);
        good = subject_merge(t, roots, list_roots(t, roots, first), first) && build(t);
    }
    free(children);
    free(first);
    free(roots);
    return good;
}
