/* Writing: the log first, then the records, then the header that says how far both go. Whoever is
 * killed between leaves what the next writer completes from the log. */
#include "index/index_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#include "base/file.h"

enum {
    SEEN = 1 << 0, /* of flags; FORMAT.md */
    DELETED = 1 << 3,
    ADDED_MOST = 512 * 1024, /* octets of records gathered in memory */
    RUN_MOST = 256,          /* records of one write */
    UNSEEN_LOOK = 4096,      /* slots that one commit looks at for the first unseen */
    CAPACITY_MORE = 1 << 24,
};

uint64_t index_next_modseq(uint64_t last)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t clock = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    return clock > last ? clock : last + 1;
}

uint64_t index_boot(void)
{
    static uint64_t boot;
    char text[64];
    if (boot)
        return boot;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
    if (fd >= 0)
        close(fd);
    boot = n > 0 ? XXH3_64bits(text, (size_t)n) | 1 : 1;
    return boot;
}

void transaction_clear(struct transaction *txn)
{
    buf_free(&txn->added);
    free(txn->changes);
    *txn = (struct transaction){ .lock = -1, .file = -1, .added = BUF_INIT(4 * ADDED_MOST) };
}

static bool live(const struct index_record *record)
{
    return record && !(record->place & INDEX_DEAD);
}

void header_count(struct index_header *header, uint32_t slot, const struct index_record *before,
                  const struct index_record *after)
{
    if (live(before)) {
        header->unseen -= !(before->flags & SEEN);
        header->deleted -= !!(before->flags & DELETED);
        header->cache_live -= before->known & INDEX_CACHED ? before->cache_size : 0;
        header->dead += !live(after);
    }
    if (live(after)) {
        header->unseen += !(after->flags & SEEN);
        header->deleted += !!(after->flags & DELETED);
        header->cache_live += after->known & INDEX_CACHED ? after->cache_size : 0;
        if (!(after->flags & SEEN) && slot < header->first_unseen)
            header->first_unseen = slot;
    }
}

static uint32_t capacity_for(uint64_t count)
{
    if (count <= CAPACITY_LEAST / 8 * 7)
        return CAPACITY_LEAST;
    return count <= CAPACITY_MORE / 8 * 7 ? CAPACITY_MORE : RECORDS_MOST;
}

/* ---- gathering */

bool index_create(struct index *index, uint32_t uidvalidity, uint32_t expected, struct error *err)
{
    struct transaction *txn = &index->txn;
    uint64_t modseq = index_next_modseq(txn->header.modseq);
    txn->file = index_create_file(index, INDEX_FILE, err);
    txn->header = (struct index_header){
        .uidvalidity = uidvalidity,
        .uidnext = 1,
        .recent_from = 1,
        .modseq = modseq,
        .boot = index_boot(),
        .capacity = capacity_for(expected),
    };
    txn->before = (struct index_header){ 0 };
    txn->written = txn->last_uid = 0;
    txn->added.len = txn->count = 0;
    return txn->file >= 0;
}

static int records_fd(const struct index *index)
{
    return index->txn.file >= 0 ? index->txn.file : index->records->fd;
}

bool transaction_write_at(const struct index *index, int fd, const void *data, size_t len,
                          uint64_t at, const char *name, struct error *err)
{
    while (len) {
        ssize_t n = pwrite(fd, data, len, (off_t)at);
        if (n <= 0)
            return error_errno(err, n < 0 ? errno : ENOSPC, "writing %s/%s", index->path, name);
        data = (const char *)data + n;
        len -= (size_t)n;
        at += (uint64_t)n;
    }
    return true;
}

/* Added records to the file, behind those it has. Nobody reads them before the header says so. */
static bool write_added(struct index *index, struct error *err)
{
    struct transaction *txn = &index->txn;
    if (!transaction_write_at(index, records_fd(index), txn->added.data, txn->added.len,
                              records_offset(txn->header.capacity, txn->written), INDEX_FILE, err))
        return false;
    txn->written += (uint32_t)(txn->added.len / RECORD_SIZE);
    txn->added.len = 0;
    return true;
}

bool index_add(struct index *index, const struct index_record *record)
{
    return transaction_add(index, record, 0);
}

bool transaction_add(struct index *index, const struct index_record *record, uint64_t modseq)
{
    struct transaction *txn = &index->txn;
    struct index_record added = *record;
    unsigned char text[RECORD_SIZE];
    if (record->uid <= txn->last_uid || txn->failed) {
        txn->failed = true;
        return false;
    }
    if (txn->added.len >= ADDED_MOST || txn->header.count == txn->header.capacity) {
        struct error ignored = { 0 };
        bool ok = txn->file >= 0 ? write_added(index, &ignored) : index_step(index, &ignored);
        if (!ok || txn->header.count == txn->header.capacity) {
            txn->failed = true;
            return false;
        }
    }
    added.modseq = modseq ? modseq : txn->header.modseq;
    record_encode(text, &added, txn->header.uidvalidity);
    buf_append(&txn->added, text, sizeof(text));
    header_count(&txn->header, txn->header.count, NULL, &added);
    txn->header.count++;
    txn->last_uid = record->uid;
    if (record->uid >= txn->header.uidnext)
        txn->header.uidnext = record->uid == UINT32_MAX ? record->uid : record->uid + 1;
    txn->failed = buf_failed(&txn->added);
    return !txn->failed;
}

static struct change *next_change(struct transaction *txn)
{
    if (txn->count == txn->capacity) {
        size_t capacity = txn->capacity ? txn->capacity * 2 : 16;
        struct change *grown = reallocarray(txn->changes, capacity, sizeof(*grown));
        txn->failed = txn->failed || !grown;
        if (!grown)
            return NULL;
        txn->changes = grown;
        txn->capacity = capacity;
    }
    return &txn->changes[txn->count];
}

/* after is what slot's record, which is before, becomes. */
static bool gather(struct index *index, uint32_t slot, unsigned type, bool quiet,
                   const struct index_record *before, const struct index_record *after)
{
    struct transaction *txn = &index->txn;
    struct change *change = next_change(txn);
    if (!change)
        return false;
    *change = (struct change){
        .slot = slot, .type = (unsigned char)type, .quiet = quiet, .record = *after
    };
    header_count(&txn->header, slot, before, after);
    txn->count++;
    return true;
}

static bool read_slot(struct index *index, uint32_t slot, struct index_record *out)
{
    if (index->records && slot < index->txn.written && records_at(index->records, slot, out))
        return true;
    index_damaged(index, "a record is damaged");
    index->txn.failed = true;
    return false;
}

bool index_change(struct index *index, uint32_t slot, uint8_t flags, uint64_t keywords,
                  uint8_t place, bool quiet)
{
    struct index_record before, after;
    if (!read_slot(index, slot, &before))
        return false;
    after = before;
    after.flags = flags;
    after.keywords = keywords;
    after.place = place;
    bool told = before.flags != flags || before.keywords != keywords;
    if (!told && before.place == place)
        return true;
    if (told)
        after.modseq = index->txn.header.modseq;
    return gather(index, slot, told ? INDEX_CHANGED : 0, quiet, &before, &after);
}

bool index_remove(struct index *index, uint32_t slot)
{
    struct index_record before, after;
    if (!read_slot(index, slot, &before))
        return false;
    if (before.place & INDEX_DEAD && !index->txn.recovering)
        return true; /* of a killed writer's the bit may be missing */
    after = before;
    after.place |= INDEX_DEAD;
    after.modseq = index->txn.header.modseq;
    return gather(index, slot, INDEX_REMOVED, false, &before, &after);
}

bool transaction_learn(struct index *index, uint32_t slot, const struct index_record *learnt)
{
    struct index_record before, after;
    if (!read_slot(index, slot, &before) || before.uid != learnt->uid)
        return false;
    after = before;
    after.known = learnt->known;
    after.date = learnt->date;
    after.size = learnt->size;
    after.wire_size = learnt->wire_size;
    after.cache = learnt->cache;
    after.cache_size = learnt->cache_size;
    return gather(index, slot, 0, true, &before, &after);
}

/* ---- the files */

static bool write_bits(struct index *index, const struct change *change, struct error *err)
{
    unsigned char octet = (unsigned char)(records_dead(index->records, change->slot / 64) >>
                                          (change->slot % 64 / 8 * 8));
    unsigned char bit = (unsigned char)(1 << change->slot % 8);
    bool dead = change->record.place & INDEX_DEAD;
    if (!(octet & bit) == !dead)
        return true;
    octet ^= bit;
    return transaction_write_at(index, index->records->fd, &octet, 1,
                                records_bit_offset(change->slot), INDEX_FILE, err);
}

static bool write_changes(struct index *index, struct error *err)
{
    const struct transaction *txn = &index->txn;
    unsigned char run[RUN_MOST * RECORD_SIZE];
    for (size_t i = 0; i < txn->count;) {
        size_t n = 0;
        for (; i + n < txn->count && n < RUN_MOST &&
               txn->changes[i + n].slot == txn->changes[i].slot + n;
             n++)
            record_encode(run + n * RECORD_SIZE, &txn->changes[i + n].record,
                          txn->header.uidvalidity);
        if (!transaction_write_at(index, index->records->fd, run, n * RECORD_SIZE,
                                  records_offset(txn->header.capacity, txn->changes[i].slot),
                                  INDEX_FILE, err))
            return false;
        for (size_t k = 0; k < n; k++)
            if (!write_bits(index, &txn->changes[i + k], err))
                return false;
        i += n;
    }
    return true;
}

/* So that a session which looks for it finds it soon. */
static void advance_unseen(struct index *index)
{
    struct index_header *header = &index->txn.header;
    struct index_record record;
    if (!header->unseen)
        header->first_unseen = header->count;
    for (unsigned i = 0; i < UNSEEN_LOOK && header->first_unseen < header->count; i++) {
        if (!index->records || !records_at(index->records, header->first_unseen, &record) ||
            (live(&record) && !(record.flags & SEEN)))
            return;
        header->first_unseen++;
    }
}

static bool write_header(struct index *index, struct error *err)
{
    struct transaction *txn = &index->txn;
    unsigned char text[HEADER_SIZE], old[HEADER_SIZE];
    header_encode(text, &txn->header);
    header_encode(old, &txn->before);
    if (txn->file < 0 && memcmp(text, old, sizeof(text)) == 0)
        return true;
    if (!transaction_write_at(index, records_fd(index), text, sizeof(text), 0, INDEX_FILE, err))
        return false;
    txn->before = txn->header;
    return true;
}

/* Sessions that have the old file mapped learn that there is another one. */
static void mark_replaced(struct records *old)
{
    struct index_header header;
    unsigned char text[HEADER_SIZE];
    if (!old || !records_header(old, &header))
        return;
    header.replaced = true;
    header_encode(text, &header);
    if (pwrite(old->fd, text, sizeof(text), 0) < 0)
        return; /* it is read-only: nobody else has it */
}

bool transaction_publish(struct index *index, struct error *err)
{
    struct transaction *txn = &index->txn;
    struct records *old = records_hold(index->records);
    bool ok = index_publish_file(index, INDEX_FILE, err);
    if (ok) {
        mark_replaced(old);
        int fd = txn->file;
        txn->file = -1;
        ok = index_take_records(index, fd) ||
             error_set(err, ERROR_CORRUPT, "%s/" INDEX_FILE, index->path);
    }
    records_drop(&old);
    return ok;
}

bool transaction_write(struct index *index, struct error *err)
{
    struct transaction *txn = &index->txn;
    if (txn->failed)
        return error_set(err, ERROR_TEMPORARY, "%s: the index cannot take the changes",
                         index->path);
    if (txn->file >= 0) {
        static const unsigned char page[RECORDS_HEADER];
        if (!write_added(index, err) ||
            (!txn->header.count &&
             !transaction_write_at(index, txn->file, page, sizeof(page),
                                   records_offset(txn->header.capacity, 0) - sizeof(page),
                                   INDEX_FILE, err)))
            return false;
        return write_header(index, err) && transaction_publish(index, err);
    }
    if (!index->records)
        return error_set(err, ERROR_CORRUPT, "%s has no index", index->path);
    bool any = txn->count || txn->added.len;
    if (!any && !txn->recovering) /* there, records may have it already */
        txn->header.modseq = txn->before.modseq;
    if (any &&
        !(transaction_log(index, err) && write_added(index, err) && write_changes(index, err)))
        return false;
    txn->count = 0;
    if (any)
        advance_unseen(index);
    if (!write_header(index, err))
        return false;
    txn->header.modseq = index_next_modseq(txn->header.modseq);
    return txn->header.count < txn->header.capacity - txn->header.capacity / 8 ||
           index_grow(index, err);
}
