#include "base/dialogue.h"

static bool line_waits(const struct input *in)
{
    struct bytes waiting = input_buffered(in);
    return waiting.len > 0 && memchr(waiting.data, '\n', waiting.len);
}

int dialogue_line(struct input *in, struct output *out, size_t max, struct bytes *line,
                  struct error *err)
{
    if (!line_waits(in) && !output_flush(out, err))
        return -1;
    int got = input_line(in, max, line, err);
    if (got <= 0)
        return got;
    if (line->data[line->len - 1] != '\n')
        return 0; /* the connection was cut */
    line->len--;
    if (line->len > 0 && line->data[line->len - 1] == '\r')
        line->len--;
    return 1;
}
