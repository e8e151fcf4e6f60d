#include "query/map.h"

#include <stdlib.h>
#include <sys/random.h>

enum { SIZE_FIRST = 1024 };

static struct map_slot *slot_of(const struct map *map, uint64_t key)
{
    uint64_t mixed = (key ^ map->secret[0]) * (map->secret[1] | 1);
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(mixed >> 20) & (map->size - 1);
    while (map->slots[at].key && map->slots[at].key != key)
        at = (at + 1) & (map->size - 1);
    return &map->slots[at];
}

/* Without random octets the table is only easier to fill unevenly. */
static bool grow(struct map *map)
{
    struct map larger = { .size = map->size ? map->size * 2 : SIZE_FIRST, .used = map->used };
    larger.slots = calloc(larger.size, sizeof(*larger.slots));
    if (!larger.slots)
        return false;
    if (getrandom(larger.secret, sizeof(larger.secret), GRND_NONBLOCK) < 0)
        larger.secret[0] = (uintptr_t)larger.slots;
    for (size_t i = 0; i < map->size; i++)
        if (map->slots[i].key)
            *slot_of(&larger, map->slots[i].key) = map->slots[i];
    free(map->slots);
    *map = larger;
    return true;
}

uint32_t *map_at(struct map *map, uint64_t key)
{
    if (map->used >= map->size / 2 && !grow(map))
        return NULL;
    struct map_slot *slot = slot_of(map, key);
    if (!slot->key) {
        slot->key = key;
        map->used++;
    }
    return &slot->value;
}

void map_free(struct map *map)
{
    free(map->slots);
    *map = (struct map){ 0 };
}
