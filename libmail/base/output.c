#include "base/output.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/memory.h"

struct output *output_create(const struct output_ops *ops, size_t size, size_t buffer_size)
{
    struct output *output = calloc(1, size);
    if (!output)
        return NULL;
    output->ops = ops;
    output->capacity = buffer_size;
    output->buffer = buffer_size ? malloc(buffer_size) : NULL;
    if (buffer_size && !output->buffer) {
        free(output);
        return NULL;
    }
    return output;
}

void output_close(struct output **output)
{
    if (!*output)
        return;
    if ((*output)->ops->close)
        (*output)->ops->close(*output);
    free((*output)->buffer);
    free(*output);
    *output = NULL;
}

/* Keeps the first error only. */
static void fail(struct output *output, bool good, const struct error *trouble)
{
    if (good || output_failed(output))
        return;
    output->error = *trouble;
    if (!output_failed(output))
        error_set(&output->error, ERROR_TEMPORARY, "writing failed");
}

static void send_out(struct output *output, const char *data, size_t len)
{
    struct error trouble = { 0 };
    if (len == 0 || output_failed(output))
        return;
    fail(output, output->ops->write(output, data, len, &trouble), &trouble);
}

static void send_buffer(struct output *output)
{
    send_out(output, output->buffer, output->len);
    if (output->len > output->touched)
        output->touched = output->len;
    output->len = 0;
}

void output_write(struct output *output, const void *data, size_t len)
{
    const char *from = data;
    if (len == 0 || output_failed(output))
        return;
    output->total += len;
    if (len > output->capacity - output->len) {
        /* A full buffer leaves as a whole; what is left of a long write goes past it. */
        if (output->len > 0) {
            size_t fits = output->capacity - output->len;
            memcpy(output->buffer + output->len, from, fits);
            output->len += fits;
            from += fits;
            len -= fits;
            send_buffer(output);
        }
        if (len >= output->capacity) {
            send_out(output, from, len);
            return;
        }
    }
    if (len > 0)
        memcpy(output->buffer + output->len, from, len);
    output->len += len;
}

void output_bytes(struct output *output, struct bytes b)
{
    output_write(output, b.data, b.len);
}

void output_string(struct output *output, const char *cstr)
{
    output_write(output, cstr, strlen(cstr));
}

void output_number(struct output *output, uint64_t n)
{
    char digits[20], *at = digits + sizeof(digits);
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    output_write(output, at, (size_t)(digits + sizeof(digits) - at));
}

void output_printf(struct output *output, const char *format, ...)
{
    char small[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof(small)) {
        output_write(output, small, (size_t)len);
        return;
    }
    struct error trouble = { 0 };
    char *large = len < 0 ? NULL : malloc((size_t)len + 1);
    if (!large) {
        fail(output, error_memory(&trouble), &trouble);
        return;
    }
    va_start(args, format);
    vsnprintf(large, (size_t)len + 1, format, args);
    va_end(args);
    output_write(output, large, (size_t)len);
    free(large);
}

bool output_copy(struct output *output, struct input *input, uint64_t limit, uint64_t *copied,
                 struct error *err)
{
    uint64_t done = 0;
    int got = 1;
    while (done < limit && !output_failed(output)) {
        struct bytes view;
        got = input_next(input, &view, err);
        if (got <= 0)
            break;
        view = bytes_take(view, limit - done > SIZE_MAX ? SIZE_MAX : (size_t)(limit - done));
        output_bytes(output, view);
        input_consume(input, view.len);
        done += view.len;
    }
    if (copied)
        *copied = done;
    return got >= 0;
}

static bool answer(const struct output *output, struct error *err)
{
    if (output_failed(output) && err)
        *err = output->error;
    return !output_failed(output);
}

bool output_flush(struct output *output, struct error *err)
{
    struct error trouble = { 0 };
    send_buffer(output);
    if (!output_failed(output) && output->ops->flush)
        fail(output, output->ops->flush(output, &trouble), &trouble);
    return answer(output, err);
}

void output_rest(struct output *output)
{
    if (output->len > 0 || output->touched == 0)
        return;
    memory_drop(output->buffer, output->touched);
    output->touched = 0;
}

bool output_finish(struct output *output, struct error *err)
{
    struct error trouble = { 0 };
    send_buffer(output);
    if (!output_failed(output) && output->ops->finish)
        fail(output, output->ops->finish(output, &trouble), &trouble);
    return output_flush(output, err);
}
