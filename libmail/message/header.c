/* Fields of a header in memory: RFC 5322, 2.2. */
#include "message/header.h"

/* The first line of rest with its LF; all of rest when there is none. */
static struct bytes line_of(struct bytes rest)
{
    const char *lf = rest.len ? memchr(rest.data, '\n', rest.len) : NULL;
    return lf ? bytes_take(rest, (size_t)(lf - rest.data) + 1) : rest;
}

static struct bytes without_line_end(struct bytes line)
{
    if (line.len && line.data[line.len - 1] == '\n') {
        line.len--;
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
    }
    return line;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void field_split(struct header_field *field)
{
    struct bytes text = without_line_end(field->whole);
    const char *colon = text.len ? memchr(text.data, ':', text.len) : NULL;
    size_t name = colon ? (size_t)(colon - text.data) : 0;
    struct bytes value = text;
    if (colon)
        value = bytes_skip(text, name + 1);
    while (name && is_blank(text.data[name - 1]))
        name--;
    const char *lf = name ? memchr(text.data, '\n', name) : NULL;
    if (!name || lf || is_blank(text.data[0])) {
        name = 0;
        value = text;
    }
    field->broken = !name;
    field->name = bytes_take(text, name);
    while (value.len && (is_blank(value.data[0]) || value.data[0] == '\r' || value.data[0] == '\n'))
        value = bytes_skip(value, 1);
    field->value = value;
}

bool header_next(struct bytes *rest, struct header_field *field)
{
    struct bytes line = line_of(*rest);
    if (!without_line_end(line).len) {
        *rest = bytes_skip(*rest, line.len);
        return false;
    }
    size_t len = line.len;
    while (len < rest->len && is_blank(rest->data[len]))
        len += line_of(bytes_skip(*rest, len)).len;
    field->whole = bytes_take(*rest, len);
    *rest = bytes_skip(*rest, len);
    field_split(field);
    return true;
}

bool header_find(struct bytes header, struct bytes name, struct header_field *field)
{
    while (header_next(&header, field)) {
        if (!field->broken && bytes_equal_nocase(field->name, name))
            return true;
    }
    return false;
}

void header_unfold(struct bytes value, struct buf *out)
{
    while (value.len) {
        struct bytes line = line_of(value), text = without_line_end(line);
        value = bytes_skip(value, line.len);
        bool folded = !value.len || is_blank(value.data[0]);
        buf_bytes(out, folded ? text : line);
    }
}
