/* Numbers by 64-bit keys (hashes that come from the index, so from whoever wrote the mail: where
 * they lie in the table depends on a secret of ours too). Private to this room. */
#ifndef QUERY_MAP_H
#define QUERY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map {
    struct map_slot {
        uint64_t key; /* 0: free */
        uint32_t value;
    } * slots;
    size_t size, used; /* size is a power of two */
    uint64_t secret[2];
};

/* The value of key (not 0), which is made, with value 0, where it was not there. The pointer lives
 * until the next call; NULL without memory. */
uint32_t *map_at(struct map *map, uint64_t key);
void map_free(struct map *map);

#endif
