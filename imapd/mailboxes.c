/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501, 6.3.3 to 6.3.7).
 *
 *     ("CREATE" / "DELETE" / "SUBSCRIBE" / "UNSUBSCRIBE") SP mailbox
 *     "RENAME" SP mailbox SP mailbox
 */
#include "imapd/imap.h"

static bool read_mailbox(struct imap *imap, struct bytes *name)
{
    if (!parser_space(&imap->parser) || !parser_mailbox(&imap->parser, name))
        return false;
    return name->len > 0 || parser_refuse(&imap->parser, "CANNOT", "A mailbox must have a name");
}

static bool read_only_mailbox(struct imap *imap, struct bytes *name)
{
    return read_mailbox(imap, name) && parser_end(&imap->parser);
}

static bool is_inbox(struct bytes name)
{
    return bytes_equal(name, BYTES("INBOX"));
}

/* A separator at the end only says that there will be mailboxes below it (RFC 3501, 6.3.3); here
 * every mailbox may have some. */
static struct bytes without_separator(struct imap *imap, struct bytes name)
{
    char separator = store_separator(imap->store, name);
    if (name.len > 1 && separator && name.data[name.len - 1] == separator)
        name.len--;
    return name;
}

bool imap_create(struct imap *imap)
{
    struct bytes name;
    struct error err = { 0 };
    if (!read_only_mailbox(imap, &name))
        return false;
    name = without_separator(imap, name);
    if (is_inbox(name))
        return imap_no(imap, "ALREADYEXISTS", "INBOX is there always");
    if (!store_create(imap->store, name, BYTES(""), &err))
        return imap_mailbox_error(imap, name, &err);
    return imap_ok(imap, NULL, "Created");
}

/* Whether the selected mailbox is name or below it. */
static bool selected_is_in(struct imap *imap, struct bytes name)
{
    struct bytes selected = imap->selected;
    if (!imap->mailbox || !bytes_starts(selected, name))
        return false;
    return selected.len == name.len ||
           selected.data[name.len] == store_separator(imap->store, name);
}

bool imap_delete(struct imap *imap)
{
    struct bytes name;
    struct error err = { 0 };
    if (!read_only_mailbox(imap, &name))
        return false;
    if (is_inbox(name))
        return imap_no(imap, "CANNOT", "INBOX cannot be deleted");
    if (!store_delete(imap->store, name, &err))
        return imap_mailbox_error(imap, name, &err);
    if (!imap->mailbox || !bytes_equal(imap->selected, name))
        return imap_ok(imap, NULL, "Deleted");
    imap_unselect(imap);
    imap->lost = true;
    return imap_ok(imap, NULL, "Deleted; it was selected, no mailbox is selected now");
}

bool imap_rename(struct imap *imap)
{
    struct bytes from, to;
    struct error err = { 0 };
    if (!read_mailbox(imap, &from) || !read_only_mailbox(imap, &to))
        return false;
    to = without_separator(imap, to);
    if (is_inbox(to))
        return imap_no(imap, "ALREADYEXISTS", "INBOX is there always");
    if (!store_rename(imap->store, from, to, &err))
        return imap_mailbox_error(imap, err.class == ERROR_NO_SUCH ? from : to, &err);
    /* INBOX stays and is empty now: the next look says so. */
    if (is_inbox(from) || !selected_is_in(imap, from))
        return imap_ok(imap, NULL, "Renamed");
    imap_unselect(imap);
    imap->lost = true;
    return imap_ok(imap, NULL, "Renamed; it was selected, no mailbox is selected now");
}

bool imap_subscribe(struct imap *imap)
{
    struct bytes name;
    struct error err = { 0 };
    bool exists = false;
    if (!read_only_mailbox(imap, &name))
        return false;
    name = without_separator(imap, name);
    if (!store_exists(imap->store, name, &exists, &err))
        return imap_mailbox_error(imap, name, &err);
    if (!exists) {
        error_set(&err, ERROR_NO_SUCH, "subscribing to a mailbox that is not there");
        return imap_mailbox_error(imap, name, &err);
    }
    if (!store_subscribe(imap->store, name, true, &err))
        return imap_mailbox_error(imap, name, &err);
    return imap_ok(imap, NULL, "Subscribed");
}

bool imap_unsubscribe(struct imap *imap)
{
    struct bytes name;
    struct error err = { 0 };
    if (!read_only_mailbox(imap, &name))
        return false;
    if (!store_subscribe(imap->store, without_separator(imap, name), false, &err))
        return imap_mailbox_error(imap, name, &err);
    return imap_ok(imap, NULL, "Unsubscribed");
}
