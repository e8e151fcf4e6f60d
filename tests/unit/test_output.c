#include "unit.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/output.h"
#include "base/wait.h"

static struct bytes received(int fd, char *room, size_t size)
{
    ssize_t n = recv(fd, room, size, MSG_DONTWAIT);
    return bytes_make(room, n > 0 ? (size_t)n : 0);
}

static void octets_leave_in_one_write(void **state)
{
    (void)state;
    int pair[2];
    char room[64];
    /* Packets keep the borders of writes. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    struct output *output = output_fd(pair[0], 16, 1000, true);
    output_string(output, "* OK");
    output_printf(output, " %d", 12);
    output_bytes(output, BYTES("\r\n"));
    assert_bytes(received(pair[1], room, sizeof(room)), "");
    assert_true(output_flush(output, NULL));
    assert_bytes(received(pair[1], room, sizeof(room)), "* OK 12\r\n");
    assert_true(output_flush(output, NULL));
    assert_int_equal(recv(pair[1], room, 1, MSG_DONTWAIT), -1); /* nothing to send is not sent */
    output_string(output, "0123456789");
    output_string(output, "0123456789"); /* a full buffer leaves as a whole */
    assert_bytes(received(pair[1], room, sizeof(room)), "0123456789012345");
    assert_true(output_flush(output, NULL));
    assert_bytes(received(pair[1], room, sizeof(room)), "6789");
    assert_int_equal(output->total, 29);
    output_close(&output);
    assert_null(output);
    close(pair[1]);
}

static void the_first_error_stays(void **state)
{
    (void)state;
    int pair[2];
    struct error err = { 0 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct output *output = output_fd(pair[0], 16, 1000, true);
    close(pair[1]);
    output_string(output, "x");
    assert_false(output_failed(output));
    assert_false(output_flush(output, &err)); /* and no SIGPIPE */
    assert_int_equal(err.class, ERROR_UNAVAILABLE);
    assert_true(output_failed(output));
    output_string(output, "more");
    assert_int_equal(output->total, 1);
    memset(&err, 0, sizeof(err));
    assert_false(output_flush(output, &err));
    assert_int_equal(err.class, ERROR_UNAVAILABLE);
    output_close(&output);
}

static void a_client_that_does_not_read_is_given_up(void **state)
{
    (void)state;
    int ends[2][2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[0]), 0);
    assert_int_equal(pipe(ends[1]), 0);
    for (int kind = 0; kind < 2; kind++) {
        struct error err = { 0 };
        int reader = kind ? ends[1][0] : ends[0][1];
        struct output *output = output_fd(kind ? ends[1][1] : ends[0][0], 4096, 50, true);
        int64_t start = wait_clock();
        while (!output_failed(output))
            output_string(output, "a line that nobody reads\r\n");
        assert_in_range(wait_clock() - start, 50, 5000);
        assert_false(output_flush(output, &err));
        assert_int_equal(err.class, ERROR_UNAVAILABLE);
        output_close(&output);
        close(reader);
    }
}

static void short_writes_are_completed(void **state)
{
    (void)state;
    int pair[2], size = 4096;
    static char sent[300000], got[300000];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)(i * 31 >> 3);
    pid_t child = fork();
    if (child == 0) {
        struct output *output = output_fd(pair[0], 1000, 5000, true);
        output_write(output, "", 0);
        output_write(output, sent, 500);
        output_write(output, sent + 500, sizeof(sent) - 500);
        _exit(output_flush(output, NULL) ? 0 : 1);
    }
    close(pair[0]);
    size_t at = 0;
    ssize_t n;
    while ((n = read(pair[1], got + at, 777 < sizeof(got) - at ? 777 : sizeof(got) - at)) > 0)
        at += (size_t)n;
    assert_int_equal(at, sizeof(sent));
    assert_memory_equal(got, sent, sizeof(sent));
    close(pair[1]);
}

typedef struct output *filter(struct output *parent, bool own);

/* Writes in two parts cut at every place, and octet by octet. */
static void check(filter *make, struct bytes in, struct bytes wanted)
{
    for (size_t at = 0; at <= in.len + 1; at++) {
        struct buf buf = BUF_INIT(1000);
        struct error err = { 0 };
        struct output *output = make(output_buf(&buf), true);
        for (size_t i = 0; at > in.len && i < in.len; i++)
            output_write(output, in.data + i, 1);
        if (at <= in.len) {
            output_bytes(output, bytes_take(in, at));
            output_bytes(output, bytes_skip(in, at));
        }
        assert_true(output_finish(output, &err));
        assert_bytes_equal(buf_view(&buf), wanted);
        output_close(&output);
        buf_free(&buf);
    }
}

struct pair {
    struct bytes in, out;
};

static void crlf_becomes_lf(void **state)
{
    (void)state;
    static const struct pair table[] = {
        { { "", 0 }, { "", 0 } },
        { { "a\r\nb\r\n", 6 }, { "a\nb\n", 4 } },
        { { "a\rb\r\r\nc\r", 8 }, { "a\rb\r\nc\r", 7 } },
        { { "\r", 1 }, { "\r", 1 } },
        { { "\n\n", 2 }, { "\n\n", 2 } },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        check(output_lf, table[i].in, table[i].out);
}

static void dots_are_stuffed_and_the_end_marked(void **state)
{
    (void)state;
    static const struct pair table[] = {
        { { "", 0 }, { ".\r\n", 3 } },
        { { "a\r\n", 3 }, { "a\r\n.\r\n", 6 } },
        { { ".\r\n", 3 }, { "..\r\n.\r\n", 7 } },
        { { "..a\r\n.b\r\n", 9 }, { "...a\r\n..b\r\n.\r\n", 14 } },
        { { "a.b", 3 }, { "a.b\r\n.\r\n", 8 } },
        { { "a\r", 2 }, { "a\r\r\n.\r\n", 7 } },
        { { "a\n", 2 }, { "a\n\r\n.\r\n", 7 } },
        { { "a\r\n\r\n.", 6 }, { "a\r\n\r\n..\r\n.\r\n", 12 } },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        check(output_dot, table[i].in, table[i].out);
}

static void a_borrowed_parent_goes_on(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(1000);
    struct output *parent = output_buf(&buf);
    for (int i = 0; i < 2; i++) {
        struct output *dot = output_dot(parent, false);
        output_string(dot, ".x\r\n");
        assert_true(output_finish(dot, NULL));
        output_close(&dot);
    }
    assert_bytes(buf_view(&buf), "..x\r\n.\r\n..x\r\n.\r\n");
    output_close(&parent);
    buf_free(&buf);
}

static void failure_below_reaches_the_top(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(4);
    struct error err = { 0 };
    struct output *output = output_lf(output_dot(output_buf(&buf), true), true);
    output_string(output, "123\r\n456\r\n");
    assert_true(output_failed(output));
    assert_false(output_finish(output, &err));
    assert_int_equal(err.class, ERROR_LIMIT);
    output_close(&output);
    buf_free(&buf);
    assert_null(output_lf(NULL, true));
}

static void copying_stops_at_its_limit(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(1000);
    uint64_t copied;
    struct output *output = output_buf(&buf);
    struct input *input = input_memory(BYTES("0123456789"));
    assert_true(output_copy(output, input, 4, &copied, NULL));
    assert_int_equal(copied, 4);
    assert_true(output_copy(output, input, UINT64_MAX, &copied, NULL));
    assert_int_equal(copied, 6);
    assert_true(output_copy(output, input, UINT64_MAX, &copied, NULL));
    assert_int_equal(copied, 0);
    assert_bytes(buf_view(&buf), "0123456789");
    input_close(&input);
    output_close(&output);
    buf_free(&buf);
}

static void copying_tells_whose_error_it_was(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(4);
    struct error err = { 0 };
    uint64_t copied;
    struct output *output = output_buf(&buf);
    struct input *nothing = input_memory(BYTES("")), *broken = input_part(nothing, 3);
    assert_false(output_copy(output, broken, 10, &copied, &err));
    assert_false(output_failed(output));
    assert_int_equal(err.class, ERROR_UNAVAILABLE);
    struct input *input = input_memory(BYTES("too much"));
    assert_true(output_copy(output, input, 10, &copied, &err));
    assert_true(output_failed(output));
    input_close(&input);
    output_close(&output);
    buf_free(&buf);
    input_close(&broken);
    input_close(&nothing);
}

static void long_formats_are_written_whole(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(5000);
    struct output *output = output_buf(&buf);
    output_printf(output, "%3000d|", 5);
    assert_int_equal(buf.len, 3001);
    assert_memory_equal(buf.data + 2998, " 5|", 3);
    output_close(&output);
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_leave_in_one_write),
        cmocka_unit_test(the_first_error_stays),
        cmocka_unit_test(a_client_that_does_not_read_is_given_up),
        cmocka_unit_test(short_writes_are_completed),
        cmocka_unit_test(crlf_becomes_lf),
        cmocka_unit_test(dots_are_stuffed_and_the_end_marked),
        cmocka_unit_test(a_borrowed_parent_goes_on),
        cmocka_unit_test(failure_below_reaches_the_top),
        cmocka_unit_test(copying_stops_at_its_limit),
        cmocka_unit_test(copying_tells_whose_error_it_was),
        cmocka_unit_test(long_formats_are_written_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
