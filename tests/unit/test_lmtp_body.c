#include "unit.h"
#include "base/buf.h"
#include "base/input.h"
#include "lmtpd/body.h"

static void collect(void *context, struct bytes piece)
{
    buf_bytes(context, piece);
}

/* wire in pieces of step octets. */
static struct body deliver(struct bytes wire, size_t step, struct buf *stored)
{
    struct body body;
    assert_true(body_start(&body, collect, stored));
    for (struct bytes rest = wire; rest.len > 0; rest = bytes_skip(rest, step))
        body_feed(&body, bytes_take(rest, step));
    body_end(&body);
    body_free(&body);
    return body;
}

static const struct {
    struct bytes wire, stored;
} samples[] = {
    { BYTES("a: b\r\n\r\nc\r\n"), BYTES("a: b\n\nc\n") },
    { BYTES(""), BYTES("") },
    { BYTES("\r\n"), BYTES("\n") },
    { BYTES("no line end"), BYTES("no line end") },
    { BYTES("bare\rcr"), BYTES("bare\rcr") },
    { BYTES("ends with cr\r"), BYTES("ends with cr\r") },
    { BYTES("cr cr lf\r\r\nx"), BYTES("cr cr lf\r\r\nx") },
    { BYTES("many\r\r\r\n\r\n"), BYTES("many\r\r\r\n\n") },
    { BYTES("\r\r\n"), BYTES("\r\r\n") },
    { BYTES("nul\0here\r\n"), BYTES("nul\0here\n") },
    { BYTES("\r\r"), BYTES("\r\r") },
};

static void crlf_is_stored_as_lf_wherever_pieces_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
        for (size_t step = 1; step <= samples[i].wire.len + 1; step++) {
            struct buf stored = BUF_INIT(100);
            struct body body = deliver(samples[i].wire, step, &stored);
            assert_bytes_equal(buf_view(&stored), samples[i].stored);
            assert_int_equal(body.size, samples[i].stored.len);
            assert_int_equal(body.wire, samples[i].wire.len);
            buf_free(&stored);
        }
}

static void what_is_stored_reads_back_as_it_came(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        struct buf stored = BUF_INIT(100), back = BUF_INIT(100);
        struct bytes view;
        deliver(samples[i].wire, 3, &stored);
        struct input *input = input_crlf(input_memory(buf_view(&stored)));
        while (input_next(input, &view, NULL) > 0) {
            buf_bytes(&back, view);
            input_consume(input, view.len);
        }
        assert_bytes_equal(buf_view(&back), samples[i].wire);
        input_close(&input);
        buf_free(&stored);
        buf_free(&back);
    }
}

static void a_bare_lf_counts_as_the_line_end_it_will_be(void **state)
{
    (void)state;
    struct buf stored = BUF_INIT(100);
    struct body body = deliver(BYTES("a\nb\r\nc"), 100, &stored);
    assert_bytes(buf_view(&stored), "a\nb\nc");
    assert_int_equal(body.size, 5);
    assert_int_equal(body.wire, 7);
    buf_free(&stored);
}

static void long_texts_leave_in_bounded_pieces(void **state)
{
    (void)state;
    struct buf stored = BUF_INIT(4 << 20), wire = BUF_INIT(4 << 20), wanted = BUF_INIT(4 << 20);
    for (unsigned i = 0; i < 50000; i++) {
        buf_printf(&wire, "line %u of many\r\n", i);
        buf_printf(&wanted, "line %u of many\n", i);
    }
    struct body body = deliver(buf_view(&wire), 8191, &stored);
    assert_true(bytes_equal(buf_view(&stored), buf_view(&wanted)));
    assert_int_equal(body.wire, wire.len);
    assert_int_equal(body.size, wanted.len);
    buf_free(&stored);
    buf_free(&wire);
    buf_free(&wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crlf_is_stored_as_lf_wherever_pieces_are_cut),
        cmocka_unit_test(what_is_stored_reads_back_as_it_came),
        cmocka_unit_test(a_bare_lf_counts_as_the_line_end_it_will_be),
        cmocka_unit_test(long_texts_leave_in_bounded_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
