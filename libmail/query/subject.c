/* Does one message match? Things known of it are loaded when a key first asks. */
#include "message/header.h"
#include "message/sort_key.h"
#include "query/program.h"

enum { DAY = 86400, HEADER_SEARCHED = 1 << 20 };

static int64_t day_of(int64_t seconds)
{
    return seconds >= 0 ? seconds / DAY : -((DAY - 1 - seconds) / DAY);
}

static bool load_numbers(struct subject *subject, struct error *err)
{
    if (!subject->numbers_loaded)
        subject->numbers_loaded = mailbox_fields(subject->mailbox, subject->seq,
                                                 FIELD_SIZE | FIELD_DATE, &subject->fields, err);
    return subject->numbers_loaded;
}

/* Of a header that is too big for memory, the beginning: one message that somebody sent must not
 * make every search fail. */
static bool load_beginning(struct subject *subject, struct error *err)
{
    char *room = buf_reserve(&subject->header, HEADER_SEARCHED);
    if (!room)
        return error_memory(err);
    struct input *in = mailbox_read(subject->mailbox, subject->seq, NULL, err);
    bool good = in && input_read_all(in, room, HEADER_SEARCHED, err);
    input_close(&in);
    if (good)
        subject->header.len += HEADER_SEARCHED;
    return good;
}

bool subject_load_header(struct subject *subject, struct error *err)
{
    struct message_fields fields;
    if (subject->header_loaded)
        return true;
    buf_clear(&subject->header);
    if (mailbox_fields(subject->mailbox, subject->seq, FIELD_HEADER, &fields, err))
        buf_bytes(&subject->header, fields.header);
    else if (!err || err->class != ERROR_TOO_BIG || !load_beginning(subject, err))
        return false;
    if (buf_failed(&subject->header))
        return error_memory(err);
    return subject->header_loaded = true;
}

static int match_size(struct subject *subject, const struct search_key *key, struct error *err)
{
    if (!load_numbers(subject, err))
        return -1;
    uint64_t size = subject->fields.size;
    return key->kind == SEARCH_LARGER ? size > key->number : size < key->number;
}

static bool match_day(enum search_kind kind, int64_t day, int64_t wanted)
{
    switch (kind) {
    case SEARCH_BEFORE:
    case SEARCH_SENTBEFORE:
        return day < wanted;
    case SEARCH_ON:
    case SEARCH_SENTON:
        return day == wanted;
    default:
        return day >= wanted;
    }
}

/* INTERNALDATE's day in UTC, the zone that FETCH shows it in. */
static int match_date(struct subject *subject, const struct search_key *key, struct error *err)
{
    if (!load_numbers(subject, err))
        return -1;
    return match_day(key->kind, day_of(subject->fields.date), day_of((int64_t)key->number));
}

/* The view lives as the mailbox's do: until the next thing is asked of it. */
static bool load_key(struct subject *subject, struct sort_key *key, struct error *err)
{
    struct message_fields fields;
    return mailbox_fields(subject->mailbox, subject->seq, FIELD_SORT, &fields, err) &&
           (sort_key_unpack(key, fields.sort) ||
            error_set(err, ERROR_CORRUPT, "the index has a sort key of it that is none"));
}

/* The Date field's day as its writer saw it, "disregarding time and timezone". Without a date there
 * is no match. */
static int match_sent(struct subject *subject, const struct search_key *key, struct error *err)
{
    struct sort_key sort;
    if (!load_key(subject, &sort, err))
        return -1;
    return sort.has_date && match_day(key->kind, day_of(sort.date + (int64_t)sort.zone * 60),
                                      day_of((int64_t)key->number));
}

/* Whether the field's text, decoded, has what is looked for. */
static bool match_value(struct subject *subject, struct bytes value, struct text_match *match)
{
    buf_clear(&subject->text);
    text_header(&subject->text, value);
    text_match_reset(match);
    return text_match_feed(match, buf_view(&subject->text));
}

/* "In the envelope structure's SUBJECT field" (RFC 3501, 6.4.4), which is decoded and mapped
 * already. */
static int match_subject(const struct node *node, const struct sort_key *sort)
{
    if (!sort->has_subject || !node->match)
        return sort->has_subject;
    return bytes_find(sort->subject, text_match_mapped(node->match)) >= 0;
}

static int match_field(struct subject *subject, const struct node *node, struct error *err)
{
    struct header_field field;
    struct sort_key sort;
    if (node->by_subject && load_key(subject, &sort, err) && !sort.cut)
        return match_subject(node, &sort);
    if (!subject_load_header(subject, err))
        return -1;
    struct bytes rest = buf_view(&subject->header);
    while (header_find(rest, node->key->field, &field)) {
        if (!node->match || match_value(subject, field.value, node->match))
            return 1;
        rest = bytes_skip(rest, (size_t)(field.whole.data + field.whole.len - rest.data));
    }
    return 0;
}

bool subject_match_header(struct subject *subject, struct bytes header, struct text_match *match)
{
    struct header_field field;
    while (header_next(&header, &field))
        if (match_value(subject, field.whole, match))
            return true;
    return false;
}

static int match_all(struct subject *subject, const struct node *children, struct error *err)
{
    for (const struct node *child = children; child; child = child->next) {
        int match = subject_match(subject, child, err);
        if (match <= 0)
            return match;
    }
    return 1;
}

static int match_any(struct subject *subject, const struct node *children, struct error *err)
{
    for (const struct node *child = children; child; child = child->next) {
        int match = subject_match(subject, child, err);
        if (match != 0)
            return match;
    }
    return 0;
}

static int match_not(struct subject *subject, const struct node *child, struct error *err)
{
    int match = subject_match(subject, child, err);
    return match < 0 ? match : !match;
}

int subject_match(struct subject *subject, const struct node *node, struct error *err)
{
    const struct search_key *key = node->key;
    switch (key->kind) {
    case SEARCH_ALL:
        return 1;
    case SEARCH_AND:
        return match_all(subject, node->children, err);
    case SEARCH_OR:
        return match_any(subject, node->children, err);
    case SEARCH_NOT:
        return match_not(subject, node->children, err);
    case SEARCH_SEQS:
        return numset_has(&key->set, subject->seq);
    case SEARCH_UIDS:
        return numset_has(&key->set, subject->message.uid);
    case SEARCH_FLAG:
        return (subject->message.flags & key->number) != 0;
    case SEARCH_KEYWORD:
        return node->keyword >= 0 && (subject->message.keywords >> node->keyword & 1);
    case SEARCH_BEFORE:
    case SEARCH_ON:
    case SEARCH_SINCE:
        return match_date(subject, key, err);
    case SEARCH_SENTBEFORE:
    case SEARCH_SENTON:
    case SEARCH_SENTSINCE:
        return match_sent(subject, key, err);
    case SEARCH_LARGER:
    case SEARCH_SMALLER:
        return match_size(subject, key, err);
    case SEARCH_HEADER:
        return match_field(subject, node, err);
    case SEARCH_BODY:
    case SEARCH_TEXT:
        return subject_match_text(subject, node, err);
    }
    return 0;
}
