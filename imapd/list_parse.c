/* The arguments of LIST and LSUB.
 *
 *     list            = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP
 * list-return-opts] list-select-opts = "(" [list-select-opt *(SP list-select-opt)] ")" mbox-or-pat
 * = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")" list-return-opts = "RETURN" SP "("
 * [return-option *(SP return-option)] ")"
 */
#include "base/unicode.h"
#include "imapd/list.h"
#include "imapd/status.h"

struct option {
    const char *name;
    unsigned bit;
};

static const struct option select_options[] = {
    { "SUBSCRIBED", LIST_SELECT_SUBSCRIBED },
    { "SPECIAL-USE", LIST_SELECT_SPECIAL_USE },
    { "REMOTE", LIST_SELECT_REMOTE },
    { "RECURSIVEMATCH", LIST_SELECT_RECURSIVE },
    { NULL, 0 },
};

static const struct option return_options[] = {
    { "SUBSCRIBED", LIST_RETURN_SUBSCRIBED },
    { "CHILDREN", LIST_RETURN_CHILDREN },
    { "SPECIAL-USE", LIST_RETURN_SPECIAL_USE },
    { "STATUS", LIST_RETURN_STATUS },
    { NULL, 0 },
};

static bool read_option(struct parser *parser, const struct option *options, unsigned *bit)
{
    struct bytes name;
    if (!parser_atom(parser, &name))
        return false;
    for (; options->name; options++)
        if (bytes_equal_nocase(name, bytes_of(options->name))) {
            *bit = options->bit;
            return true;
        }
    return parser_fail(parser, "LIST has no option %.*s", BYTES_FMT(bytes_take(name, 60)));
}

static bool read_select(struct parser *parser, struct list_request *request)
{
    unsigned bit;
    if (!parser_try(parser, '('))
        return true;
    request->extended = true;
    if (!parser_try(parser, ')')) {
        do {
            if (!read_option(parser, select_options, &bit))
                return false;
            request->select |= bit;
        } while (parser_try(parser, ' '));
        if (!parser_char(parser, ')'))
            return false;
    }
    unsigned base = LIST_SELECT_SUBSCRIBED | LIST_SELECT_SPECIAL_USE;
    if ((request->select & LIST_SELECT_RECURSIVE) && !(request->select & base))
        return parser_fail(parser, "RECURSIVEMATCH needs another selection option beside it");
    return parser_space(parser);
}

static bool read_return(struct parser *parser, struct list_request *request)
{
    struct bytes word;
    unsigned bit;
    if (!parser_try(parser, ' '))
        return true;
    request->extended = true;
    if (!parser_atom(parser, &word))
        return false;
    if (!bytes_equal_nocase(word, BYTES("RETURN")))
        return parser_fail(parser, "Expected RETURN or the end of the command");
    if (!parser_space(parser) || !parser_char(parser, '('))
        return false;
    if (parser_try(parser, ')'))
        return true;
    do {
        if (!read_option(parser, return_options, &bit))
            return false;
        request->returns |= bit;
        if (bit == LIST_RETURN_STATUS &&
            (!parser_space(parser) || !status_items(parser, &request->status_items)))
            return false;
    } while (parser_try(parser, ' '));
    return parser_char(parser, ')');
}

/* UTF-8 of a name or pattern; data NULL when it is not modified UTF-7. */
static bool to_utf8(struct parser *parser, struct bytes wire, struct bytes *utf8)
{
    struct buf out = BUF_INIT(wire.len * 3 + 16);
    *utf8 = (struct bytes){ 0 };
    bool valid = utf7_decode(wire, &out);
    if (valid)
        *utf8 = out.len ? arena_bytes(parser->arena, buf_view(&out)) : BYTES("");
    buf_free(&out);
    return !valid || utf8->data ||
           parser_refuse(parser, "LIMIT", "The command needs more memory than it may have");
}

static bool keep_pattern(struct parser *parser, struct list_request *request, struct bytes pattern,
                         size_t *room)
{
    if (request->patterns_count == *room) {
        *room = *room ? *room * 2 : 4;
        struct bytes *larger = arena_array(parser->arena, *room, sizeof(*larger));
        if (!larger)
            return parser_refuse(parser, "LIMIT", "The command needs more memory than it may have");
        if (request->patterns_count)
            memcpy(larger, request->patterns, request->patterns_count * sizeof(*larger));
        request->patterns = larger;
    }
    request->patterns[request->patterns_count++] = pattern;
    return true;
}

/* "inb%" finds INBOX, whose name has no case (RFC 3501, 6.3.8): its part before the first wildcard,
 * where that begins "INBOX" but for case, is looked for in capitals as well. "inbox" itself is the
 * store's to know. */
static bool add_inbox(struct parser *parser, struct list_request *request, struct bytes pattern,
                      size_t *room)
{
    size_t plain = 0;
    while (plain < pattern.len && pattern.data[plain] != '%' && pattern.data[plain] != '*')
        plain++;
    struct bytes begin = bytes_take(BYTES("INBOX"), plain);
    if (!plain || plain == pattern.len || plain >= 5 || bytes_starts(pattern, begin) ||
        !bytes_starts_nocase(pattern, begin))
        return true;
    char *capitals = arena_copy(parser->arena, pattern);
    if (!capitals)
        return parser_refuse(parser, "LIMIT", "The command needs more memory than it may have");
    memcpy(capitals, begin.data, plain);
    return keep_pattern(parser, request, bytes_make(capitals, pattern.len), room);
}

static bool add_pattern(struct parser *parser, struct list_request *request, size_t *room)
{
    struct bytes wire, pattern;
    if (!parser_list_mailbox(parser, &wire) || !to_utf8(parser, wire, &pattern))
        return false;
    request->root = wire.len == 0;
    if (!pattern.data || !request->reference.data)
        return true;
    char *text = arena_alloc(parser->arena, request->reference.len + pattern.len + 1);
    if (!text)
        return parser_refuse(parser, "LIMIT", "The command needs more memory than it may have");
    memcpy(text, request->reference.data, request->reference.len);
    memcpy(text + request->reference.len, pattern.data, pattern.len);
    struct bytes joined = bytes_make(text, request->reference.len + pattern.len);
    return keep_pattern(parser, request, joined, room) && add_inbox(parser, request, joined, room);
}

static bool read_patterns(struct parser *parser, struct list_request *request)
{
    size_t room = 0;
    if (!parser_try(parser, '('))
        return add_pattern(parser, request, &room);
    request->extended = true;
    do {
        if (!add_pattern(parser, request, &room))
            return false;
    } while (parser_try(parser, ' '));
    return parser_char(parser, ')');
}

static bool read_reference(struct parser *parser, struct list_request *request)
{
    struct bytes wire;
    return parser_astring(parser, &wire) && to_utf8(parser, wire, &request->reference) &&
           parser_space(parser);
}

bool list_parse(struct imap *imap, struct list_request *request)
{
    struct parser *parser = &imap->parser;
    bool good = parser_space(parser) && read_select(parser, request) &&
                read_reference(parser, request) && read_patterns(parser, request) &&
                read_return(parser, request) && parser_end(parser);
    if (request->extended)
        request->root = false; /* RFC 5258, 3: "" has no special meaning there */
    return good;
}

bool list_parse_lsub(struct imap *imap, struct list_request *request)
{
    size_t room = 0;
    struct parser *parser = &imap->parser;
    bool good = parser_space(parser) && read_reference(parser, request) &&
                add_pattern(parser, request, &room) && parser_end(parser);
    request->select = LIST_SELECT_SUBSCRIBED;
    return good;
}
