#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

enum { SMALLEST = 64 };

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = BUF_INIT(buf->limit);
}

void buf_wipe(struct buf *buf)
{
    bytes_wipe(buf->data, buf->capacity);
    buf_free(buf);
}

static bool fail(struct buf *buf)
{
    buf->failed = true;
    return false;
}

/* Capacity of at least wanted octets. Memory is copied by hand, not by realloc: what is left behind
 * may be a secret that buf_wipe could no longer reach. */
static bool hold(struct buf *buf, size_t wanted)
{
    if (wanted <= buf->capacity)
        return true;
    size_t capacity = buf->capacity < SMALLEST ? SMALLEST : buf->capacity;
    while (capacity < wanted)
        if (__builtin_mul_overflow(capacity, 2, &capacity))
            return fail(buf);
    char *data = malloc(capacity);
    if (!data)
        return fail(buf);
    if (buf->len > 0)
        memcpy(data, buf->data, buf->len);
    bytes_wipe(buf->data, buf->len);
    free(buf->data);
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

char *buf_reserve(struct buf *buf, size_t len)
{
    size_t wanted;
    if (buf->failed)
        return NULL;
    if (__builtin_add_overflow(buf->len, len, &wanted) || wanted > buf->limit) {
        fail(buf);
        return NULL;
    }
    return hold(buf, wanted ? wanted : 1) ? buf->data + buf->len : NULL;
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    char *room = buf_reserve(buf, len);
    if (!room)
        return;
    memcpy(room, data, len);
    buf->len += len;
}

void buf_bytes(struct buf *buf, struct bytes b)
{
    buf_append(buf, b.data, b.len);
}

void buf_string(struct buf *buf, const char *cstr)
{
    buf_append(buf, cstr, strlen(cstr));
}

void buf_byte(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

void buf_number(struct buf *buf, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    buf_append(buf, digits + at, sizeof(digits) - at);
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
    char small[256];
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(small, sizeof(small), format, args);
    if (len < 0) {
        fail(buf);
    } else if ((size_t)len < sizeof(small)) {
        buf_append(buf, small, (size_t)len);
    } else if (buf_reserve(buf, (size_t)len) && hold(buf, buf->len + (size_t)len + 1)) {
        vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(buf, format, args);
    va_end(args);
}

void buf_consume(struct buf *buf, size_t n)
{
    if (n >= buf->len) {
        buf->len = 0;
        return;
    }
    memmove(buf->data, buf->data + n, buf->len - n);
    buf->len -= n;
}

const char *buf_cstr(struct buf *buf)
{
    if (buf->failed || buf->len == 0 || !hold(buf, buf->len + 1))
        return "";
    buf->data[buf->len] = '\0';
    return buf->data;
}
