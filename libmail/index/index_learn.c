/* What is learnt of messages by reading them: gathered in memory, written many at once. */
#include "index/index_private.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { LEARNT_MOST = 8192 }; /* messages, where nothing can be written */

static int open_cache_file(const struct index *index, int flags)
{
    return index->dir < 0 ? -1
                          : openat(index->dir, CACHE_FILE,
                                   flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

static bool new_cache(struct index *index, struct error *err)
{
    struct index_header *header = &index->txn.header;
    int fd = index_create_file(index, CACHE_FILE, err);
    if (fd < 0 || !cache_start(&index->cache, fd, header->uidvalidity, err) ||
        !index_publish_file(index, CACHE_FILE, err)) {
        cache_close(&index->cache);
        return false;
    }
    header->cache = index->cache.id;
    header->cache_end = CACHE_HEADER;
    header->cache_live = 0;
    return true;
}

bool index_have_cache(struct index *index, struct error *err)
{
    struct index_header *header = &index->txn.header;
    struct stat st;
    bool current = index->cache.fd >= 0 && index->cache.id == header->cache &&
                   index_is_current(index, index->cache.fd, CACHE_FILE);
    if (!current)
        current = cache_open(&index->cache, open_cache_file(index, O_RDWR), header->uidvalidity) &&
                  index->cache.id == header->cache;
    /* What is behind the end that the header knows nobody points to. */
    if (current && fstat(index->cache.fd, &st) == 0 && (uint64_t)st.st_size >= header->cache_end &&
        header->cache_end >= CACHE_HEADER)
        return true;
    return new_cache(index, err);
}

/* The staged entries into the file; what was learnt says where they are. */
static bool write_stage(struct index *index, struct error *err)
{
    struct cache_stage *stage = &index->stage;
    bool ok = !stage->count ||
              (index_have_cache(index, err) &&
               cache_stage_write(stage, &index->cache, &index->txn.header.cache_end, err));
    for (size_t i = 0; i < stage->count; i++) {
        struct index_record *learnt = overlay_find(&index->overlay, stage->records[i].uid);
        if (!learnt || !(learnt->known & STAGED))
            continue;
        learnt->known &= (uint16_t)~STAGED;
        if (ok)
            *learnt = stage->records[i];
    }
    return ok;
}

static void drop_stage(struct index *index)
{
    for (size_t i = 0; i < index->stage.count; i++) {
        struct index_record *learnt = overlay_find(&index->overlay, index->stage.records[i].uid);
        if (learnt)
            learnt->known &= (uint16_t)~STAGED;
    }
    cache_stage_clear(&index->stage);
}

/* In UID order, so that neighbours are written together. */
static bool write_learnt(struct index *index, struct error *err)
{
    struct records *records = index->records;
    uint32_t count = index->txn.written;
    if (!write_stage(index, err))
        return false;
    for (size_t i = 0; i < index->overlay.size; i++) {
        const struct index_record *learnt = &index->overlay.slots[i];
        uint32_t slot = learnt->uid ? records_from(records, count, learnt->uid) : count;
        if (slot < count && records_uid(records, slot) == learnt->uid &&
            !transaction_learn(index, slot, learnt))
            return error_set(err, ERROR_CORRUPT, "a record is damaged");
    }
    return true;
}

void index_flush(struct index *index)
{
    struct error err = { 0 };
    if (!index->overlay.used && !index->stage.count)
        return;
    bool begun = index->write && index_begin(index, LEARN_WAIT_MS, &err);
    bool ok =
        begun && index->records && write_learnt(index, &err) && transaction_write(index, &err);
    if (begun && !ok && index->records)
        index_writing_failed(index, &err);
    if (begun)
        index_cancel(index);
    drop_stage(index);
    if (ok || index->overlay.used > LEARNT_MOST)
        overlay_clear(&index->overlay);
}

static bool any_field(const struct index_message *message)
{
    for (size_t i = 0; i < INDEX_FIELD_COUNT; i++)
        if (message->fields[i].len)
            return true;
    return false;
}

/* Which fields an entry has, as a record says it. */
static uint16_t known_by(const struct bytes fields[INDEX_FIELD_COUNT])
{
    unsigned known = fields[INDEX_HEADER].len ? INDEX_HEAD : 0;
    for (size_t i = 0; i < INDEX_HEADER; i++)
        known |= fields[i].len ? INDEX_FIELDS : 0;
    return (uint16_t)known;
}

void index_put(struct index *index, const struct index_record *record)
{
    overlay_set(&index->overlay, record);
}

void index_fields_put(struct index *index, const struct index_record *record,
                      const struct bytes fields[INDEX_FIELD_COUNT])
{
    struct index_record learnt = *record;
    unsigned known = record->known & (INDEX_SIZE | INDEX_DATE | INDEX_CLAIMED);
    learnt.known = (uint16_t)(known | known_by(fields));
    if (index->write && index->dir >= 0 &&
        cache_stage_add(&index->stage, &learnt, fields, INDEX_FIELD_COUNT))
        learnt.known = (uint16_t)known | STAGED;
    learnt.known &= (uint16_t)~INDEX_CACHED;
    index_put(index, &learnt);
    if (index->stage.text.len >= STAGE_MOST)
        index_flush(index);
}

static bool add_message(struct index *index, const struct index_message *message,
                        const struct index_record *cached)
{
    struct index_record record = message->record;
    if (cached) {
        record.known |= known_by(message->fields);
        record.cache = cached->cache;
        record.cache_size = cached->cache_size;
    }
    return index_add(index, &record);
}

bool index_add_messages(struct index *index, const struct index_message *messages, size_t count)
{
    struct error err = { 0 };
    struct cache_stage stage = { 0 };
    bool ok = true;
    for (size_t at = 0, next; ok && at < count; at = next) {
        size_t staged = 0;
        for (next = at; next < count && stage.text.len < STAGE_MOST; next++)
            if (index->dir >= 0 && any_field(&messages[next]))
                cache_stage_add(&stage, &messages[next].record, messages[next].fields,
                                INDEX_FIELD_COUNT);
        bool cached = stage.count && index_have_cache(index, &err) &&
                      cache_stage_write(&stage, &index->cache, &index->txn.header.cache_end, &err);
        for (size_t i = at; ok && i < next; i++) {
            bool has = cached && staged < stage.count &&
                       stage.records[staged].uid == messages[i].record.uid;
            ok = add_message(index, &messages[i], has ? &stage.records[staged] : NULL);
            staged += has;
        }
        cache_stage_clear(&stage);
    }
    return ok;
}

/* Over what the records say. */
static bool learnt_of(struct index *index, uint32_t uid, struct index_record *out)
{
    const struct index_record *learnt = overlay_find(&index->overlay, uid);
    if (learnt && learnt->known & STAGED) {
        index_flush(index);
        learnt = overlay_find(&index->overlay, uid);
    }
    if (!learnt)
        return false;
    out->known = learnt->known;
    out->date = learnt->date;
    out->size = learnt->size;
    out->wire_size = learnt->wire_size;
    out->cache = learnt->cache;
    out->cache_size = learnt->cache_size;
    return true;
}

static bool get_at(struct index *index, struct records *records, uint32_t slot,
                   struct index_record *out)
{
    uint32_t uid = index->overlay.used ? records_uid(records, slot) : 0;
    if (uid && index->stage.count) {
        const struct index_record *learnt = overlay_find(&index->overlay, uid);
        if (learnt && learnt->known & STAGED)
            index_flush(index);
    }
    if (!records_at(records, slot, out)) {
        index_damaged(index, "a record is damaged");
        return false;
    }
    if (index->overlay.used)
        learnt_of(index, out->uid, out);
    return true;
}

/* Held: writing what was learnt may put others in their place. */
bool index_get_at(struct index *index, struct records *records, uint32_t slot,
                  struct index_record *out)
{
    struct records *held = records_hold(records);
    bool ok = get_at(index, held, slot, out);
    records_drop(&held);
    return ok;
}

bool index_get(struct index *index, uint32_t uid, struct index_record *out)
{
    struct index_header header;
    *out = (struct index_record){ .uid = uid };
    bool learnt = learnt_of(index, uid, out);
    if (!index->records || !records_header(index->records, &header))
        return learnt;
    uint32_t slot = index->hint + 1;
    if (slot >= header.count || records_uid(index->records, slot) != uid)
        slot = records_from(index->records, header.count, uid);
    index->hint = slot;
    return (slot < header.count && index_get_at(index, index->records, slot, out) &&
            out->uid == uid) ||
           learnt;
}

bool index_fields(struct index *index, const struct index_record *record, unsigned wanted,
                  struct buf *memory, struct bytes fields[INDEX_FIELD_COUNT])
{
    if (!(record->known & INDEX_CACHED))
        return false;
    for (int i = 0; i < 2; i++) {
        if (index->cache.fd >= 0 &&
            cache_read(&index->cache, record, wanted, memory, fields, INDEX_FIELD_COUNT))
            return true;
        if (index->cache.fd >= 0 && index_is_current(index, index->cache.fd, CACHE_FILE))
            return false;
        if (!index->records ||
            !cache_open(&index->cache, open_cache_file(index, index->write ? O_RDWR : O_RDONLY),
                        index->records->uidvalidity))
            return false;
    }
    return false;
}
