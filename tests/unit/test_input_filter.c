/* Each filter is fed whole and in pieces cut at every place, and read in portions of every size: the
 * text that comes out must be the same. */
#include "unit.h"
#include <stdlib.h>
#include "base/buf.h"
#include "base/input.h"

/* Gives its text in two reads, cut at a place, or octet by octet (cut 0). */
struct cut {
    struct input input;
    struct bytes first, second;
};

static ssize_t cut_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct cut *cut = (struct cut *)input;
    struct bytes *from = cut->first.len > 0 ? &cut->first : &cut->second;
    struct bytes part = bytes_take(*from, size);
    (void)err;
    memcpy(data, part.data, part.len);
    *from = bytes_skip(*from, part.len);
    return (ssize_t)part.len;
}

static struct input *cut_at(struct bytes text, size_t at, size_t buffer)
{
    static const struct input_ops ops = { .read = cut_read };
    struct input *input = input_create(&ops, sizeof(struct cut), buffer);
    ((struct cut *)input)->first = bytes_take(text, at);
    ((struct cut *)input)->second = bytes_skip(text, at);
    return input;
}

/* All of input in reads of at most portion octets; -1 in *result when it failed. */
static void drain(struct input *input, size_t portion, struct buf *out, int *result,
                  struct error *err)
{
    char data[64];
    ssize_t n;
    while ((n = input_read(input, data, portion, err)) > 0)
        buf_append(out, data, (size_t)n);
    *result = n < 0 ? -1 : 0;
}

typedef struct input *filter(struct input *parent);

static void check(filter *make, bool owns, struct bytes in, struct bytes wanted, int wanted_result)
{
    for (size_t at = 0; at <= in.len; at++)
        for (size_t buffer = 1; buffer <= 32; buffer *= 2)
            for (size_t portion = 1; portion <= 3; portion++) {
                struct buf out = BUF_INIT(1000);
                struct error err = { 0 };
                int result;
                struct input *parent = cut_at(in, at, buffer), *input = make(parent);
                /* A small buffer of the filter's own meets its borders, too. */
                input->capacity = buffer;
                drain(input, portion, &out, &result, &err);
                assert_int_equal(result, wanted_result);
                assert_bytes_equal(buf_view(&out), wanted);
                assert_int_equal(input->offset, wanted.len);
                input_close(&input);
                if (!owns)
                    input_close(&parent);
                buf_free(&out);
            }
}

struct pair {
    struct bytes in, out;
};

static void line_ends_become_crlf(void **state)
{
    (void)state;
    static const struct pair table[] = {
        { { "", 0 }, { "", 0 } },
        { { "a", 1 }, { "a", 1 } },
        { { "\n", 1 }, { "\r\n", 2 } },
        { { "a\nb\n", 4 }, { "a\r\nb\r\n", 6 } },
        { { "a\r\nb\n\nc", 7 }, { "a\r\nb\r\n\r\nc", 9 } },
        { { "a\rb\r\r\n\r", 7 }, { "a\rb\r\r\n\r", 7 } },
        { { "\0\n\0", 3 }, { "\0\r\n\0", 4 } },
        { { "\n\n\n", 3 }, { "\r\n\r\n\r\n", 6 } },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        check(input_crlf, true, table[i].in, table[i].out, 0);
}

static void line_ends_become_lf(void **state)
{
    (void)state;
    static const struct pair table[] = {
        { { "", 0 }, { "", 0 } },
        { { "a\r\nb", 4 }, { "a\nb", 3 } },
        { { "\r\n\r\n", 4 }, { "\n\n", 2 } },
        { { "a\rb\r", 4 }, { "a\rb\r", 4 } },
        { { "\r\r\n\r", 4 }, { "\r\n\r", 3 } },
        { { "a\nb", 3 }, { "a\nb", 3 } },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        check(input_lf, true, table[i].in, table[i].out, 0);
}

static void dot_stuffed_text_ends_at_the_lone_dot(void **state)
{
    (void)state;
    static const struct {
        struct bytes in, out;
        int result;
    } table[] = {
        { { ".\r\n", 3 }, { "", 0 }, 0 },
        { { "a\r\n.\r\n", 6 }, { "a\r\n", 3 }, 0 },
        { { "..a\r\n.\r\n", 8 }, { ".a\r\n", 4 }, 0 },
        { { "...\r\n.\r\n", 8 }, { "..\r\n", 4 }, 0 },
        { { "a.b\r\n.\r\n", 8 }, { "a.b\r\n", 5 }, 0 },
        /* What others take for an end and smuggle behind: RFC 5321 knows only CRLF.CRLF. */
        { { "a\n.\nb\r\n.\r\n", 10 }, { "a\n.\nb\r\n", 7 }, 0 },
        { { "a\n.\r\nb\r\n.\r\n", 11 }, { "a\n.\r\nb\r\n", 8 }, 0 },
        { { "a\r.\rb\r\n.\r\n", 10 }, { "a\r.\rb\r\n", 7 }, 0 },
        { { "a\r\n.\nb\r\n.\r\n", 11 }, { "a\r\n\nb\r\n", 7 }, 0 },
        { { "a\r\n.\rb\r\n.\r\n", 11 }, { "a\r\n\rb\r\n", 7 }, 0 },
        { { "a\r\n.\r\r\n.\r\n", 10 }, { "a\r\n\r\r\n", 6 }, 0 },
        { { "a\r\r\n.\r\n", 7 }, { "a\r\r\n", 4 }, 0 },
        /* The connection went. */
        { { "", 0 }, { "", 0 }, -1 },
        { { "a\r\n.\r", 5 }, { "a\r\n", 3 }, -1 },
        { { "a\r\n.", 4 }, { "a\r\n", 3 }, -1 },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        check(input_dot, false, table[i].in, table[i].out, table[i].result);
}

static void what_follows_the_dot_stays_with_the_parent(void **state)
{
    (void)state;
    struct bytes all = BYTES("text\r\n.\r\nRSET\r\n"), line;
    for (size_t at = 0; at <= all.len; at++) {
        struct input *parent = cut_at(all, at, 64), *dot = input_dot(parent);
        assert_true(input_skip(dot, 6, NULL));
        struct bytes view;
        assert_int_equal(input_next(dot, &view, NULL), 0);
        input_close(&dot);
        assert_int_equal(input_line(parent, 64, &line, NULL), 1);
        assert_bytes(line, "RSET\r\n");
        input_close(&parent);
    }
}

static void a_lost_connection_is_no_end_of_text(void **state)
{
    (void)state;
    struct error err = { 0 };
    char data[10];
    struct input *parent = input_memory(BYTES("a\r\n")), *dot = input_dot(parent);
    assert_int_equal(input_read(dot, data, 10, &err), 3);
    assert_int_equal(input_read(dot, data, 10, &err), -1);
    assert_int_equal(err.class, ERROR_UNAVAILABLE);
    input_close(&dot);
    input_close(&parent);
}

static void a_limit_ends_the_stream(void **state)
{
    (void)state;
    struct error err = { 0 };
    struct bytes view;
    struct input *input = input_limit(input_memory(BYTES("0123456789")), 4);
    assert_true(input_skip(input, 1, &err));
    assert_int_equal(input_next(input, &view, &err), 1);
    assert_bytes(view, "123");
    assert_false(input_skip(input, 4, &err));
    assert_int_equal(err.class, ERROR_CORRUPT);
    input_close(&input);
    /* A limit past the end is no error: it is the most. */
    input = input_limit(input_memory(BYTES("0123")), 100);
    assert_true(input_skip(input, 4, &err));
    assert_int_equal(input_next(input, &view, &err), 0);
    input_close(&input);
    input = input_limit(input_memory(BYTES("0123")), 0);
    assert_int_equal(input_next(input, &view, &err), 0);
    input_close(&input);
}

static void a_part_leaves_the_rest_to_its_parent(void **state)
{
    (void)state;
    struct error err = { 0 };
    struct bytes line;
    char data[16];
    struct bytes all = BYTES("literal A1 NOOP\r\n");
    for (size_t at = 0; at <= all.len; at++) {
        struct input *parent = cut_at(all, at, 64), *part = input_part(parent, 7);
        assert_true(input_read_all(part, data, 7, &err));
        assert_int_equal(input_read(part, data, 16, &err), 0);
        input_close(&part);
        assert_int_equal(input_line(parent, 64, &line, &err), 1);
        assert_bytes(line, " A1 NOOP\r\n");
        input_close(&parent);
    }
    /* Fewer octets than were announced: somebody hung up. */
    struct input *parent = input_memory(BYTES("lit")), *part = input_part(parent, 7);
    assert_int_equal(input_read(part, data, 16, &err), 3);
    assert_int_equal(input_read(part, data, 16, &err), -1);
    assert_int_equal(err.class, ERROR_UNAVAILABLE);
    input_close(&part);
    part = input_part(parent, 4);
    assert_false(input_skip(part, 4, &err));
    assert_int_equal(err.class, ERROR_UNAVAILABLE);
    input_close(&part);
    input_close(&parent);
}

static void filters_nest_and_pass_failure_on(void **state)
{
    (void)state;
    struct input *input = input_limit(input_crlf(input_lf(input_memory(BYTES("a\r\nb\nc")))), 7);
    char data[16];
    assert_true(input_read_all(input, data, 7, NULL));
    assert_memory_equal(data, "a\r\nb\r\nc", 7);
    input_close(&input);
    assert_null(input_limit(input_crlf(NULL), 1));
    assert_null(input_dot(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_ends_become_crlf),
        cmocka_unit_test(line_ends_become_lf),
        cmocka_unit_test(dot_stuffed_text_ends_at_the_lone_dot),
        cmocka_unit_test(what_follows_the_dot_stays_with_the_parent),
        cmocka_unit_test(a_lost_connection_is_no_end_of_text),
        cmocka_unit_test(a_limit_ends_the_stream),
        cmocka_unit_test(a_part_leaves_the_rest_to_its_parent),
        cmocka_unit_test(filters_nest_and_pass_failure_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
