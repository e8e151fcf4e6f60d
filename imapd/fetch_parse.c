/* fetch      = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP
 * fetch-att) ")") fetch-att  = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822" [".HEADER" /
 * ".SIZE" / ".TEXT"] / "BODY" ["STRUCTURE"] / "UID" / "BODY" [".PEEK"] section ["<" number "."
 * nz-number ">"]                                        (RFC 3501, 9) */
#include "imapd/fetch.h"

enum { NAME_MAX_LEN = 16, ITEMS_MAX = 1000 };

static const struct fetch_name {
    const char *name;
    enum fetch_kind kind;
    unsigned fields;
    enum section_kind section;
    bool seen;
} NAMES[] = {
    { "FLAGS", FETCH_FLAGS, 0, 0, false },
    { "UID", FETCH_UID, 0, 0, false },
    { "INTERNALDATE", FETCH_INTERNALDATE, FIELD_DATE, 0, false },
    { "RFC822.SIZE", FETCH_SIZE, FIELD_SIZE, 0, false },
    { "ENVELOPE", FETCH_ENVELOPE, FIELD_ENVELOPE, 0, false },
    { "BODY", FETCH_BODY, FIELD_BODY, 0, false },
    { "BODYSTRUCTURE", FETCH_BODYSTRUCTURE, FIELD_BODYSTRUCTURE, 0, false },
    { "RFC822", FETCH_SECTION, 0, SECTION_WHOLE, true },
    { "RFC822.HEADER", FETCH_SECTION, 0, SECTION_HEADER, false },
    { "RFC822.TEXT", FETCH_SECTION, 0, SECTION_TEXT, true },
};

static const struct fetch_macro {
    const char *name;
    const char *items[6];
} MACROS[] = {
    { "ALL", { "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE" } },
    { "FAST", { "FLAGS", "INTERNALDATE", "RFC822.SIZE" } },
    { "FULL", { "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY" } },
};

/* Letters, digits and dots: an atom would swallow the "[" of a section. */
static bool read_name(struct parser *parser, char *name, size_t size)
{
    size_t len = 0;
    for (;;) {
        int c = parser_peek(parser);
        bool lower = c >= 'a' && c <= 'z';
        if (!lower && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '.')
            break;
        if (len + 1 == size)
            return parser_fail(parser, "Unknown FETCH item");
        name[len++] = (char)(lower ? c - ('a' - 'A') : c);
        if (!parser_char(parser, (char)c))
            return false;
    }
    name[len] = '\0';
    return len > 0 || parser_fail(parser, "Expected a FETCH item");
}

/* What has to be known of a message before this section of it can be sent. */
static unsigned section_fields_needed(const struct section *section)
{
    if (section->numbers_count || section->kind == SECTION_TEXT)
        return FIELD_PARTS;
    return section->kind == SECTION_WHOLE ? FIELD_SIZE : FIELD_HEADER;
}

static bool is_from_header(const struct section *section)
{
    return section_fields_needed(section) == FIELD_HEADER;
}

static struct fetch_item *item_add(struct fetch *fetch, enum fetch_kind kind, const char *label)
{
    struct fetch_item *item = arena_alloc(fetch->imap->arena, sizeof(*item));
    if (!item) {
        parser_refuse(&fetch->imap->parser, "LIMIT", "Out of memory");
        return NULL;
    }
    item->kind = kind;
    item->label = label;
    *fetch->last = item;
    fetch->last = &item->next;
    return item;
}

static void section_added(struct fetch *fetch, const struct fetch_item *item)
{
    fetch->fields |= section_fields_needed(&item->section);
    fetch->streams |= !is_from_header(&item->section);
}

static bool has_item(const struct fetch *fetch, enum fetch_kind kind)
{
    for (const struct fetch_item *item = fetch->items; item; item = item->next)
        if (item->kind == kind)
            return true;
    return false;
}

static bool add_name(struct fetch *fetch, const struct fetch_name *name)
{
    /* Asked twice is answered once, sections aside. */
    if (name->kind != FETCH_SECTION && has_item(fetch, name->kind))
        return true;
    struct fetch_item *item = item_add(fetch, name->kind, name->name);
    if (!item)
        return false;
    fetch->fields |= name->fields;
    fetch->flags |= name->kind == FETCH_FLAGS;
    fetch->uid |= name->kind == FETCH_UID;
    fetch->seen |= name->seen;
    if (name->kind == FETCH_SECTION) {
        item->section.kind = name->section;
        section_added(fetch, item);
    }
    return true;
}

static bool read_partial(struct parser *parser, struct fetch_item *item)
{
    if (!parser_try(parser, '<'))
        return !parser->failed;
    item->partial = true;
    if (!parser_number(parser, &item->origin) || !parser_char(parser, '.') ||
        !parser_number(parser, &item->count) || !parser_char(parser, '>'))
        return false;
    return item->count > 0 || parser_fail(parser, "A partial fetch of no octets");
}

static bool read_section(struct fetch *fetch, bool peek)
{
    struct parser *parser = &fetch->imap->parser;
    struct fetch_item *item = item_add(fetch, FETCH_SECTION, NULL);
    if (!item || !section_parse(parser, &item->section) || !read_partial(parser, item))
        return false;
    section_added(fetch, item);
    fetch->seen |= !peek;
    return true;
}

static bool add_by_name(struct fetch *fetch, const char *name)
{
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++)
        if (strcmp(name, NAMES[i].name) == 0)
            return add_name(fetch, &NAMES[i]);
    return parser_fail(&fetch->imap->parser, "Unknown FETCH item");
}

static bool read_item(struct fetch *fetch, const char *name)
{
    struct parser *parser = &fetch->imap->parser;
    bool peek = strcmp(name, "BODY.PEEK") == 0;
    if ((peek || strcmp(name, "BODY") == 0) && parser_try(parser, '['))
        return read_section(fetch, peek);
    return !parser->failed && add_by_name(fetch, name);
}

static bool read_list(struct fetch *fetch)
{
    struct parser *parser = &fetch->imap->parser;
    char name[NAME_MAX_LEN];
    unsigned count = 0;
    do {
        if (++count > ITEMS_MAX)
            return parser_fail(parser, "Too many FETCH items");
        if (!read_name(parser, name, sizeof(name)) || !read_item(fetch, name))
            return false;
    } while (parser_try(parser, ' '));
    return parser_char(parser, ')');
}

static bool read_one(struct fetch *fetch)
{
    char name[NAME_MAX_LEN];
    if (!read_name(&fetch->imap->parser, name, sizeof(name)))
        return false;
    for (size_t i = 0; i < sizeof(MACROS) / sizeof(*MACROS); i++) {
        if (strcmp(name, MACROS[i].name) != 0)
            continue;
        for (const char *const *item = MACROS[i].items; *item; item++)
            if (!add_by_name(fetch, *item))
                return false;
        return true;
    }
    return read_item(fetch, name);
}

bool fetch_parse(struct fetch *fetch)
{
    struct parser *parser = &fetch->imap->parser;
    fetch->last = &fetch->items;
    bool list = parser_try(parser, '(');
    if (parser->failed)
        return false;
    return (list ? read_list(fetch) : read_one(fetch)) && parser_end(parser);
}
