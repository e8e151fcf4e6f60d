/* A set of numbers (sequence numbers or UIDs) as sorted, disjoint ranges: RFC 9051, 9, sequence-set, after "*" has been resolved. */
#ifndef BASE_NUMSET_H
#define BASE_NUMSET_H

#include "base/buf.h"
#include "base/bytes.h"

struct numrange {
    uint32_t first, last; /* inclusive, first <= last, from 1 */
};

struct numset {
    struct numrange *ranges; /* owned (malloc), sorted, never touching each other */
    size_t count, capacity;
};

void numset_free(struct numset *set);
static inline void numset_clear(struct numset *set)
{
    set->count = 0;
}
/* Adds first..last, merging. False when there is no memory. Adding in rising order is O(1). */
bool numset_add(struct numset *set, uint32_t first, uint32_t last);
bool numset_has(const struct numset *set, uint32_t n);
uint64_t numset_size(const struct numset *set); /* how many numbers */
/* Walks the numbers: start with *at = 0; false at the end. O(1) each through *cursor (start 0). */
bool numset_next(const struct numset *set, size_t *cursor, uint32_t *at);
/* Parses "1:4,7,9:*" with star for "*"; at most ranges_max ranges. With star 0 (nothing is there) items with "*" add
 * nothing. False when malformed (0, empty, trailing comma). */
bool numset_parse(struct numset *set, struct bytes text, uint32_t star, size_t ranges_max);
/* "1:4,7". */
void numset_write(const struct numset *set, struct buf *out);

#endif
