#include "unit.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/input.h"
#include "base/memory.h"
#include "base/output.h"

static void test_only_whole_pages_are_dropped(void **state)
{
    (void)state;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    memset(memory, 'x', 4 * page);
    memory_drop(memory + 1, 3 * page); /* pages 1 and 2 are within */
    for (size_t i = 0; i < 4 * page; i++)
        assert_int_equal(memory[i], i >= page && i < 3 * page ? 0 : 'x');
    memory_drop(memory + 1, page - 2);
    memory_drop(memory, 0);
    assert_int_equal(memory[0], 'x');
    munmap(memory, 4 * page);
}

/* What children allocate shares no page with what is there. */
static void test_after_settling_allocations_come_from_new_memory(void **state)
{
    (void)state;
#if !defined(__SANITIZE_ADDRESS__) && defined(__GLIBC__)
    enum { PIECES = 400 };
    static const size_t sizes[] = { 24, 100, 600, 1500, 4000, 20000 };
    static char *pieces[PIECES];
    const uintptr_t page = 4096;
    uintptr_t last = 0;
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = malloc(sizes[i % 6]);
        assert_non_null(pieces[i]);
        if ((uintptr_t)pieces[i] > last)
            last = (uintptr_t)pieces[i];
    }
    for (size_t i = 0; i < PIECES; i += 2)
        free(pieces[i]);
    memory_settle();
    for (size_t i = 0; i < 6; i++) {
        char *fresh = malloc(sizes[i]);
        assert_non_null(fresh);
        assert_true((uintptr_t)fresh / page > last / page);
        free(fresh);
    }
    for (size_t i = 1; i < PIECES; i += 2)
        free(pieces[i]);
#endif
    memory_release(); /* is allowed at any time */
}

static void test_streams_go_on_after_a_rest(void **state)
{
    (void)state;
    int ends[2];
    char text[5001], back[5001];
    struct bytes line;
    memset(text, 'l', 5000);
    text[5000] = '\n';
    assert_int_equal(pipe(ends), 0);
    struct output *out = output_fd(ends[1], 16384, 1000, true);
    struct input *in = input_fd(ends[0], 16384, 1000, true);
    for (int i = 0; i < 3; i++) {
        output_write(out, text, sizeof(text));
        output_rest(out); /* nothing of what waits is lost */
        assert_true(output_flush(out, NULL));
        output_rest(out);
        assert_true(input_fill(in, 1, NULL));
        input_rest(in);
        assert_int_equal(input_line(in, 8192, &line, NULL), 1);
        memcpy(back, line.data, line.len);
        assert_int_equal(line.len, sizeof(text));
        assert_memory_equal(back, text, sizeof(text));
        input_rest(in);
        assert_int_equal(input_buffered(in).len, 0);
    }
    output_close(&out);
    assert_int_equal(input_next(in, &line, NULL), 0);
    input_close(&in);
}

/* A password is not in the buffer any more, wherever in it it was. */
static void test_what_was_consumed_is_forgotten(void **state)
{
    (void)state;
    int ends[2];
    struct bytes line;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "LOGIN secret\nrest", 17), 17);
    struct input *in = input_fd(ends[0], 4096, 1000, true);
    assert_int_equal(input_line(in, 100, &line, NULL), 1);
    input_forget(in);
    assert_null(memmem(in->buffer, in->capacity, "secret", 6));
    assert_int_equal(input_buffered(in).len, 4);
    assert_int_equal(write(ends[1], "\nPASS secret\n", 13), 13);
    assert_int_equal(input_line(in, 100, &line, NULL), 1);
    assert_int_equal(input_line(in, 100, &line, NULL), 1);
    assert_true(bytes_equal(line, BYTES("PASS secret\n")));
    input_consume(in, input_buffered(in).len);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_true(input_fill(in, 1, NULL)); /* in front of what lies there */
    input_forget(in);
    assert_null(memmem(in->buffer, in->capacity, "secret", 6));
    close(ends[1]);
    input_close(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_whole_pages_are_dropped),
        cmocka_unit_test(test_after_settling_allocations_come_from_new_memory),
        cmocka_unit_test(test_streams_go_on_after_a_rest),
        cmocka_unit_test(test_what_was_consumed_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
