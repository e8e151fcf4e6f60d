/* BODY and TEXT: the message is read once, front to back, and each text part decoded on the way.
 * BODY looks at the text parts and the headers of messages inside the message; TEXT at its header
 * and those of its parts too, so that it finds attachments by name. (In BODY they would make
 * "plain" match everything.) What attachments hold is looked at only where it is text. */
#include "query/program.h"

enum { NESTED_HEADER_MAX = 256 << 10 };

struct reading {
    struct subject *subject;
    struct text_match *match;
    struct input *in; /* the whole message in wire form */
    bool headers;     /* of all parts */
};

/* Moves to where span begins. False when it is behind us (a structure that lies) or can't be read.
 */
static int go_to(struct reading *reading, const struct part_span *span, struct error *err)
{
    if (span->wire_at < reading->in->offset)
        return 0;
    return input_skip(reading->in, span->wire_at - reading->in->offset, err) ? 1 : -1;
}

static struct bytes charset_of(const struct part *part)
{
    for (const struct part_param *param = part->params; param; param = param->next)
        if (bytes_equal_nocase(param->name, BYTES("charset")))
            return param->value;
    return (struct bytes){ NULL, 0 };
}

static int feed_all(struct text_match *match, struct input *text, struct error *err)
{
    struct bytes view;
    int got;
    text_match_reset(match);
    while ((got = input_next(text, &view, err)) > 0) {
        if (text_match_feed(match, view))
            return 1;
        input_consume(text, view.len);
    }
    return got;
}

static int search_part(struct reading *reading, const struct part *part, struct error *err)
{
    int there = go_to(reading, &part->body, err);
    if (there <= 0 || !part->body.wire_size)
        return there < 0 ? -1 : 0;
    struct input *text = input_part(reading->in, part->body.wire_size);
    text = input_transfer(text, text_encoding(part->encoding));
    if (text && !text_charset_is_utf8(charset_of(part)))
        text = input_charset(text, charset_of(part));
    if (!text) {
        error_memory(err);
        return -1;
    }
    int found = feed_all(reading->match, text, err);
    input_close(&text);
    return found;
}

static int search_header(struct reading *reading, const struct part *part, struct error *err)
{
    int there = go_to(reading, &part->header, err);
    uint64_t size = part->header.wire_size;
    if (there <= 0 || !size)
        return there < 0 ? -1 : 0;
    if (size > NESTED_HEADER_MAX)
        size = NESTED_HEADER_MAX;
    struct buf header = BUF_INIT(NESTED_HEADER_MAX);
    char *room = buf_reserve(&header, (size_t)size);
    int found = -1;
    if (!room)
        error_memory(err);
    else if (input_read_all(reading->in, room, (size_t)size, err))
        found =
            subject_match_header(reading->subject, bytes_make(room, (size_t)size), reading->match);
    buf_free(&header);
    return found;
}

/* Reports (message/delivery-status and its like) are text too. */
static bool is_text(const struct part *part)
{
    return !part->is_multipart && !part->is_message &&
           (bytes_equal_nocase(part->type, BYTES("text")) ||
            bytes_equal_nocase(part->type, BYTES("message")));
}

static int search_tree(struct reading *reading, const struct part *part, struct error *err)
{
    if (is_text(part))
        return search_part(reading, part, err);
    for (const struct part *child = part->children; child; child = child->next) {
        int found = part->is_message || reading->headers ? search_header(reading, child, err) : 0;
        if (!found)
            found = search_tree(reading, child, err);
        if (found)
            return found;
    }
    return 0;
}

static int search_body(struct subject *subject, struct text_match *match, bool headers,
                       struct error *err)
{
    struct message_fields fields;
    if (!mailbox_fields(subject->mailbox, subject->seq, FIELD_PARTS, &fields, err))
        return -1;
    arena_clear(subject->arena);
    struct part *root = part_unpack(subject->arena, fields.parts, err);
    if (!root)
        return -1;
    struct reading reading = { .subject = subject, .match = match, .headers = headers };
    reading.in = mailbox_read(subject->mailbox, subject->seq, NULL, err);
    int found = reading.in ? search_tree(&reading, root, err) : -1;
    input_close(&reading.in);
    return found;
}

int subject_match_text(struct subject *subject, const struct node *node, struct error *err)
{
    if (!node->match)
        return 1;
    bool text = node->key->kind == SEARCH_TEXT;
    if (text) {
        if (!subject_load_header(subject, err))
            return -1;
        if (subject_match_header(subject, buf_view(&subject->header), node->match))
            return 1;
    }
    return search_body(subject, node->match, text, err);
}
