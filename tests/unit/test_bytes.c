#include "unit.h"

static void comparing_octets(void **state)
{
    (void)state;
    assert_true(bytes_equal(BYTES("a\0b"), BYTES("a\0b")));
    assert_false(bytes_equal(BYTES("a\0b"), BYTES("a\0c")));
    assert_false(bytes_equal(BYTES("ab"), BYTES("abc")));
    assert_true(bytes_equal((struct bytes){ NULL, 0 }, BYTES("")));
    assert_true(bytes_equal_nocase(BYTES("Subject"), BYTES("sUBJECT")));
    /* Only ASCII letters fold: "[" is "{" but for the same bit, and so are octets above 127. */
    assert_false(bytes_equal_nocase(BYTES("["), BYTES("{")));
    assert_false(bytes_equal_nocase(BYTES("@"), BYTES("`")));
    assert_false(bytes_equal_nocase(BYTES("\xc0"), BYTES("\xe0")));
}

static void order_is_by_octet_then_length(void **state)
{
    (void)state;
    assert_true(bytes_compare(BYTES("a"), BYTES("b")) < 0);
    assert_true(bytes_compare(BYTES("b"), BYTES("a")) > 0);
    assert_true(bytes_compare(BYTES("a"), BYTES("ab")) < 0);
    assert_true(bytes_compare(BYTES(""), BYTES("a")) < 0);
    assert_int_equal(bytes_compare(BYTES("ab"), BYTES("ab")), 0);
    assert_true(bytes_compare(BYTES("a"), BYTES("\xff")) < 0);
    assert_int_equal(bytes_compare((struct bytes){ NULL, 0 }, BYTES("")), 0);
}

static void prefixes_and_suffixes(void **state)
{
    (void)state;
    assert_true(bytes_starts(BYTES("INBOX.Sent"), BYTES("INBOX")));
    assert_true(bytes_starts(BYTES("x"), BYTES("")));
    assert_false(bytes_starts(BYTES("INBO"), BYTES("INBOX")));
    assert_false(bytes_starts(BYTES("inbox"), BYTES("INBOX")));
    assert_true(bytes_starts_nocase(BYTES("inbox.x"), BYTES("INBOX")));
    assert_false(bytes_starts_nocase(BYTES("in"), BYTES("INBOX")));
    assert_true(bytes_ends_nocase(BYTES("photo.JPG"), BYTES(".jpg")));
    assert_false(bytes_ends_nocase(BYTES("jpg"), BYTES(".jpg")));
}

static void finding(void **state)
{
    (void)state;
    assert_int_equal(bytes_find(BYTES("a\r\n\r\nb"), BYTES("\r\n\r\n")), 1);
    assert_int_equal(bytes_find(BYTES("ab\0cd"), BYTES("\0c")), 2);
    assert_int_equal(bytes_find(BYTES("abc"), BYTES("abcd")), -1);
    assert_int_equal(bytes_find(BYTES("abc"), BYTES("")), 0);
    assert_int_equal(bytes_find((struct bytes){ NULL, 0 }, BYTES("a")), -1);
}

static void cutting_clamps_at_the_ends(void **state)
{
    (void)state;
    assert_bytes(bytes_skip(BYTES("abc"), 1), "bc");
    assert_bytes(bytes_skip(BYTES("abc"), 9), "");
    assert_bytes(bytes_take(BYTES("abc"), 2), "ab");
    assert_bytes(bytes_take(BYTES("abc"), SIZE_MAX), "abc");
    assert_bytes(bytes_trim(BYTES(" \t\r\n a b \n")), "a b");
    assert_bytes(bytes_trim(BYTES(" \r\n\t ")), "");
}

static void splitting_tells_an_empty_last_part_from_none(void **state)
{
    (void)state;
    struct bytes rest = BYTES("a,,b,");
    assert_bytes(bytes_split(&rest, ','), "a");
    assert_bytes(bytes_split(&rest, ','), "");
    assert_bytes(bytes_split(&rest, ','), "b");
    assert_non_null(rest.data);
    assert_bytes(bytes_split(&rest, ','), "");
    assert_null(rest.data);
}

static void numbers_are_digits_that_fit(void **state)
{
    (void)state;
    uint64_t n;
    uint32_t m;
    assert_true(bytes_to_u64(BYTES("0"), &n) && n == 0);
    assert_true(bytes_to_u64(BYTES("007"), &n) && n == 7);
    assert_true(bytes_to_u64(BYTES("18446744073709551615"), &n) && n == UINT64_MAX);
    assert_false(bytes_to_u64(BYTES("18446744073709551616"), &n));
    assert_false(bytes_to_u64(BYTES("99999999999999999999999"), &n));
    assert_false(bytes_to_u64(BYTES(""), &n));
    assert_false(bytes_to_u64(BYTES("-1"), &n));
    assert_false(bytes_to_u64(BYTES("+1"), &n));
    assert_false(bytes_to_u64(BYTES(" 1"), &n));
    assert_false(bytes_to_u64(BYTES("1\0"), &n));
    assert_false(bytes_to_u64(BYTES("0x1"), &n));
    assert_true(bytes_to_u32(BYTES("4294967295"), &m) && m == UINT32_MAX);
    assert_false(bytes_to_u32(BYTES("4294967296"), &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing_octets),
        cmocka_unit_test(order_is_by_octet_then_length),
        cmocka_unit_test(prefixes_and_suffixes),
        cmocka_unit_test(finding),
        cmocka_unit_test(cutting_clamps_at_the_ends),
        cmocka_unit_test(splitting_tells_an_empty_last_part_from_none),
        cmocka_unit_test(numbers_are_digits_that_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
