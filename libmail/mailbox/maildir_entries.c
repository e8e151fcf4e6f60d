#include "mailbox/maildir_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

struct bytes entry_name(const struct entries *entries, const struct maildir_entry *entry)
{
    return (struct bytes){ entries->text.data + entry->name, entry->length };
}

struct bytes entry_extra(const struct entries *entries, const struct maildir_entry *entry)
{
    return (struct bytes){ entries->text.data + entry->name - entry->extra, entry->extra };
}

bool entries_init(struct entries *entries)
{
    *entries = (struct entries){ 0 };
    entries->text = BUF_INIT(UINT32_MAX);
    entries->infos.text = BUF_INIT(UINT32_MAX);
    return names_intern(&entries->infos, BYTES("")) == 0;
}

void entries_free(struct entries *entries)
{
    free(entries->at);
    free(entries->table);
    buf_free(&entries->text);
    names_free(&entries->infos);
    *entries = (struct entries){ 0 };
}

static bool entries_grow(struct entries *entries)
{
    if (entries->count < entries->capacity)
        return true;
    size_t capacity = entries->capacity ? entries->capacity + entries->capacity / 2 : 64;
    struct maildir_entry *at = reallocarray(entries->at, capacity, sizeof(*at));
    if (!at)
        return false;
    entries->at = at;
    entries->capacity = capacity;
    return true;
}

bool entries_add(struct entries *entries, uint32_t uid, struct bytes extra, struct bytes base)
{
    if (base.len > UINT8_MAX || extra.len > UINT16_MAX || !entries_grow(entries))
        return false;
    size_t start = entries->text.len;
    buf_bytes(&entries->text, extra);
    buf_bytes(&entries->text, base);
    if (buf_failed(&entries->text)) {
        entries->text.len = start;
        entries->text.failed = false;
        return false;
    }
    entries->at[entries->count++] = (struct maildir_entry){
        .uid = uid,
        .name = (uint32_t)(start + extra.len),
        .extra = (uint16_t)extra.len,
        .length = (uint8_t)base.len,
    };
    return true;
}

struct maildir_entry *entries_uid(const struct entries *entries, uint32_t uid)
{
    size_t low = 0, high = entries->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries->at[middle].uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < entries->count && entries->at[low].uid == uid ? &entries->at[low] : NULL;
}

static size_t table_home(const struct entries *entries, struct bytes base)
{
    return XXH3_64bits(base.data, base.len) & (entries->table_size - 1);
}

/* Where base stands in the table, or the free place for it. */
static size_t table_place(const struct entries *entries, struct bytes base)
{
    size_t place = table_home(entries, base);
    for (; entries->table[place]; place = (place + 1) & (entries->table_size - 1))
        if (bytes_equal(entry_name(entries, &entries->at[entries->table[place] - 1]), base))
            break;
    return place;
}

static bool table_resize(struct entries *entries)
{
    if (entries->table_size && entries->count <= entries->table_size - entries->table_size / 4)
        return true;
    size_t size = 128;
    while (size - size / 4 < entries->count + entries->count / 4)
        size *= 2;
    uint32_t *table = calloc(size, sizeof(*table));
    if (!table)
        return false;
    free(entries->table);
    entries->table = table;
    entries->table_size = size;
    entries->table_used = 0;
    return true;
}

struct maildir_entry *entries_find(struct entries *entries, struct bytes base, bool *failed)
{
    if (!table_resize(entries)) {
        *failed = true;
        return NULL;
    }
    for (; entries->table_used < entries->count; entries->table_used++) {
        struct bytes name = entry_name(entries, &entries->at[entries->table_used]);
        entries->table[table_place(entries, name)] = (uint32_t)entries->table_used + 1;
    }
    size_t place = table_place(entries, base);
    return entries->table[place] ? &entries->at[entries->table[place] - 1] : NULL;
}

bool entry_path(const struct entries *entries, const struct maildir_entry *entry, char *out,
                size_t size)
{
    struct bytes name = entry_name(entries, entry), info = entry_info(entries, entry);
    int len = snprintf(out, size, "%s/%.*s%.*s", entry->state & ENTRY_NEW ? "new" : "cur",
                       BYTES_FMT(name), BYTES_FMT(info));
    return len > 0 && (size_t)len < size;
}
