#include "lmtpd/body.h"

#include <stdlib.h>

enum { BODY_BUFFER = 65536 };

bool body_start(struct body *body, void (*sink)(void *context, struct bytes piece), void *context)
{
    *body = (struct body){ .sink = sink, .context = context, .buffer = malloc(BODY_BUFFER) };
    return body->buffer != NULL;
}

static void drain(struct body *body)
{
    if (body->len > 0)
        body->sink(body->context, bytes_make(body->buffer, body->len));
    body->len = 0;
}

static void emit(struct body *body, struct bytes text)
{
    if (text.len == 0)
        return;
    body->size += text.len;
    body->wire += text.len;
    body->last = text.data[text.len - 1];
    while (text.len > 0) {
        if (body->len == BODY_BUFFER)
            drain(body);
        struct bytes fits = bytes_take(text, BODY_BUFFER - body->len);
        memcpy(body->buffer + body->len, fits.data, fits.len);
        body->len += fits.len;
        text = bytes_skip(text, fits.len);
    }
}

/* What is before an LF, then the LF. The CR of CRLF is left out, unless another CR is before it. */
static void line_end(struct body *body, struct bytes before)
{
    if (before.len > 0) {
        bool cr = before.data[before.len - 1] == '\r';
        char ahead = before.len > 1 ? before.data[before.len - 2] : body->last;
        emit(body, cr && ahead != '\r' ? bytes_take(before, before.len - 1) : before);
    }
    body->wire += body->last != '\r';
    emit(body, BYTES("\n"));
}

/* The CR kept back from the last piece, now that the octet behind it is known. */
static void settle(struct body *body, char next)
{
    body->cr = false;
    if (next != '\n' || body->last == '\r')
        emit(body, BYTES("\r"));
}

void body_feed(struct body *body, struct bytes text)
{
    while (text.len > 0) {
        if (body->cr)
            settle(body, text.data[0]);
        const char *lf = memchr(text.data, '\n', text.len);
        if (lf) {
            size_t n = (size_t)(lf - text.data);
            line_end(body, bytes_take(text, n));
            text = bytes_skip(text, n + 1);
            continue;
        }
        body->cr = text.data[text.len - 1] == '\r';
        emit(body, bytes_take(text, text.len - body->cr));
        return;
    }
}

void body_end(struct body *body)
{
    if (body->cr)
        settle(body, '\0');
    drain(body);
}

void body_free(struct body *body)
{
    free(body->buffer);
    body->buffer = NULL;
}
