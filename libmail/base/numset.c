#include "base/numset.h"

#include <stdlib.h>

void numset_free(struct numset *set)
{
    free(set->ranges);
    *set = (struct numset){ 0 };
}

static bool numset_grow(struct numset *set)
{
    if (set->count < set->capacity)
        return true;
    size_t capacity = set->capacity ? set->capacity * 2 : 8, size;
    if (__builtin_mul_overflow(capacity, sizeof(*set->ranges), &size))
        return false;
    struct numrange *ranges = realloc(set->ranges, size);
    if (!ranges)
        return false;
    set->ranges = ranges;
    set->capacity = capacity;
    return true;
}

/* The first range that ends at n or behind it. */
static size_t numset_from(const struct numset *set, uint32_t n)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ranges[middle].last < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool numset_insert(struct numset *set, size_t at, uint32_t first, uint32_t last)
{
    if (!numset_grow(set))
        return false;
    memmove(set->ranges + at + 1, set->ranges + at, (set->count - at) * sizeof(*set->ranges));
    set->ranges[at] = (struct numrange){ first, last };
    set->count++;
    return true;
}

bool numset_add(struct numset *set, uint32_t first, uint32_t last)
{
    if (set->count && first == set->ranges[set->count - 1].last + 1 && first) {
        set->ranges[set->count - 1].last = last;
        return true;
    }
    /* What touches first..last: from a range that ends at first - 1 to one that starts at last + 1.
     */
    size_t at = numset_from(set, first > 1 ? first - 1 : 1), end = at;
    while (end < set->count && (last == UINT32_MAX || set->ranges[end].first <= last + 1))
        end++;
    if (at == end)
        return numset_insert(set, at, first, last);
    struct numrange *range = &set->ranges[at];
    if (first < range->first)
        range->first = first;
    range->last = last > set->ranges[end - 1].last ? last : set->ranges[end - 1].last;
    memmove(range + 1, set->ranges + end, (set->count - end) * sizeof(*range));
    set->count -= end - at - 1;
    return true;
}

bool numset_has(const struct numset *set, uint32_t n)
{
    size_t at = numset_from(set, n);
    return at < set->count && set->ranges[at].first <= n;
}

uint64_t numset_size(const struct numset *set)
{
    uint64_t size = 0;
    for (size_t i = 0; i < set->count; i++)
        size += (uint64_t)set->ranges[i].last - set->ranges[i].first + 1;
    return size;
}

bool numset_next(const struct numset *set, size_t *cursor, uint32_t *at)
{
    while (*cursor < set->count && *at >= set->ranges[*cursor].last)
        ++*cursor;
    if (*cursor >= set->count)
        return false;
    const struct numrange *range = &set->ranges[*cursor];
    *at = *at < range->first ? range->first : *at + 1;
    return true;
}

/* seq-number = nz-number / "*"; no leading zero is asked for by the grammar, but none is a number
 * either. */
static bool numset_number(struct bytes text, uint32_t star, uint32_t *out)
{
    if (text.len == 1 && text.data[0] == '*') {
        *out = star;
        return true;
    }
    return text.len && text.data[0] != '0' && bytes_to_u32(text, out);
}

bool numset_parse(struct numset *set, struct bytes text, uint32_t star, size_t ranges_max)
{
    if (!text.len || text.data[text.len - 1] == ',')
        return false;
    while (text.len) {
        struct bytes item = bytes_split(&text, ',');
        struct bytes first = bytes_split(&item, ':');
        uint32_t a, b;
        if (!numset_number(first, star, &a))
            return false;
        b = a;
        if (item.data && !numset_number(item, star, &b))
            return false;
        if (!a || !b) /* "*" where there is nothing */
            continue;
        if (!numset_add(set, a < b ? a : b, a < b ? b : a) || set->count > ranges_max)
            return false;
    }
    return true;
}

void numset_write(const struct numset *set, struct buf *out)
{
    for (size_t i = 0; i < set->count; i++) {
        if (i)
            buf_byte(out, ',');
        buf_number(out, set->ranges[i].first);
        if (set->ranges[i].last != set->ranges[i].first) {
            buf_byte(out, ':');
            buf_number(out, set->ranges[i].last);
        }
    }
}
