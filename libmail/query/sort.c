/* A message's key is one run of octets for all criteria: numbers big-endian with their sign turned,
 * texts with "\0\0" behind them (and "\0\xff" for an octet 0 in them), for REVERSE all octets
 * turned. Of these keys none is the beginning of another. */
#include "query/sort.h"

#include <endian.h>
#include <stdlib.h>
#include "base/buf.h"
#include "query/keys.h"
#include "query/order.h"

enum { PREFIX = 8, KEYS_FOR_ALL = 1 << 20 };

struct sorting {
    const struct sort_criterion *criteria;
    size_t criteria_count;
    struct order_item *items; /* and as much again: scratch */
    size_t count;
    struct buf key;  /* of one message */
    struct buf keys; /* what is behind the prefixes, of all */
};

static void put_number(struct buf *key, int64_t n)
{
    uint64_t octets = htobe64(order_number(n));
    buf_append(key, &octets, sizeof(octets));
}

static void put_text(struct buf *key, struct bytes text)
{
    const char *nul;
    while (text.len && (nul = memchr(text.data, 0, text.len))) {
        size_t before = (size_t)(nul - text.data);
        buf_bytes(key, bytes_take(text, before));
        buf_append(key, "\0\xff", 2);
        text = bytes_skip(text, before + 1);
    }
    buf_bytes(key, text);
    buf_append(key, "\0\0", 2);
}

static void put_key(struct buf *key, enum sort_kind kind, const struct keyed *message)
{
    switch (kind) {
    case SORT_ARRIVAL:
        put_number(key, message->fields.date);
        break;
    case SORT_CC:
        put_text(key, message->key.cc);
        break;
    case SORT_DATE:
        put_number(key, keys_sent(message));
        break;
    case SORT_FROM:
        put_text(key, message->key.from);
        break;
    case SORT_SIZE:
        put_number(key, (int64_t)message->fields.size);
        break;
    case SORT_SUBJECT:
        put_text(key, message->key.base);
        break;
    default:
        put_text(key, message->key.to);
        break;
    }
}

static void turn(char *octets, size_t len)
{
    for (size_t i = 0; i < len; i++)
        octets[i] = (char)~octets[i];
}

static bool take_message(void *context, const struct keyed *message)
{
    struct sorting *sorting = context;
    struct buf *key = &sorting->key;
    uint64_t prefix = 0;
    buf_clear(key);
    for (size_t i = 0; i < sorting->criteria_count; i++) {
        size_t start = key->len;
        put_key(key, sorting->criteria[i].kind, message);
        if (sorting->criteria[i].reverse && !buf_failed(key))
            turn(key->data + start, key->len - start);
    }
    if (buf_failed(key))
        return false;
    struct bytes first = bytes_take(buf_view(key), PREFIX),
                 rest = bytes_skip(buf_view(key), PREFIX);
    memcpy(&prefix, first.data, first.len);
    sorting->items[sorting->count++] = (struct order_item){
        .prefix = be64toh(prefix),
        .rest = sorting->keys.len,
        .rest_len = (uint32_t)rest.len,
        .what = message->seq,
    };
    buf_bytes(&sorting->keys, rest);
    return !buf_failed(&sorting->keys);
}

static unsigned wanted_by(const struct sort_criterion *criteria, size_t count)
{
    static const unsigned WANTED[SORT_KINDS] = {
        [SORT_ARRIVAL] = FIELD_DATE,
        [SORT_CC] = FIELD_SORT,
        [SORT_DATE] = FIELD_SORT | FIELD_DATE,
        [SORT_FROM] = FIELD_SORT,
        [SORT_SIZE] = FIELD_SIZE,
        [SORT_SUBJECT] = FIELD_SORT,
        [SORT_TO] = FIELD_SORT,
    };
    unsigned wanted = 0;
    for (size_t i = 0; i < count; i++)
        wanted |= WANTED[criteria[i].kind];
    return wanted;
}

/* The numbers take the place of the items, which are longer. */
static uint32_t *numbers_of(struct sorting *sorting)
{
    uint32_t *numbers = (uint32_t *)sorting->items;
    for (size_t i = 0; i < sorting->count; i++) {
        uint32_t what = sorting->items[i].what;
        memcpy(numbers + i, &what, sizeof(what));
    }
    return numbers;
}

bool sort_run(struct mailbox *mailbox, const struct numset *found,
              const struct sort_criterion *criteria, size_t criteria_count, uint32_t **seqs,
              size_t *count, bool (*tick)(void *context), void *context, struct error *err)
{
    size_t most = (size_t)numset_size(found);
    struct sorting sorting = {
        .criteria = criteria,
        .criteria_count = criteria_count,
        .items = calloc(most ? most : 1, 2 * sizeof(struct order_item)),
        .key = BUF_INIT((size_t)KEYS_FOR_ALL),
        .keys = BUF_INIT(SIZE_MAX),
    };
    struct keys_pass pass = {
        .mailbox = mailbox,
        .found = found,
        .wanted = wanted_by(criteria, criteria_count),
        .take = take_message,
        .context = &sorting,
        .tick = tick,
        .tick_context = context,
    };
    bool good = sorting.items ? keys_read(&pass, err) : error_memory(err);
    if (good)
        order_sort(sorting.items, sorting.count, sorting.items + most, sorting.keys.data);
    *count = good ? sorting.count : 0;
    *seqs = good ? numbers_of(&sorting) : NULL;
    if (!good)
        free(sorting.items);
    buf_free(&sorting.key);
    buf_free(&sorting.keys);
    return good && !pass.unreadable;
}
