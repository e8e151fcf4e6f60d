/* The records file: read with pread, every part checked before it is used. */
#include "index/index_private.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include "base/log.h"

static const char magic[8] = { 'P', 'S', 'T', 'I', 'D', 'X', '1', '\n' };

void record_encode(unsigned char out[RECORD_SIZE], const struct index_record *record,
                   uint32_t uidvalidity)
{
    put_le(out, record->uid, 4);
    put_le(out + 4, record->known, 2);
    put_le(out + 6, record->flags, 1);
    put_le(out + 7, record->place, 1);
    put_le(out + 8, record->keywords, 8);
    put_le(out + 16, (uint64_t)record->date, 8);
    put_le(out + 24, record->size, 8);
    put_le(out + 32, record->wire_size, 8);
    put_le(out + 40, record->cache, 8);
    put_le(out + 48, record->cache_size, 8);
    put_le(out + 56, XXH64(out, 56, uidvalidity), 8);
}

bool record_decode(const unsigned char in[RECORD_SIZE], struct index_record *record,
                   uint32_t uidvalidity)
{
    if (get_le(in + 56, 8) != XXH64(in, 56, uidvalidity))
        return false;
    *record = (struct index_record){
        .uid = (uint32_t)get_le(in, 4),
        .known = (uint16_t)get_le(in + 4, 2),
        .flags = in[6],
        .place = in[7],
        .keywords = get_le(in + 8, 8),
        .date = (int64_t)get_le(in + 16, 8),
        .size = get_le(in + 24, 8),
        .wire_size = get_le(in + 32, 8),
        .cache = get_le(in + 40, 8),
        .cache_size = get_le(in + 48, 8),
    };
    return record->uid > 0;
}

void header_encode(unsigned char out[HEADER_SIZE], const struct index *index,
                   const struct index_header *header, uint32_t count)
{
    memset(out, 0, HEADER_SIZE);
    memcpy(out, magic, sizeof(magic));
    put_le(out + 8, index->uidvalidity, 4);
    put_le(out + 12, header->uidnext, 4);
    put_le(out + 16, count, 4);
    put_le(out + 20, header->recent_from, 4);
    put_le(out + 24, index->id, 8);
    put_le(out + 32, index->end, 8);
    memcpy(out + 40, header->stamp, INDEX_STAMP);
    put_le(out + 104, header->unseen, 4);
    put_le(out + 108, header->recent, 4);
    put_le(out + 112, header->counted, 8);
    put_le(out + 120, XXH64(out, 120, 0), 8);
}

/* NULL when all is well, else what is wrong. */
static const char *header_decode(struct index *index, const unsigned char in[HEADER_SIZE])
{
    if (memcmp(in, magic, sizeof(magic)) != 0)
        return "is no index";
    if (get_le(in + 120, 8) != XXH64(in, 120, 0))
        return "has a damaged header";
    if (get_le(in + 8, 4) != index->uidvalidity)
        return "is of another UIDVALIDITY";
    index->header.uidnext = (uint32_t)get_le(in + 12, 4);
    index->count = (uint32_t)get_le(in + 16, 4);
    index->header.recent_from = (uint32_t)get_le(in + 20, 4);
    index->cache_id = get_le(in + 24, 8);
    index->cache_end = get_le(in + 32, 8);
    memcpy(index->header.stamp, in + 40, INDEX_STAMP);
    index->header.unseen = (uint32_t)get_le(in + 104, 4);
    index->header.recent = (uint32_t)get_le(in + 108, 4);
    index->header.counted = get_le(in + 112, 8);
    return NULL;
}

bool index_peek(const char *directory, struct index_header *out, uint32_t *uidvalidity,
                uint32_t *count)
{
    unsigned char header[HEADER_SIZE];
    char path[4200];
    int len = snprintf(path, sizeof(path), "%s/" INDEX_FILE, directory);
    int fd = len > 0 && (size_t)len < sizeof(path)
                 ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
                 : -1;
    if (fd < 0)
        return false;
    ssize_t n = pread(fd, header, sizeof(header), 0);
    close(fd);
    if (n != (ssize_t)sizeof(header))
        return false;
    struct index index = { .uidvalidity = (uint32_t)get_le(header + 8, 4) };
    if (header_decode(&index, header))
        return false;
    *uidvalidity = index.uidvalidity;
    *out = index.header;
    *count = index.count;
    return true;
}

static const char *read_header(struct index *index)
{
    unsigned char header[HEADER_SIZE];
    struct stat st;
    if (fstat(index->records, &st) != 0 || !S_ISREG(st.st_mode))
        return "is not a file";
    if (pread(index->records, header, sizeof(header), 0) != (ssize_t)sizeof(header))
        return "is too short";
    const char *wrong = header_decode(index, header);
    if (!wrong && (uint64_t)st.st_size != HEADER_SIZE + (uint64_t)index->count * RECORD_SIZE)
        wrong = "was cut off";
    return wrong;
}

void records_close(struct index *index)
{
    if (index->records >= 0)
        close(index->records);
    index->records = -1;
    index->count = index->window_count = index->hint = 0;
    index->header = (struct index_header){ 0 };
}

bool records_open(struct index *index)
{
    records_close(index);
    if (index->dir < 0)
        return false;
    index->records =
        openat(index->dir, INDEX_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (index->records < 0)
        return false;
    const char *wrong = read_header(index);
    if (!wrong)
        return true;
    log_warning("%s/" INDEX_FILE " %s: it is built anew", index->path, wrong);
    records_close(index);
    return false;
}

/* A record that is damaged makes all suspect: the file is not used any more. */
static bool damaged(struct index *index, uint32_t i)
{
    log_warning("%s/" INDEX_FILE ": record %u is damaged: it is built anew", index->path, i);
    records_close(index);
    return false;
}

bool records_at(struct index *index, uint32_t i, struct index_record *out)
{
    if (index->records < 0 || i >= index->count)
        return false;
    if (i < index->window_at || i - index->window_at >= index->window_count) {
        uint32_t n = index->count - i < WINDOW ? index->count - i : WINDOW;
        ssize_t got = pread(index->records, index->window, (size_t)n * RECORD_SIZE,
                            HEADER_SIZE + (off_t)i * RECORD_SIZE);
        if (got < RECORD_SIZE)
            return damaged(index, i);
        index->window_at = i;
        index->window_count = (uint32_t)(got / RECORD_SIZE);
    }
    if (!record_decode(index->window + (size_t)(i - index->window_at) * RECORD_SIZE, out,
                       index->uidvalidity))
        return damaged(index, i);
    if (index->cache < 0 || index->cache_id != index->id)
        out->known &= (uint16_t)~INDEX_CACHED;
    return true;
}

bool records_find(struct index *index, uint32_t uid, struct index_record *out)
{
    uint32_t low = 0, high = index->count;
    /* Messages are asked for one after the other most of the time. */
    if (index->hint < high && records_at(index, index->hint, out)) {
        if (out->uid == uid) {
            index->hint++;
            return true;
        }
        *(out->uid < uid ? &low : &high) = index->hint;
    }
    while (low < high && index->records >= 0) {
        uint32_t middle = low + (high - low) / 2;
        if (!records_at(index, middle, out))
            return false;
        if (out->uid == uid) {
            index->hint = middle + 1;
            return true;
        }
        if (out->uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
