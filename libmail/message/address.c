/* Addresses: RFC 5322, 3.4 and 4.4, read leniently. One pass over the words of a field:
 *
 *   words "<" route ":" local "@" domain ">"   words are the name
 *   words "@" domain (comment)                 words are the local part, the comment the name
 *   words ":" ... ";"                          a group
 *   words                                      one atom: a mailbox without host; more: a name alone
 */
#include "message/address.h"
#include "message/lexer.h"

struct reader {
    struct lexer lexer;
    struct arena *arena;
    struct address *first, **last;
    bool in_group;
    struct buf name, local, domain, route, comment;
    unsigned words; /* in name */
    bool quoted;    /* one of them was a quoted string */
};

static void append(struct reader *reader, struct address value)
{
    struct address *address = arena_alloc(reader->arena, sizeof *address);
    if (!address)
        return;
    *address = value;
    *reader->last = address;
    reader->last = &address->next;
}

static struct bytes keep(struct reader *reader, const struct buf *text)
{
    return arena_bytes(reader->arena, bytes_make(text->len ? text->data : "", text->len));
}

/* Octets that are no word and have no meaning where they stand: taken as they are. */
static bool take_stray(struct lexer *lexer, struct buf *out)
{
    if (lexer_ended(lexer) || (*lexer->at && strchr("<>@:,;\"(", *lexer->at)))
        return false;
    buf_byte(out, *lexer->at ? *lexer->at : ' ');
    lexer->at++;
    return true;
}

/* Words up to "<", "@", ":", ",", ";" or the end: in name with one space where white space stood,
 * in local without. */
static void take_words(struct reader *reader)
{
    struct lexer *lexer = &reader->lexer;
    struct buf *name = &reader->name;
    while (!lexer_ended(lexer)) {
        bool spaced = lexer_space(lexer);
        size_t before = name->len;
        if (spaced && name->len)
            buf_byte(name, ' ');
        size_t start = name->len;
        bool quoted = lexer_quoted(lexer, name);
        if (!quoted && !lexer_atom(lexer, name) && !take_stray(lexer, name)) {
            name->len = before;
            return;
        }
        buf_bytes(&reader->local, bytes_skip(buf_view(name), start));
        reader->quoted |= quoted;
        reader->words += spaced || !reader->words;
    }
}

/* Local part or domain inside what may be angle brackets: no white space. */
static void take_part(struct lexer *lexer, struct buf *out, const char *until)
{
    while (!lexer_ended(lexer)) {
        if (lexer_space(lexer) || lexer_quoted(lexer, out) || lexer_atom(lexer, out))
            continue;
        if (strchr(until, *lexer->at))
            return;
        buf_byte(out, *lexer->at++);
    }
}

/* dtext: RFC 5322, 3.4.1; kept with its brackets. */
static bool take_literal(struct lexer *lexer, struct buf *out)
{
    if (lexer_peek(lexer) != '[')
        return false;
    while (!lexer_ended(lexer) && *lexer->at != ']')
        buf_byte(out, *lexer->at++);
    if (lexer_accept(lexer, ']'))
        buf_byte(out, ']');
    return true;
}

/* Dots with white space around them belong to the domain; a word after white space does not. */
static void take_domain(struct lexer *lexer, struct buf *out)
{
    lexer_space(lexer);
    while (!lexer_ended(lexer)) {
        if (!take_literal(lexer, out) && !lexer_atom(lexer, out) && lexer_peek(lexer) != '.')
            return;
        lexer_space(lexer);
        if (!lexer_accept(lexer, '.'))
            return;
        buf_byte(out, '.');
        lexer_space(lexer);
    }
}

static void take_route(struct reader *reader)
{
    struct lexer *lexer = &reader->lexer;
    lexer_space(lexer);
    if (lexer_peek(lexer) != '@')
        return;
    const char *start = lexer->at;
    take_part(lexer, &reader->route, ":>;");
    if (!lexer_accept(lexer, ':')) {
        lexer->at = start; /* "<@host>": an address without a local part */
        buf_clear(&reader->route);
    }
}

static void take_angle(struct reader *reader)
{
    struct lexer *lexer = &reader->lexer;
    lexer->at++;
    buf_clear(&reader->local);
    take_route(reader);
    take_part(lexer, &reader->local, "@>,;");
    if (lexer_accept(lexer, '@'))
        take_part(lexer, &reader->domain, "@>,;");
    while (!lexer_ended(lexer) && !strchr(">,;", *lexer->at))
        lexer->at++;
    lexer_accept(lexer, '>');
}

/* Behind an address only a comment may stand; anything else up to the comma is dropped. */
static void skip_rest(struct lexer *lexer)
{
    struct buf none = BUF_INIT(0);
    while (!lexer_ended(lexer)) {
        if (lexer_space(lexer) || lexer_quoted(lexer, &none))
            continue;
        if (*lexer->at == ',' || *lexer->at == ';')
            return;
        lexer->at++;
    }
}

static void finish_mailbox(struct reader *reader, bool named)
{
    struct address address = { 0 };
    skip_rest(&reader->lexer);
    if (!named && !reader->local.len && !reader->domain.len)
        return;
    if (!named) {
        buf_clear(&reader->name);
        buf_bytes(&reader->name, buf_view(&reader->comment));
    } else if (!reader->name.len) {
        buf_bytes(&reader->name, buf_view(&reader->comment));
    }
    if (reader->name.len)
        address.name = keep(reader, &reader->name);
    if (reader->route.len)
        address.route = keep(reader, &reader->route);
    address.mailbox = keep(reader, &reader->local);
    address.host = keep(reader, &reader->domain);
    append(reader, address);
}

static void read_group(struct reader *reader)
{
    reader->lexer.at++;
    append(reader, (struct address){ .mailbox = keep(reader, &reader->name) });
    reader->in_group = true;
}

static void end_group(struct reader *reader)
{
    if (reader->in_group)
        append(reader, (struct address){ 0 });
    reader->in_group = false;
}

/* words "@" domain; or an address used as a name: "me@host <me@host>". */
static void read_plain(struct reader *reader)
{
    reader->lexer.at++;
    take_domain(&reader->lexer, &reader->domain);
    lexer_space(&reader->lexer);
    if (lexer_peek(&reader->lexer) != '<') {
        finish_mailbox(reader, false);
        return;
    }
    buf_byte(&reader->name, '@');
    buf_bytes(&reader->name, buf_view(&reader->domain));
    buf_clear(&reader->domain);
    take_angle(reader);
    finish_mailbox(reader, true);
}

static void read_one(struct reader *reader)
{
    buf_clear(&reader->name);
    buf_clear(&reader->local);
    buf_clear(&reader->domain);
    buf_clear(&reader->route);
    buf_clear(&reader->comment);
    reader->words = 0;
    reader->quoted = false;
    take_words(reader);
    char next = lexer_peek(&reader->lexer);
    if (next == '<') {
        take_angle(reader);
        finish_mailbox(reader, true);
    } else if (next == '@') {
        read_plain(reader);
    } else if (next == ':' && !reader->in_group) {
        read_group(reader);
    } else if (reader->name.len || reader->quoted) {
        bool is_name = reader->quoted || reader->words > 1;
        if (is_name)
            buf_clear(&reader->local);
        finish_mailbox(reader, is_name);
    } else {
        skip_rest(&reader->lexer);
    }
}

struct address *address_parse(struct arena *arena, struct bytes value)
{
    struct buf empty = BUF_INIT(value.len + 2);
    struct reader reader = { .lexer = lexer_over(value),
                             .arena = arena,
                             .name = empty,
                             .local = empty,
                             .domain = empty,
                             .route = empty,
                             .comment = empty };
    reader.last = &reader.first;
    reader.lexer.comment = &reader.comment;
    while (!lexer_ended(&reader.lexer)) {
        if (lexer_accept(&reader.lexer, ';'))
            end_group(&reader);
        else if (!lexer_accept(&reader.lexer, ','))
            read_one(&reader);
    }
    end_group(&reader);
    buf_free(&reader.name);
    buf_free(&reader.local);
    buf_free(&reader.domain);
    buf_free(&reader.route);
    buf_free(&reader.comment);
    return reader.first;
}
