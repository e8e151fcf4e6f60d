/* The cache without the entries that no record points to: a new file, then records that point into
 * it. Killed between the two renames, the records point into a cache that is gone, and the new one
 * is read from its start. */
#include "index/index_private.h"

#include <unistd.h>
#include "base/log.h"

enum { WASTE_LEAST = 1024 * 1024, ENTRY_MEMORY = ENTRY_MAX + 4096 };

/* Writes what is staged; from learns where it is now. */
static bool take_over(struct index *from, struct index *to, struct error *err)
{
    bool ok = stage_write(&to->stage, to, err);
    for (size_t i = 0; ok && i < to->stage.count; i++)
        ok = overlay_set(&from->overlay, &to->stage.records[i]) || error_memory(err);
    stage_clear(&to->stage);
    return ok;
}

static bool copy_entries(struct index *from, struct index *to, struct error *err)
{
    struct buf memory = BUF_INIT(ENTRY_MEMORY);
    struct bytes fields[INDEX_FIELD_COUNT];
    struct index_record record;
    bool ok = true;
    for (uint32_t i = 0; ok && records_at(from, i, &record); i++) {
        buf_clear(&memory);
        if (!(record.known & INDEX_CACHED) || !cache_read(from, &record, &memory, fields))
            continue;
        ok = stage_add(&to->stage, &record, fields) || error_memory(err);
        if (ok && to->stage.text.len >= STAGE_MOST)
            ok = take_over(from, to, err);
    }
    ok = ok && take_over(from, to, err);
    stage_clear(&to->stage);
    buf_free(&memory);
    return ok;
}

struct again {
    struct index *index;
    uint32_t at;
};

static bool same_record(void *context, struct index_record *record)
{
    struct again *again = context;
    return records_at(again->index, again->at++, record);
}

void cache_compact(struct index *index, uint64_t live)
{
    struct error err = { 0 };
    struct index fresh = { .dir = index->dir,
                           .path = index->path,
                           .write = true,
                           .uidvalidity = index->uidvalidity,
                           .cache = -1 };
    struct again again = { .index = index };
    if (index->cache < 0 || index->end < live || index->end - live < live + WASTE_LEAST)
        return;
    bool ok = cache_create_aside(&fresh, &err) && copy_entries(index, &fresh, &err) &&
              cache_publish(&fresh, &err);
    if (ok) {
        cache_close(index);
        index->cache = fresh.cache;
        index->id = fresh.id;
        index->end = fresh.end;
        ok = records_write(index, &index->header, same_record, &again, &live, &err);
        records_open(index);
    } else {
        cache_close(&fresh);
        unlinkat(index->dir, CACHE_FILE ".tmp", 0);
    }
    overlay_clear(&index->overlay);
    if (!ok)
        log_warning("%s/" CACHE_FILE " is not shortened: %s", index->path, err.text);
}
