/* Trees that are linked and cut, and the question that keeps them trees: is this one already above
 * that one? Mostly it is answered by a few steps upwards. Who mails in chains of thousands, mixed
 * so that each step is a long one, is met by Sleator's and Tarjan's link/cut trees, O(log n) a
 * step. Nodes are numbers from 1; 0 is nobody. Private to this room. */
#ifndef QUERY_FOREST_H
#define QUERY_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct forest {
    uint32_t *parents;   /* by node; 0: a root */
    bool *inner;         /* by node: somebody's parent at some time */
    size_t capacity;     /* nodes from 1 on are below this */
    uint64_t walked;     /* steps taken upwards */
    struct splay *splay; /* by node, once steps have become too many */
};

/* Makes nodes below capacity usable, as roots. False without memory (nothing is lost). */
bool forest_grow(struct forest *forest, size_t capacity);
void forest_free(struct forest *forest);
/* Makes child, a root, the child of parent. Nothing happens where that would close a loop. */
void forest_link(struct forest *forest, uint32_t parent, uint32_t child);
/* Makes node a root. */
void forest_cut(struct forest *forest, uint32_t node);

#endif
