/* Sources over another source: a limit, other line ends. What they must remember across the
 * borders of buffers is in their struct; nothing else is kept. */
#include "base/input.h"

#include <stdlib.h>

enum { FILTER_BUFFER = 8192 };

struct filter {
    struct input input;
    struct input *parent;
    uint64_t left; /* limit */
    bool own;
    bool cr;       /* crlf: the last octet was CR; lf: a CR is kept back */
    bool lf_due;   /* crlf: CR was given, its LF did not fit */
};

static void filter_close(struct input *input)
{
    struct filter *filter = (struct filter *)input;
    if (filter->own)
        input_close(&filter->parent);
}

static struct input *filter_create(const struct input_ops *ops, struct input *parent, bool own)
{
    struct filter *filter = NULL;
    if (parent)
        filter = (struct filter *)input_create(ops, sizeof(*filter), FILTER_BUFFER);
    if (!filter) {
        if (own)
            input_close(&parent);
        return NULL;
    }
    filter->parent = parent;
    filter->own = own;
    return &filter->input;
}

/* ---- a limit ---- */

static size_t within(uint64_t left, size_t size)
{
    return left < size ? (size_t)left : size;
}

static bool missing(const struct filter *filter, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, "the data ended with %llu octets missing",
                     (unsigned long long)filter->left);
}

static ssize_t limit_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct filter *filter = (struct filter *)input;
    ssize_t n = input_read(filter->parent, data, within(filter->left, size), err);
    if (n > 0)
        filter->left -= (uint64_t)n;
    if (n == 0 && filter->left > 0 && !filter->own)
        return missing(filter, err) ? 0 : -1;
    return n;
}

static off_t limit_skip(struct input *input, off_t n, struct error *err)
{
    struct filter *filter = (struct filter *)input;
    struct input *parent = filter->parent;
    uint64_t want = filter->left < (uint64_t)n ? filter->left : (uint64_t)n;
    uint64_t before = parent->offset;
    bool all = input_skip(parent, want, err);
    uint64_t skipped = parent->offset - before;
    filter->left -= skipped;
    if (all || skipped > 0)
        return (off_t)skipped;
    if (!parent->ended || input_buffered(parent).len > 0)
        return -1;
    /* An early end of the parent is the end here, unless its octets were promised. */
    return filter->own || missing(filter, err) ? 0 : -1;
}

static const struct input_ops limit_ops = { limit_read, limit_skip, filter_close };

struct input *input_limit(struct input *parent, uint64_t octets)
{
    struct input *input = filter_create(&limit_ops, parent, true);
    if (input)
        ((struct filter *)input)->left = octets;
    return input;
}

struct input *input_part(struct input *parent, uint64_t octets)
{
    struct input *input = filter_create(&limit_ops, parent, false);
    if (input)
        ((struct filter *)input)->left = octets;
    return input;
}

/* ---- line ends ---- */

/* Copies in as far as it fits; LF becomes CRLF. Sets *used to what was taken of in. */
static size_t to_crlf(struct filter *filter, struct bytes in, char *out, size_t room, size_t *used)
{
    size_t n = 0, i = 0;
    while (i < in.len && n < room) {
        size_t most = in.len - i < room - n ? in.len - i : room - n;
        const char *lf = memchr(in.data + i, '\n', most);
        size_t plain = lf ? (size_t)(lf - in.data) - i : most;
        if (plain > 0) {
            memcpy(out + n, in.data + i, plain);
            n += plain;
            i += plain;
            filter->cr = in.data[i - 1] == '\r';
        }
        if (!lf)
            continue;
        i++;
        if (!filter->cr)
            out[n++] = '\r';
        filter->cr = false;
        if (n < room)
            out[n++] = '\n';
        else
            filter->lf_due = true;
    }
    *used = i;
    return n;
}

static ssize_t crlf_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct filter *filter = (struct filter *)input;
    struct bytes view;
    size_t used;
    if (filter->lf_due) {
        *(char *)data = '\n';
        filter->lf_due = false;
        return 1;
    }
    int got = input_next(filter->parent, &view, err);
    if (got <= 0)
        return got;
    size_t n = to_crlf(filter, view, data, size, &used);
    input_consume(filter->parent, used);
    return (ssize_t)n;
}

static const struct input_ops crlf_ops = { .read = crlf_read, .close = filter_close };

struct input *input_crlf(struct input *parent)
{
    return filter_create(&crlf_ops, parent, true);
}

/* Copies in as far as it fits, each CR kept back until the octet behind it is known. */
static size_t to_lf(struct filter *filter, struct bytes in, char *out, size_t room, size_t *used)
{
    size_t n = 0, i = 0;
    while (i < in.len && n < room) {
        if (filter->cr) {
            filter->cr = false;
            if (in.data[i] != '\n') {
                out[n++] = '\r';
                continue;
            }
        }
        size_t most = in.len - i < room - n ? in.len - i : room - n;
        const char *cr = memchr(in.data + i, '\r', most);
        size_t plain = cr ? (size_t)(cr - in.data) - i : most;
        memcpy(out + n, in.data + i, plain);
        n += plain;
        i += plain;
        if (cr) {
            i++;
            filter->cr = true;
        }
    }
    *used = i;
    return n;
}

static ssize_t lf_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct filter *filter = (struct filter *)input;
    struct bytes view;
    size_t used;
    for (;;) {
        int got = input_next(filter->parent, &view, err);
        if (got < 0)
            return -1;
        if (got == 0) {
            if (!filter->cr)
                return 0;
            filter->cr = false;
            *(char *)data = '\r';
            return 1;
        }
        size_t n = to_lf(filter, view, data, size, &used);
        input_consume(filter->parent, used);
        if (n > 0)
            return (ssize_t)n;
    }
}

static const struct input_ops lf_ops = { .read = lf_read, .close = filter_close };

struct input *input_lf(struct input *parent)
{
    return filter_create(&lf_ops, parent, true);
}
