/* What THREAD does by subject. */
#include <stdlib.h>
#include "query/thread_private.h"

struct merging {
    struct threading *t;
    const uint32_t *first;
    struct map table;    /* the subject table: the root of each subject */
    size_t dummies_from; /* nodes from here on were made here: no message has them */
};

static bool is_dummy(const struct merging *m, uint32_t node)
{
    return node >= m->dummies_from || !m->t->message[node];
}

/* Step 5 (B, i): the thread subject, "from either the current message or its first child if the
 * current message is a dummy". */
static const struct thread_message *subject_of(const struct merging *m, uint32_t root)
{
    return &m->t->messages[m->first[root] - 1];
}

/* Step 5 (B). */
static bool fill_table(struct merging *m, const uint32_t *roots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct thread_message *message = subject_of(m, roots[i]);
        uint32_t *there = message->subject ? map_at(&m->table, message->subject) : NULL;
        if (!there && message->subject)
            return false;
        if (!there)
            continue;
        if (!*there ||
            (!is_dummy(m, *there) &&
             (is_dummy(m, roots[i]) || (subject_of(m, *there)->reply && !message->reply))))
            *there = roots[i];
    }
    return true;
}

/* Step 5 (C, iv). Where the current one is a dummy, so is the one in the table. */
static bool merge(struct merging *m, uint32_t current, uint32_t *there)
{
    uint32_t *parents = m->t->forest.parents;
    if (is_dummy(m, *there) || (subject_of(m, current)->reply && !subject_of(m, *there)->reply)) {
        parents[current] = *there;
        return true;
    }
    uint32_t dummy = node_create(m->t);
    if (!dummy)
        return false;
    parents = m->t->forest.parents;
    parents[current] = parents[*there] = dummy;
    *there = dummy;
    return true;
}

bool subject_merge(struct threading *t, const uint32_t *roots, size_t count, const uint32_t *first)
{
    struct merging m = { .t = t, .first = first, .dummies_from = t->nodes + 1 };
    bool good = fill_table(&m, roots, count);
    for (size_t i = 0; good && i < count; i++) {
        uint64_t subject = subject_of(&m, roots[i])->subject;
        uint32_t *there = subject ? map_at(&m.table, subject) : NULL;
        if (there && *there != roots[i] && !t->forest.parents[roots[i]])
            good = merge(&m, roots[i], there);
    }
    map_free(&m.table);
    return good;
}

/* ORDEREDSUBJECT: messages in the order of time; each is a child of the first with its subject. */
bool subject_finish(struct threading *t)
{
    struct thread_node *nodes = calloc(t->count + 1, sizeof(*nodes));
    struct map table = { 0 };
    uint32_t *there = NULL, *tail = nodes ? &nodes[0].child : NULL;
    bool good = nodes;
    for (size_t i = 0; good && i < t->count; i++) {
        uint32_t node = t->order[i] + 1;
        uint64_t subject = t->messages[t->order[i]].subject;
        nodes[node].seq = t->messages[t->order[i]].seq;
        there = map_at(&table, subject ? subject : 2); /* a hash is odd */
        good = there;
        if (good && *there) {
            nodes[node].parent = *there;
        } else if (good) {
            *there = *tail = node;
            tail = &nodes[node].next;
        }
    }
    for (size_t i = t->count; good && i-- > 0;) {
        uint32_t node = t->order[i] + 1, parent = nodes[node].parent;
        if (!parent)
            continue;
        nodes[node].next = nodes[parent].child;
        nodes[parent].child = node;
    }
    map_free(&table);
    t->out->nodes = nodes;
    return good;
}
