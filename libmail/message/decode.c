/* The decoders as input streams. */
#include <stdlib.h>
#include "message/charset.h"
#include "message/text.h"
#include "message/transfer.h"

enum { BUFFER = 8192, MOST = 1024 * 1024 }; /* one buffer never decodes to so much */

struct decode {
    struct input input;
    struct input *parent;
    struct transfer transfer;
    struct charset charset;
    bool is_charset, ended;
    struct buf ready; /* decoded, not yet given: from ready_at on */
    size_t ready_at;
};

static void decode_end(struct decode *decode)
{
    decode->ended = true;
    if (decode->is_charset)
        charset_end(&decode->charset, &decode->ready);
    else
        transfer_end(&decode->transfer, &decode->ready);
}

/* Decodes one buffer of the parent's. False with *err. */
static bool decode_more(struct decode *decode, struct error *err)
{
    struct bytes view;
    buf_clear(&decode->ready);
    decode->ready_at = 0;
    int got = input_next(decode->parent, &view, err);
    if (got < 0)
        return false;
    if (!got) {
        decode_end(decode);
    } else {
        view = bytes_take(view, BUFFER);
        if (decode->is_charset)
            charset_feed(&decode->charset, view, &decode->ready);
        else
            transfer_feed(&decode->transfer, view, &decode->ready);
        input_consume(decode->parent, view.len);
    }
    return buf_failed(&decode->ready) ? error_memory(err) : true;
}

static ssize_t decode_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct decode *decode = (struct decode *)input;
    while (decode->ready_at == decode->ready.len) {
        if (decode->ended)
            return 0;
        if (!decode_more(decode, err))
            return -1;
    }
    size_t left = decode->ready.len - decode->ready_at, n = left < size ? left : size;
    memcpy(data, decode->ready.data + decode->ready_at, n);
    decode->ready_at += n;
    return (ssize_t)n;
}

static void decode_close(struct input *input)
{
    struct decode *decode = (struct decode *)input;
    if (decode->is_charset)
        charset_close(&decode->charset);
    buf_free(&decode->ready);
    input_close(&decode->parent);
}

static struct decode *decode_create(struct input *parent)
{
    static const struct input_ops OPS = { .read = decode_read, .close = decode_close };
    struct decode *decode = NULL;
    if (parent)
        decode = (struct decode *)input_create(&OPS, sizeof *decode, BUFFER);
    if (!decode) {
        input_close(&parent);
        return NULL;
    }
    decode->parent = parent;
    decode->ready = BUF_INIT(MOST);
    return decode;
}

struct input *input_transfer(struct input *parent, enum text_encoding encoding)
{
    if (encoding == TEXT_IDENTITY || encoding == TEXT_UNKNOWN)
        return parent;
    struct decode *decode = decode_create(parent);
    if (!decode)
        return NULL;
    decode->transfer.encoding = encoding;
    return &decode->input;
}

struct input *input_charset(struct input *parent, struct bytes charset)
{
    struct decode *decode = decode_create(parent);
    if (!decode)
        return NULL;
    decode->is_charset = true;
    charset_open(&decode->charset, charset);
    return &decode->input;
}
