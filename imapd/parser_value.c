/* Arguments of commands: atoms, strings, mailbox names, numbers, flags, dates. */
#include "imapd/parser.h"

#include "base/unicode.h"
#include "mailbox/mailbox.h"
#include "message/date.h"

typedef bool octet_class(int c);

/* RFC 9051, 9: ATOM-CHAR is a CHAR that is none of "(" ")" "{" SP CTL "%" "*" DQUOTE "\" "]". */
static bool is_atom(int c)
{
    return c > ' ' && c < 0x7f && !strchr("(){%*\"\\]", c);
}

static bool is_astring(int c)
{
    return is_atom(c) || c == ']';
}

static bool is_tag(int c)
{
    return is_astring(c) && c != '+';
}

static bool is_list(int c)
{
    return is_astring(c) || c == '%' || c == '*';
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_set(int c)
{
    return is_digit(c) || c == ':' || c == ',' || c == '*';
}

static void take(struct parser *parser, int c)
{
    buf_byte(&parser->scratch, (char)c);
    parser_try(parser, (char)c);
}

/* What scratch holds, kept for the command. */
static bool keep(struct parser *parser, struct bytes *out)
{
    if (parser->failed)
        return false;
    *out = arena_bytes(parser->arena, buf_failed(&parser->scratch) ? (struct bytes){ 0 }
                                                                   : buf_view(&parser->scratch));
    if (parser->scratch.len == 0)
        *out = BYTES("");
    if (!out->data || buf_failed(&parser->scratch))
        return parser_refuse(parser, "LIMIT", "The command needs more memory than it may have");
    return true;
}

/* A run of octets of one class, at least one. */
static bool run_of(struct parser *parser, octet_class *belongs, const char *what, struct bytes *out)
{
    int c;
    buf_clear(&parser->scratch);
    while ((c = parser_peek(parser)) >= 0 && belongs(c))
        take(parser, c);
    if (!parser->failed && parser->scratch.len == 0)
        return parser_fail(parser, "Expected %s%s", what,
                           c == '\r' || c == '\n' ? ", the command ends too early" : "");
    return keep(parser, out);
}

bool parser_tag(struct parser *parser, struct bytes *tag)
{
    return run_of(parser, is_tag, "a tag", tag);
}

bool parser_atom(struct parser *parser, struct bytes *atom)
{
    return run_of(parser, is_atom, "a word", atom);
}

static bool quoted_octet(struct parser *parser, int c)
{
    if (c < 0)
        return false;
    if (c == '\r' || c == '\n')
        return parser_fail(parser, "A quoted string has no end on its line");
    if (c == 0)
        return parser_fail(parser, "A NUL octet is not allowed");
    if (c >= 0x80 && !parser->utf8)
        return parser_fail(parser,
                           "An octet above 127 must come in a literal, not in a quoted string");
    take(parser, c);
    return true;
}

static bool quoted(struct parser *parser, struct bytes *string)
{
    buf_clear(&parser->scratch);
    if (!parser_char(parser, '"'))
        return false;
    while (!parser_try(parser, '"')) {
        bool escaped = parser_try(parser, '\\');
        int c = parser_peek(parser);
        if (escaped && c >= 0 && c != '"' && c != '\\')
            return parser_fail(parser,
                               "A backslash in a quoted string stands only before \" and \\");
        if (!quoted_octet(parser, c))
            return false;
    }
    return keep(parser, string);
}

static bool literal_octets(struct parser *parser, char *to, size_t size)
{
    /* Not through parser_peek alone: its limit is for lines. */
    size_t line = parser->used;
    while (size > 0 && !parser->failed) {
        parser->used = 0;
        if (parser_peek(parser) < 0)
            return false;
        struct bytes piece = bytes_take(input_buffered(parser->in), size);
        memcpy(to, piece.data, piece.len);
        input_consume(parser->in, piece.len);
        to += piece.len;
        size -= piece.len;
    }
    parser->used = line;
    return true;
}

static bool literal(struct parser *parser, struct bytes *string)
{
    uint64_t size;
    bool synchronising;
    if (!parser_literal_head(parser, parser->literal_max, &size, &synchronising))
        return false;
    char *octets = arena_alloc(parser->arena, (size_t)size + 1);
    if (!octets) {
        /* The client sends the octets now, whatever we say: they must go by first. */
        for (char scrap; size > 0 && literal_octets(parser, &scrap, 1); size--)
            ;
        return parser_refuse(parser, "LIMIT", "The command needs more memory than it may have");
    }
    if (!literal_octets(parser, octets, (size_t)size))
        return false;
    if (memchr(octets, 0, (size_t)size))
        return parser_fail(parser, "A NUL octet is not allowed");
    *string = bytes_make(octets, (size_t)size);
    return true;
}

bool parser_string(struct parser *parser, struct bytes *string)
{
    int c = parser_peek(parser);
    if (c == '"')
        return quoted(parser, string);
    if (c == '{')
        return literal(parser, string);
    return parser_fail(parser, "Expected a string: \"quoted\" or {literal}");
}

static bool is_string(struct parser *parser)
{
    int c = parser_peek(parser);
    return c == '"' || c == '{';
}

bool parser_astring(struct parser *parser, struct bytes *string)
{
    return is_string(parser) ? parser_string(parser, string)
                             : run_of(parser, is_astring, "a word or a string", string);
}

bool parser_list_mailbox(struct parser *parser, struct bytes *pattern)
{
    return is_string(parser) ? parser_string(parser, pattern)
                             : run_of(parser, is_list, "a mailbox pattern", pattern);
}

bool parser_nstring(struct parser *parser, struct bytes *string)
{
    struct bytes atom;
    if (is_string(parser))
        return parser_string(parser, string);
    if (!run_of(parser, is_atom, "a string or NIL", &atom))
        return false;
    *string = (struct bytes){ 0 };
    return bytes_equal_nocase(atom, BYTES("NIL")) ||
           parser_fail(parser, "Expected a string or NIL");
}

bool parser_mailbox(struct parser *parser, struct bytes *utf8)
{
    struct bytes wire;
    if (!parser_astring(parser, &wire))
        return false;
    if (bytes_equal_nocase(wire, BYTES("INBOX"))) {
        *utf8 = BYTES("INBOX");
        return true;
    }
    buf_clear(&parser->scratch);
    if (!utf7_decode(wire, &parser->scratch))
        return parser_refuse(parser, "CANNOT",
                             "The mailbox name is not valid modified UTF-7 (RFC 3501, 5.1.3)");
    return keep(parser, utf8);
}

bool parser_number(struct parser *parser, uint32_t *n)
{
    struct bytes digits;
    return run_of(parser, is_digit, "a number", &digits) &&
           (bytes_to_u32(digits, n) || parser_fail(parser, "A number is greater than 4294967295"));
}

bool parser_number64(struct parser *parser, uint64_t *n)
{
    struct bytes digits;
    return run_of(parser, is_digit, "a number", &digits) &&
           (bytes_to_u64(digits, n) || parser_fail(parser, "A number is too great"));
}

bool parser_sequence_set(struct parser *parser, struct bytes *text)
{
    return run_of(parser, is_set, "a sequence set", text);
}

static const struct {
    const char *name;
    uint8_t flag;
} system_flags[] = {
    { "Seen", FLAG_SEEN },       { "Answered", FLAG_ANSWERED }, { "Flagged", FLAG_FLAGGED },
    { "Deleted", FLAG_DELETED }, { "Draft", FLAG_DRAFT },
};

static bool system_flag(struct parser *parser, struct parser_flags *flags)
{
    struct bytes name;
    if (!parser_atom(parser, &name))
        return false;
    for (size_t i = 0; i < sizeof(system_flags) / sizeof(*system_flags); i++)
        if (bytes_equal_nocase(name, bytes_of(system_flags[i].name))) {
            flags->system |= system_flags[i].flag;
            return true;
        }
    if (bytes_equal_nocase(name, BYTES("Recent")))
        return parser_fail(parser, "The flag \\Recent cannot be set by a client");
    return parser_fail(parser, "There is no system flag \\%.*s", BYTES_FMT(bytes_take(name, 60)));
}

static bool keyword(struct parser *parser, struct parser_flags *flags, size_t *room)
{
    struct bytes name;
    if (!parser_atom(parser, &name))
        return false;
    if (flags->keywords_count == *room) {
        *room = *room ? *room * 2 : 8;
        struct bytes *larger = arena_array(parser->arena, *room, sizeof(*larger));
        if (!larger)
            return parser_refuse(parser, "LIMIT", "The command needs more memory than it may have");
        if (flags->keywords_count)
            memcpy(larger, flags->keywords, flags->keywords_count * sizeof(*larger));
        flags->keywords = larger;
    }
    flags->keywords[flags->keywords_count++] = name;
    return true;
}

bool parser_flag_list(struct parser *parser, bool parenthesised_required,
                      struct parser_flags *flags)
{
    size_t room = 0;
    *flags = (struct parser_flags){ 0 };
    bool parenthesised = parser_peek(parser) == '(';
    if ((parenthesised || parenthesised_required) && !parser_char(parser, '('))
        return false;
    if (parenthesised && parser_try(parser, ')'))
        return true;
    do {
        if (parser_try(parser, '\\') ? !system_flag(parser, flags) : !keyword(parser, flags, &room))
            return false;
    } while (parser_try(parser, ' '));
    return !parenthesised || parser_char(parser, ')');
}

bool parser_date_time(struct parser *parser, time_t *when)
{
    struct bytes text;
    return quoted(parser, &text) &&
           (date_parse_imap(text, when) ||
            parser_fail(parser, "A date and time looks like \"17-Jul-1996 02:44:25 -0700\""));
}

bool parser_date(struct parser *parser, time_t *day)
{
    struct bytes text;
    return parser_astring(parser, &text) &&
           (date_parse_day(text, day) || parser_fail(parser, "A date looks like 1-Feb-1994"));
}
