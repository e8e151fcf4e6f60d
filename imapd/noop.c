/* NOOP, CHECK, LOGOUT (RFC 3501, 6.1.2, 6.4.1, 6.1.3): no arguments. */
#include "imapd/imap.h"

bool imap_noop(struct imap *imap)
{
    return parser_end(&imap->parser) && imap_ok(imap, NULL, "Nothing done");
}

bool imap_check(struct imap *imap)
{
    struct error err = { 0 };
    if (!parser_end(&imap->parser))
        return false;
    if (!mailbox_checkpoint(imap->mailbox, &err))
        return imap_error(imap, &err);
    return imap_ok(imap, NULL, "Everything is on disk");
}

bool imap_logout(struct imap *imap)
{
    if (!parser_end(&imap->parser))
        return false;
    imap->logout = true;
    imap_unselect(imap);
    imap_untagged(imap, "BYE Logging out");
    return imap_ok(imap, NULL, "Good bye");
}
