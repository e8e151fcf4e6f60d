/* ENABLE (RFC 5161, 3.1). Nothing that is there yet needs enabling, so the answer is always an
 * empty list.
 *
 *     ENABLE 1*(SP capability)
 */
#include "imapd/imap.h"

bool imap_enable(struct imap *imap)
{
    struct bytes capability;
    do {
        if (!parser_space(&imap->parser) || !parser_atom(&imap->parser, &capability))
            return false;
    } while (parser_peek(&imap->parser) == ' ');
    if (!parser_end(&imap->parser))
        return false;
    imap_untagged(imap, "ENABLED");
    return imap_ok(imap, NULL, "Enabled what there is of it");
}
