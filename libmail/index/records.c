#include "index/records.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include "index/index_private.h"

enum { TRIES = 64, SLACK = 64 * 1024 };

static const char magic[8] = { 'P', 'S', 'T', 'I', 'D', 'X', '2', '\n' };

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
    put_le(out + 40, record->modseq, 8);
    put_le(out + 48, record->cache / CACHE_UNIT, 4);
    put_le(out + 52, record->cache_size, 4);
    put_le(out + 56, XXH3_64bits_withSeed(out, 56, uidvalidity), 8);
}

bool record_decode(const unsigned char in[RECORD_SIZE], struct index_record *out,
                   uint32_t uidvalidity)
{
    if (get_le(in + 56, 8) != XXH3_64bits_withSeed(in, 56, uidvalidity))
        return false;
    *out = (struct index_record){
        .uid = (uint32_t)get_le(in, 4),
        .known = (uint16_t)get_le(in + 4, 2),
        .flags = in[6],
        .place = in[7],
        .keywords = get_le(in + 8, 8),
        .date = (int64_t)get_le(in + 16, 8),
        .size = get_le(in + 24, 8),
        .wire_size = get_le(in + 32, 8),
        .modseq = get_le(in + 40, 8),
        .cache = get_le(in + 48, 4) * CACHE_UNIT,
        .cache_size = (uint32_t)get_le(in + 52, 4),
    };
    return out->uid > 0;
}

/* A number of the header: where it stands, how many octets, and which field it is. */
#define NUMBER(offset, field)                                                                      \
    {                                                                                              \
        offset, sizeof(((struct index_header *)0)->field), offsetof(struct index_header, field)    \
    }
static const struct {
    unsigned char at, octets;
    unsigned short field;
} numbers[] = {
    NUMBER(8, uidvalidity),   NUMBER(12, uidnext),       NUMBER(16, count),
    NUMBER(20, dead),         NUMBER(24, unseen),        NUMBER(28, deleted),
    NUMBER(32, first_unseen), NUMBER(36, recent_from),   NUMBER(40, fresh_from),
    NUMBER(44, capacity),     NUMBER(48, modseq),        NUMBER(56, list_mark),
    NUMBER(64, check_due),    NUMBER(72, boot),          NUMBER(80, log),
    NUMBER(88, log_end),      NUMBER(96, cache),         NUMBER(104, cache_end),
    NUMBER(112, cache_live),  NUMBER(192, adding_until), NUMBER(200, scan_due),
    NUMBER(208, names),
};
enum { AT_REPLACED = 120, AT_STAMP = 128 };

void header_encode(unsigned char out[HEADER_SIZE], const struct index_header *header)
{
    memset(out, 0, HEADER_SIZE);
    memcpy(out, magic, sizeof(magic));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const char *field = (const char *)header + numbers[i].field;
        uint32_t small;
        uint64_t n;
        if (numbers[i].octets == 4) {
            memcpy(&small, field, 4);
            put_le(out + numbers[i].at, small, 4);
        } else {
            memcpy(&n, field, 8);
            put_le(out + numbers[i].at, n, 8);
        }
    }
    out[AT_REPLACED] = header->replaced;
    memcpy(out + AT_STAMP, header->stamp, INDEX_STAMP);
    put_le(out + HEADER_SIZE - 8, XXH3_64bits(out, HEADER_SIZE - 8), 8);
}

const char *header_decode(const unsigned char in[HEADER_SIZE], struct index_header *out)
{
    if (memcmp(in, magic, sizeof(magic)) != 0)
        return "is no index";
    if (get_le(in + HEADER_SIZE - 8, 8) != XXH3_64bits(in, HEADER_SIZE - 8))
        return "has a damaged header";
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char *field = (char *)out + numbers[i].field;
        uint64_t n = get_le(in + numbers[i].at, numbers[i].octets);
        uint32_t small = (uint32_t)n;
        if (numbers[i].octets == 4)
            memcpy(field, &small, 4);
        else
            memcpy(field, &n, 8);
    }
    out->replaced = in[AT_REPLACED];
    memcpy(out->stamp, in + AT_STAMP, INDEX_STAMP);
    if (out->capacity % 64 || out->capacity > RECORDS_MOST || out->count > out->capacity ||
        out->dead > out->count || !out->uidvalidity)
        return "has a header that makes no sense";
    return NULL;
}

uint64_t records_offset(uint32_t capacity, uint32_t slot)
{
    return RECORDS_HEADER + capacity / 8 + (uint64_t)slot * RECORD_SIZE;
}

uint64_t records_bit_offset(uint32_t slot)
{
    return RECORDS_HEADER + slot / 8;
}

/* Whoever writes the header writes all of it; a reader may meet it halfway. */
static const char *read_header(const struct records *records, struct index_header *out)
{
    unsigned char copy[HEADER_SIZE];
    const char *wrong = NULL;
    for (int i = 0; i < TRIES; i++) {
        memcpy(copy, records->mapping.at, sizeof(copy));
        wrong = header_decode(copy, out);
        if (!wrong)
            return NULL;
        sched_yield();
    }
    return wrong;
}

/* Maps at least the records of count slots, and some that may come. */
static bool map_slots(struct records *records, uint32_t count)
{
    uint64_t need = records_offset(records->capacity, count);
    if (records->mapping.at && need <= records->mapping.len && !records->mapping.torn)
        return true;
    uint64_t len = need + need / 8 + SLACK;
    return mapping_take(&records->mapping, records->fd, (size_t)(len + 4095) / 4096 * 4096);
}

struct records *records_open(int fd, const char **wrong)
{
    struct records *records = calloc(1, sizeof(*records));
    struct index_header header;
    struct stat st;
    *wrong = records ? NULL : "does not fit into memory";
    if (records)
        *records = (struct records){ .refs = 1, .fd = fd };
    if (!*wrong && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)))
        *wrong = "is not a file";
    if (!*wrong && st.st_size < HEADER_SIZE)
        *wrong = "is too short";
    if (!*wrong && !mapping_take(&records->mapping, fd, RECORDS_HEADER))
        *wrong = "cannot be mapped";
    if (!*wrong)
        *wrong = read_header(records, &header);
    if (!*wrong) {
        records->capacity = header.capacity;
        records->uidvalidity = header.uidvalidity;
        if ((uint64_t)st.st_size < records_offset(header.capacity, header.count))
            *wrong = "was cut off";
        else if (!map_slots(records, header.count))
            *wrong = "cannot be mapped";
    }
    if (!*wrong)
        return records;
    if (records)
        records_drop(&records);
    else
        close(fd);
    return NULL;
}

struct records *records_hold(struct records *records)
{
    if (records)
        records->refs++;
    return records;
}

void records_drop(struct records **records)
{
    struct records *last = *records;
    *records = NULL;
    if (!last || --last->refs)
        return;
    mapping_drop(&last->mapping);
    close(last->fd);
    free(last);
}

bool records_header(const struct records *records, struct index_header *out)
{
    return !read_header(records, out) && out->capacity == records->capacity &&
           out->uidvalidity == records->uidvalidity;
}

static const unsigned char *slot_at(struct records *records, uint32_t slot)
{
    if (slot >= records->capacity || !map_slots(records, slot + 1))
        return NULL;
    return records->mapping.at + records_offset(records->capacity, slot);
}

bool records_at(struct records *records, uint32_t slot, struct index_record *out)
{
    unsigned char copy[RECORD_SIZE];
    const unsigned char *at = slot_at(records, slot);
    for (int i = 0; at && i < TRIES; i++) {
        memcpy(copy, at, sizeof(copy));
        if (record_decode(copy, out, records->uidvalidity))
            return true;
        if (records->mapping.torn)
            return false;
        sched_yield();
    }
    return false;
}

uint32_t records_uid(struct records *records, uint32_t slot)
{
    const unsigned char *at = slot_at(records, slot);
    return at ? (uint32_t)get_le(at, 4) : 0;
}

uint32_t records_from(struct records *records, uint32_t count, uint32_t uid)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (records_uid(records, middle) < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t records_dead(struct records *records, uint32_t i)
{
    if (i >= records->capacity / 64 || !map_slots(records, 0))
        return 0;
    return get_le(records->mapping.at + RECORDS_HEADER + (size_t)i * 8, 8);
}
