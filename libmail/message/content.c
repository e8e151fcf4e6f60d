#include "message/content.h"
#include "message/lexer.h"

struct reading {
    struct part *part;
    struct arena *arena;
    size_t *budget;
};

struct bytes content_keep(struct bytes text, struct arena *arena, size_t *budget)
{
    struct bytes none = { NULL, 0 };
    if (text.len + 1 > *budget)
        return none;
    *budget -= text.len + 1;
    return arena_bytes(arena, text.data ? text : bytes_make("", 0));
}

void *content_alloc(size_t size, struct arena *arena, size_t *budget)
{
    if (size > *budget)
        return NULL;
    *budget -= size;
    return arena_alloc(arena, size);
}

static struct bytes keep(struct reading *reading, struct bytes text)
{
    return content_keep(text, reading->arena, reading->budget);
}

/* "token" or "token/token" at the start of value; what follows in *params. */
static bool read_type(struct bytes value, struct buf *type, struct buf *subtype,
                      struct bytes *params)
{
    struct lexer lexer = lexer_over(value);
    lexer_space(&lexer);
    bool well = lexer_token(&lexer, type);
    if (subtype) {
        lexer_space(&lexer);
        well = well && lexer_accept(&lexer, '/');
        lexer_space(&lexer);
        well = well && lexer_token(&lexer, subtype);
    }
    lexer_space(&lexer);
    while (!lexer_ended(&lexer) && *lexer.at != ';')
        lexer.at++;
    lexer_accept(&lexer, ';');
    *params = bytes_make(lexer.at, (size_t)(lexer.end - lexer.at));
    return well;
}

static void on_type(struct reading *reading, struct bytes value)
{
    struct part *part = reading->part;
    struct buf type = BUF_INIT(value.len), subtype = BUF_INIT(value.len);
    struct bytes params;
    if (read_type(value, &type, &subtype, &params)) {
        part->type = keep(reading, buf_view(&type));
        part->subtype = keep(reading, buf_view(&subtype));
        part->params = param_parse(params, reading->arena, reading->budget);
    }
    buf_free(&type);
    buf_free(&subtype);
}

static void on_disposition(struct reading *reading, struct bytes value)
{
    struct buf type = BUF_INIT(value.len);
    struct bytes params;
    if (read_type(value, &type, NULL, &params)) {
        reading->part->disposition = keep(reading, buf_view(&type));
        reading->part->disposition_params = param_parse(params, reading->arena, reading->budget);
    }
    buf_free(&type);
}

static void on_encoding(struct reading *reading, struct bytes value)
{
    struct buf token = BUF_INIT(value.len);
    struct lexer lexer = lexer_over(value);
    lexer_space(&lexer);
    if (lexer_token(&lexer, &token))
        reading->part->encoding = keep(reading, buf_view(&token));
    buf_free(&token);
}

static void on_language(struct reading *reading, struct bytes value)
{
    struct lexer lexer = lexer_over(value);
    struct part_language **last = &reading->part->languages;
    struct buf tag = BUF_INIT(value.len);
    for (unsigned i = 0; i < 100 && !lexer_ended(&lexer); i++) {
        buf_clear(&tag);
        lexer_space(&lexer);
        if (lexer_token(&lexer, &tag)) {
            *last = content_alloc(sizeof **last, reading->arena, reading->budget);
            if (!*last)
                break;
            (*last)->tag = keep(reading, buf_view(&tag));
            last = &(*last)->next;
        }
        while (!lexer_ended(&lexer) && *lexer.at != ',')
            lexer.at++;
        lexer_accept(&lexer, ',');
    }
    buf_free(&tag);
}

static struct bytes unfolded(struct reading *reading, struct bytes value)
{
    struct buf text = BUF_INIT(value.len);
    header_unfold(value, &text);
    struct bytes kept = keep(reading, bytes_trim(buf_view(&text)));
    buf_free(&text);
    return kept;
}

static void on_id(struct reading *reading, struct bytes value)
{
    reading->part->id = unfolded(reading, value);
}

static void on_description(struct reading *reading, struct bytes value)
{
    reading->part->description = unfolded(reading, value);
}

static void on_location(struct reading *reading, struct bytes value)
{
    reading->part->location = unfolded(reading, value);
}

static void on_md5(struct reading *reading, struct bytes value)
{
    reading->part->md5 = unfolded(reading, value);
}

static const struct {
    struct bytes name;
    void (*read)(struct reading *reading, struct bytes value);
} FIELDS[] = {
    { { "type", 4 }, on_type },
    { { "transfer-encoding", 17 }, on_encoding },
    { { "disposition", 11 }, on_disposition },
    { { "id", 2 }, on_id },
    { { "description", 11 }, on_description },
    { { "language", 8 }, on_language },
    { { "location", 8 }, on_location },
    { { "md5", 3 }, on_md5 },
};

enum { FIELDS_COUNT = sizeof FIELDS / sizeof *FIELDS };

static void set_defaults(struct part *part)
{
    if (!part->type.data || !part->subtype.data) {
        part->type = part->in_digest ? BYTES("message") : BYTES("text");
        part->subtype = part->in_digest ? BYTES("rfc822") : BYTES("plain");
        part->params = NULL;
    }
    part->is_multipart = bytes_equal_nocase(part->type, BYTES("multipart"));
    part->is_message = bytes_equal_nocase(part->type, BYTES("message")) &&
                       (bytes_equal_nocase(part->subtype, BYTES("rfc822")) ||
                        bytes_equal_nocase(part->subtype, BYTES("global")));
}

void content_read(struct part *part, struct bytes header, struct arena *arena, size_t *budget)
{
    struct reading reading = { part, arena, budget };
    bool seen[FIELDS_COUNT] = { false };
    struct header_field field;
    while (header_next(&header, &field)) {
        if (!bytes_starts_nocase(field.name, BYTES("content-")))
            continue;
        struct bytes name = bytes_skip(field.name, 8);
        for (int i = 0; i < FIELDS_COUNT; i++) { /* the first of each counts */
            if (!seen[i] && bytes_equal_nocase(name, FIELDS[i].name)) {
                seen[i] = true;
                FIELDS[i].read(&reading, field.value);
            }
        }
    }
    set_defaults(part);
}

struct bytes content_param(const struct part_param *params, struct bytes name)
{
    for (; params; params = params->next) {
        if (bytes_equal_nocase(params->name, name))
            return params->value;
    }
    return (struct bytes){ NULL, 0 };
}
