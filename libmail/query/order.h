/* Sorting by keys that are made once: an item's key is a run of octets that compares by memcmp, and
 * its first eight stand in the item, so that most comparisons touch nothing else. Private to this
 * room. */
#ifndef QUERY_ORDER_H
#define QUERY_ORDER_H

#include "base/bytes.h"

struct order_item {
    uint64_t prefix; /* the key's first octets as a big-endian number, zeros behind a shorter key */
    uint64_t rest;   /* where in keys the octets behind the prefix are */
    uint32_t rest_len;
    uint32_t what; /* the caller's */
};

/* Sorts rising; equal items stay in the order they are in. No key may be the beginning of another.
 * scratch has room for as many items; keys may be NULL where every rest_len is 0. */
void order_sort(struct order_item *items, size_t count, struct order_item *scratch,
                const char *keys);
/* A number of either sign as a prefix. */
static inline uint64_t order_number(int64_t n)
{
    return (uint64_t)n ^ (UINT64_C(1) << 63);
}

#endif
