/* What the compressing libraries write must read back as it was, whole or octet by octet; damage and
 * early ends must be told from the end. */
#include "unit.h"
#include <bzlib.h>
#include <lz4.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include "base/buf.h"
#include "base/input.h"

enum { TEXT = 200000, ROOM = 300000 };

static char text[TEXT];

/* Each line twice: that compresses, but not to nothing. */
static int make_text(void **state)
{
    unsigned seed = 7;
    (void)state;
    for (size_t i = 0; i < TEXT; i++) {
        seed = seed * 1103515245 + 12345;
        text[i] = i % 60 == 59 ? '\n' : (char)('a' + (seed >> 16) % 16);
        if (i % 120 >= 60)
            text[i] = text[i - 60];
    }
    return 0;
}

static void put_gzip(struct buf *out)
{
    z_stream z = { .next_in = (Bytef *)text, .avail_in = TEXT };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = (Bytef *)buf_reserve(out, ROOM);
    z.avail_out = ROOM;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += z.total_out;
    deflateEnd(&z);
}

static void put_bzip2(struct buf *out)
{
    unsigned len = ROOM;
    assert_int_equal(BZ2_bzBuffToBuffCompress(buf_reserve(out, ROOM), &len, text, TEXT, 6, 0, 0),
                     BZ_OK);
    out->len += len;
}

static void put_zstd(struct buf *out)
{
    out->len += ZSTD_compress(buf_reserve(out, ROOM), ROOM, text, TEXT, 3);
}

static void put_lz4_frame(struct buf *out)
{
    char *room = buf_reserve(out, ROOM);
    out->len += LZ4F_compressFrame(room, ROOM, text, TEXT, NULL);
}

static void put_number(struct buf *out, size_t n)
{
    unsigned char octets[4] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16),
                                (unsigned char)(n >> 8), (unsigned char)n };
    buf_append(out, octets, 4);
}

/* As Dovecot does: chunks of 64 kB, each behind its length. */
static void put_dovecot_lz4(struct buf *out)
{
    enum { CHUNK = 65536 };
    buf_bytes(out, BYTES("Dovecot-LZ4\x0d\x2a\x9b\xc5"));
    put_number(out, CHUNK);
    for (int at = 0; at < TEXT; at += CHUNK) {
        char chunk[CHUNK + 1000];
        int part = TEXT - at < CHUNK ? TEXT - at : CHUNK;
        int len = LZ4_compress_default(text + at, chunk, part, sizeof(chunk));
        put_number(out, (size_t)len);
        buf_append(out, chunk, (size_t)len);
    }
}

typedef void put(struct buf *out);
static const struct {
    const char *name;
    put *put;
    bool joins; /* two files one behind the other are one */
} formats[] = {
    { "gzip", put_gzip, true },
    { "bzip2", put_bzip2, true },
    { "zstd", put_zstd, true },
    { "lz4", put_lz4_frame, true },
    { "Dovecot's lz4", put_dovecot_lz4, false },
};
enum { FORMATS = sizeof(formats) / sizeof(*formats) };

struct drip {
    struct input input;
    struct bytes left;
};

static ssize_t drip_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct drip *from = (struct drip *)input;
    (void)err, (void)size;
    if (from->left.len == 0)
        return 0;
    *(char *)data = from->left.data[0];
    from->left = bytes_skip(from->left, 1);
    return 1;
}

static struct input *drip(struct bytes data)
{
    static const struct input_ops ops = { .read = drip_read };
    struct input *input = input_create(&ops, sizeof(struct drip), 32);
    ((struct drip *)input)->left = data;
    return input;
}

/* Compares all that input gives with copies of the text. */
static void assert_text(struct input *input, size_t copies)
{
    struct error err = { 0 };
    struct bytes view;
    size_t at = 0;
    int got;
    while ((got = input_next(input, &view, &err)) > 0) {
        assert_true(view.len <= TEXT - at % TEXT || copies > 1);
        for (size_t i = 0; i < view.len; i++)
            if (view.data[i] != text[(at + i) % TEXT])
                fail_msg("octet %zu", at + i);
        at += view.len;
        input_consume(input, view.len);
    }
    if (got < 0)
        fail_msg("%s", err.text);
    assert_int_equal(at, copies * TEXT);
}

static void each_format_reads_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMATS; i++) {
        struct buf file = BUF_INIT(2 * ROOM);
        struct error err = { 0 };
        formats[i].put(&file);
        assert_true(file.len < TEXT);
        assert_true(input_is_compressed(buf_view(&file)));
        struct input *input = input_decompress(input_memory(buf_view(&file)), &err);
        assert_text(input, 1);
        input_close(&input);
        input = input_decompress(drip(buf_view(&file)), &err);
        assert_text(input, 1);
        input_close(&input);
        if (formats[i].joins) {
            formats[i].put(&file);
            input = input_decompress(input_memory(buf_view(&file)), &err);
            assert_text(input, 2);
            input_close(&input);
        }
        buf_free(&file);
    }
}

/* Reads to the end or an error, which it returns. */
static enum error_class outcome(struct bytes file)
{
    struct error err = { 0 };
    struct bytes view;
    int got = -1;
    struct input *input = input_decompress(input_memory(file), &err);
    while (input && (got = input_next(input, &view, &err)) > 0)
        input_consume(input, view.len);
    if (input)
        input_close(&input);
    return got < 0 ? err.class : ERROR_NONE;
}

static void a_file_cut_anywhere_ends_too_early(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMATS; i++) {
        struct buf file = BUF_INIT(ROOM);
        formats[i].put(&file);
        /* Dovecot's form has no end mark: a cut between chunks cannot be seen, so none is made there. */
        for (size_t cut = 20; cut < file.len; cut += file.len / 50 + 1)
            if (outcome(bytes_take(buf_view(&file), cut)) != ERROR_CORRUPT)
                fail_msg("%s cut at %zu", formats[i].name, cut);
        if (outcome(bytes_take(buf_view(&file), file.len - 1)) != ERROR_CORRUPT)
            fail_msg("%s without its last octet", formats[i].name);
        buf_free(&file);
    }
}

static void damage_never_crashes_and_checksums_find_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMATS; i++) {
        struct buf file = BUF_INIT(ROOM);
        formats[i].put(&file);
        unsigned found = 0, tried = 0;
        for (size_t at = 20; at < file.len; at += file.len / 40 + 1, tried++) {
            file.data[at] = (char)(file.data[at] ^ 0x55);
            found += outcome(buf_view(&file)) == ERROR_CORRUPT;
            file.data[at] = (char)(file.data[at] ^ 0x55);
        }
        /* Only the first two carry checksums by default. */
        if (i < 2)
            assert_int_equal(found, tried);
        buf_free(&file);
    }
}

static void dovecot_lz4_claims_are_checked(void **state)
{
    (void)state;
    static const struct bytes bad[] = {
        { "Dovecot-LZ4\x0d\x2a\x9b\xc5\xff\xff\xff\xff\0\0\0\1x", 24 },
        { "Dovecot-LZ4\x0d\x2a\x9b\xc5\0\0\0\0\0\0\0\1x", 24 },
        { "Dovecot-LZ4\x0d\x2a\x9b\xc5\0\1\0\0\0\0\0\0x", 24 },
        { "Dovecot-LZ4\x0d\x2a\x9b\xc5\0\1\0\0\x7f\xff\xff\xff", 23 },
        { "Dovecot-LZ4\x0d\x2a\x9b\xc5\0\1\0\0\0\0", 21 },
        /* A right block, but in a file that asks for more memory than chunks may have. */
        { "Dovecot-LZ4\x0d\x2a\x9b\xc5\0\x10\0\1\0\0\0\2\x10x", 25 },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(outcome(bad[i]), ERROR_CORRUPT);
    assert_int_equal(outcome(BYTES("Dovecot-LZ4\x0d\x2a\x9b\xc5\0\1\0\0")), ERROR_NONE);
    assert_int_equal(outcome(BYTES("Dovecot-LZ4\x0d\x2a\x9b\xc5\0\x10\0\0\0\0\0\2\x10x")), ERROR_NONE);
}

static void everything_else_passes_through(void **state)
{
    (void)state;
    static const struct bytes plain[] = {
        { "", 0 },      { "F", 1 },          { "From: a\r\n\r\nb", 12 }, { "BZh bananas are yellow", 22 },
        { "\x1f", 1 },  { "\x1f\x8b\x07", 3 }, { "Dovecot-LZ4 is a format", 23 },
    };
    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
        char data[64];
        assert_false(input_is_compressed(plain[i]));
        struct input *input = input_decompress(input_memory(plain[i]), NULL);
        ssize_t n = input_read(input, data, sizeof(data), NULL);
        assert_int_equal(n, plain[i].len);
        assert_memory_equal(data, plain[i].data, plain[i].len);
        input_close(&input);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_reads_back),
        cmocka_unit_test(a_file_cut_anywhere_ends_too_early),
        cmocka_unit_test(damage_never_crashes_and_checksums_find_it),
        cmocka_unit_test(dovecot_lz4_claims_are_checked),
        cmocka_unit_test(everything_else_passes_through),
    };
    return cmocka_run_group_tests(tests, make_text, NULL);
}
