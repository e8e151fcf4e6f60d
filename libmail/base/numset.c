#include "base/numset.h"

#include <stdlib.h>

void numset_free(struct numset *set)
{
    free(set->ranges);
    *set = (struct numset){ 0 };
}

static bool hold(struct numset *set, size_t count)
{
    if (count <= set->capacity)
        return true;
    size_t capacity = set->capacity ? set->capacity * 2 : 8;
    struct numrange *more = reallocarray(set->ranges, capacity, sizeof(*more));
    if (!more)
        return false;
    set->ranges = more;
    set->capacity = capacity;
    return true;
}

/* The first range that ends at n or behind it; count when there is none. */
static size_t find(const struct numset *set, uint32_t n)
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

bool numset_add(struct numset *set, uint32_t first, uint32_t last)
{
    if (first == 0 || first > last)
        return true; /* no number */
    /* All ranges from at to end touch the new one and become one with it. */
    size_t at = set->count;
    if (at > 0 && first - 1 <= set->ranges[at - 1].last)
        at = find(set, first - 1);
    size_t end = at;
    while (end < set->count && (last == UINT32_MAX || set->ranges[end].first <= last + 1))
        end++;
    if (at == end) {
        if (!hold(set, set->count + 1))
            return false;
        memmove(set->ranges + at + 1, set->ranges + at, (set->count - at) * sizeof(*set->ranges));
        set->ranges[at] = (struct numrange){ first, last };
        set->count++;
        return true;
    }
    struct numrange *into = &set->ranges[at];
    if (into->first > first)
        into->first = first;
    into->last = set->ranges[end - 1].last > last ? set->ranges[end - 1].last : last;
    memmove(into + 1, set->ranges + end, (set->count - end) * sizeof(*into));
    set->count -= end - at - 1;
    return true;
}

bool numset_has(const struct numset *set, uint32_t n)
{
    size_t at = find(set, n);
    return n > 0 && at < set->count && set->ranges[at].first <= n;
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
    while (*cursor < set->count) {
        const struct numrange *range = &set->ranges[*cursor];
        if (*at < range->first) {
            *at = range->first;
            return true;
        }
        if (*at < range->last) {
            ++*at;
            return true;
        }
        ++*cursor;
    }
    return false;
}

/* nz-number or "*", which is 0 in an empty mailbox. A number has no leading zero. */
static bool parse_number(struct bytes text, uint32_t star, uint32_t *out)
{
    if (bytes_equal(text, BYTES("*"))) {
        *out = star;
        return true;
    }
    return text.len > 0 && text.data[0] != '0' && bytes_to_u32(text, out);
}

static bool parse_range(struct numset *set, struct bytes text, uint32_t star)
{
    uint32_t a, b;
    struct bytes first = bytes_split(&text, ':');
    if (!parse_number(first, star, &a))
        return false;
    b = a;
    if (text.data && !parse_number(text, star, &b))
        return false;
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    return numset_add(set, low ? low : 1, high);
}

bool numset_parse(struct numset *set, struct bytes text, uint32_t star, size_t ranges_max)
{
    struct bytes rest = text;
    if (text.len == 0)
        return false;
    for (size_t n = 0; rest.data; n++)
        if (n == ranges_max || !parse_range(set, bytes_split(&rest, ','), star))
            return false;
    return true;
}

void numset_write(const struct numset *set, struct buf *out)
{
    for (size_t i = 0; i < set->count; i++) {
        if (i > 0)
            buf_byte(out, ',');
        buf_number(out, set->ranges[i].first);
        if (set->ranges[i].last == set->ranges[i].first)
            continue;
        buf_byte(out, ':');
        buf_number(out, set->ranges[i].last);
    }
}
