/* Fields as they stand in real headers: folded, without colon, with either line end. */
#include "test_message.h"
#include "message/header.h"

static void a_header_is_read_field_by_field(void **state)
{
    (void)state;
    struct bytes rest =
        BYTES("Subject: one\r\n two\nX-Empty:\r\nTo : me\r\n\r\nbody: not a field\r\n");
    struct header_field field;
    assert_true(header_next(&rest, &field));
    assert_true(bytes_equal(field.name, BYTES("Subject")));
    assert_true(bytes_equal(field.value, BYTES("one\r\n two")));
    assert_true(bytes_equal(field.whole, BYTES("Subject: one\r\n two\n")));
    assert_true(header_next(&rest, &field));
    assert_true(bytes_equal(field.name, BYTES("X-Empty")));
    assert_int_equal(field.value.len, 0);
    assert_true(header_next(&rest, &field));
    assert_true(bytes_equal(field.name, BYTES("To")));
    assert_true(bytes_equal(field.value, BYTES("me")));
    assert_false(header_next(&rest, &field));
    assert_true(bytes_equal(rest, BYTES("body: not a field\r\n")));
}

static void lines_that_are_no_fields_are_said_to_be_broken(void **state)
{
    (void)state;
    static const struct {
        const char *line, *value;
    } BROKEN[] = {
        { ">From me Mon Jan  1\r\n", ">From me Mon Jan  1" },
        { " folded before any field: x\r\n", "folded before any field: x" },
        { ": no name\r\n", ": no name" },
        { "no colon\r\n but: folded\r\n", "no colon\r\n but: folded" },
        { "no colon and no line end", "no colon and no line end" },
    };
    for (size_t i = 0; i < COUNT(BROKEN); i++) {
        struct bytes rest = bytes_of(BROKEN[i].line);
        struct header_field field;
        assert_true(header_next(&rest, &field));
        assert_true(field.broken);
        assert_int_equal(field.name.len, 0);
        assert_int_equal(field.value.len, strlen(BROKEN[i].value));
        assert_memory_equal(field.value.data, BROKEN[i].value, field.value.len);
        assert_int_equal(rest.len, 0);
    }
}

static void the_first_field_of_a_name_is_found_whatever_its_case(void **state)
{
    (void)state;
    struct header_field field;
    struct bytes header = BYTES("broken\nA: 1\nsubJECT: x\nSubject: y\n\nSecond: z\n");
    assert_true(header_find(header, BYTES("Subject"), &field));
    assert_true(bytes_equal(field.value, BYTES("x")));
    assert_false(header_find(header, BYTES("Second"), &field));
    assert_false(header_find(header, BYTES(""), &field));
}

static void unfolding_takes_away_line_ends_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *value, *unfolded;
    } CASES[] = {
        { "one\r\n two", "one two" },
        { "one\n\ttwo\n  three", "one\ttwo  three" },
        { "plain", "plain" },
        { "trailing \r\n", "trailing " },
        { "bare\rCR stays", "bare\rCR stays" },
        { "", "" },
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct buf out = BUF_INIT(100);
        header_unfold(bytes_of(CASES[i].value), &out);
        assert_text(&out, CASES[i].unfolded);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_read_field_by_field),
        cmocka_unit_test(lines_that_are_no_fields_are_said_to_be_broken),
        cmocka_unit_test(the_first_field_of_a_name_is_found_whatever_its_case),
        cmocka_unit_test(unfolding_takes_away_line_ends_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
