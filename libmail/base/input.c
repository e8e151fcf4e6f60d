#include "base/input.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

struct input *input_create(const struct input_ops *ops, size_t size, size_t buffer_size)
{
    struct input *input = calloc(1, size);
    if (!input)
        return NULL;
    input->ops = ops;
    input->capacity = buffer_size;
    input->buffer = buffer_size ? malloc(buffer_size) : NULL;
    if (buffer_size && !input->buffer) {
        free(input);
        return NULL;
    }
    return input;
}

void input_close(struct input **input)
{
    if (!*input)
        return;
    if ((*input)->ops->close)
        (*input)->ops->close(*input);
    if (!(*input)->borrowed)
        free((*input)->buffer);
    free(*input);
    *input = NULL;
}

void input_forget(struct input *input)
{
    explicit_bzero(input->buffer, input->at);
    if (input->touched > input->filled)
        explicit_bzero(input->buffer + input->filled, input->touched - input->filled);
}

void input_rest(struct input *input)
{
    if (input->at != input->filled || input->touched == 0)
        return;
    memory_drop(input->buffer, input->touched);
    input->at = input->filled = input->touched = 0;
}

static size_t buffered(const struct input *input)
{
    return input->filled - input->at;
}

/* One read of the source, with the end remembered. */
static ssize_t source(struct input *input, void *data, size_t size, struct error *err)
{
    if (input->ended)
        return 0;
    ssize_t n = input->ops->read(input, data, size, err);
    if (n == 0)
        input->ended = true;
    return n;
}

/* One read behind what is buffered, which moves to the front when it stands at the buffer's end. */
static ssize_t more(struct input *input, struct error *err)
{
    if (input->ended)
        return 0;
    if (input->at == input->filled) {
        input->at = input->filled = 0;
    } else if (input->filled == input->capacity && input->at > 0) {
        memmove(input->buffer, input->buffer + input->at, buffered(input));
        input->filled -= input->at;
        input->at = 0;
    }
    ssize_t n = source(input, input->buffer + input->filled, input->capacity - input->filled, err);
    if (n > 0)
        input->filled += (size_t)n;
    if (input->filled > input->touched)
        input->touched = input->filled;
    return n;
}

ssize_t input_read(struct input *input, void *data, size_t size, struct error *err)
{
    if (size == 0)
        return 0;
    if (buffered(input) == 0) {
        bool direct = size >= input->capacity;
        ssize_t n = direct ? source(input, data, size, err) : more(input, err);
        if (direct && n > 0)
            input->offset += (uint64_t)n;
        if (n <= 0 || direct)
            return n;
    }
    size_t n = buffered(input) < size ? buffered(input) : size;
    memcpy(data, input->buffer + input->at, n);
    input_consume(input, n);
    return (ssize_t)n;
}

static bool early_end(struct error *err)
{
    return error_set(err, ERROR_CORRUPT, "the data ends too early");
}

bool input_read_all(struct input *input, void *data, size_t size, struct error *err)
{
    char *into = data;
    while (size > 0) {
        ssize_t n = input_read(input, into, size, err);
        if (n < 0)
            return false;
        if (n == 0)
            return early_end(err);
        into += n;
        size -= (size_t)n;
    }
    return true;
}

int input_next(struct input *input, struct bytes *view, struct error *err)
{
    if (buffered(input) == 0) {
        ssize_t n = more(input, err);
        if (n <= 0)
            return n < 0 ? -1 : 0;
    }
    *view = input_buffered(input);
    return 1;
}

static int take_line(struct input *input, size_t len, struct bytes *line)
{
    *line = bytes_take(input_buffered(input), len);
    input_consume(input, len);
    return 1;
}

int input_line(struct input *input, size_t max, struct bytes *line, struct error *err)
{
    size_t seen = 0;
    for (;;) {
        struct bytes all = bytes_take(input_buffered(input), max);
        struct bytes fresh = bytes_skip(all, seen);
        const char *lf = fresh.len ? memchr(fresh.data, '\n', fresh.len) : NULL;
        if (lf)
            return take_line(input, (size_t)(lf - all.data) + 1, line);
        seen = all.len;
        bool full = input->at == 0 && input->filled == input->capacity;
        if (seen >= max || (full && !input->ended)) {
            error_set(err, ERROR_TOO_BIG, "a line is longer than %zu octets", seen);
            return -1;
        }
        ssize_t n = more(input, err);
        if (n < 0)
            return -1;
        if (n == 0)
            return seen > 0 ? take_line(input, seen, line) : 0;
    }
}

bool input_fill(struct input *input, size_t n, struct error *err)
{
    if (n > input->capacity && n > buffered(input))
        return input->ended ? early_end(err)
                            : error_set(err, ERROR_TOO_BIG, "%zu octets do not fit the buffer", n);
    if (input->at > 0 && input->capacity - input->at < n && n > buffered(input)) {
        memmove(input->buffer, input->buffer + input->at, buffered(input));
        input->filled -= input->at;
        input->at = 0;
    }
    while (buffered(input) < n) {
        ssize_t got = more(input, err);
        if (got < 0)
            return false;
        if (got == 0)
            return early_end(err);
    }
    return true;
}

void input_consume(struct input *input, size_t n)
{
    if (n > buffered(input))
        n = buffered(input);
    input->at += n;
    input->offset += n;
}

/* Skips at most n octets by the source's own way or by reading: how many, 0 at the end, -1. */
static off_t skip_some(struct input *input, uint64_t n, struct error *err)
{
    off_t most = n > INT32_MAX ? INT32_MAX : (off_t)n;
    if (buffered(input) > 0 || !input->ops->skip) {
        struct bytes view;
        int got = input_next(input, &view, err);
        if (got <= 0)
            return got;
        size_t take = (uint64_t)view.len < n ? view.len : (size_t)n;
        input_consume(input, take);
        return (off_t)take;
    }
    if (input->ended)
        return 0;
    off_t skipped = input->ops->skip(input, most, err);
    if (skipped > 0)
        input->offset += (uint64_t)skipped;
    if (skipped == 0)
        input->ended = true;
    return skipped;
}

bool input_skip(struct input *input, uint64_t n, struct error *err)
{
    while (n > 0) {
        off_t skipped = skip_some(input, n, err);
        if (skipped < 0)
            return false;
        if (skipped == 0)
            return early_end(err);
        n -= (uint64_t)skipped;
    }
    return true;
}

/* Moves what is buffered to the buffer's end, in a new buffer where this one is too small. */
static bool make_front_room(struct input *input, size_t n)
{
    size_t held = buffered(input), wanted;
    if (__builtin_add_overflow(held, n, &wanted))
        return false;
    if (wanted > input->capacity) {
        char *larger = realloc(input->buffer, wanted);
        if (!larger)
            return false;
        input->buffer = larger;
        input->capacity = wanted;
    }
    size_t at = input->capacity - held;
    if (held > 0)
        memmove(input->buffer + at, input->buffer + input->at, held);
    input->at = at;
    input->filled = input->touched = input->capacity;
    return true;
}

bool input_prepend(struct input *input, struct bytes data, struct error *err)
{
    if (data.len == 0)
        return true;
    if (input->borrowed)
        return error_set(err, ERROR_INVALID, "memory that is read cannot be prepended to");
    if (input->at < data.len && !make_front_room(input, data.len))
        return error_memory(err);
    input->at -= data.len;
    memcpy(input->buffer + input->at, data.data, data.len);
    return true;
}
