/* section          = "[" [section-spec] "]"
 * section-spec     = section-msgtext / (section-part ["." section-text])
 * section-msgtext  = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
 * section-text     = section-msgtext / "MIME"
 * section-part     = nz-number *("." nz-number)            (RFC 3501, 9) */
#include "imapd/section.h"

#include "message/header.h"

/* Enough for a part as deep as the structure parser goes (100 levels), then "HEADER.FIELDS.NOT". */
enum { WORD_MAX = 512, NUMBERS_MAX = 100, FIELDS_MAX = 1000 };

static const struct section_name {
    const char *name;
    enum section_kind kind;
    bool part_only;
} NAMES[] = {
    { "", SECTION_WHOLE, false },
    { "HEADER", SECTION_HEADER, false },
    { "HEADER.FIELDS", SECTION_FIELDS, false },
    { "HEADER.FIELDS.NOT", SECTION_FIELDS_NOT, false },
    { "TEXT", SECTION_TEXT, false },
    { "MIME", SECTION_MIME, true },
};

static bool is_word(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.';
}

/* Letters, digits and dots up to something else. */
static bool read_word(struct parser *parser, char *word, size_t *len)
{
    *len = 0;
    for (int c = parser_peek(parser); is_word(c); c = parser_peek(parser)) {
        if (*len == WORD_MAX)
            return parser_fail(parser, "The section is too long");
        word[(*len)++] = (char)c;
        if (!parser_char(parser, (char)c))
            return false;
    }
    return true;
}

/* Takes "1.2." or "1.2" off the front of *word. */
static bool take_numbers(struct parser *parser, struct section *section, struct bytes *word)
{
    uint32_t numbers[NUMBERS_MAX];
    while (word->len && word->data[0] >= '0' && word->data[0] <= '9') {
        struct bytes rest = *word, digits = bytes_split(&rest, '.');
        uint32_t number;
        bool good = digits.data[0] != '0' && bytes_to_u32(digits, &number);
        if (!good || (rest.data && !rest.len))
            return parser_fail(parser, "Bad part number in section");
        if (section->numbers_count == NUMBERS_MAX)
            return parser_fail(parser, "The section names too many levels");
        numbers[section->numbers_count++] = number;
        *word = rest;
    }
    section->numbers = arena_array(parser->arena, section->numbers_count, sizeof(*numbers));
    if (!section->numbers)
        return parser_refuse(parser, "LIMIT", "Out of memory");
    memcpy(section->numbers, numbers, section->numbers_count * sizeof(*numbers));
    return true;
}

static bool read_field_names(struct parser *parser, struct section *section)
{
    size_t capacity = 0;
    if (!parser_space(parser) || !parser_char(parser, '('))
        return false;
    do {
        if (section->fields_count == capacity) {
            if (capacity == FIELDS_MAX)
                return parser_fail(parser, "Too many header fields in section");
            capacity = capacity ? capacity * 2 : 16;
            capacity = capacity < FIELDS_MAX ? capacity : FIELDS_MAX;
            struct bytes *larger = arena_array(parser->arena, capacity, sizeof(*larger));
            if (!larger)
                return parser_refuse(parser, "LIMIT", "Out of memory");
            if (section->fields_count)
                memcpy(larger, section->fields, section->fields_count * sizeof(*larger));
            section->fields = larger;
        }
        if (!parser_astring(parser, &section->fields[section->fields_count++]))
            return false;
    } while (parser_try(parser, ' '));
    return parser_char(parser, ')');
}

bool section_parse(struct parser *parser, struct section *section)
{
    char text[WORD_MAX];
    struct bytes word = { text, 0 };
    *section = (struct section){ 0 };
    if (!read_word(parser, text, &word.len) || !take_numbers(parser, section, &word))
        return false;
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
        if (!bytes_equal_nocase(word, bytes_of(NAMES[i].name)))
            continue;
        if (NAMES[i].part_only && !section->numbers_count)
            break;
        section->kind = NAMES[i].kind;
        bool fields = section->kind == SECTION_FIELDS || section->kind == SECTION_FIELDS_NOT;
        if (fields && !read_field_names(parser, section))
            return false;
        return parser_char(parser, ']');
    }
    return parser_fail(parser, "Unknown section");
}

static struct part_span joined(struct part_span a, struct part_span b)
{
    a.size += b.size;
    a.wire_size += b.wire_size;
    return a;
}

bool section_span(const struct section *section, const struct part *root, struct part_span *span)
{
    const struct part *part = part_find(root, section->numbers, section->numbers_count);
    if (!part)
        return false;
    if (section->kind == SECTION_WHOLE) {
        *span = section->numbers_count ? part->body : joined(part->header, part->body);
        return true;
    }
    if (section->kind == SECTION_MIME) {
        *span = part->header;
        return true;
    }
    if (section->numbers_count)
        part = part->is_message ? part->children : NULL;
    if (!part)
        return false;
    *span = section->kind == SECTION_TEXT ? part->body : part->header;
    return true;
}

bool section_names(const struct section *section, struct bytes name)
{
    for (size_t i = 0; i < section->fields_count; i++)
        if (bytes_equal_nocase(section->fields[i], name))
            return true;
    return false;
}

void section_wire(struct bytes text, struct buf *out)
{
    while (text.len) {
        const char *lf = memchr(text.data, '\n', text.len);
        size_t line = lf ? (size_t)(lf - text.data) : text.len;
        bool cr = line && text.data[line - 1] == '\r';
        buf_append(out, text.data, line);
        if (lf)
            buf_append(out, cr ? "\n" : "\r\n", cr ? 1 : 2);
        text = bytes_skip(text, line + (lf ? 1 : 0));
    }
}

void section_fields(const struct section *section, struct bytes header, struct buf *out)
{
    struct header_field field;
    struct bytes rest = header, empty_line = header;
    bool wanted = section->kind == SECTION_FIELDS;
    while (header_next(&rest, &field)) {
        bool match = !field.broken && section_names(section, field.name);
        if (match == wanted)
            section_wire(field.whole, out);
        empty_line = rest;
    }
    if (empty_line.len)
        buf_string(out, "\r\n");
}
