#include "mailbox/maildir_private.h"

#include <stdlib.h>
#include <xxhash.h>

void names_free(struct names *names)
{
    buf_free(&names->text);
    free(names->slots);
    free(names->table);
    *names = (struct names){ 0 };
}

static size_t names_place(const struct names *names, struct bytes text)
{
    size_t place = XXH3_64bits(text.data, text.len) & (names->table_size - 1);
    for (; names->table[place]; place = (place + 1) & (names->table_size - 1))
        if (bytes_equal(names_get(names, names->table[place] - 1), text))
            break;
    return place;
}

static bool names_grow(struct names *names)
{
    if (names->count < names->capacity)
        return true;
    uint32_t capacity = names->capacity ? names->capacity * 2 : 16;
    struct name_slot *slots = reallocarray(names->slots, capacity, sizeof(*slots));
    uint32_t *table = calloc((size_t)capacity * 2, sizeof(*table));
    if (slots)
        names->slots = slots;
    if (!slots || !table) {
        free(table);
        return false;
    }
    free(names->table);
    names->table = table;
    names->table_size = capacity * 2;
    names->capacity = capacity;
    for (uint32_t i = 0; i < names->count; i++)
        table[names_place(names, names_get(names, i))] = i + 1;
    return true;
}

int64_t names_intern(struct names *names, struct bytes text)
{
    if (!names_grow(names))
        return -1;
    size_t place = names_place(names, text);
    if (names->table[place])
        return names->table[place] - 1;
    size_t at = names->text.len;
    buf_bytes(&names->text, text);
    if (buf_failed(&names->text)) {
        names->text.failed = false;
        return -1;
    }
    names->slots[names->count] = (struct name_slot){ (uint32_t)at, (uint32_t)text.len };
    names->table[place] = ++names->count;
    return names->count - 1;
}
