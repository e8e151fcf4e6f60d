/* NAMESPACE (RFC 2342): personal, other users', shared; each a list of prefix and separator, or
 * NIL. No arguments. */
#include "base/unicode.h"
#include "imapd/imap.h"

static void write_kind(struct imap *imap, int kind)
{
    struct store_namespace space;
    bool any = false;
    for (size_t i = 0; store_namespace(imap->store, i, &space); i++) {
        if (space.hidden || (int)space.kind != kind)
            continue;
        output_string(imap->out, any ? "(" : "((");
        struct buf wire = BUF_INIT(4096);
        bool good = utf7_encode(space.prefix, &wire);
        imap_write_string(imap, good ? buf_view(&wire) : space.prefix);
        buf_free(&wire);
        char separator[2] = { space.separator };
        output_string(imap->out, " ");
        imap_write_string(imap, bytes_of(separator));
        output_string(imap->out, ")");
        any = true;
    }
    output_string(imap->out, any ? ")" : "NIL");
}

bool imap_namespace(struct imap *imap)
{
    static const int order[] = { STORE_PRIVATE, STORE_SHARED, STORE_PUBLIC };
    if (!parser_end(&imap->parser))
        return false;
    output_string(imap->out, "* NAMESPACE");
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        output_string(imap->out, " ");
        write_kind(imap, order[i]);
    }
    output_string(imap->out, "\r\n");
    return imap_ok(imap, NULL, "Those are the namespaces");
}
