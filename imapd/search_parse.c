/* search     = "SEARCH" [SP "CHARSET" SP astring] 1*(SP search-key)
 * search-key = "ALL" / "ANSWERED" / "BCC" SP astring / ... / sequence-set / "(" search-key *(SP
 * search-key) ")"   (RFC 3501, 9)
 *
 * One table has the keys. What is several things at once (NEW, OLD, UNSEEN) becomes AND and NOT
 * over the kinds that query/ knows. */
#include "imapd/search.h"

#include "base/unicode.h"
#include "message/text.h"

enum { DEPTH_MAX = 50, KEY_NAME_MAX = 16, RANGES_MAX = 65536, TEXT_MAX = 64 << 10 };

enum argument { NONE, STRING, FIELD_AND_STRING, KEYWORD, DATE, NUMBER, UID_SET, ONE_KEY, TWO_KEYS };

static const struct key_name {
    const char *name;
    enum search_kind kind;
    enum argument argument;
    unsigned flag; /* SEARCH_FLAG */
    bool negated;
    const char *field; /* SEARCH_HEADER */
} NAMES[] = {
    { "ALL", SEARCH_ALL, NONE, 0, false, NULL },
    { "ANSWERED", SEARCH_FLAG, NONE, FLAG_ANSWERED, false, NULL },
    { "BCC", SEARCH_HEADER, STRING, 0, false, "Bcc" },
    { "BEFORE", SEARCH_BEFORE, DATE, 0, false, NULL },
    { "BODY", SEARCH_BODY, STRING, 0, false, NULL },
    { "CC", SEARCH_HEADER, STRING, 0, false, "Cc" },
    { "DELETED", SEARCH_FLAG, NONE, FLAG_DELETED, false, NULL },
    { "DRAFT", SEARCH_FLAG, NONE, FLAG_DRAFT, false, NULL },
    { "FLAGGED", SEARCH_FLAG, NONE, FLAG_FLAGGED, false, NULL },
    { "FROM", SEARCH_HEADER, STRING, 0, false, "From" },
    { "HEADER", SEARCH_HEADER, FIELD_AND_STRING, 0, false, NULL },
    { "KEYWORD", SEARCH_KEYWORD, KEYWORD, 0, false, NULL },
    { "LARGER", SEARCH_LARGER, NUMBER, 0, false, NULL },
    { "NEW", SEARCH_AND, NONE, FLAG_RECENT, false, NULL },
    { "NOT", SEARCH_NOT, ONE_KEY, 0, false, NULL },
    { "OLD", SEARCH_FLAG, NONE, FLAG_RECENT, true, NULL },
    { "ON", SEARCH_ON, DATE, 0, false, NULL },
    { "OR", SEARCH_OR, TWO_KEYS, 0, false, NULL },
    { "RECENT", SEARCH_FLAG, NONE, FLAG_RECENT, false, NULL },
    { "SEEN", SEARCH_FLAG, NONE, FLAG_SEEN, false, NULL },
    { "SENTBEFORE", SEARCH_SENTBEFORE, DATE, 0, false, NULL },
    { "SENTON", SEARCH_SENTON, DATE, 0, false, NULL },
    { "SENTSINCE", SEARCH_SENTSINCE, DATE, 0, false, NULL },
    { "SINCE", SEARCH_SINCE, DATE, 0, false, NULL },
    { "SMALLER", SEARCH_SMALLER, NUMBER, 0, false, NULL },
    { "SUBJECT", SEARCH_HEADER, STRING, 0, false, "Subject" },
    { "TEXT", SEARCH_TEXT, STRING, 0, false, NULL },
    { "TO", SEARCH_HEADER, STRING, 0, false, "To" },
    { "UID", SEARCH_UIDS, UID_SET, 0, false, NULL },
    { "UNANSWERED", SEARCH_FLAG, NONE, FLAG_ANSWERED, true, NULL },
    { "UNDELETED", SEARCH_FLAG, NONE, FLAG_DELETED, true, NULL },
    { "UNDRAFT", SEARCH_FLAG, NONE, FLAG_DRAFT, true, NULL },
    { "UNFLAGGED", SEARCH_FLAG, NONE, FLAG_FLAGGED, true, NULL },
    { "UNKEYWORD", SEARCH_KEYWORD, KEYWORD, 0, true, NULL },
    { "UNSEEN", SEARCH_FLAG, NONE, FLAG_SEEN, true, NULL },
};

static struct search_key *read_key(struct search_command *command);

static struct parser *parser_of(struct search_command *command)
{
    return &command->imap->parser;
}

static struct search_key *key_create(struct search_command *command, enum search_kind kind)
{
    struct search_key *key = arena_alloc(command->imap->arena, sizeof(*key));
    if (key)
        key->kind = kind;
    else
        parser_refuse(parser_of(command), "LIMIT", "Out of memory");
    return key;
}

static struct search_key *key_around(struct search_command *command, enum search_kind kind,
                                     struct search_key *children)
{
    struct search_key *key = children ? key_create(command, kind) : NULL;
    if (key)
        key->children = children;
    return key;
}

/* NEW: RECENT UNSEEN. */
static struct search_key *key_new(struct search_command *command)
{
    struct search_key *recent = key_create(command, SEARCH_FLAG),
                      *seen = key_create(command, SEARCH_FLAG);
    if (!recent || !seen)
        return NULL;
    recent->number = FLAG_RECENT;
    seen->number = FLAG_SEEN;
    recent->next = key_around(command, SEARCH_NOT, seen);
    return recent->next ? key_around(command, SEARCH_AND, recent) : NULL;
}

/* Text as UTF-8. Without CHARSET, UTF-8 is taken too: clients send it. What is wrong with it is
 * said when the whole command was read. */
static bool read_text(struct search_command *command, struct bytes *text)
{
    struct bytes raw;
    if (!parser_astring(parser_of(command), &raw))
        return false;
    struct buf utf8 = BUF_INIT(TEXT_MAX * 4);
    bool good =
        command->charset.data ? text_to_utf8(&utf8, raw, command->charset) : utf8_valid(raw);
    if (!good)
        command->text_invalid = true;
    else
        *text = command->charset.data ? arena_bytes(command->imap->arena, buf_view(&utf8)) : raw;
    bool memory = !good || !raw.len || text->data;
    buf_free(&utf8);
    return memory || parser_refuse(parser_of(command), "LIMIT", "Out of memory");
}

/* Numbers that no message has match nothing, and are no error. In an empty mailbox "*" is such a
 * number. */
static bool read_set(struct search_command *command, uint32_t star, struct search_key *key)
{
    struct bytes text;
    struct search_set *owned = arena_alloc(command->imap->arena, sizeof(*owned));
    if (!owned)
        return parser_refuse(parser_of(command), "LIMIT", "Out of memory");
    *owned = (struct search_set){ command->sets, key };
    command->sets = owned;
    if (!parser_sequence_set(parser_of(command), &text))
        return false;
    if (numset_parse(&key->set, text, star ? star : 1, RANGES_MAX))
        return true;
    return parser_fail(parser_of(command), "Bad sequence set %.*s",
                       BYTES_FMT(bytes_take(text, 60)));
}

static uint32_t last_uid(struct mailbox *mailbox)
{
    struct message message;
    return mailbox_message(mailbox, mailbox_count(mailbox), &message) ? message.uid : 0;
}

static bool read_date(struct search_command *command, struct search_key *key)
{
    time_t day;
    if (!parser_date(parser_of(command), &day))
        return false;
    key->number = (uint64_t)(int64_t)day;
    return true;
}

static bool read_two_keys(struct search_command *command, struct search_key *key)
{
    key->children = read_key(command);
    if (!key->children || !parser_space(parser_of(command)))
        return false;
    key->children->next = read_key(command);
    return key->children->next != NULL;
}

static bool read_argument(struct search_command *command, enum argument argument,
                          struct search_key *key)
{
    struct parser *parser = parser_of(command);
    if (argument == NONE)
        return true;
    if (!parser_space(parser))
        return false;
    switch (argument) {
    case NONE:
        return true;
    case STRING:
        return read_text(command, &key->text);
    case FIELD_AND_STRING:
        return parser_astring(parser, &key->field) && parser_space(parser) &&
               read_text(command, &key->text);
    case KEYWORD:
        return parser_atom(parser, &key->text);
    case DATE:
        return read_date(command, key);
    case NUMBER:
        return parser_number64(parser, &key->number);
    case UID_SET:
        return read_set(command, last_uid(command->imap->mailbox), key);
    case ONE_KEY:
        key->children = read_key(command);
        return key->children != NULL;
    case TWO_KEYS:
        return read_two_keys(command, key);
    }
    return false;
}

static struct search_key *read_named(struct search_command *command, const struct key_name *name)
{
    if (name->kind == SEARCH_AND)
        return key_new(command);
    struct search_key *key = key_create(command, name->kind);
    if (!key)
        return NULL;
    key->number = name->flag;
    if (name->field)
        key->field = bytes_of(name->field);
    if (!read_argument(command, name->argument, key))
        return NULL;
    return name->negated ? key_around(command, SEARCH_NOT, key) : key;
}

static struct search_key *key_by_name(struct search_command *command, struct bytes name)
{
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++)
        if (bytes_equal_nocase(name, bytes_of(NAMES[i].name)))
            return read_named(command, &NAMES[i]);
    parser_fail(parser_of(command), "There is no SEARCH key %.*s", BYTES_FMT(bytes_take(name, 60)));
    return NULL;
}

/* More keys behind first, each after a space: all of them as AND. */
static struct search_key *read_more(struct search_command *command, struct search_key *first)
{
    struct search_key *last = first;
    while (last && parser_try(parser_of(command), ' ')) {
        last->next = read_key(command);
        last = last->next;
    }
    if (!last || parser_of(command)->failed)
        return NULL;
    return first->next ? key_around(command, SEARCH_AND, first) : first;
}

static struct search_key *read_list(struct search_command *command)
{
    struct search_key *keys = read_more(command, read_key(command));
    return keys && parser_char(parser_of(command), ')') ? keys : NULL;
}

static struct search_key *read_sequence(struct search_command *command)
{
    struct search_key *key = key_create(command, SEARCH_SEQS);
    return key && read_set(command, mailbox_count(command->imap->mailbox), key) ? key : NULL;
}

static struct search_key *read_key(struct search_command *command)
{
    struct parser *parser = parser_of(command);
    struct search_key *key = NULL;
    struct bytes name;
    if (++command->depth > DEPTH_MAX) {
        parser_fail(parser, "SEARCH keys are nested too deep");
        return NULL;
    }
    int c = parser_peek(parser);
    if ((c >= '0' && c <= '9') || c == '*')
        key = read_sequence(command);
    else if (parser_try(parser, '('))
        key = read_list(command);
    else if (parser_atom(parser, &name))
        key = key_by_name(command, name);
    command->depth--;
    return key;
}

/* A charset between two spaces. */
static bool read_charset(struct search_command *command)
{
    struct parser *parser = parser_of(command);
    if (!parser_space(parser) || !parser_astring(parser, &command->charset) ||
        !parser_space(parser))
        return false;
    command->charset_unknown = !text_charset_known(command->charset);
    return true;
}

/* The first key, and CHARSET in front of it: only a word that begins with C can be that. */
static struct search_key *read_first(struct search_command *command)
{
    struct bytes name;
    int c = parser_peek(parser_of(command));
    if (c != 'c' && c != 'C')
        return read_key(command);
    if (!parser_atom(parser_of(command), &name))
        return NULL;
    if (!bytes_equal_nocase(name, BYTES("CHARSET")))
        return key_by_name(command, name);
    return read_charset(command) ? read_key(command) : NULL;
}

bool search_parse(struct search_command *command)
{
    struct parser *parser = parser_of(command);
    if (!parser_space(parser))
        return false;
    command->key = read_more(command, read_first(command));
    return command->key && parser_end(parser);
}

bool search_parse_criteria(struct search_command *command)
{
    if (!read_charset(command))
        return false;
    command->key = read_more(command, read_key(command));
    return command->key && parser_end(parser_of(command));
}

void search_command_free(struct search_command *command)
{
    for (struct search_set *owned = command->sets; owned; owned = owned->next)
        numset_free(&owned->key->set);
    command->sets = NULL;
}
