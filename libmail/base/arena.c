#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 4096, LARGEST_STEP = 256 * 1024, ALIGNMENT = alignof(max_align_t) };

struct block {
    struct block *next; /* the older one */
    size_t used, size;
    alignas(max_align_t) char data[];
};

struct arena {
    struct block *newest;
    size_t handed, limit;
};

static struct block *block_create(struct block *next, size_t size)
{
    struct block *block = malloc(sizeof(*block) + size);
    if (block)
        *block = (struct block){ .next = next, .size = size };
    return block;
}

struct arena *arena_create(size_t limit)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (!arena)
        return NULL;
    arena->limit = limit;
    arena->newest = block_create(NULL, FIRST_BLOCK - sizeof(struct block));
    if (!arena->newest) {
        free(arena);
        return NULL;
    }
    return arena;
}

void arena_clear(struct arena *arena)
{
    while (arena->newest->next) {
        struct block *older = arena->newest->next;
        free(arena->newest);
        arena->newest = older;
    }
    arena->newest->used = 0;
    arena->handed = 0;
}

void arena_wipe(struct arena *arena)
{
    for (struct block *block = arena->newest; block; block = block->next)
        explicit_bzero(block->data, block->used);
    arena_clear(arena);
}

void arena_destroy(struct arena **arena)
{
    if (!*arena)
        return;
    arena_clear(*arena);
    free((*arena)->newest);
    free(*arena);
    *arena = NULL;
}

/* Makes room for size octets in the newest block. Blocks double, so their number stays small. */
static bool grow(struct arena *arena, size_t size)
{
    size_t step = arena->newest->size * 2;
    if (step > LARGEST_STEP)
        step = LARGEST_STEP;
    if (step < size)
        step = size;
    struct block *block = block_create(arena->newest, step);
    if (!block)
        return false;
    arena->newest = block;
    return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded;
    if (__builtin_add_overflow(size ? size : 1, (size_t)ALIGNMENT - 1, &rounded))
        return NULL;
    rounded -= rounded % ALIGNMENT;
    if (size > arena->limit - arena->handed || rounded > PTRDIFF_MAX - sizeof(struct block))
        return NULL;
    struct block *block = arena->newest;
    if (block->size - block->used < rounded) {
        if (!grow(arena, rounded))
            return NULL;
        block = arena->newest;
    }
    void *memory = block->data + block->used;
    block->used += rounded;
    /* What rounding adds counts as far as the limit has room for it: a last odd octet still fits. */
    size_t left = arena->limit - arena->handed;
    arena->handed += rounded < left ? rounded : left;
    return memset(memory, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(arena, total);
}

char *arena_copy(struct arena *arena, struct bytes b)
{
    if (b.len == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, b.len + 1);
    if (copy && b.len > 0)
        memcpy(copy, b.data, b.len);
    return copy;
}

struct bytes arena_bytes(struct arena *arena, struct bytes b)
{
    char *copy = b.data ? arena_copy(arena, b) : NULL;
    return (struct bytes){ copy, copy ? b.len : 0 };
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}
