#include <errno.h>
#include <sys/random.h>
#include <unistd.h>
#include <xxhash.h>
#include "base/file.h"
#include "index/index_private.h"

enum { ENTRY_MAGIC = 0x32676c70 };

static const char magic[8] = { 'P', 'S', 'T', 'L', 'O', 'G', '2', '\n' };

bool changelog_open(struct changelog *log, int fd, uint32_t uidvalidity)
{
    unsigned char header[LOG_HEADER];
    changelog_close(log);
    if (fd < 0)
        return false;
    if (pread(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
        memcmp(header, magic, sizeof(magic)) != 0 ||
        get_le(header + 40, 8) != XXH3_64bits(header, 40) || get_le(header + 8, 4) != uidvalidity) {
        close(fd);
        return false;
    }
    *log = (struct changelog){ .fd = fd,
                               .id = get_le(header + 16, 8),
                               .previous = get_le(header + 24, 8),
                               .previous_end = get_le(header + 32, 8) };
    return true;
}

void changelog_close(struct changelog *log)
{
    if (log->fd >= 0)
        close(log->fd);
    *log = (struct changelog){ .fd = -1 };
}

bool changelog_start(struct changelog *log, int fd, uint32_t uidvalidity, uint64_t previous,
                     uint64_t previous_end, struct error *err)
{
    unsigned char header[LOG_HEADER] = { 0 };
    memcpy(header, magic, sizeof(magic));
    put_le(header + 8, uidvalidity, 4);
    if (getrandom(header + 16, 8, 0) != 8)
        return error_errno(err, errno, "asking for random octets");
    put_le(header + 24, previous, 8);
    put_le(header + 32, previous_end, 8);
    put_le(header + 40, XXH3_64bits(header, 40), 8);
    *log = (struct changelog){
        .fd = fd, .id = get_le(header + 16, 8), .previous = previous, .previous_end = previous_end
    };
    return file_write(fd, bytes_make(header, sizeof(header)), LOG_FILE, err);
}

bool changelog_read(const struct changelog *log, uint64_t at, struct buf *memory,
                    struct log_entry *out)
{
    unsigned char header[LOG_ENTRY];
    if (log->fd < 0 ||
        pread(log->fd, header, sizeof(header), (off_t)at) != (ssize_t)sizeof(header) ||
        get_le(header, 4) != ENTRY_MAGIC)
        return false;
    size_t size = get_le(header + 4, 4);
    if (size < LOG_ENTRY || size > LOG_ENTRY_MOST)
        return false;
    memory->len = 0;
    char *into = buf_reserve(memory, size);
    if (!into || pread(log->fd, into, size, (off_t)at) != (ssize_t)size)
        return false;
    uint64_t check = get_le((unsigned char *)into + 24, 8);
    put_le((unsigned char *)into + 24, 0, 8);
    if (check != XXH3_64bits_withSeed(into, size, at))
        return false;
    const unsigned char *copy = (const unsigned char *)into;
    *out = (struct log_entry){
        .type = (unsigned)get_le(copy + 8, 4),
        .session = (uint32_t)get_le(copy + 12, 4),
        .modseq = get_le(copy + 16, 8),
        .items = { into + LOG_ENTRY, size - LOG_ENTRY },
        .next = at + size,
    };
    size_t item = log_item_size(out->type);
    return item && out->items.len % item == 0;
}

void changelog_encode(struct buf *out, uint64_t at, const struct log_entry *entry)
{
    size_t size = LOG_ENTRY + entry->items.len, start = out->len;
    unsigned char header[LOG_ENTRY] = { 0 };
    put_le(header, ENTRY_MAGIC, 4);
    put_le(header + 4, size, 4);
    put_le(header + 8, entry->type, 4);
    put_le(header + 12, entry->session, 4);
    put_le(header + 16, entry->modseq, 8);
    buf_append(out, header, sizeof(header));
    buf_bytes(out, entry->items);
    if (buf_failed(out))
        return;
    unsigned char *whole = (unsigned char *)out->data + start;
    put_le(whole + 24, XXH3_64bits_withSeed(whole, size, at), 8);
}

void log_change_encode(struct buf *out, const struct index_record *record)
{
    unsigned char item[LOG_CHANGE] = { 0 };
    put_le(item, record->uid, 4);
    item[4] = record->flags;
    item[5] = record->place;
    put_le(item + 8, record->keywords, 8);
    buf_append(out, item, sizeof(item));
}

void log_change_decode(const char *item, struct index_record *out)
{
    const unsigned char *at = (const unsigned char *)item;
    out->uid = (uint32_t)get_le(at, 4);
    out->flags = at[4];
    out->place = at[5];
    out->keywords = get_le(at + 8, 8);
}

void log_removal_encode(struct buf *out, uint32_t uid)
{
    unsigned char item[LOG_REMOVAL];
    put_le(item, uid, 4);
    buf_append(out, item, sizeof(item));
}

uint32_t log_item_uid(const char *item)
{
    return (uint32_t)get_le((const unsigned char *)item, 4);
}

size_t log_item_size(unsigned type)
{
    static const unsigned char sizes[] = {
        [INDEX_ADDED] = RECORD_SIZE, [INDEX_CHANGED] = LOG_CHANGE, [INDEX_REMOVED] = LOG_REMOVAL
    };
    return type < sizeof(sizes) ? sizes[type] : 0;
}
