/* Parameters (RFC 2045, 5.1) with RFC 2231's pieces joined the way IMAP clients know it from other
 * servers: name*0, name*1 become one parameter "name"; name*0* with its charset and percent signs
 * one parameter "name*", still encoded. Pieces without a first one stay as they are. */
#include "message/content.h"
#include "message/lexer.h"

enum { MOST_PARAMS = 200 };

struct piece {
    struct bytes base; /* name without its number and star */
    unsigned number;
    bool numbered, encoded, used;
};

/* "filename*12*": base, number and star (RFC 2231, 3 and 4). */
static struct piece piece_of(struct bytes name)
{
    struct piece piece = { .base = name };
    struct bytes rest = name;
    if (rest.len && rest.data[rest.len - 1] == '*') {
        piece.encoded = true;
        rest.len--;
    }
    size_t digits = 0;
    while (digits < rest.len && rest.data[rest.len - digits - 1] >= '0' &&
           rest.data[rest.len - digits - 1] <= '9')
        digits++;
    if (digits && digits < 6 && digits + 1 < rest.len && rest.data[rest.len - digits - 1] == '*') {
        uint32_t number;
        piece.numbered = bytes_to_u32(bytes_skip(rest, rest.len - digits), &number);
        piece.number = number;
        piece.base = bytes_take(rest, rest.len - digits - 1);
    }
    return piece;
}

static bool is_attribute_char(char c)
{
    return (unsigned char)c > 32 && (unsigned char)c < 127 && !strchr("()<>@,;:\\\"/[]?=*'%", c);
}

/* A piece that was not encoded joins encoded ones: what would be misread there is encoded now. */
static void append_piece(struct buf *out, struct bytes value, bool escape)
{
    for (size_t i = 0; i < value.len; i++) {
        if (escape && !is_attribute_char(value.data[i]))
            buf_printf(out, "%%%02X", (unsigned char)value.data[i]);
        else
            buf_byte(out, value.data[i]);
    }
}

static struct part_param *find_piece(struct part_param *list, struct bytes base, unsigned number)
{
    for (; list; list = list->next) {
        struct piece piece = piece_of(list->name);
        if (piece.numbered && piece.number == number && bytes_equal_nocase(piece.base, base))
            return list;
    }
    return NULL;
}

static void unlink_param(struct part_param **list, const struct part_param *param)
{
    while (*list != param)
        list = &(*list)->next;
    *list = param->next;
}

/* Takes the pieces 1, 2, ... of first (its number 0), wherever they stand, out of the list and
 * joins them to it. */
static void join(struct part_param **list, struct part_param *first, struct arena *arena,
                 size_t *budget)
{
    struct piece head = piece_of(first->name);
    struct part_param *piece = first;
    bool encoded = false;
    for (unsigned i = 0; i < MOST_PARAMS && piece; piece = find_piece(*list, head.base, ++i))
        encoded |= piece_of(piece->name).encoded;
    struct buf value = BUF_INIT(*budget), name = BUF_INIT(*budget);
    piece = first;
    for (unsigned i = 0; i < MOST_PARAMS && piece; piece = find_piece(*list, head.base, ++i)) {
        append_piece(&value, piece->value, encoded && !piece_of(piece->name).encoded);
        if (piece != first)
            unlink_param(list, piece);
    }
    buf_bytes(&name, head.base);
    if (encoded)
        buf_byte(&name, '*');
    first->name = content_keep(buf_view(&name), arena, budget);
    first->value = content_keep(buf_view(&value), arena, budget);
    if (!first->name.data ||
        !first->value.data) /* over the budget: both are strings all the same */
        first->name = first->value = BYTES("");
    buf_free(&name);
    buf_free(&value);
}

/* Everything up to the next ";": for values that are no token, such as name=a file.txt. */
static void take_sloppy(struct lexer *lexer, struct buf *out)
{
    while (!lexer_ended(lexer) && *lexer->at != ';' && *lexer->at != '\r' && *lexer->at != '\n')
        buf_byte(out, *lexer->at++);
    while (out->len && (out->data[out->len - 1] == ' ' || out->data[out->len - 1] == '\t'))
        out->len--;
}

/* A token with nothing but comments behind it; what is none is taken as it is. */
static void take_value(struct lexer *lexer, struct buf *out)
{
    const char *start = lexer->at;
    if (lexer_quoted(lexer, out))
        return;
    if (lexer_token(lexer, out)) {
        lexer_space(lexer);
        if (lexer_ended(lexer) || *lexer->at == ';')
            return;
    }
    buf_clear(out);
    lexer->at = start;
    take_sloppy(lexer, out);
}

static bool read_param(struct lexer *lexer, struct buf *name, struct buf *value)
{
    buf_clear(name);
    buf_clear(value);
    lexer_space(lexer);
    if (!lexer_token(lexer, name))
        return false;
    lexer_space(lexer);
    if (!lexer_accept(lexer, '='))
        return false;
    lexer_space(lexer);
    take_value(lexer, value);
    return true;
}

static void skip_to_semicolon(struct lexer *lexer)
{
    struct buf none = BUF_INIT(0);
    while (!lexer_ended(lexer) && *lexer->at != ';') {
        if (!lexer_space(lexer) && !lexer_quoted(lexer, &none))
            lexer->at++;
    }
}

static struct part_param *read_params(struct bytes text, struct arena *arena, size_t *budget)
{
    struct lexer lexer = lexer_over(text);
    struct buf name = BUF_INIT(text.len), value = BUF_INIT(text.len);
    struct part_param *first = NULL, **last = &first;
    for (unsigned i = 0; i < MOST_PARAMS && !lexer_ended(&lexer);) {
        if (read_param(&lexer, &name, &value)) {
            struct part_param *param = content_alloc(sizeof *param, arena, budget);
            if (!param)
                break;
            param->name = content_keep(buf_view(&name), arena, budget);
            param->value = content_keep(buf_view(&value), arena, budget);
            if (!param->name.data || !param->value.data)
                break;
            *last = param;
            last = &param->next;
            i++;
        }
        skip_to_semicolon(&lexer);
        lexer_accept(&lexer, ';');
    }
    buf_free(&name);
    buf_free(&value);
    return first;
}

struct part_param *param_parse(struct bytes text, struct arena *arena, size_t *budget)
{
    struct part_param *list = read_params(text, arena, budget);
    for (struct part_param *param = list; param; param = param->next) {
        struct piece piece = piece_of(param->name);
        if (piece.numbered && piece.number == 0)
            join(&list, param, arena, budget);
    }
    return list;
}
