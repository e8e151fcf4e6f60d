/* STATUS (RFC 3501, 6.3.10; SIZE: RFC 8438).
 *
 *     STATUS SP mailbox SP "(" status-att *(SP status-att) ")"
 */
#include "imapd/status.h"

enum {
    MESSAGES = 1 << 0,
    RECENT = 1 << 1,
    UIDNEXT = 1 << 2,
    UIDVALIDITY = 1 << 3,
    UNSEEN = 1 << 4,
    SIZE = 1 << 5
};

static const struct {
    const char *name;
    unsigned item;
} names[] = {
    { "MESSAGES", MESSAGES },       { "RECENT", RECENT }, { "UIDNEXT", UIDNEXT },
    { "UIDVALIDITY", UIDVALIDITY }, { "UNSEEN", UNSEEN }, { "SIZE", SIZE },
};
enum { NAMES = sizeof(names) / sizeof(*names) };

static bool status_item(struct parser *parser, unsigned *items)
{
    struct bytes name;
    if (!parser_atom(parser, &name))
        return false;
    for (size_t i = 0; i < NAMES; i++)
        if (bytes_equal_nocase(name, bytes_of(names[i].name))) {
            *items |= names[i].item;
            return true;
        }
    return parser_fail(parser, "There is no STATUS item %.*s", BYTES_FMT(bytes_take(name, 60)));
}

bool status_items(struct parser *parser, unsigned *items)
{
    *items = 0;
    if (!parser_char(parser, '('))
        return false;
    do {
        if (!status_item(parser, items))
            return false;
    } while (parser_try(parser, ' '));
    return parser_char(parser, ')');
}

static uint64_t value_of(const struct store_status *status, unsigned item)
{
    switch (item) {
    case MESSAGES:
        return status->messages;
    case RECENT:
        return status->recent;
    case UIDNEXT:
        return status->uidnext;
    case UIDVALIDITY:
        return status->uidvalidity;
    case UNSEEN:
        return status->unseen;
    default:
        return status->size;
    }
}

bool status_write(struct imap *imap, struct bytes mailbox, unsigned items, struct error *err)
{
    struct store_status status = { 0 };
    if (!store_status(imap->store, mailbox, items & SIZE, &status, err))
        return false;
    const char *before = " (";
    output_string(imap->out, "* STATUS ");
    imap_write_mailbox(imap, mailbox);
    for (size_t i = 0; i < NAMES; i++) {
        if (!(items & names[i].item))
            continue;
        output_printf(imap->out, "%s%s %llu", before, names[i].name,
                      (unsigned long long)value_of(&status, names[i].item));
        before = " ";
    }
    output_string(imap->out, ")\r\n");
    return true;
}

bool imap_status(struct imap *imap)
{
    struct bytes mailbox;
    unsigned items;
    struct error err = { 0 };
    struct parser *parser = &imap->parser;
    if (!parser_space(parser) || !parser_mailbox(parser, &mailbox) || !parser_space(parser) ||
        !status_items(parser, &items) || !parser_end(parser))
        return false;
    if (!status_write(imap, mailbox, items, &err))
        return imap_mailbox_error(imap, mailbox, &err);
    return imap_ok(imap, NULL, "That is its status");
}
