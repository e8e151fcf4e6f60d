/* Messages that were stored compressed, told by their first octets: gzip, bzip2, zstd, an LZ4 frame,
 * and the form of LZ4 that Dovecot writes:
 *
 *   "Dovecot-LZ4\r*\x9b\xc5", largest chunk (4 octets, big-endian),
 *   then chunks: length of what follows (4 octets, big-endian), one LZ4 block.
 *
 * Each format is a row of the table: feed() turns some octets of the parent into some of the text. */
#include "base/input.h"

#include <bzlib.h>
#include <lz4.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum { BUFFER = 16 * 1024, MAGIC_MOST = 19, CHUNK_MOST = 1024 * 1024, ZSTD_WINDOW_LOG = 27 };

#define DOVECOT_LZ4 "Dovecot-LZ4\x0d\x2a\x9b\xc5"

struct decompress;

struct format {
    const char *name;
    bool (*is_magic)(struct bytes head);
    bool (*open)(struct decompress *z);
    /* Uses in, moving *used; writes to out; the number, -1 when the data is damaged. A frame's end
     * sets whole, more input clears it. */
    ssize_t (*feed)(struct decompress *z, struct bytes in, size_t *used, char *out, size_t room);
    void (*close)(struct decompress *z);
};

struct decompress {
    struct input input;
    struct input *parent;
    const struct format *format;
    bool whole; /* what came so far is complete: the parent may end here */
    bool open;
    union {
        z_stream gzip;
        bz_stream bzip2;
        ZSTD_DStream *zstd;
        LZ4F_dctx *lz4;
        struct {
            char *chunk, *text; /* one block as stored, and as it was */
            size_t most;        /* of text */
            size_t head, got, size, at, filled;
            unsigned char length[4];
        } dovecot;
    } u;
};

/* ---- gzip ---- */

static bool gzip_magic(struct bytes head)
{
    return bytes_starts(head, BYTES("\x1f\x8b\x08"));
}

static bool gzip_open(struct decompress *z)
{
    return inflateInit2(&z->u.gzip, 15 + 16) == Z_OK;
}

static ssize_t gzip_feed(struct decompress *z, struct bytes in, size_t *used, char *out, size_t room)
{
    z_stream *s = &z->u.gzip;
    if (z->whole && in.len > 0) {
        if (inflateReset(s) != Z_OK)
            return -1;
        z->whole = false;
    }
    s->next_in = (Bytef *)(uintptr_t)in.data;
    s->avail_in = (uInt)in.len;
    s->next_out = (Bytef *)out;
    s->avail_out = (uInt)room;
    int result = inflate(s, Z_NO_FLUSH);
    *used = in.len - s->avail_in;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return -1;
    z->whole = result == Z_STREAM_END;
    return (ssize_t)(room - s->avail_out);
}

static void gzip_close(struct decompress *z)
{
    inflateEnd(&z->u.gzip);
}

/* ---- bzip2 ---- */

static bool bzip2_magic(struct bytes head)
{
    struct bytes block = bytes_skip(head, 4);
    return bytes_starts(head, BYTES("BZh")) && head.len >= 10 && head.data[3] >= '1' &&
           head.data[3] <= '9' &&
           (bytes_starts(block, BYTES("\x31\x41\x59\x26\x53\x59")) ||
            bytes_starts(block, BYTES("\x17\x72\x45\x38\x50\x90")));
}

static bool bzip2_open(struct decompress *z)
{
    return BZ2_bzDecompressInit(&z->u.bzip2, 0, 0) == BZ_OK;
}

static void bzip2_close(struct decompress *z)
{
    BZ2_bzDecompressEnd(&z->u.bzip2);
}

static ssize_t bzip2_feed(struct decompress *z, struct bytes in, size_t *used, char *out,
                          size_t room)
{
    bz_stream *s = &z->u.bzip2;
    *used = 0;
    if (z->whole && in.len == 0)
        return 0;
    if (z->whole) {
        bzip2_close(z);
        memset(s, 0, sizeof(*s));
        z->open = bzip2_open(z);
        if (!z->open)
            return -1;
        z->whole = false;
    }
    s->next_in = (char *)(uintptr_t)in.data;
    s->avail_in = (unsigned)in.len;
    s->next_out = out;
    s->avail_out = (unsigned)room;
    int result = BZ2_bzDecompress(s);
    *used = in.len - s->avail_in;
    if (result != BZ_OK && result != BZ_STREAM_END)
        return -1;
    z->whole = result == BZ_STREAM_END;
    return (ssize_t)(room - s->avail_out);
}

/* ---- zstd ---- */

static bool zstd_magic(struct bytes head)
{
    return bytes_starts(head, BYTES("\x28\xb5\x2f\xfd"));
}

/* The window is allocated as large as the frame asks, but touched only as far as text flows. */
static bool zstd_open(struct decompress *z)
{
    z->u.zstd = ZSTD_createDStream();
    if (!z->u.zstd)
        return false;
    ZSTD_DCtx_setParameter(z->u.zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    return true;
}

static ssize_t zstd_feed(struct decompress *z, struct bytes in, size_t *used, char *out, size_t room)
{
    ZSTD_inBuffer input = { in.data, in.len, 0 };
    ZSTD_outBuffer output = { out, room, 0 };
    size_t result = ZSTD_decompressStream(z->u.zstd, &output, &input);
    *used = input.pos;
    if (ZSTD_isError(result))
        return -1;
    z->whole = result == 0 || (z->whole && in.len == 0);
    return (ssize_t)output.pos;
}

static void zstd_close(struct decompress *z)
{
    ZSTD_freeDStream(z->u.zstd);
}

/* ---- the LZ4 frame ---- */

static bool lz4_magic(struct bytes head)
{
    return bytes_starts(head, BYTES("\x04\x22\x4d\x18"));
}

static bool lz4_open(struct decompress *z)
{
    return !LZ4F_isError(LZ4F_createDecompressionContext(&z->u.lz4, LZ4F_VERSION));
}

static ssize_t lz4_feed(struct decompress *z, struct bytes in, size_t *used, char *out, size_t room)
{
    size_t taken = in.len, given = room;
    size_t result = LZ4F_decompress(z->u.lz4, out, &given, in.data, &taken, NULL);
    *used = taken;
    if (LZ4F_isError(result))
        return -1;
    z->whole = result == 0 || (z->whole && in.len == 0);
    return (ssize_t)given;
}

static void lz4_close(struct decompress *z)
{
    LZ4F_freeDecompressionContext(z->u.lz4);
}

/* ---- Dovecot's LZ4 ---- */

static bool dovecot_magic(struct bytes head)
{
    return bytes_starts(head, BYTES(DOVECOT_LZ4)) && head.len >= sizeof(DOVECOT_LZ4) - 1 + 4;
}

static size_t big_endian(const unsigned char *p)
{
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

static bool dovecot_open(struct decompress *z)
{
    z->u.dovecot.head = sizeof(DOVECOT_LZ4) - 1;
    return true;
}

/* The header's size decides what is allocated, at most CHUNK_MOST twice. */
static bool dovecot_header(struct decompress *z)
{
    size_t most = big_endian(z->u.dovecot.length);
    if (most == 0 || most > CHUNK_MOST)
        return false;
    z->u.dovecot.most = most;
    z->u.dovecot.text = malloc(most);
    z->u.dovecot.chunk = malloc((size_t)LZ4_compressBound((int)most));
    return z->u.dovecot.text && z->u.dovecot.chunk;
}

static bool dovecot_length(struct decompress *z)
{
    if (!z->u.dovecot.text) {
        z->whole = true;
        return dovecot_header(z);
    }
    z->u.dovecot.size = big_endian(z->u.dovecot.length);
    return z->u.dovecot.size > 0 &&
           z->u.dovecot.size <= (size_t)LZ4_compressBound((int)z->u.dovecot.most);
}

static bool dovecot_chunk(struct decompress *z)
{
    int n = LZ4_decompress_safe(z->u.dovecot.chunk, z->u.dovecot.text, (int)z->u.dovecot.size,
                                (int)z->u.dovecot.most);
    if (n < 0)
        return false;
    z->u.dovecot.at = 0;
    z->u.dovecot.filled = (size_t)n;
    z->u.dovecot.size = 0;
    z->whole = true;
    return true;
}

/* Collects into to until it holds size octets; true when it does. */
static bool collect(struct decompress *z, void *to, size_t size, struct bytes in, size_t *used)
{
    struct bytes take = bytes_take(bytes_skip(in, *used), size - z->u.dovecot.got);
    if (take.len > 0)
        memcpy((char *)to + z->u.dovecot.got, take.data, take.len);
    *used += take.len;
    z->u.dovecot.got += take.len;
    if (z->u.dovecot.got < size)
        return false;
    z->u.dovecot.got = 0;
    return true;
}

static ssize_t dovecot_feed(struct decompress *z, struct bytes in, size_t *used, char *out,
                            size_t room)
{
    size_t magic = bytes_take(in, z->u.dovecot.head).len;
    *used = magic;
    z->u.dovecot.head -= magic;
    while (z->u.dovecot.at == z->u.dovecot.filled && *used < in.len) {
        z->whole = false;
        if (z->u.dovecot.size == 0) {
            if (collect(z, z->u.dovecot.length, 4, in, used) && !dovecot_length(z))
                return -1;
        } else if (collect(z, z->u.dovecot.chunk, z->u.dovecot.size, in, used) &&
                   !dovecot_chunk(z)) {
            return -1;
        }
    }
    size_t n = z->u.dovecot.filled - z->u.dovecot.at;
    n = n < room ? n : room;
    if (n > 0)
        memcpy(out, z->u.dovecot.text + z->u.dovecot.at, n);
    z->u.dovecot.at += n;
    return (ssize_t)n;
}

static void dovecot_close(struct decompress *z)
{
    free(z->u.dovecot.chunk);
    free(z->u.dovecot.text);
}

/* ---- the stream ---- */

static const struct format formats[] = {
    { "gzip", gzip_magic, gzip_open, gzip_feed, gzip_close },
    { "bzip2", bzip2_magic, bzip2_open, bzip2_feed, bzip2_close },
    { "zstd", zstd_magic, zstd_open, zstd_feed, zstd_close },
    { "lz4", lz4_magic, lz4_open, lz4_feed, lz4_close },
    { "Dovecot's lz4", dovecot_magic, dovecot_open, dovecot_feed, dovecot_close },
};

static const struct format *format_of(struct bytes head)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
        if (formats[i].is_magic(head))
            return &formats[i];
    return NULL;
}

bool input_is_compressed(struct bytes head)
{
    return format_of(head) != NULL;
}

static ssize_t damaged(const struct decompress *z, const char *how, struct error *err)
{
    error_set(err, ERROR_CORRUPT, "the compressed data (%s) %s at octet %llu", z->format->name, how,
              (unsigned long long)z->parent->offset);
    return -1;
}

static ssize_t decompress_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct decompress *z = (struct decompress *)input;
    for (;;) {
        struct bytes view = { "", 0 };
        size_t used = 0;
        int got = input_next(z->parent, &view, err);
        if (got < 0)
            return -1;
        ssize_t n = z->format->feed(z, view, &used, data, size);
        if (n < 0)
            return damaged(z, "is damaged", err);
        input_consume(z->parent, used);
        if (n > 0)
            return n;
        if (got == 0)
            return z->whole ? 0 : damaged(z, "ends too early", err);
    }
}

static void decompress_close(struct input *input)
{
    struct decompress *z = (struct decompress *)input;
    if (z->open)
        z->format->close(z);
    input_close(&z->parent);
}

static const struct input_ops decompress_ops = { .read = decompress_read, .close = decompress_close };

struct input *input_decompress(struct input *parent, struct error *err)
{
    struct error early = { 0 };
    if (!parent) {
        error_memory(err);
        return NULL;
    }
    size_t want = parent->capacity < MAGIC_MOST ? parent->capacity : MAGIC_MOST;
    if (!input_fill(parent, want, &early) && !parent->ended) {
        if (err)
            *err = early;
        input_close(&parent);
        return NULL;
    }
    const struct format *format = format_of(input_buffered(parent));
    if (!format)
        return parent;
    struct decompress *z =
        (struct decompress *)input_create(&decompress_ops, sizeof(struct decompress), BUFFER);
    if (!z) {
        error_memory(err);
        input_close(&parent);
        return NULL;
    }
    z->parent = parent;
    z->format = format;
    z->open = format->open(z);
    if (z->open)
        return &z->input;
    error_memory(err);
    struct input *failed = &z->input;
    input_close(&failed);
    return NULL;
}
