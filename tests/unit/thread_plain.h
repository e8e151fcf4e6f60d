/* REFERENCES and ORDEREDSUBJECT once more, as plainly as RFC 5256 says them, with no regard to
 * time: what the quick ones are compared with. Messages are numbered from 1; IDs and subjects are
 * small numbers, 0 for none. */
#ifndef THREAD_PLAIN_H
#define THREAD_PLAIN_H

#include <stdlib.h>
#include "base/buf.h"

enum { PLAIN_MESSAGES = 24, PLAIN_REFERENCES = 6, PLAIN_NODES = 400 };

struct plain_message {
    int id, subject, references[PLAIN_REFERENCES], references_count;
    bool reply;
    int sent;
};

struct plain {
    const struct plain_message *messages;
    int count;
    struct plain_node {
        int message; /* 0: dummy */
        int id, parent;
        bool deleted;
        int children[PLAIN_NODES], children_count;
    } nodes[PLAIN_NODES]; /* 0: the root */
    int nodes_count;
};

static int plain_node(struct plain *p, int id)
{
    for (int i = 1; id && i < p->nodes_count; i++)
        if (p->nodes[i].id == id)
            return i;
    p->nodes[p->nodes_count] = (struct plain_node){ .id = id, .parent = -1 };
    return p->nodes_count++;
}

static void plain_link(struct plain *p, int parent, int child)
{
    for (int up = parent; up >= 0; up = p->nodes[up].parent)
        if (up == child)
            return;
    p->nodes[child].parent = parent;
}

static void plain_step_1(struct plain *p)
{
    for (int m = 1; m <= p->count; m++) {
        const struct plain_message *message = &p->messages[m - 1];
        int last = -1;
        for (int i = 0; i < message->references_count; i++) {
            int node = plain_node(p, message->references[i]);
            if (last >= 0 && p->nodes[node].parent < 0)
                plain_link(p, last, node);
            last = node;
        }
        int node = plain_node(p, message->id);
        if (p->nodes[node].message)
            node = plain_node(p, 0);
        p->nodes[node].message = m;
        p->nodes[node].parent = -1;
        if (last >= 0)
            plain_link(p, last, node);
    }
}

static void plain_add(struct plain *p, int parent, int child)
{
    p->nodes[parent].children[p->nodes[parent].children_count++] = child;
    p->nodes[child].parent = parent;
}

static void plain_remove(struct plain *p, int child)
{
    struct plain_node *parent = &p->nodes[p->nodes[child].parent];
    int to = 0;
    for (int i = 0; i < parent->children_count; i++)
        if (parent->children[i] != child)
            parent->children[to++] = parent->children[i];
    parent->children_count = to;
}

static void plain_prune(struct plain *p, int node)
{
    struct plain_node *n = &p->nodes[node];
    int before[PLAIN_NODES], count = n->children_count;
    memcpy(before, n->children, sizeof(before));
    for (int i = 0; i < count; i++)
        plain_prune(p, before[i]);
    if (!node || n->message)
        return;
    int parent = n->parent;
    if (!n->children_count) {
        plain_remove(p, node);
    } else if (parent || n->children_count == 1) {
        plain_remove(p, node);
        for (int i = 0; i < n->children_count; i++)
            plain_add(p, parent, n->children[i]);
    }
}

/* A dummy has the time of its first child. */
static const struct plain_message *plain_shown(const struct plain *p, int node, int *number)
{
    if (!p->nodes[node].message)
        node = p->nodes[node].children[0];
    *number = p->nodes[node].message;
    return &p->messages[*number - 1];
}

static void plain_sort(struct plain *p, int node, bool deep)
{
    struct plain_node *n = &p->nodes[node];
    for (int i = 0; i < n->children_count; i++)
        if (deep || !p->nodes[n->children[i]].message)
            plain_sort(p, n->children[i], deep);
    for (int i = 1; i < n->children_count; i++)
        for (int k = i; k > 0; k--) {
            int a, b, swap = n->children[k];
            const struct plain_message *first = plain_shown(p, n->children[k - 1], &a),
                                       *second = plain_shown(p, n->children[k], &b);
            if (first->sent < second->sent || (first->sent == second->sent && a < b))
                break;
            n->children[k] = n->children[k - 1];
            n->children[k - 1] = swap;
        }
}

static int plain_find(const int *subjects, int count, int subject)
{
    for (int i = 0; i < count; i++)
        if (subjects[i] == subject)
            return i;
    return -1;
}

static bool plain_dummy(const struct plain *p, int node)
{
    return !p->nodes[node].message;
}

static bool plain_reply(const struct plain *p, int node)
{
    return p->messages[p->nodes[node].message - 1].reply;
}

static void plain_merge(struct plain *p, int current, int *there)
{
    if (plain_dummy(p, current) && plain_dummy(p, *there)) {
        plain_remove(p, current);
        for (int i = 0; i < p->nodes[current].children_count; i++)
            plain_add(p, *there, p->nodes[current].children[i]);
    } else if ((plain_dummy(p, *there) && !plain_dummy(p, current)) ||
               (plain_reply(p, current) && !plain_reply(p, *there))) {
        plain_remove(p, current);
        plain_add(p, *there, current);
    } else {
        int dummy = plain_node(p, 0);
        plain_remove(p, current);
        plain_remove(p, *there);
        plain_add(p, dummy, current);
        plain_add(p, dummy, *there);
        plain_add(p, 0, dummy);
        *there = dummy;
    }
}

static void plain_step_5(struct plain *p)
{
    int table[PLAIN_NODES], subjects[PLAIN_NODES], tabled = 0, number;
    int roots[PLAIN_NODES], count = p->nodes[0].children_count;
    memcpy(roots, p->nodes[0].children, sizeof(roots));
    for (int i = 0; i < count; i++) {
        int subject = plain_shown(p, roots[i], &number)->subject;
        int at = plain_find(subjects, tabled, subject);
        if (!subject)
            continue;
        if (at < 0) {
            table[tabled] = roots[i];
            subjects[tabled++] = subject;
        } else if (!plain_dummy(p, table[at]) &&
                   (plain_dummy(p, roots[i]) ||
                    (plain_reply(p, table[at]) && !plain_reply(p, roots[i])))) {
            table[at] = roots[i];
        }
    }
    for (int i = 0; i < count; i++) {
        int subject = plain_shown(p, roots[i], &number)->subject;
        int at = plain_find(subjects, tabled, subject);
        if (subject && table[at] != roots[i])
            plain_merge(p, roots[i], &table[at]);
    }
}

static void plain_write(const struct plain *p, int node, bool list, struct buf *out)
{
    const struct plain_node *n = &p->nodes[node];
    if (list)
        buf_byte(out, '(');
    if (n->message)
        buf_number(out, (uint64_t)n->message);
    if (n->message && n->children_count)
        buf_byte(out, ' ');
    for (int i = 0; i < n->children_count; i++)
        plain_write(p, n->children[i], n->children_count > 1, out);
    if (list)
        buf_byte(out, ')');
}

/* Appends "(1 2)(3)". */
static void plain_references(const struct plain_message *messages, int count, struct buf *out)
{
    static struct plain plain;
    struct plain *p = &plain;
    p->messages = messages;
    p->count = count;
    p->nodes[0] = (struct plain_node){ .parent = -1 };
    p->nodes_count = 1;
    plain_step_1(p);
    int nodes = p->nodes_count;
    for (int i = 1; i < nodes; i++) /* step 2 */
        plain_add(p, p->nodes[i].parent < 0 ? 0 : p->nodes[i].parent, i);
    plain_prune(p, 0);
    plain_sort(p, 0, false); /* step 4: roots and the children of dummies */
    plain_step_5(p);
    plain_sort(p, 0, true);
    for (int i = 0; i < p->nodes[0].children_count; i++)
        plain_write(p, p->nodes[0].children[i], true, out);
}

#endif
