#include "unit.h"
#include "base/buf.h"

static void it_grows_up_to_its_limit(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(1000);
    for (int i = 0; i < 1000; i++)
        buf_byte(&buf, (char)i);
    assert_false(buf_failed(&buf));
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf.data[i], (char)i);
    buf_byte(&buf, 'x');
    assert_true(buf_failed(&buf));
    assert_int_equal(buf.len, 1000);
    buf_free(&buf);
}

static void failure_sticks_until_cleared(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(5);
    buf_string(&buf, "123");
    buf_string(&buf, "456");
    buf_string(&buf, "4"); /* would fit, but the text would have a hole */
    assert_true(buf_failed(&buf));
    assert_bytes(buf_view(&buf), "123");
    assert_string_equal(buf_cstr(&buf), "");
    assert_null(buf_reserve(&buf, 1));
    buf_clear(&buf);
    buf_string(&buf, "12345");
    assert_false(buf_failed(&buf));
    assert_string_equal(buf_cstr(&buf), "12345");
    buf_free(&buf);
}

static void overflowing_sizes_fail(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(SIZE_MAX);
    buf_byte(&buf, 'x');
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_true(buf_failed(&buf));
    buf_free(&buf);
}

static void numbers_and_formats(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(2000);
    buf_number(&buf, 0);
    buf_byte(&buf, ' ');
    buf_number(&buf, UINT64_MAX);
    buf_printf(&buf, " %s %04d", "x", 7);
    assert_string_equal(buf_cstr(&buf), "0 18446744073709551615 x 0007");
    buf_clear(&buf);
    buf_printf(&buf, "%1000d|", 1); /* longer than any buffer on the stack */
    assert_int_equal(buf.len, 1001);
    assert_memory_equal(buf.data + 998, " 1|", 3);
    buf_printf(&buf, "%1000d", 1);
    assert_true(buf_failed(&buf));
    assert_int_equal(buf.len, 1001);
    buf_free(&buf);
}

static void a_format_may_end_exactly_at_the_limit(void **state)
{
    (void)state;
    for (int len = 250; len < 260; len++) {
        struct buf buf = BUF_INIT((size_t)len);
        buf_printf(&buf, "%*d", len, 1);
        assert_false(buf_failed(&buf));
        assert_int_equal(strlen(buf_cstr(&buf)), len);
        buf_free(&buf);
    }
}

static void consuming_and_reserving(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(100);
    assert_string_equal(buf_cstr(&buf), "");
    char *room = buf_reserve(&buf, 50);
    assert_non_null(room);
    memcpy(room, "abcdef", 6);
    buf.len += 6;
    buf_consume(&buf, 2);
    assert_bytes(buf_view(&buf), "cdef");
    buf_consume(&buf, 99);
    assert_int_equal(buf.len, 0);
    buf_append(&buf, NULL, 0);
    assert_false(buf_failed(&buf));
    buf_wipe(&buf);
    assert_null(buf.data);
    buf_string(&buf, "again");
    assert_bytes(buf_view(&buf), "again");
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_up_to_its_limit),
        cmocka_unit_test(failure_sticks_until_cleared),
        cmocka_unit_test(overflowing_sizes_fail),
        cmocka_unit_test(numbers_and_formats),
        cmocka_unit_test(a_format_may_end_exactly_at_the_limit),
        cmocka_unit_test(consuming_and_reserving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
