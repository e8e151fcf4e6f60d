/* What is known of a message: from the index, else parsed once, everything in one pass.
 *
 * A size that a name claims ("W=") is told on FIELD_SIZE alone, where the other claim ("S=") holds
 * against the disk. Whatever reads the message measures it first: a claim that was wrong is an
 * error once, and right from then on. */
#include "mailbox/mailbox_exact.h"

#include "mailbox/mailbox_parse.h"

enum {
    PARSE_MEMORY = 64 * 1024 * 1024,
    HEADER_MAX = 1024 * 1024,
    PARSED = FIELD_ENVELOPE | FIELD_BODY | FIELD_BODYSTRUCTURE | FIELD_PARTS | FIELD_SORT,
};

static bool feed_all(struct part_parser *parser, struct head *head, struct input *input,
                     struct error *err)
{
    struct bytes piece;
    int more;
    while ((more = input_next(input, &piece, err)) > 0) {
        part_parser_feed(parser, piece);
        head_feed(head, piece);
        input_consume(input, piece.len);
    }
    return more == 0;
}

static bool parse_input(struct mailbox *mailbox, struct input *input,
                        const struct part_limits *limits, uint64_t *wire_size,
                        struct bytes fields[INDEX_FIELD_COUNT], struct error *err)
{
    struct arena *arena = arena_create(PARSE_MEMORY);
    struct part_parser *parser = arena ? part_parser_create(arena, limits) : NULL;
    struct head head = HEAD_INIT;
    bool ok = parser ? feed_all(parser, &head, input, err) : error_memory(err);
    struct part *root = ok ? part_parser_finish(parser, err) : NULL;
    if (root) {
        *wire_size = root->header.wire_size + root->body.wire_size;
        buf_clear(&mailbox->fields);
        ok = parse_write(&mailbox->fields, root, head_text(&head), fields) || error_memory(err);
    }
    head_free(&head);
    arena_destroy(&arena);
    return ok && root;
}

/* Parses the message and remembers all; record says what was found. fields live in mailbox->fields.
 */
static bool parse_message(struct mailbox *mailbox, uint32_t uid, struct index_record *record,
                          struct bytes fields[INDEX_FIELD_COUNT], struct error *err)
{
    static const struct part_limits limits[] = {
        { 0 }, { .header_size = 4096, .depth = 20, .parts = 200 }
    };
    struct error failure = { 0 };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct message_source source;
        uint64_t wire_size = 0;
        failure.class = ERROR_NONE;
        if (!mailbox->ops->source(mailbox, uid, true, &source, err))
            return false;
        bool ok = parse_input(mailbox, source.input, &limits[i], &wire_size, fields, &failure);
        input_close(&source.input);
        if (ok) {
            *record = (struct index_record){
                .uid = uid,
                .known = INDEX_SIZE | INDEX_DATE,
                .size = source.size,
                .wire_size = wire_size,
                .date = source.date,
            };
            index_fields_put(mailbox->index, record, fields);
            record->known |= INDEX_CACHED; /* or will be: no need to put in less */
            return true;
        }
        if (failure.class !=
            ERROR_LIMIT) /* with less kept of a monstrous message there is memory enough */
            break;
    }
    error_prefix(&failure, "message %u of %s: ", uid, mailbox->name);
    if (err)
        *err = failure;
    return false;
}

/* False: the index is damaged. */
static bool look_up(struct mailbox *mailbox, uint32_t seq, struct index_record *record,
                    struct error *err)
{
    const struct view *view = &mailbox->view;
    if (!seq || seq > view->count)
        return error_set(err, ERROR_INVALID, "there is no message %u in %s", seq, mailbox->name);
    return index_get_at(mailbox->index, view->records, view_slot(view, seq), record) ||
           error_set(err, ERROR_TEMPORARY, "the index of %s is damaged", mailbox->name);
}

static bool believable(const struct message_source *source)
{
    return source->claimed_size && source->claimed_size == source->size &&
           source->claimed_wire >= source->size &&
           source->claimed_wire - source->size <= source->size;
}

/* Date, and size as far as the name says it, by looking at the message without reading it. */
static bool look_at(struct mailbox *mailbox, uint32_t uid, struct index_record *record,
                    struct error *err)
{
    struct message_source source;
    if (!mailbox->ops->source(mailbox, uid, false, &source, err))
        return false;
    if (record->known & (INDEX_SIZE | INDEX_CLAIMED) && record->size != source.size)
        record->known = 0; /* another content */
    record->date = source.date;
    record->known |= INDEX_DATE;
    if (!(record->known & (INDEX_SIZE | INDEX_CLAIMED)) && believable(&source)) {
        record->size = source.size;
        record->wire_size = source.claimed_wire;
        record->known |= INDEX_CLAIMED;
    }
    index_put(mailbox->index, record);
    return true;
}

static bool need_size(struct mailbox *mailbox, uint32_t uid, struct index_record *record,
                      struct error *err)
{
    struct bytes fields[INDEX_FIELD_COUNT];
    if (!(record->known & (INDEX_SIZE | INDEX_CLAIMED)) && !look_at(mailbox, uid, record, err))
        return false;
    return record->known & (INDEX_SIZE | INDEX_CLAIMED) ||
           parse_message(mailbox, uid, record, fields, err);
}

/* Which fields of the cache. */
static unsigned cached_fields(unsigned wanted)
{
    return (wanted & FIELD_ENVELOPE ? 1U << INDEX_ENVELOPE : 0) |
           (wanted & FIELD_BODY ? 1U << INDEX_BODY : 0) |
           (wanted & FIELD_BODYSTRUCTURE ? 1U << INDEX_BODYSTRUCTURE : 0) |
           (wanted & FIELD_SORT ? 1U << INDEX_SORT : 0) |
           (wanted & FIELD_PARTS ? 1U << INDEX_PARTS : 0) |
           (wanted & FIELD_HEADER ? 1U << INDEX_HEADER : 0);
}

static bool need_parsed(struct mailbox *mailbox, unsigned wanted, struct index_record *record,
                        struct message_fields *out, struct error *err)
{
    struct bytes fields[INDEX_FIELD_COUNT];
    buf_clear(&mailbox->fields);
    if (!(record->known & INDEX_FIELDS) ||
        !index_fields(mailbox->index, record, cached_fields(wanted), &mailbox->fields, fields)) {
        if (!parse_message(mailbox, record->uid, record, fields, err))
            return false;
    }
    out->envelope = fields[INDEX_ENVELOPE];
    out->body = fields[INDEX_BODY];
    out->bodystructure = fields[INDEX_BODYSTRUCTURE];
    out->parts = fields[INDEX_PARTS];
    out->sort = fields[INDEX_SORT];
    out->header = fields[INDEX_HEADER];
    return true;
}

static bool read_header(struct input *input, struct buf *out, struct error *err)
{
    struct bytes piece;
    int more;
    size_t end = 0;
    buf_clear(out);
    while (!end && out->len < HEADER_MAX && (more = input_next(input, &piece, err)) != 0) {
        if (more < 0)
            return false;
        size_t before = out->len > 2 ? out->len - 2 : 0;
        buf_bytes(out, piece);
        if (buf_failed(out))
            return error_memory(err);
        input_consume(input, piece.len);
        end = header_end(buf_view(out), before);
    }
    if (end)
        out->len = end;
    else if (out->len >= HEADER_MAX)
        return error_set(err, ERROR_TOO_BIG, "a header of more than %d octets", HEADER_MAX);
    return true;
}

static bool cached_header(struct mailbox *mailbox, const struct index_record *record,
                          struct bytes *header)
{
    struct bytes fields[INDEX_FIELD_COUNT];
    buf_clear(&mailbox->header);
    if (!(record->known & INDEX_HEAD) ||
        !index_fields(mailbox->index, record, 1U << INDEX_HEADER, &mailbox->header, fields))
        return false;
    *header = fields[INDEX_HEADER];
    return true;
}

/* Beside what the index knows of the message; what it has cached of it is not thrown away. */
static void remember_header(struct mailbox *mailbox, struct index_record *record,
                            const struct message_source *source)
{
    struct bytes fields[INDEX_FIELD_COUNT] = { 0 };
    if (record->known & INDEX_CACHED || !mailbox->header.len || mailbox->header.len > HEAD_CACHED)
        return;
    if (record->known & (INDEX_SIZE | INDEX_CLAIMED) && record->size != source->size)
        record->known = 0; /* another content */
    record->size = source->size;
    record->date = source->date;
    record->known |= INDEX_DATE;
    fields[INDEX_HEADER] = buf_view(&mailbox->header);
    index_fields_put(mailbox->index, record, fields);
}

static bool need_header(struct mailbox *mailbox, uint32_t uid, struct index_record *record,
                        struct message_fields *out, struct error *err)
{
    struct message_source source;
    if (out->header.len || cached_header(mailbox, record, &out->header))
        return true;
    if (!mailbox->ops->source(mailbox, uid, true, &source, err))
        return false;
    bool ok = read_header(source.input, &mailbox->header, err);
    input_close(&source.input);
    out->header =
        (struct bytes){ mailbox->header.data ? mailbox->header.data : "", mailbox->header.len };
    if (ok)
        remember_header(mailbox, record, &source);
    return ok;
}

bool mailbox_fields(struct mailbox *mailbox, uint32_t seq, unsigned wanted,
                    struct message_fields *out, struct error *err)
{
    struct index_record record;
    *out = (struct message_fields){ 0 };
    if (!look_up(mailbox, seq, &record, err))
        return false;
    uint32_t uid = record.uid;
    if (wanted & PARSED && !need_parsed(mailbox, wanted, &record, out, err))
        return false;
    if (wanted & FIELD_SIZE && !need_size(mailbox, uid, &record, err))
        return false;
    if (wanted & FIELD_DATE && !(record.known & INDEX_DATE) && !look_at(mailbox, uid, &record, err))
        return false;
    if (wanted & FIELD_HEADER && !need_header(mailbox, uid, &record, out, err))
        return false;
    out->size = record.wire_size;
    out->date = (time_t)record.date;
    return true;
}

bool mailbox_wire_size(struct mailbox *mailbox, uint32_t seq, uint64_t *size, struct error *err)
{
    struct index_record record;
    if (!look_up(mailbox, seq, &record, err) || !need_size(mailbox, record.uid, &record, err))
        return false;
    *size = record.wire_size;
    return true;
}

/* The true size, measured where it was only claimed. A claim that was told and is wrong is an error
 * this once. */
static bool measured(struct mailbox *mailbox, uint32_t uid, uint64_t size_now,
                     struct index_record *record, struct error *err)
{
    struct bytes fields[INDEX_FIELD_COUNT];
    if (record->known & INDEX_SIZE && record->size == size_now)
        return true;
    bool told = record->known & (INDEX_CLAIMED | INDEX_SIZE);
    uint64_t before = record->wire_size;
    if (!parse_message(mailbox, uid, record, fields, err))
        return false;
    if (told && before != record->wire_size)
        return error_set(
            err, ERROR_CORRUPT,
            "message %u of %s has %llu octets, not %llu as its name or index says: fetch it again",
            uid, mailbox->name, (unsigned long long)record->wire_size, (unsigned long long)before);
    return true;
}

struct input *mailbox_read(struct mailbox *mailbox, uint32_t seq, const struct part_span *span,
                           struct error *err)
{
    struct index_record record;
    struct message_source source;
    if (!look_up(mailbox, seq, &record, err))
        return NULL;
    uint32_t uid = record.uid;
    if (!mailbox->ops->source(mailbox, uid, true, &source, err))
        return NULL;
    if (!measured(mailbox, uid, source.size, &record, err)) {
        input_close(&source.input);
        return NULL;
    }
    struct input *stored = source.input;
    if (span && !input_skip(stored, span->at, err)) {
        input_close(&stored);
        return NULL;
    }
    if (span)
        stored = input_limit(stored, span->size);
    struct input *wire = stored ? input_crlf(stored) : NULL;
    struct input *exact =
        wire ? input_exact(wire, span ? span->wire_size : record.wire_size, uid) : NULL;
    if (!exact)
        error_memory(err);
    return exact;
}
