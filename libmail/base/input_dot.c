/* Text that ends with a line of a single dot. Only CRLF.CRLF ends it: a bare LF or CR is an ordinary
 * octet, or a message could smuggle commands past an MTA that sees its end elsewhere. */
#include "base/input.h"

#include <stdlib.h>

enum { DOT_BUFFER = 8192 };

enum state { LINE_START, MIDDLE, CR, DOT, DOT_CR, END };

struct dot {
    struct input input;
    struct input *parent;
    enum state state;
    char kept; /* a second octet that the caller had no room for */
    bool has_kept;
};

static enum state behind(char c)
{
    return c == '\r' ? CR : MIDDLE;
}

/* One octet; writes 0 to 2 octets to out and returns their number. */
static size_t step(struct dot *dot, char c, char *out)
{
    size_t n = 0;
    switch (dot->state) {
    case LINE_START:
        if (c == '.') {
            dot->state = DOT;
            return 0;
        }
        break;
    case CR:
        if (c == '\n') {
            out[0] = c;
            dot->state = LINE_START;
            return 1;
        }
        break;
    case DOT:
        if (c == '\r') {
            dot->state = DOT_CR;
            return 0;
        }
        break;
    case DOT_CR:
        if (c == '\n') {
            dot->state = END;
            return 0;
        }
        out[n++] = '\r';
        break;
    case MIDDLE:
    case END:
        break;
    }
    out[n++] = c;
    dot->state = behind(c);
    return n;
}

/* Takes from in what fits; returns what was written, *used what was taken. */
static size_t unstuff(struct dot *dot, struct bytes in, char *out, size_t room, size_t *used)
{
    size_t n = 0, i = 0;
    while (i < in.len && room - n >= 2 && dot->state != END) {
        if (dot->state == MIDDLE) {
            size_t most = in.len - i < room - n ? in.len - i : room - n;
            const char *cr = memchr(in.data + i, '\r', most);
            size_t plain = cr ? (size_t)(cr - in.data) - i : most;
            memcpy(out + n, in.data + i, plain);
            n += plain;
            i += plain;
            if (!cr || room - n < 2)
                continue;
        }
        n += step(dot, in.data[i++], out + n);
    }
    *used = i;
    return n;
}

/* At least one octet into data, or 0 at the end, -1 on an error. room is at least 2. */
static ssize_t read_some(struct dot *dot, char *data, size_t room, struct error *err)
{
    struct bytes view;
    size_t used;
    while (dot->state != END) {
        int got = input_next(dot->parent, &view, err);
        if (got == 0)
            error_set(err, ERROR_UNAVAILABLE, "the text ended without its final dot");
        if (got <= 0)
            return -1;
        size_t n = unstuff(dot, view, data, room, &used);
        input_consume(dot->parent, used);
        if (n > 0)
            return (ssize_t)n;
    }
    return 0;
}

static ssize_t dot_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct dot *dot = (struct dot *)input;
    char pair[2] = { 0 };
    if (dot->has_kept) {
        *(char *)data = dot->kept;
        dot->has_kept = false;
        return 1;
    }
    if (size >= sizeof(pair))
        return read_some(dot, data, size, err);
    ssize_t n = read_some(dot, pair, sizeof(pair), err);
    if (n > 0)
        *(char *)data = pair[0];
    dot->has_kept = n == 2;
    dot->kept = pair[1];
    return n > 0 ? 1 : n;
}

static const struct input_ops dot_ops = { .read = dot_read };

struct input *input_dot(struct input *parent)
{
    struct dot *dot = NULL;
    if (parent)
        dot = (struct dot *)input_create(&dot_ops, sizeof(*dot), DOT_BUFFER);
    if (!dot)
        return NULL;
    dot->parent = parent;
    dot->state = LINE_START;
    return &dot->input;
}
