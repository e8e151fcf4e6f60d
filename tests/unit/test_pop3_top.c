#include "unit.h"
#include "base/buf.h"
#include "pop3d/top.h"

#define MESSAGE "Subject: x\r\nTo: y\r\n\r\none\r\n\r\nthree\r\nfour without an end"

static void assert_top(const char *text, uint32_t lines, const char *wanted)
{
    struct buf out = BUF_INIT(1000);
    struct output *output = output_buf(&out);
    struct input *input = input_memory(bytes_of(text));
    uint64_t copied;
    assert_true(top_copy(output, input, lines, &copied, NULL));
    assert_true(output_flush(output, NULL));
    assert_bytes_equal(buf_view(&out), bytes_of(wanted));
    assert_int_equal(copied, strlen(wanted));
    input_close(&input);
    output_close(&output);
    buf_free(&out);
}

static void no_lines_are_the_header_and_its_empty_line(void **state)
{
    (void)state;
    assert_top(MESSAGE, 0, "Subject: x\r\nTo: y\r\n\r\n");
}

static void lines_are_counted_in_the_body_empty_ones_too(void **state)
{
    (void)state;
    assert_top(MESSAGE, 1, "Subject: x\r\nTo: y\r\n\r\none\r\n");
    assert_top(MESSAGE, 2, "Subject: x\r\nTo: y\r\n\r\none\r\n\r\n");
    assert_top(MESSAGE, 3, "Subject: x\r\nTo: y\r\n\r\none\r\n\r\nthree\r\n");
}

static void more_lines_than_there_are_give_all(void **state)
{
    (void)state;
    assert_top(MESSAGE, 4, MESSAGE);
    assert_top(MESSAGE, UINT32_MAX, MESSAGE);
}

static void a_message_without_body_or_header_is_no_trouble(void **state)
{
    (void)state;
    assert_top("Subject: x\r\nTo: y", 5, "Subject: x\r\nTo: y");
    assert_top("\r\nbody\r\nmore\r\n", 1, "\r\nbody\r\n");
    assert_top("", 1, "");
    assert_top("a\r\n\r\r\n\r\nb\r\n", 0, "a\r\n\r\r\n\r\n"); /* CR CR LF is no empty line */
}

/* One octet at a time. */
static ssize_t drip(struct input *input, void *data, size_t size, struct error *err)
{
    static size_t at;
    (void)err;
    assert_true(size >= 1);
    at = input->offset;
    if (at >= strlen(MESSAGE))
        return 0;
    *(char *)data = MESSAGE[at];
    return 1;
}

static void it_makes_no_difference_where_the_stream_is_cut(void **state)
{
    (void)state;
    static const struct input_ops ops = { .read = drip };
    struct buf out = BUF_INIT(1000);
    struct output *output = output_buf(&out);
    struct input *input = input_create(&ops, sizeof(*input), 16);
    uint64_t copied;
    assert_true(top_copy(output, input, 2, &copied, NULL));
    assert_true(output_flush(output, NULL));
    assert_bytes(buf_view(&out), "Subject: x\r\nTo: y\r\n\r\none\r\n\r\n");
    input_close(&input);
    output_close(&output);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_lines_are_the_header_and_its_empty_line),
        cmocka_unit_test(lines_are_counted_in_the_body_empty_ones_too),
        cmocka_unit_test(more_lines_than_there_are_give_all),
        cmocka_unit_test(a_message_without_body_or_header_is_no_trouble),
        cmocka_unit_test(it_makes_no_difference_where_the_stream_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
