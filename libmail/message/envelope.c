#include "message/envelope.h"

#include <stddef.h>
#include "message/content.h"

/* Where a field goes. Of a text that stands twice the last one counts, as in JMAP (RFC
 * 8621, 4.1.3); address lists are joined (RFC 822, 4.6 allowed several; broken software still
 * writes them). */
static const struct field {
    struct bytes name;
    bool addresses;
    size_t offset;
} FIELDS[] = {
    { { "date", 4 }, false, offsetof(struct envelope, date) },
    { { "subject", 7 }, false, offsetof(struct envelope, subject) },
    { { "from", 4 }, true, offsetof(struct envelope, from) },
    { { "sender", 6 }, true, offsetof(struct envelope, sender) },
    { { "reply-to", 8 }, true, offsetof(struct envelope, reply_to) },
    { { "to", 2 }, true, offsetof(struct envelope, to) },
    { { "cc", 2 }, true, offsetof(struct envelope, cc) },
    { { "bcc", 3 }, true, offsetof(struct envelope, bcc) },
    { { "in-reply-to", 11 }, false, offsetof(struct envelope, in_reply_to) },
    { { "message-id", 10 }, false, offsetof(struct envelope, message_id) },
    { { "references", 10 }, false, offsetof(struct envelope, references) },
};

enum { FIELDS_COUNT = sizeof FIELDS / sizeof *FIELDS, WRITTEN_COUNT = FIELDS_COUNT - 1 };

static void set_text(struct bytes *to, struct bytes value, struct arena *arena, size_t *budget)
{
    struct buf text = BUF_INIT(value.len);
    header_unfold(value, &text);
    *to = content_keep(bytes_trim(buf_view(&text)), arena, budget);
    buf_free(&text);
}

/* Every octet of an address list can cost a struct address: "a,b,c". */
static void add_addresses(struct address **to, struct bytes value, struct arena *arena,
                          size_t *budget)
{
    size_t most = 2;
    for (size_t i = 0; i < value.len; i++)
        most += value.data[i] == ',' || value.data[i] == ';' || value.data[i] == ':';
    size_t cost = most * sizeof(struct address) + 2 * value.len;
    if (cost > *budget)
        return;
    *budget -= cost;
    while (*to)
        to = &(*to)->next;
    *to = address_parse(arena, value);
}

static void read_field(struct envelope *envelope, const struct header_field *field,
                       struct arena *arena, size_t *budget)
{
    for (int i = 0; i < FIELDS_COUNT && !field->broken; i++) {
        void *to = (char *)envelope + FIELDS[i].offset;
        if (!bytes_equal_nocase(field->name, FIELDS[i].name))
            continue;
        if (FIELDS[i].addresses)
            add_addresses(to, field->value, arena, budget);
        else
            set_text(to, field->value, arena, budget);
    }
}

struct envelope *envelope_read(struct bytes header, struct arena *arena, size_t *budget)
{
    struct envelope *envelope = arena_alloc(arena, sizeof *envelope);
    struct header_field field;
    if (!envelope)
        return NULL;
    while (header_next(&header, &field))
        read_field(envelope, &field, arena, budget);
    if (!envelope->sender)
        envelope->sender = envelope->from;
    if (!envelope->reply_to)
        envelope->reply_to = envelope->from;
    return envelope;
}

void envelope_write(struct buf *out, const struct envelope *envelope)
{
    static const struct envelope NONE;
    const struct envelope *e = envelope ? envelope : &NONE;
    buf_byte(out, '(');
    for (int i = 0; i < WRITTEN_COUNT; i++) {
        const void *from = (const char *)e + FIELDS[i].offset;
        if (i > 0)
            buf_byte(out, ' ');
        if (FIELDS[i].addresses)
            address_write(out, *(struct address *const *)from);
        else
            nstring_write(out, *(const struct bytes *)from);
    }
    buf_byte(out, ')');
}
