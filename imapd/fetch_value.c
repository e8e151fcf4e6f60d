/* BODY[...] of one message: found, opened, and written as a literal of exactly the length that was
 * announced.
 *
 * A part that is not there is NIL, "the non-existence of a particular data item" (RFC 3501, 4.5),
 * which "" would not be. (Dovecot sends the empty string for both.) A partial that begins beyond
 * the end is "" (RFC 3501, 6.4.5). */
#include "imapd/fetch.h"

/* NUL can't be in a literal of IMAP4rev1 (CHAR8 is %x01-ff). As in Dovecot each becomes one octet
 * 0x80, so that sizes and positions stay true; BINARY's literal8 can carry NULs. */
static void write_octets(struct output *out, struct bytes text)
{
    while (text.len) {
        const char *nul = memchr(text.data, '\0', text.len);
        size_t plain = nul ? (size_t)(nul - text.data) : text.len;
        output_write(out, text.data, plain);
        if (nul)
            output_write(out, "\x80", 1);
        text = bytes_skip(text, plain + (nul ? 1 : 0));
    }
}

static bool count_octets(struct input *in, uint64_t *count, struct error *err)
{
    struct bytes view;
    int got;
    while ((got = input_next(in, &view, err)) > 0)
        input_consume(in, view.len);
    *count = in->offset;
    return got == 0;
}

static bool is_fields(const struct section *section)
{
    return section->kind == SECTION_FIELDS || section->kind == SECTION_FIELDS_NOT;
}

/* Cuts value to what the partial names. */
static bool apply_partial(const struct fetch_item *item, struct fetch_value *value,
                          struct error *err)
{
    if (!item->partial)
        return true;
    uint64_t skip = item->origin < value->size ? item->origin : value->size;
    uint64_t left = value->size - skip;
    value->size = left < item->count ? left : item->count;
    if (value->in)
        return !value->size || input_skip(value->in, skip, err);
    value->memory = bytes_take(bytes_skip(value->memory, (size_t)skip), (size_t)value->size);
    return true;
}

static bool open_header(struct fetch *fetch, const struct fetch_item *item, struct bytes header,
                        struct fetch_value *value, struct error *err)
{
    buf_clear(&fetch->text);
    if (is_fields(&item->section))
        section_fields(&item->section, header, &fetch->text);
    else
        section_wire(header, &fetch->text);
    if (buf_failed(&fetch->text))
        return error_set(err, ERROR_TOO_BIG, "the header is too big");
    value->memory = buf_view(&fetch->text);
    value->size = value->memory.len;
    return true;
}

static bool open_stream(struct fetch *fetch, uint32_t seq, const struct part_span *span,
                        uint64_t size, struct fetch_value *value, struct error *err)
{
    value->size = size;
    if (!size)
        return true;
    value->in = mailbox_read(fetch->imap->mailbox, seq, span, err);
    return value->in != NULL;
}

/* Fields of a header that is not in memory: read twice, since a literal begins with its length. */
static bool open_fields(struct fetch *fetch, const struct section *section, uint32_t seq,
                        const struct part_span *span, struct fetch_value *value, struct error *err)
{
    struct mailbox *mailbox = fetch->imap->mailbox;
    struct input *in = section_input(mailbox_read(mailbox, seq, span, err), section);
    bool good = in && count_octets(in, &value->size, err);
    input_close(&in);
    if (!good || !value->size)
        return good;
    value->in = section_input(mailbox_read(mailbox, seq, span, err), section);
    return value->in != NULL;
}

static bool open_section(struct fetch *fetch, const struct fetch_item *item, uint32_t seq,
                         const struct message_fields *fields, const struct part *root,
                         struct fetch_value *value, struct error *err)
{
    const struct section *section = &item->section;
    struct part_span span;
    bool top = !section->numbers_count, whole = section->kind == SECTION_WHOLE;
    if (top && whole)
        return open_stream(fetch, seq, NULL, fields->size, value, err);
    if (top && section->kind != SECTION_TEXT && fields->header.data)
        return open_header(fetch, item, fields->header, value, err);
    value->exists = section_span(section, root, &span);
    if (!value->exists)
        return true;
    if (is_fields(section))
        return open_fields(fetch, section, seq, &span, value, err);
    return open_stream(fetch, seq, &span, span.wire_size, value, err);
}

bool fetch_value_open(struct fetch *fetch, const struct fetch_item *item, uint32_t seq,
                      const struct message_fields *fields, const struct part *root,
                      struct fetch_value *value, struct error *err)
{
    *value = (struct fetch_value){ .exists = true };
    bool good =
        open_section(fetch, item, seq, fields, root, value, err) && apply_partial(item, value, err);
    if (good && value->in) {
        /* What fits the buffer now: most of what can fail fails here, where nothing was announced.
         */
        size_t room = value->in->capacity;
        good = input_fill(value->in, value->size < room ? (size_t)value->size : room, err);
    }
    if (!good)
        fetch_value_close(value);
    return good;
}

void fetch_value_close(struct fetch_value *value)
{
    input_close(&value->in);
}

static bool copy_stream(struct output *out, struct input *in, uint64_t left, struct error *err)
{
    while (left && !output_failed(out)) {
        struct bytes view;
        int got = input_next(in, &view, err);
        if (got == 0)
            error_set(err, ERROR_CORRUPT, "the message is %llu octets shorter than was announced",
                      (unsigned long long)left);
        if (got <= 0)
            return false;
        if (view.len > left)
            view.len = (size_t)left;
        write_octets(out, view);
        input_consume(in, view.len);
        left -= view.len;
    }
    return true;
}

bool fetch_value_write(struct fetch *fetch, struct fetch_value *value, struct error *err)
{
    struct output *out = fetch->imap->out;
    bool good = true;
    if (!value->exists) {
        output_string(out, "NIL");
    } else if (!value->size) {
        output_string(out, "\"\"");
    } else {
        output_printf(out, "{%llu}\r\n", (unsigned long long)value->size);
        if (value->in)
            good = copy_stream(out, value->in, value->size, err);
        else
            write_octets(out, value->memory);
        fetch->imap->counts.body_bytes += value->size;
    }
    fetch_value_close(value);
    return good;
}
