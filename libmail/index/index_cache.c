/* The cache file: entries that are only ever appended, each with its own check values; so a torn or
 * damaged one is simply not there. */
#include "index/index_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include "base/file.h"
#include "base/log.h"

static const char magic[8] = { 'P', 'S', 'T', 'C', 'C', 'H', '2', '\n' };

struct entry {
    struct index_record record;
    uint32_t lengths[INDEX_FIELD_COUNT];
    uint64_t check; /* of the payload */
    uint64_t size;  /* header, payload and padding */
};

void cache_close(struct index *index)
{
    if (index->cache >= 0)
        close(index->cache);
    index->cache = -1;
    index->id = index->end = 0;
}

static bool read_cache_header(struct index *index)
{
    unsigned char header[CACHE_HEADER_SIZE];
    struct stat st;
    if (fstat(index->cache, &st) != 0 || !S_ISREG(st.st_mode) ||
        pread(index->cache, header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
        memcmp(header, magic, sizeof(magic)) != 0 ||
        get_le(header + 24, 8) != XXH64(header, 24, 0) ||
        get_le(header + 8, 4) != index->uidvalidity)
        return false;
    index->id = get_le(header + 16, 8);
    return true;
}

bool cache_open(struct index *index)
{
    cache_close(index);
    if (index->dir < 0)
        return false;
    index->cache =
        openat(index->dir, CACHE_FILE,
               (index->write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (index->cache < 0)
        return false;
    if (!read_cache_header(index)) {
        log_warning("%s/" CACHE_FILE " is damaged or of another mailbox: it is built anew",
                    index->path);
        cache_close(index);
        return false;
    }
    /* Entries before this are in the records already. */
    index->end =
        index->records >= 0 && index->cache_id == index->id && index->cache_end >= CACHE_HEADER_SIZE
            ? index->cache_end
            : CACHE_HEADER_SIZE;
    return true;
}

static bool entry_decode(const unsigned char in[ENTRY_SIZE], struct entry *out)
{
    if (get_le(in, 4) != ENTRY_MAGIC || get_le(in + 72, 8) != XXH64(in, 72, 0))
        return false;
    out->record = (struct index_record){
        .uid = (uint32_t)get_le(in + 4, 4),
        .size = get_le(in + 8, 8),
        .wire_size = get_le(in + 16, 8),
        .date = (int64_t)get_le(in + 24, 8),
        .known = (uint16_t)(get_le(in + 56, 2) & ~(uint64_t)STAGED),
    };
    uint64_t payload = 0;
    for (size_t i = 0; i < INDEX_FIELD_COUNT; i++)
        payload += out->lengths[i] = (uint32_t)get_le(in + 32 + 4 * i, 4);
    out->check = get_le(in + 64, 8);
    out->size = ENTRY_SIZE + ((payload + 7) & ~UINT64_C(7)) + FOOTER_SIZE;
    return out->record.uid && payload <= ENTRY_MAX - ENTRY_SIZE - FOOTER_SIZE - 8;
}

void cache_catch_up(struct index *index)
{
    unsigned char header[ENTRY_SIZE];
    struct stat st;
    if (index->cache < 0 || fstat(index->cache, &st) != 0)
        return;
    while (index->end + ENTRY_SIZE <= (uint64_t)st.st_size) {
        struct entry entry;
        if (pread(index->cache, header, sizeof(header), (off_t)index->end) !=
                (ssize_t)sizeof(header) ||
            !entry_decode(header, &entry) || index->end + entry.size > (uint64_t)st.st_size)
            break;
        entry.record.cache = index->end;
        entry.record.cache_size = entry.size;
        if (!overlay_set(&index->overlay, &entry.record))
            break;
        index->unwritten++;
        index->end += entry.size;
    }
}

/* What pointed into a cache that is not there any more. */
static void forget_offsets(struct index *index)
{
    for (size_t i = 0; i < index->overlay.size; i++)
        index->overlay.slots[i].known &= (uint16_t)~INDEX_CACHED;
}

bool cache_create_aside(struct index *index, struct error *err)
{
    unsigned char header[CACHE_HEADER_SIZE] = { 0 };
    cache_close(index);
    memcpy(header, magic, sizeof(magic));
    put_le(header + 8, index->uidvalidity, 4);
    if (getrandom(header + 16, 8, 0) != 8)
        return error_errno(err, errno, "asking for random octets");
    put_le(header + 24, XXH64(header, 24, 0), 8);
    index->cache = openat(index->dir, CACHE_FILE ".tmp",
                          O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (index->cache < 0)
        return error_errno(err, errno, "creating %s/" CACHE_FILE ".tmp", index->path);
    index->id = get_le(header + 16, 8);
    index->end = CACHE_HEADER_SIZE;
    return file_write(index->cache, bytes_make(header, sizeof(header)), index->path, err);
}

bool cache_publish(struct index *index, struct error *err)
{
    return renameat(index->dir, CACHE_FILE ".tmp", index->dir, CACHE_FILE) == 0 ||
           error_errno(err, errno, "replacing %s/" CACHE_FILE, index->path);
}

static bool create_cache(struct index *index, struct error *err)
{
    forget_offsets(index);
    if (cache_create_aside(index, err) && cache_publish(index, err))
        return true;
    cache_close(index);
    return false;
}

static bool ends_with_footer(const struct index *index, uint64_t size)
{
    unsigned char footer[FOOTER_SIZE], wanted[FOOTER_SIZE];
    if (size < CACHE_HEADER_SIZE + FOOTER_SIZE ||
        pread(index->cache, footer, sizeof(footer), (off_t)(size - FOOTER_SIZE)) !=
            (ssize_t)sizeof(footer))
        return false;
    uint64_t entry = get_le(footer, 8);
    if (entry > size - CACHE_HEADER_SIZE)
        return false;
    entry_footer(wanted, size - entry, entry);
    return memcmp(footer, wanted, sizeof(footer)) == 0;
}

bool cache_prepare_blind(struct index *index, struct error *err)
{
    struct stat st;
    if (cache_open(index) && fstat(index->cache, &st) == 0 &&
        ((uint64_t)st.st_size == CACHE_HEADER_SIZE ||
         ends_with_footer(index, (uint64_t)st.st_size))) {
        index->end = (uint64_t)st.st_size;
        return true;
    }
    return cache_prepare(index, err);
}

bool cache_prepare(struct index *index, struct error *err)
{
    struct stat at_path, open;
    bool there = fstatat(index->dir, CACHE_FILE, &at_path, AT_SYMLINK_NOFOLLOW) == 0;
    if (!there || index->cache < 0 || fstat(index->cache, &open) != 0 ||
        open.st_ino != at_path.st_ino || open.st_dev != at_path.st_dev) {
        forget_offsets(index);
        if (!cache_open(index) && !create_cache(index, err))
            return false;
    }
    cache_catch_up(index);
    if (fstat(index->cache, &open) != 0)
        return error_errno(err, errno, "looking at %s/" CACHE_FILE, index->path);
    if ((uint64_t)open.st_size < index->end)
        return create_cache(index, err); /* somebody cut it off */
    if ((uint64_t)open.st_size > index->end && ftruncate(index->cache, (off_t)index->end) != 0)
        return error_errno(err, errno, "cutting off the torn end of %s/" CACHE_FILE, index->path);
    return true;
}

bool cache_read(struct index *index, const struct index_record *record, struct buf *memory,
                struct bytes fields[INDEX_FIELD_COUNT])
{
    struct entry entry;
    size_t size = record->cache_size;
    if (index->cache < 0 || size < ENTRY_SIZE + FOOTER_SIZE || size > ENTRY_MAX)
        return false;
    char *into = buf_reserve(memory, size);
    if (!into || pread(index->cache, into, size, (off_t)record->cache) != (ssize_t)size ||
        !entry_decode((unsigned char *)into, &entry) || entry.size != size ||
        entry.record.uid != record->uid || entry.record.size != record->size)
        return false;
    size_t payload = 0;
    for (size_t i = 0; i < INDEX_FIELD_COUNT; i++)
        payload += entry.lengths[i];
    if (XXH64(into + ENTRY_SIZE, payload, 0) != entry.check)
        return false;
    memory->len += payload;
    memmove(into, into + ENTRY_SIZE, payload);
    for (size_t i = 0; i < INDEX_FIELD_COUNT; i++) {
        fields[i] = (struct bytes){ into, entry.lengths[i] };
        into += entry.lengths[i];
    }
    return true;
}
