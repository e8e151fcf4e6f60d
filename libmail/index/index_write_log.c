/* A transaction's changes, written to the log before anything else. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "index/index_private.h"

enum { LOG_MOST = 1024 * 1024 }; /* octets; then a new one is begun */

static bool new_log(struct index *index, struct error *err)
{
    struct index_header *header = &index->txn.header;
    struct changelog fresh;
    int fd = index_create_file(index, LOG_FILE, err);
    if (fd < 0)
        return false;
    if (!changelog_start(&fresh, fd, header->uidvalidity, header->log, header->log_end, err) ||
        !index_publish_file(index, LOG_FILE, err)) {
        close(fd);
        return false;
    }
    if (index->dir < 0) {
        if (index->memory_log >= 0)
            close(index->memory_log);
        index->memory_log = dup(fd);
    }
    changelog_close(&index->log);
    index->log = fresh;
    header->log = fresh.id;
    header->log_end = LOG_HEADER;
    return true;
}

/* What was in it is lost. The next one follows upon this change alone: nobody's cursor stands
 * there. */
static void forget_log(struct index_header *header)
{
    header->log = 0;
    header->log_end = header->modseq;
}

/* The log is open and the one that the header names. */
static bool have_log(struct index *index, struct error *err)
{
    struct index_header *header = &index->txn.header;
    if (index->log.fd >= 0 && index->log.id == header->log && header->log)
        return header->log_end < LOG_MOST || new_log(index, err);
    changelog_close(&index->log);
    int fd = -1;
    if (header->log && index->dir >= 0)
        fd = openat(index->dir, LOG_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (changelog_open(&index->log, fd, header->uidvalidity) && index->log.id == header->log)
        return header->log_end < LOG_MOST || new_log(index, err);
    if (header->log)
        forget_log(header);
    return new_log(index, err);
}

struct logging {
    struct buf text, items;
    uint64_t at;
    struct log_entry entry;
};

static void end_entry(struct logging *logging)
{
    if (logging->items.len) {
        size_t before = logging->text.len;
        logging->entry.items = buf_view(&logging->items);
        changelog_encode(&logging->text, logging->at, &logging->entry);
        logging->at += logging->text.len - before;
    }
    logging->items.len = 0;
}

static void begin_item(struct logging *logging, unsigned type, uint32_t session)
{
    bool same = logging->entry.type == type && logging->entry.session == session;
    if (!same || logging->items.len >= LOG_ENTRY_MOST / 4)
        end_entry(logging);
    logging->entry.type = type;
    logging->entry.session = session;
}

static void log_changes(const struct transaction *txn, uint32_t session, struct logging *logging)
{
    for (size_t i = 0; i < txn->added.len; i += RECORD_SIZE) {
        begin_item(logging, INDEX_ADDED, 0);
        buf_append(&logging->items, txn->added.data + i, RECORD_SIZE);
    }
    for (size_t i = 0; i < txn->count; i++) {
        const struct change *change = &txn->changes[i];
        if (!change->type)
            continue;
        begin_item(logging, change->type, change->quiet ? session : 0);
        if (change->type == INDEX_CHANGED)
            log_change_encode(&logging->items, &change->record);
        else
            log_removal_encode(&logging->items, change->record.uid);
    }
    end_entry(logging);
}

static bool anything_to_log(const struct transaction *txn)
{
    bool any = txn->added.len > 0;
    for (size_t i = 0; i < txn->count && !any; i++)
        any = txn->changes[i].type != 0;
    return any;
}

/* A full disk: records are changed in place all the same, and others compare them one by one. */
static bool lose_log(struct index *index, const struct error *err)
{
    index_writing_failed(index, err);
    changelog_close(&index->log);
    forget_log(&index->txn.header);
    return true;
}

bool transaction_log(struct index *index, struct error *err)
{
    struct transaction *txn = &index->txn;
    struct logging logging = { .text = BUF_INIT(SIZE_MAX / 2), .items = BUF_INIT(LOG_ENTRY_MOST) };
    if (txn->recovering || !anything_to_log(txn))
        return true;
    if (!have_log(index, err))
        return lose_log(index, err);
    logging.at = txn->header.log_end;
    logging.entry.modseq = txn->header.modseq;
    log_changes(txn, index->session, &logging);
    bool ok = buf_failed(&logging.text) || buf_failed(&logging.items)
                  ? error_memory(err)
                  : transaction_write_at(index, index->log.fd, logging.text.data, logging.text.len,
                                         txn->header.log_end, LOG_FILE, err);
    if (ok)
        txn->header.log_end = logging.at;
    buf_free(&logging.text);
    buf_free(&logging.items);
    return ok || lose_log(index, err);
}
