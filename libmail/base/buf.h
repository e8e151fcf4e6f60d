/* A growing run of octets. Failure (limit or memory) is sticky: appends after it do nothing, and the
 * owner asks buf_failed() once, at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include "base/bytes.h"

struct buf {
    char *data; /* owned; not NUL-terminated (see buf_cstr) */
    size_t len, capacity, limit;
    bool failed;
};

/* limit: the most octets it may hold. Nothing is allocated yet. */
#define BUF_INIT(max) ((struct buf){ .limit = (max) })
void buf_free(struct buf *buf);
void buf_wipe(struct buf *buf); /* overwrites, then frees: for secrets */
static inline void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

void buf_append(struct buf *buf, const void *data, size_t len);
void buf_bytes(struct buf *buf, struct bytes b);
void buf_string(struct buf *buf, const char *cstr);
void buf_byte(struct buf *buf, char c);
void buf_number(struct buf *buf, uint64_t n); /* decimal */
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Room for len more octets: where to write them, or NULL (then failed). Add to len what was used. */
char *buf_reserve(struct buf *buf, size_t len);
/* Drops the first n octets. */
void buf_consume(struct buf *buf, size_t n);

static inline struct bytes buf_view(const struct buf *buf)
{
    return (struct bytes){ buf->data, buf->len };
}
/* The content with a NUL behind it (not counted in len); "" when nothing is there or on failure. */
const char *buf_cstr(struct buf *buf);
static inline bool buf_failed(const struct buf *buf)
{
    return buf->failed;
}

#endif
