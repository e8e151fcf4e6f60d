/* HEADER.FIELDS of a header of any size, as a stream: section_fields() without the header in
 * memory. */
#include "imapd/section.h"

enum { BUFFER = 8192, NAME_MAX_LEN = 256 }; /* a longer name is that of no field anybody asks for */

struct section_input {
    struct input input;
    struct input *parent;
    const struct section *section;
    bool inside; /* a line, whose beginning has been looked at */
    bool wanted; /* the field that the line belongs to */
};

/* The name of the field that begins with line, as header_next() sees it; empty where it is none. */
static struct bytes name_of(struct bytes line)
{
    const char *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
    size_t len = colon ? (size_t)(colon - line.data) : 0;
    while (len && (line.data[len - 1] == ' ' || line.data[len - 1] == '\t'))
        len--;
    return bytes_take(line, len);
}

/* Looks at the beginning of a line: a field's, or of the field before, or the empty line. */
static void look_at_line(struct section_input *in, struct bytes line)
{
    bool fields = in->section->kind == SECTION_FIELDS;
    const char *lf = memchr(line.data, '\n', line.len);
    if (lf)
        line = bytes_take(line, (size_t)(lf - line.data));
    if (line.len && (line.data[0] == ' ' || line.data[0] == '\t'))
        return;
    if (lf && (!line.len || bytes_equal(line, BYTES("\r")))) {
        in->wanted = true;
        return;
    }
    struct bytes name = name_of(line);
    in->wanted = (name.len && section_names(in->section, name)) == fields;
}

/* Up to the end of the line, at most size octets; copies them if they are wanted. */
static size_t take_line(struct section_input *in, struct bytes view, void *data, size_t size)
{
    const char *lf = memchr(view.data, '\n', view.len);
    size_t len = lf ? (size_t)(lf - view.data) + 1 : view.len;
    if (in->wanted && len > size)
        len = size;
    if (in->wanted)
        memcpy(data, view.data, len);
    in->inside = !lf || len <= (size_t)(lf - view.data);
    input_consume(in->parent, len);
    return in->wanted ? len : 0;
}

static ssize_t section_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct section_input *in = (struct section_input *)input;
    struct bytes view;
    for (;;) {
        /* A line's beginning whole, where it is not the end that keeps it from being so. */
        if (!in->inside)
            input_fill(in->parent, NAME_MAX_LEN, NULL);
        int got = input_next(in->parent, &view, err);
        if (got <= 0)
            return got;
        if (!in->inside)
            look_at_line(in, bytes_take(view, NAME_MAX_LEN));
        size_t n = take_line(in, view, data, size);
        if (n)
            return (ssize_t)n;
    }
}

static void section_close(struct input *input)
{
    input_close(&((struct section_input *)input)->parent);
}

struct input *section_input(struct input *header, const struct section *section)
{
    static const struct input_ops ops = { .read = section_read, .close = section_close };
    struct input *input = header ? input_create(&ops, sizeof(struct section_input), BUFFER) : NULL;
    if (!input) {
        input_close(&header);
        return NULL;
    }
    struct section_input *in = (struct section_input *)input;
    in->parent = header;
    in->section = section;
    in->wanted = section->kind == SECTION_FIELDS_NOT;
    return input;
}
