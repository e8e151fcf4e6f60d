/* What a killed writer left: whole entries of the log that the records do not know. */
#include "index/index_private.h"

#include <fcntl.h>

static bool find_slot(struct index *index, uint32_t uid, uint32_t *slot)
{
    uint32_t count = index->txn.written;
    *slot = records_from(index->records, count, uid);
    return *slot < count && records_uid(index->records, *slot) == uid;
}

static bool take_item(struct index *index, const struct log_entry *entry, const char *item)
{
    struct index_record record = { 0 };
    uint32_t slot;
    if (entry->type == INDEX_ADDED) {
        if (!record_decode((const unsigned char *)item, &record, index->txn.header.uidvalidity))
            return false;
        return record.uid <= index->txn.last_uid || index_add(index, &record);
    }
    if (!find_slot(index, log_item_uid(item), &slot))
        return true;
    if (entry->type == INDEX_REMOVED)
        return index_remove(index, slot);
    log_change_decode(item, &record);
    return index_change(index, slot, record.flags, record.keywords, record.place, false);
}

/* The records as they are, counted; what was half written may be in them already. */
static bool recount(struct index *index)
{
    struct index_header *header = &index->txn.header;
    struct index_record record;
    header->unseen = header->deleted = header->dead = 0;
    header->cache_live = 0;
    header->first_unseen = header->count;
    for (uint32_t slot = 0; slot < header->count; slot++) {
        if (!records_at(index->records, slot, &record))
            return false;
        header->dead += !!(record.place & INDEX_DEAD);
        header_count(header, slot, NULL, &record);
    }
    return true;
}

/* Applies every entry behind those that the header knows. */
static bool apply(struct index *index, const struct changelog *log, bool *any, struct error *err)
{
    struct transaction *txn = &index->txn;
    struct buf memory = BUF_INIT(LOG_ENTRY_MOST);
    struct log_entry entry;
    bool ok = true;
    while (ok && changelog_read(log, txn->header.log_end, &memory, &entry)) {
        size_t size = log_item_size(entry.type);
        *any = true;
        if (entry.modseq > txn->before.modseq)
            txn->header.modseq = entry.modseq;
        txn->header.log_end = entry.next;
        for (size_t i = 0; ok && i < entry.items.len; i += size)
            ok = take_item(index, &entry, entry.items.data + i);
        ok = ok && index_step(index, err);
    }
    buf_free(&memory);
    return ok;
}

static void give_up(struct index *index)
{
    struct transaction *txn = &index->txn;
    index_damaged(index, "cannot be completed from its log");
    records_drop(&index->records);
    txn->header = txn->before = (struct index_header){ 0 };
    txn->written = txn->last_uid = 0;
    txn->count = txn->added.len = 0;
    txn->failed = false;
}

bool transaction_recover(struct index *index, struct error *err)
{
    struct transaction *txn = &index->txn;
    struct changelog log = { .fd = -1 };
    bool any = false;
    if (!txn->header.log || index->dir < 0)
        return true;
    int fd =
        openat(index->dir, LOG_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (!changelog_open(&log, fd, txn->header.uidvalidity) || log.id != txn->header.log) {
        changelog_close(&log);
        return true;
    }
    txn->recovering = true;
    bool ok = apply(index, &log, &any, err);
    changelog_close(&log);
    if (ok && any)
        ok = recount(index) && index_step(index, err);
    txn->recovering = false;
    if (!ok)
        give_up(index);
    return true;
}
