#include "pop3d/top.h"

struct top {
    uint32_t lines;  /* of the body still to come */
    bool body;       /* behind the empty line */
    bool empty;      /* nothing on this line yet, but perhaps a CR */
};

/* How much of text belongs to the top; less than text.len: the rest does not. */
static size_t part_of_top(struct top *top, struct bytes text)
{
    size_t at = 0;
    while (at < text.len && !(top->body && top->lines == 0)) {
        const char *lf = memchr(text.data + at, '\n', text.len - at);
        size_t end = lf ? (size_t)(lf - text.data) : text.len;
        size_t len = end - at;
        if (len > 1 || (len == 1 && text.data[at] != '\r'))
            top->empty = false;
        if (!lf)
            return text.len;
        if (top->body)
            top->lines--;
        else
            top->body = top->empty;
        top->empty = true;
        at = end + 1;
    }
    return at;
}

bool top_copy(struct output *out, struct input *message, uint32_t lines, uint64_t *copied,
              struct error *err)
{
    struct top top = { .lines = lines, .empty = true };
    *copied = 0;
    while (!output_failed(out) && !(top.body && top.lines == 0)) {
        struct bytes text;
        int got = input_next(message, &text, err);
        if (got <= 0)
            return got == 0;
        size_t take = part_of_top(&top, text);
        output_write(out, text.data, take);
        input_consume(message, take);
        *copied += take;
    }
    return true;
}
