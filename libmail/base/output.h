/* Output streams: octets collect in a buffer and leave in one write. Errors are sticky: after one, writes do
 * nothing, and output_flush() says so. */
#ifndef BASE_OUTPUT_H
#define BASE_OUTPUT_H

#include <stdarg.h>
#include "base/bytes.h"
#include "base/error.h"
#include "base/input.h"

struct output;

struct output_ops {
    bool (*write)(struct output *output, const char *data, size_t len, struct error *err);
    bool (*finish)(struct output *output, struct error *err); /* pass on what is kept back; may be NULL */
    void (*close)(struct output *output); /* frees what the stream owns; not output; may be NULL */
    bool (*flush)(struct output *output, struct error *err); /* pass the flush on; may be NULL */
};

struct output {
    const struct output_ops *ops;
    char *buffer;
    size_t len, capacity;
    size_t touched;     /* octets of the buffer that were used since its pages were given back */
    uint64_t total;     /* octets written by callers */
    struct error error; /* the first one; class ERROR_NONE while all is well */
};

/* Writes to fd, owned when own. timeout: milliseconds that a write may make no progress. */
struct output *output_fd(int fd, size_t buffer_size, int timeout_ms, bool own);
/* Appends to a buf, which outlives the stream. */
struct buf;
struct output *output_buf(struct buf *buf);
/* Filters; they own their parent only when own: then they close it, also where they fail (NULL), and
 * output_finish finishes it too. */
struct output *output_lf(struct output *parent, bool own);  /* CRLF becomes LF */
struct output *output_dot(struct output *parent, bool own); /* dot-stuffs CRLF text (RFC 1939, 3); finish ends it with CRLF.CRLF */
/* For new kinds of stream: size octets (struct output first, the rest zero) and a buffer (0 for none: each
 * write goes to ops->write at once). NULL when there is no memory. */
struct output *output_create(const struct output_ops *ops, size_t size, size_t buffer_size);
void output_close(struct output **output); /* without flushing; NULL inside is fine */

void output_write(struct output *output, const void *data, size_t len);
void output_bytes(struct output *output, struct bytes b);
void output_string(struct output *output, const char *cstr);
void output_number(struct output *output, uint64_t n); /* decimal */
void output_printf(struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Copies all of input, at most limit octets; how many in *copied (may be NULL). False with *err
 * on an input error; output errors stay in output. */
bool output_copy(struct output *output, struct input *input, uint64_t limit, uint64_t *copied, struct error *err);
/* Sends what is buffered. False with *err (first error of the stream's life). */
bool output_flush(struct output *output, struct error *err);
/* Before a long wait: gives the buffer's pages back where nothing is buffered. */
void output_rest(struct output *output);
/* Ends a filter's text (the dot), then flushes. */
bool output_finish(struct output *output, struct error *err);
static inline bool output_failed(const struct output *output)
{
    return output->error.class != ERROR_NONE;
}

#endif
