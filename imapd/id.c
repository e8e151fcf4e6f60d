/* ID (RFC 2971): who is there?
 *
 *     ID SP ("(" [string SP nstring *(SP string SP nstring)] ")" / NIL)
 */
#include "imapd/id.h"

#include "base/log.h"
#include "imapd/imap.h"

/* RFC 2971, 3.3. */
enum { PAIRS_MAX = 30, FIELD_MAX = 30, VALUE_MAX = 1024, LOGGED_MAX = 400 };

static void note(struct buf *line, struct bytes field, struct bytes value)
{
    char quoted[LOGGED_MAX];
    buf_printf(line, "%s%s=", line->len ? ", " : "",
               log_quote(quoted, sizeof(quoted), field.data, field.len));
    buf_string(line, value.data ? log_quote(quoted, sizeof(quoted), value.data, value.len) : "NIL");
}

static bool read_pair(struct parser *parser, struct buf *line)
{
    struct bytes field, value;
    if (!parser_string(parser, &field) || !parser_space(parser) || !parser_nstring(parser, &value))
        return false;
    if (field.len > FIELD_MAX || value.len > VALUE_MAX)
        return parser_fail(parser, "ID takes fields of %d and values of %d octets at most",
                           FIELD_MAX, VALUE_MAX);
    note(line, field, value);
    return true;
}

static bool read_pairs(struct parser *parser, struct buf *line)
{
    struct bytes nil;
    if (parser_peek(parser) != '(')
        return parser_nstring(parser, &nil) &&
               (!nil.data || parser_fail(parser, "Expected a list or NIL"));
    parser_try(parser, '(');
    if (parser_try(parser, ')'))
        return true;
    for (int pairs = 1;; pairs++) {
        if (pairs > PAIRS_MAX)
            return parser_fail(parser, "ID takes %d pairs at most", PAIRS_MAX);
        if (!read_pair(parser, line))
            return false;
        if (parser_try(parser, ')'))
            return true;
        if (!parser_space(parser))
            return false;
    }
}

/* The setting imap_id, "name Postern", as a list of strings; no list when it is empty or a value is
 * missing. */
static void answer(struct output *out, const char *setting)
{
    struct bytes rest = bytes_trim(bytes_of(setting));
    const char *before = "* ID (";
    while (rest.len > 0) {
        struct bytes field = bytes_split(&rest, ' '), value = bytes_split(&rest, ' ');
        rest = bytes_trim(rest);
        output_printf(out, "%s\"%.*s\" ", before, BYTES_FMT(field));
        if (value.len > 0)
            output_printf(out, "\"%.*s\"", BYTES_FMT(value));
        else
            output_string(out, "NIL");
        before = " ";
    }
    output_string(out, *before == ' ' ? ")\r\n" : "* ID NIL\r\n");
}

/* Once a connection is enough: a stranger must not fill the log. */
static void log_once(struct buf *line)
{
    static bool logged;
    if (!logged && line->len > 0)
        log_info("client: %s", buf_failed(line) ? "(long ID)" : buf_cstr(line));
    logged = true;
}

bool id_exchange(struct parser *parser, const struct conf *conf)
{
    struct buf line = BUF_INIT(LOGGED_MAX);
    bool good = parser_space(parser) && read_pairs(parser, &line) && parser_end(parser);
    if (good)
        log_once(&line);
    buf_free(&line);
    if (good)
        answer(parser->out, conf->imap_id);
    return good;
}

bool imap_id(struct imap *imap)
{
    return id_exchange(&imap->parser, imap->conf) && imap_ok(imap, NULL, "Pleased to meet you");
}
