/* The FETCH response of one message (RFC 3501, 7.4.2): items in the order in which they were asked
 * for. */
#include "imapd/fetch.h"

#include "message/date.h"

/* What is known of the message that is being written. */
struct fetched {
    uint32_t seq;
    struct message message;
    struct message_fields fields;
    struct part *root;
    const struct fetch_item
        *opened; /* the first one that comes from the message itself, opened already */
    struct fetch_value value;
    enum fetch_result result;
};

static enum fetch_result result_of(const struct error *err)
{
    return err->class == ERROR_NO_SUCH ? FETCH_GONE : FETCH_FAILED;
}

static bool keep(struct arena *arena, struct bytes *view)
{
    if (!view->len)
        return true;
    *view = arena_bytes(arena, *view);
    return view->data != NULL;
}

/* Reading the message ends the life of the views: what is written after it is copied. */
static bool keep_fields(struct fetch *fetch, struct message_fields *fields, unsigned wanted,
                        struct error *err)
{
    struct arena *arena = fetch->scratch;
    bool reads = fetch->streams || wanted != fetch->fields;
    if (!reads)
        return true;
    bool good = keep(arena, &fields->envelope) && keep(arena, &fields->body) &&
                keep(arena, &fields->bodystructure) && keep(arena, &fields->header);
    return good || error_memory(err);
}

/* A header that is too big for memory is read as a part of the message. */
static bool load(struct fetch *fetch, struct fetched *fetched, unsigned *wanted, struct error *err)
{
    struct mailbox *mailbox = fetch->imap->mailbox;
    *wanted = fetch->fields;
    if (mailbox_fields(mailbox, fetched->seq, *wanted, &fetched->fields, err))
        return true;
    if (err->class != ERROR_TOO_BIG || !(*wanted & FIELD_HEADER))
        return false;
    *wanted = (*wanted & ~(unsigned)FIELD_HEADER) | FIELD_PARTS;
    return mailbox_fields(mailbox, fetched->seq, *wanted, &fetched->fields, err);
}

static bool prepare(struct fetch *fetch, struct fetched *fetched, struct error *err)
{
    unsigned wanted;
    if (!fetch->fields)
        return true;
    if (!load(fetch, fetched, &wanted, err))
        return false;
    if (!(wanted & FIELD_HEADER))
        fetched->fields.header = (struct bytes){ 0 };
    if (wanted & FIELD_PARTS) {
        fetched->root = part_unpack(fetch->scratch, fetched->fields.parts, err);
        if (!fetched->root)
            return false;
    }
    return keep_fields(fetch, &fetched->fields, wanted, err);
}

/* Opens the first section, so that an unreadable message fails before its line is begun. */
static bool open_first(struct fetch *fetch, struct fetched *fetched, struct error *err)
{
    const struct fetch_item *item = fetch->items;
    while (item && item->kind != FETCH_SECTION)
        item = item->next;
    fetched->opened = item;
    return !item || fetch_value_open(fetch, item, fetched->seq, &fetched->fields, fetched->root,
                                     &fetched->value, err);
}

static void write_label(struct imap *imap, const struct fetch_item *item)
{
    static const char *const NAMES[] = {
        [SECTION_WHOLE] = "",
        [SECTION_HEADER] = "HEADER",
        [SECTION_FIELDS] = "HEADER.FIELDS",
        [SECTION_FIELDS_NOT] = "HEADER.FIELDS.NOT",
        [SECTION_TEXT] = "TEXT",
        [SECTION_MIME] = "MIME",
    };
    const struct section *section = &item->section;
    if (item->label) {
        output_string(imap->out, item->label);
        return;
    }
    output_string(imap->out, "BODY[");
    for (size_t i = 0; i < section->numbers_count; i++)
        output_printf(imap->out, i ? ".%u" : "%u", section->numbers[i]);
    if (section->numbers_count && section->kind != SECTION_WHOLE)
        output_string(imap->out, ".");
    output_string(imap->out, NAMES[section->kind]);
    for (size_t i = 0; i < section->fields_count; i++) {
        output_string(imap->out, i ? " " : " (");
        imap_write_astring(imap, section->fields[i]);
    }
    output_string(imap->out, section->fields_count ? ")]" : "]");
    if (item->partial)
        output_printf(imap->out, "<%u>", item->origin);
}

static bool write_section(struct fetch *fetch, struct fetched *fetched,
                          const struct fetch_item *item, struct error *err)
{
    struct fetch_value value = fetched->value;
    if (item == fetched->opened) {
        fetched->value = (struct fetch_value){ 0 };
    } else if (!fetch_value_open(fetch, item, fetched->seq, &fetched->fields, fetched->root, &value,
                                 err)) {
        /* The line is begun and has to be ended: NIL, and NO at the end of the command. */
        fetched->result = result_of(err);
        value = (struct fetch_value){ .exists = false };
    }
    write_label(fetch->imap, item);
    output_write(fetch->imap->out, " ", 1);
    return fetch_value_write(fetch, &value, err);
}

static void write_date(struct output *out, time_t date)
{
    struct buf text = BUF_INIT(64);
    date_write_imap(&text, date);
    output_string(out, "INTERNALDATE \"");
    output_bytes(out, buf_view(&text));
    output_string(out, "\"");
    buf_free(&text);
}

static void write_known(struct output *out, const char *label, struct bytes value)
{
    output_string(out, label);
    output_write(out, " ", 1);
    output_bytes(out, value);
}

static void write_flags(struct imap *imap, const struct message *message)
{
    output_string(imap->out, "FLAGS ");
    imap_write_flags(imap, message);
}

static bool write_item(struct fetch *fetch, struct fetched *fetched, const struct fetch_item *item,
                       struct error *err)
{
    struct output *out = fetch->imap->out;
    switch (item->kind) {
    case FETCH_FLAGS:
        write_flags(fetch->imap, &fetched->message);
        break;
    case FETCH_UID:
        output_printf(out, "UID %u", fetched->message.uid);
        break;
    case FETCH_INTERNALDATE:
        write_date(out, fetched->fields.date);
        break;
    case FETCH_SIZE:
        output_printf(out, "RFC822.SIZE %llu", (unsigned long long)fetched->fields.size);
        break;
    case FETCH_ENVELOPE:
        write_known(out, item->label, fetched->fields.envelope);
        break;
    case FETCH_BODY:
        write_known(out, item->label, fetched->fields.body);
        break;
    case FETCH_BODYSTRUCTURE:
        write_known(out, item->label, fetched->fields.bodystructure);
        break;
    case FETCH_SECTION:
        return write_section(fetch, fetched, item, err);
    }
    return true;
}

/* A UID command's answers have the UID, asked for or not (RFC 3501, 6.4.8). */
static bool write_line(struct fetch *fetch, struct fetched *fetched, bool set_seen,
                       struct error *err)
{
    struct imap *imap = fetch->imap;
    const char *between = "";
    output_printf(imap->out, "* %u FETCH (", fetched->seq);
    if (imap->uid && !fetch->uid) {
        output_printf(imap->out, "UID %u", fetched->message.uid);
        between = " ";
    }
    for (const struct fetch_item *item = fetch->items; item; item = item->next) {
        output_string(imap->out, between);
        if (!write_item(fetch, fetched, item, err))
            return false;
        between = " ";
    }
    if (set_seen && !fetch->flags) {
        output_string(imap->out, between);
        write_flags(imap, &fetched->message);
    }
    output_string(imap->out, ")\r\n");
    return true;
}

enum fetch_result fetch_message(struct fetch *fetch, uint32_t seq, bool set_seen, struct error *err)
{
    struct fetched fetched = { .seq = seq, .result = FETCH_SENT };
    if (!mailbox_message(fetch->imap->mailbox, seq, &fetched.message))
        return FETCH_GONE;
    if (set_seen)
        fetched.message.flags |= FLAG_SEEN;
    arena_clear(fetch->scratch);
    if (!prepare(fetch, &fetched, err) || !open_first(fetch, &fetched, err))
        return result_of(err);
    bool whole = write_line(fetch, &fetched, set_seen, err);
    fetch_value_close(&fetched.value);
    fetch->imap->counts.fetched++;
    return whole ? fetched.result : FETCH_BROKEN;
}

void imap_fetch_flags(struct imap *imap, uint32_t seq, bool with_uid)
{
    struct message message;
    if (!mailbox_message(imap->mailbox, seq, &message))
        return;
    output_printf(imap->out, "* %u FETCH (", seq);
    if (with_uid)
        output_printf(imap->out, "UID %u ", message.uid);
    write_flags(imap, &message);
    output_string(imap->out, ")\r\n");
}
