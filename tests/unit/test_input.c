/* Sources of octets, and the buffer over them. */
#include "unit.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/input.h"
#include "base/wait.h"

/* A source that gives one octet a read, as a slow client does. */
struct drip {
    struct input input;
    struct bytes left;
};

static ssize_t drip_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct drip *drip = (struct drip *)input;
    (void)err;
    assert_true(size > 0);
    if (drip->left.len == 0)
        return 0;
    *(char *)data = drip->left.data[0];
    drip->left = bytes_skip(drip->left, 1);
    return 1;
}

static struct input *drip(struct bytes data, size_t buffer)
{
    static const struct input_ops ops = { .read = drip_read };
    struct input *input = input_create(&ops, sizeof(struct drip), buffer);
    ((struct drip *)input)->left = data;
    return input;
}

static void lines_come_whole_however_they_arrive(void **state)
{
    (void)state;
    struct bytes text = BYTES("a001 NOOP\r\n\r\nlast");
    for (int slow = 0; slow < 2; slow++) {
        struct input *input = slow ? drip(text, 16) : input_memory(text);
        struct bytes line;
        assert_int_equal(input_line(input, 16, &line, NULL), 1);
        assert_bytes(line, "a001 NOOP\r\n");
        assert_int_equal(input_line(input, 16, &line, NULL), 1);
        assert_bytes(line, "\r\n");
        assert_int_equal(input_line(input, 16, &line, NULL), 1);
        assert_bytes(line, "last");
        assert_int_equal(input_line(input, 16, &line, NULL), 0);
        assert_int_equal(input->offset, text.len);
        input_close(&input);
        assert_null(input);
    }
}

static void a_line_is_bounded(void **state)
{
    (void)state;
    struct error err = { 0 };
    struct bytes line;
    struct input *input = drip(BYTES("1234567\n12345678\nrest"), 8);
    assert_int_equal(input_line(input, 8, &line, &err), 1);
    assert_bytes(line, "1234567\n");
    assert_int_equal(input_line(input, 8, &line, &err), -1);
    assert_int_equal(err.class, ERROR_TOO_BIG);
    assert_bytes(input_buffered(input), "12345678"); /* nothing was consumed */
    assert_int_equal(input->offset, 8);
    input_close(&input);

    input = input_memory(BYTES("123\n"));
    assert_int_equal(input_line(input, 3, &line, &err), -1);
    assert_int_equal(input_line(input, 4, &line, &err), 1);
    input_close(&input);
}

static void a_prefix_can_be_awaited_and_looked_at(void **state)
{
    (void)state;
    struct error err = { 0 };
    struct input *input = drip(BYTES("0123456789"), 8);
    char two[2];
    assert_true(input_fill(input, 4, &err));
    assert_bytes(input_buffered(input), "0123");
    assert_true(input_read_all(input, two, 2, &err));
    assert_true(input_fill(input, 8, &err));
    assert_bytes(input_buffered(input), "23456789");
    assert_false(input_fill(input, 9, &err));
    input_consume(input, 7);
    assert_false(input_fill(input, 2, &err));
    assert_int_equal(err.class, ERROR_CORRUPT);
    assert_bytes(input_buffered(input), "9");
    input_close(&input);
}

static void an_early_end_is_an_error_where_octets_were_promised(void **state)
{
    (void)state;
    struct error err = { 0 };
    char data[8];
    struct input *input = drip(BYTES("abc"), 4);
    assert_false(input_read_all(input, data, 4, &err));
    assert_int_equal(err.class, ERROR_CORRUPT);
    assert_int_equal(input_read(input, data, sizeof(data), &err), 0);
    input_close(&input);
    input = drip(BYTES("abc"), 4);
    assert_false(input_skip(input, 4, &err));
    assert_int_equal(err.class, ERROR_CORRUPT);
    input_close(&input);
}

static void octets_handed_over_come_first(void **state)
{
    (void)state;
    struct bytes line;
    struct input *input = drip(BYTES("d\n"), 4);
    char large[101];
    assert_true(input_fill(input, 2, NULL));
    assert_true(input_prepend(input, BYTES("bc"), NULL));
    assert_true(input_prepend(input, BYTES("a"), NULL));
    memset(large, 'x', sizeof(large) - 1);
    large[100] = '\n';
    assert_true(input_prepend(input, bytes_make(large, sizeof(large)), NULL));
    assert_int_equal(input_line(input, 101, &line, NULL), 1);
    assert_bytes_equal(line, bytes_make(large, sizeof(large)));
    assert_int_equal(input_line(input, 101, &line, NULL), 1);
    assert_bytes(line, "abcd\n");
    input_close(&input);

    struct error err = { 0 };
    input = input_memory(BYTES("const"));
    assert_false(input_prepend(input, BYTES("x"), &err));
    assert_int_equal(err.class, ERROR_INVALID);
    input_close(&input);
}

static void a_file_is_read_and_skipped_without_reading(void **state)
{
    (void)state;
    char path[] = "/tmp/postern-input-XXXXXX", text[10000], got[10];
    struct error err = { 0 };
    int fd = mkstemp(path);
    unlink(path);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 26);
    assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
    lseek(fd, 0, SEEK_SET);
    struct input *input = input_fd(fd, 64, 1000, true);
    assert_true(input_read_all(input, got, 5, &err));
    assert_true(input_skip(input, 9000, &err));
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 9005); /* by lseek: the buffer would have read on */
    assert_int_equal(input->offset, 9005);
    assert_true(input_read_all(input, got, 10, &err));
    assert_memory_equal(got, text + 9005, 10);
    assert_false(input_skip(input, 5000, &err));
    assert_int_equal(err.class, ERROR_CORRUPT);
    assert_int_equal(input->offset, sizeof(text));
    input_close(&input);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void silence_ends_a_read(void **state)
{
    (void)state;
    int pairs[2][2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[0]), 0);
    assert_int_equal(pipe(pairs[1]), 0);
    for (int kind = 0; kind < 2; kind++) {
        struct error err = { 0 };
        char data[4];
        struct input *input = input_fd(pairs[kind][0], 16, 50, true);
        int64_t start = wait_clock();
        assert_int_equal(input_read(input, data, 4, &err), -1);
        assert_int_equal(err.class, ERROR_UNAVAILABLE);
        assert_in_range(wait_clock() - start, 50, 1000);
        /* What comes later is still read. */
        assert_int_equal(write(pairs[kind][1], "late", 4), 4);
        assert_int_equal(input_read(input, data, 4, &err), 4);
        close(pairs[kind][1]);
        assert_int_equal(input_read(input, data, 4, &err), 0);
        input_close(&input);
    }
}

static void nothing(int signum)
{
    (void)signum;
}

static void signals_do_not_end_or_prolong_a_wait(void **state)
{
    (void)state;
    int pair[2];
    char data[4];
    struct error err = { 0 };
    struct sigaction action = { .sa_handler = nothing }; /* without SA_RESTART */
    struct itimerval often = { { 0, 10000 }, { 0, 10000 } }, never = { { 0, 0 }, { 0, 0 } };
    sigaction(SIGALRM, &action, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct input *input = input_fd(pair[0], 16, 100, true);
    setitimer(ITIMER_REAL, &often, NULL);
    int64_t start = wait_clock();
    assert_int_equal(input_read(input, data, 4, &err), -1);
    setitimer(ITIMER_REAL, &never, NULL);
    assert_int_equal(err.class, ERROR_UNAVAILABLE);
    assert_in_range(wait_clock() - start, 100, 1000);
    input_close(&input);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_whole_however_they_arrive),
        cmocka_unit_test(a_line_is_bounded),
        cmocka_unit_test(a_prefix_can_be_awaited_and_looked_at),
        cmocka_unit_test(an_early_end_is_an_error_where_octets_were_promised),
        cmocka_unit_test(octets_handed_over_come_first),
        cmocka_unit_test(a_file_is_read_and_skipped_without_reading),
        cmocka_unit_test(silence_ends_a_read),
        cmocka_unit_test(signals_do_not_end_or_prolong_a_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
