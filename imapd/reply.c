/* What goes to the client: tagged answers, untagged lines, and values in their wire forms. */
#include "imapd/imap.h"

#include "base/log.h"
#include "base/unicode.h"

static bool tagged(struct imap *imap, const char *word, const char *code, const char *text)
{
    output_bytes(imap->out, imap->tag);
    output_printf(imap->out, code ? " %s [%s] " : " %s ", word, code);
    output_string(imap->out, text);
    output_string(imap->out, "\r\n");
    return true;
}

bool imap_ok(struct imap *imap, const char *code, const char *text)
{
    struct error err = { 0 };
    enum imap_sync how = imap->command ? imap->command->sync : IMAP_SYNC_NONE;
    /* The UID forms may report EXPUNGE: they name no sequence numbers (RFC 3501, 7.4.1). */
    if (how == IMAP_SYNC_KEEP && imap->uid)
        how = IMAP_SYNC_ALL;
    if (!imap_sync(imap, how, &err) && !imap->lost)
        imap_untagged(imap, "NO [%s] The mailbox could not be looked at: %s",
                      error_reply(err.class)->imap, error_reply(err.class)->words);
    return tagged(imap, "OK", code, text);
}

bool imap_no(struct imap *imap, const char *code, const char *text)
{
    return tagged(imap, "NO", code && *code ? code : NULL, text);
}

bool imap_bad(struct imap *imap, const char *text)
{
    imap->errors++;
    return tagged(imap, "BAD", NULL, text);
}

/* What the client asked for and cannot have is not the administrator's trouble. */
static bool is_clients_own(enum error_class class)
{
    return class == ERROR_NO_SUCH || class == ERROR_EXISTS || class == ERROR_INVALID ||
           class == ERROR_TOO_BIG;
}

static void log_failure(struct imap *imap, const struct error *err)
{
    const char *name = imap->command ? imap->command->name : "?";
    if (is_clients_own(err->class))
        log_debug("%s: %s", name, err->text);
    else
        log_error("%s: %s", name, err->text);
}

bool imap_error(struct imap *imap, const struct error *err)
{
    const struct error_reply *reply = error_reply(err->class);
    log_failure(imap, err);
    return imap_no(imap, reply->imap, reply->words);
}

bool imap_mailbox_error(struct imap *imap, struct bytes name, const struct error *err)
{
    static const struct {
        const char *before, *behind;
    } sentences[ERROR_CLASSES] = {
        [ERROR_NO_SUCH] = { "There is no mailbox", "" },
        [ERROR_EXISTS] = { "There is already a mailbox", "" },
        [ERROR_INVALID] = { "A mailbox cannot have the name", "" },
        [ERROR_NOT_PERMITTED] = { "This is not permitted with the mailbox", "" },
        [ERROR_CORRUPT] = { "The stored data of the mailbox",
                            " is damaged; tell your administrator" },
        [ERROR_CONFLICT] = { "The mailbox", " is in use; try again" },
    };
    const struct error_reply *reply = error_reply(err->class);
    const char *before = err->class < ERROR_CLASSES ? sentences[err->class].before : NULL;
    struct buf wire = BUF_INIT(4096);
    /* Modified UTF-7: the text of an answer is ASCII until UTF-8 is enabled. */
    if (!before || !utf7_encode(bytes_take(name, 1000), &wire)) {
        buf_free(&wire);
        return imap_error(imap, err);
    }
    char text[1500];
    snprintf(text, sizeof(text), "%s \"%.*s\"%s", before, BYTES_FMT(buf_view(&wire)),
             sentences[err->class].behind);
    buf_free(&wire);
    log_failure(imap, err);
    return imap_no(imap, reply->imap, text);
}

void imap_untagged(struct imap *imap, const char *format, ...)
{
    char line[2048];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (len < 0)
        return;
    output_string(imap->out, "* ");
    output_bytes(imap->out,
                 bytes_make(line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1));
    output_string(imap->out, "\r\n");
}

static const struct {
    uint8_t flag;
    const char *name;
} flag_names[] = {
    { FLAG_ANSWERED, "\\Answered" }, { FLAG_FLAGGED, "\\Flagged" }, { FLAG_DELETED, "\\Deleted" },
    { FLAG_SEEN, "\\Seen" },         { FLAG_DRAFT, "\\Draft" },     { FLAG_RECENT, "\\Recent" },
};

void imap_write_flags(struct imap *imap, const struct message *message)
{
    const char *separator = "(";
    for (size_t i = 0; i < sizeof(flag_names) / sizeof(*flag_names); i++)
        if (message->flags & flag_names[i].flag) {
            output_printf(imap->out, "%s%s", separator, flag_names[i].name);
            separator = " ";
        }
    for (uint64_t left = message->keywords; left; left &= left - 1) {
        struct bytes name = mailbox_keyword(imap->mailbox, (unsigned)__builtin_ctzll(left));
        if (name.len == 0)
            continue;
        output_string(imap->out, separator);
        output_bytes(imap->out, name);
        separator = " ";
    }
    output_string(imap->out, *separator == '(' ? "()" : ")");
}

static void write_literal(struct imap *imap, struct bytes text)
{
    output_printf(imap->out, "{%zu}\r\n", text.len);
    output_bytes(imap->out, text);
}

/* RFC 3501, 9: TEXT-CHAR is 7-bit, without CR and LF; long strings are easier for clients as
 * literals. */
static bool can_quote(struct bytes text)
{
    if (text.len > 1024)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == 0 || c == '\r' || c == '\n' || c >= 0x80)
            return false;
    }
    return true;
}

void imap_write_string(struct imap *imap, struct bytes text)
{
    if (!can_quote(text)) {
        write_literal(imap, text);
        return;
    }
    output_string(imap->out, "\"");
    for (size_t from = 0, i = 0; i <= text.len; i++) {
        bool special = i < text.len && (text.data[i] == '"' || text.data[i] == '\\');
        if (i < text.len && !special)
            continue;
        output_bytes(imap->out, bytes_take(bytes_skip(text, from), i - from));
        if (special)
            output_string(imap->out, "\\");
        from = i;
    }
    output_string(imap->out, "\"");
}

static bool is_atom(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c >= 0x7f || strchr("(){%*\"\\]", c))
            return false;
    }
    return text.len > 0 && !bytes_equal_nocase(text, BYTES("NIL"));
}

void imap_write_astring(struct imap *imap, struct bytes text)
{
    if (is_atom(text))
        output_bytes(imap->out, text);
    else
        imap_write_string(imap, text);
}

void imap_write_mailbox(struct imap *imap, struct bytes utf8)
{
    struct buf wire = BUF_INIT(utf8.len * 8 + 16);
    if (utf7_encode(utf8, &wire))
        imap_write_astring(imap, buf_view(&wire));
    else
        imap_write_string(imap, utf8); /* never: stores give UTF-8 */
    buf_free(&wire);
}
