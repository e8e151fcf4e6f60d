/* BODY and BODYSTRUCTURE (RFC 9051, 7.5.2), and the strings that they and ENVELOPE are made of. */
#include "message/content.h"

/* A quoted string holds no CR, LF or NUL and, before IMAP4rev2, no 8-bit octets (RFC 3501, 9). Tab
 * is allowed. */
static bool quotable(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c < ' ' && c != '\t') || c > 126)
            return false;
    }
    return true;
}

/* NUL fits no string of IMAP (RFC 3501, 9: CHAR8): a question mark takes its place. */
static void literal_write(struct buf *out, struct bytes text)
{
    buf_printf(out, "{%zu}\r\n", text.len);
    size_t start = out->len;
    buf_bytes(out, text);
    for (size_t i = start; i < out->len; i++) {
        if (!out->data[i])
            out->data[i] = '?';
    }
}

static void quoted_write(struct buf *out, struct bytes text)
{
    buf_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            buf_byte(out, '\\');
        buf_byte(out, text.data[i]);
    }
    buf_byte(out, '"');
}

void nstring_write(struct buf *out, struct bytes text)
{
    if (!text.data)
        buf_string(out, "NIL");
    else if (quotable(text))
        quoted_write(out, text);
    else
        literal_write(out, text);
}

void address_write(struct buf *out, const struct address *list)
{
    if (!list) {
        buf_string(out, "NIL");
        return;
    }
    buf_byte(out, '(');
    for (; list; list = list->next) {
        buf_byte(out, '(');
        nstring_write(out, list->name);
        buf_byte(out, ' ');
        nstring_write(out, list->route);
        buf_byte(out, ' ');
        nstring_write(out, list->mailbox);
        buf_byte(out, ' ');
        nstring_write(out, list->host);
        buf_byte(out, ')');
    }
    buf_byte(out, ')');
}

static void param_write(struct buf *out, const char *before, struct bytes name, struct bytes value)
{
    buf_string(out, before);
    nstring_write(out, name);
    buf_byte(out, ' ');
    nstring_write(out, value);
}

/* charset: also say which one is assumed, where the list names none (RFC 2045, 5.2). */
static void params_write(struct buf *out, const struct part_param *params, bool charset)
{
    bool default_charset = charset && !content_param(params, BYTES("charset")).data;
    if (!params && !default_charset) {
        buf_string(out, "NIL");
        return;
    }
    const char *before = "(";
    for (; params; params = params->next, before = " ")
        param_write(out, before, params->name, params->value);
    if (default_charset)
        param_write(out, before, BYTES("charset"), BYTES("us-ascii"));
    buf_byte(out, ')');
}

static void disposition_write(struct buf *out, const struct part *part)
{
    if (!part->disposition.data) {
        buf_string(out, "NIL");
        return;
    }
    buf_byte(out, '(');
    nstring_write(out, part->disposition);
    buf_byte(out, ' ');
    params_write(out, part->disposition_params, false);
    buf_byte(out, ')');
}

static void languages_write(struct buf *out, const struct part_language *languages)
{
    if (!languages) {
        buf_string(out, "NIL");
        return;
    }
    const char *before = "(";
    for (; languages; languages = languages->next, before = " ") {
        buf_string(out, before);
        nstring_write(out, languages->tag);
    }
    buf_byte(out, ')');
}

/* What ends the extension data of both kinds: disposition, language, location. */
static void extension_write(struct buf *out, const struct part *part)
{
    buf_byte(out, ' ');
    disposition_write(out, part);
    buf_byte(out, ' ');
    languages_write(out, part->languages);
    buf_byte(out, ' ');
    nstring_write(out, part->location);
}

static void multipart_end(struct buf *out, const struct part *part, bool extended)
{
    static const struct part EMPTY = { .type = { "text", 4 }, .subtype = { "plain", 5 } };
    if (!part->children) /* the grammar wants one (RFC 9051, 9: body-type-mpart) */
        bodystructure_write(out, &EMPTY, extended);
    buf_byte(out, ' ');
    nstring_write(out, part->subtype);
    if (extended) {
        buf_byte(out, ' ');
        params_write(out, part->params, false);
        extension_write(out, part);
    }
    buf_byte(out, ')');
}

static bool is_text(const struct part *part)
{
    return bytes_equal_nocase(part->type, BYTES("text"));
}

/* To a client of IMAP4rev1 message/global is a part like any other (RFC 3501, 9: media-message). */
static bool shows_message(const struct part *part)
{
    return part->is_message && part->children && bytes_equal_nocase(part->subtype, BYTES("rfc822"));
}

static void fields_write(struct buf *out, const struct part *part)
{
    buf_byte(out, '(');
    nstring_write(out, part->type);
    buf_byte(out, ' ');
    nstring_write(out, part->subtype);
    buf_byte(out, ' ');
    params_write(out, part->params, is_text(part));
    buf_byte(out, ' ');
    nstring_write(out, part->id);
    buf_byte(out, ' ');
    nstring_write(out, part->description);
    buf_byte(out, ' ');
    nstring_write(out, part->encoding.data ? part->encoding : BYTES("7bit"));
    buf_byte(out, ' ');
    buf_number(out, part->body.wire_size);
}

static void single_end(struct buf *out, const struct part *part, bool extended)
{
    if (is_text(part) || shows_message(part)) {
        buf_byte(out, ' ');
        buf_number(out, part->body_lines);
    }
    if (extended) {
        buf_byte(out, ' ');
        nstring_write(out, part->md5);
        extension_write(out, part);
    }
    buf_byte(out, ')');
}

/* Down the tree and up again without recursion: its depth is what a sender chose. */
void bodystructure_write(struct buf *out, const struct part *root, bool extended)
{
    const struct part *part = root;
    for (;;) {
        if (part->is_multipart)
            buf_byte(out, '(');
        else
            fields_write(out, part);
        bool into = part->is_multipart ? part->children != NULL : shows_message(part);
        if (into && !part->is_multipart) {
            buf_byte(out, ' ');
            envelope_write(out, part->children->envelope);
            buf_byte(out, ' ');
        }
        if (into) {
            part = part->children;
            continue;
        }
        for (;;) {
            if (part->is_multipart)
                multipart_end(out, part, extended);
            else
                single_end(out, part, extended);
            if (part == root)
                return;
            if (part->next)
                break;
            part = part->parent;
        }
        part = part->next;
    }
}
