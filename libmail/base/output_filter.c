/* Streams over another stream: other line ends, dot-stuffing. They keep only what a border between
 * two writes may cut: the kind of the last octet, or one CR. */
#include "base/output.h"

struct filter {
    struct output output;
    struct output *parent;
    bool own;
    bool cr;         /* lf: a CR is kept back; dot: the last octet was CR */
    bool line_start; /* dot */
};

static bool parent_good(const struct filter *filter, struct error *err)
{
    if (output_failed(filter->parent) && err)
        *err = filter->parent->error;
    return !output_failed(filter->parent);
}

static bool filter_flush(struct output *output, struct error *err)
{
    return output_flush(((struct filter *)output)->parent, err);
}

static void filter_close(struct output *output)
{
    struct filter *filter = (struct filter *)output;
    if (filter->own)
        output_close(&filter->parent);
}

static struct output *filter_create(const struct output_ops *ops, struct output *parent, bool own)
{
    struct filter *filter = NULL;
    if (parent)
        filter = (struct filter *)output_create(ops, sizeof(*filter), 0);
    if (!filter) {
        if (own)
            output_close(&parent);
        return NULL;
    }
    filter->parent = parent;
    filter->own = own;
    filter->line_start = true;
    return &filter->output;
}

static bool parent_finish(const struct filter *filter, struct error *err)
{
    return filter->own ? output_finish(filter->parent, err) : parent_good(filter, err);
}

static bool lf_write(struct output *output, const char *data, size_t len, struct error *err)
{
    struct filter *filter = (struct filter *)output;
    struct bytes in = bytes_make(data, len);
    while (in.len > 0) {
        if (filter->cr && in.data[0] != '\n')
            output_write(filter->parent, "\r", 1);
        const char *cr = memchr(in.data, '\r', in.len);
        filter->cr = cr != NULL;
        size_t plain = cr ? (size_t)(cr - in.data) : in.len;
        output_write(filter->parent, in.data, plain);
        in = bytes_skip(in, cr ? plain + 1 : plain);
    }
    return parent_good(filter, err);
}

static bool lf_finish(struct output *output, struct error *err)
{
    struct filter *filter = (struct filter *)output;
    if (filter->cr)
        output_write(filter->parent, "\r", 1);
    filter->cr = false;
    return parent_finish(filter, err);
}

static const struct output_ops lf_ops = { lf_write, lf_finish, filter_close, filter_flush };

struct output *output_lf(struct output *parent, bool own)
{
    return filter_create(&lf_ops, parent, own);
}

static bool dot_write(struct output *output, const char *data, size_t len, struct error *err)
{
    struct filter *filter = (struct filter *)output;
    struct bytes in = bytes_make(data, len);
    while (in.len > 0) {
        if (filter->line_start && in.data[0] == '.')
            output_write(filter->parent, ".", 1);
        const char *lf = memchr(in.data, '\n', in.len);
        size_t take = lf ? (size_t)(lf - in.data) + 1 : in.len;
        bool cr_before = take > 1 ? in.data[take - 2] == '\r' : filter->cr;
        filter->line_start = lf != NULL && cr_before;
        filter->cr = in.data[take - 1] == '\r';
        output_write(filter->parent, in.data, take);
        in = bytes_skip(in, take);
    }
    return parent_good(filter, err);
}

static bool dot_finish(struct output *output, struct error *err)
{
    struct filter *filter = (struct filter *)output;
    output_string(filter->parent, filter->line_start ? ".\r\n" : "\r\n.\r\n");
    return parent_finish(filter, err);
}

static const struct output_ops dot_ops = { dot_write, dot_finish, filter_close, filter_flush };

struct output *output_dot(struct output *parent, bool own)
{
    return filter_create(&dot_ops, parent, own);
}
