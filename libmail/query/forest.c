#include "query/forest.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS_EACH = 64, STEPS_ANYHOW = 1 << 16 };

/* A path from some node down to some other is a binary tree in the order of depth. up is the node
 * above in it or, for its root, the parent of the path's topmost node. */
struct splay {
    uint32_t up, left, right;
};

/* The array with room for capacity elements, zeros behind those that were there; NULL without
 * memory. */
static void *grown(void *array, size_t before, size_t capacity, size_t size)
{
    char *larger = reallocarray(array, capacity, size);
    if (larger)
        memset(larger + before * size, 0, (capacity - before) * size);
    return larger;
}

bool forest_grow(struct forest *forest, size_t capacity)
{
    size_t before = forest->capacity;
    if (capacity <= before)
        return true;
    if (before && capacity < before + before / 2)
        capacity = before + before / 2;
    uint32_t *parents = grown(forest->parents, before, capacity, sizeof(*parents));
    if (!parents)
        return false;
    forest->parents = parents;
    bool *inner = grown(forest->inner, before, capacity, sizeof(*inner));
    if (!inner)
        return false;
    forest->inner = inner;
    struct splay *splay =
        forest->splay ? grown(forest->splay, before, capacity, sizeof(*splay)) : NULL;
    if (forest->splay && !splay)
        return false;
    forest->splay = splay;
    forest->capacity = capacity;
    return true;
}

void forest_free(struct forest *forest)
{
    free(forest->parents);
    free(forest->inner);
    free(forest->splay);
    *forest = (struct forest){ 0 };
}

static bool is_top(const struct splay *s, uint32_t x)
{
    uint32_t up = s[x].up;
    return !up || (s[up].left != x && s[up].right != x);
}

static void rotate(struct splay *s, uint32_t x)
{
    uint32_t y = s[x].up, z = s[y].up, between;
    if (!is_top(s, y)) {
        if (s[z].left == y)
            s[z].left = x;
        else
            s[z].right = x;
    }
    if (s[y].left == x) {
        between = s[y].left = s[x].right;
        s[x].right = y;
    } else {
        between = s[y].right = s[x].left;
        s[x].left = y;
    }
    if (between)
        s[between].up = y;
    s[y].up = x;
    s[x].up = z;
}

static void to_top(struct splay *s, uint32_t x)
{
    while (!is_top(s, x)) {
        uint32_t y = s[x].up, z = s[y].up;
        if (!is_top(s, y))
            rotate(s, (s[y].left == x) == (s[z].left == y) ? y : x);
        rotate(s, x);
    }
}

/* The path from the root of its tree to x becomes one binary tree with x at its top, which has then
 * nothing to the right. */
static void expose(struct splay *s, uint32_t x)
{
    uint32_t below = 0;
    for (uint32_t y = x; y; y = s[y].up) {
        to_top(s, y);
        s[y].right = below;
        below = y;
    }
    to_top(s, x);
}

static uint32_t root_of(struct splay *s, uint32_t x)
{
    expose(s, x);
    while (s[x].left)
        x = s[x].left;
    to_top(s, x);
    return x;
}

/* Every path is a single node at first. Without memory steps stay as they are. */
static void begin_splay(struct forest *forest)
{
    forest->splay = calloc(forest->capacity, sizeof(*forest->splay));
    for (size_t i = 0; forest->splay && i < forest->capacity; i++)
        forest->splay[i].up = forest->parents[i];
}

/* child is a root, so it is above whatever is in its tree. */
static bool is_above(struct forest *forest, uint32_t child, uint32_t node)
{
    if (child == node)
        return true;
    if (!forest->inner[child])
        return false;
    if (forest->splay)
        return root_of(forest->splay, node) == child;
    for (; node && node != child; forest->walked++)
        node = forest->parents[node];
    if (forest->walked > STEPS_ANYHOW + STEPS_EACH * (uint64_t)forest->capacity)
        begin_splay(forest);
    return node == child;
}

void forest_link(struct forest *forest, uint32_t parent, uint32_t child)
{
    if (is_above(forest, child, parent))
        return;
    forest->parents[child] = parent;
    forest->inner[parent] = true;
    if (!forest->splay)
        return;
    expose(forest->splay, child);
    forest->splay[child].up = parent;
}

void forest_cut(struct forest *forest, uint32_t node)
{
    forest->parents[node] = 0;
    if (!forest->splay)
        return;
    expose(forest->splay, node);
    uint32_t above = forest->splay[node].left;
    if (above)
        forest->splay[above].up = 0;
    forest->splay[node].left = 0;
}
