#include "unit.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/file.h"
#include "base/wait.h"
#include "base/watch.h"

static char top[] = "/tmp/postern-watch-XXXXXX";
static struct watch *watch;

static int enter(void **state)
{
    (void)state;
    strcpy(top + strlen(top) - 6, "XXXXXX");
    file_durable(false);
    return mkdtemp(top) && chdir(top) == 0 && (watch = watch_create(NULL)) ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    watch_destroy(&watch);
    return chdir("/") == 0 && file_remove_tree(AT_FDCWD, top, NULL) ? 0 : -1;
}

static void write_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* Did something happen since the last time? */
static bool happened(void)
{
    bool ready = wait_ready(watch_fd(watch), POLLIN, 0);
    watch_drain(watch);
    return ready;
}

static void a_directory_tells_what_comes_and_goes(void **state)
{
    (void)state;
    assert_true(watch_add(watch, top, NULL));
    assert_false(happened());
    write_to("a", "x");
    assert_true(happened());
    assert_false(happened());
    assert_int_equal(rename("a", "a:2,S"), 0);
    assert_true(happened());
    write_to("a:2,S", "y"); /* no entry changed */
    assert_false(happened());
    assert_int_equal(unlink("a:2,S"), 0);
    assert_true(happened());
}

static void a_file_tells_of_writes(void **state)
{
    (void)state;
    write_to("list", "1");
    assert_true(watch_add(watch, "list", NULL));
    write_to("other", "x");
    assert_false(happened());
    write_to("list", "2");
    assert_true(happened());
}

static void a_replaced_file_is_followed(void **state)
{
    (void)state;
    write_to("list", "1");
    assert_true(watch_add(watch, "list", NULL));
    for (int i = 0; i < 3; i++) {
        assert_true(file_replace(AT_FDCWD, "list", BYTES("new"), 0600, NULL));
        assert_true(happened());
        happened(); /* the old file's last event */
        assert_false(happened());
        write_to("list", "more"); /* to the new file */
        assert_true(happened());
    }
}

static void watching_nothing_is_an_error(void **state)
{
    (void)state;
    struct error err = { 0 };
    assert_false(watch_add(watch, "none", &err));
    assert_int_equal(err.class, ERROR_NO_SUCH);
}

/* No descriptor left looks the same as no instance left, and troubles nobody else on the machine. */
static void without_instances_the_caller_is_told(void **state)
{
    (void)state;
    enum { MOST = 64 };
    struct watch *all[MOST];
    struct error err = { 0 };
    struct rlimit before, few;
    int count = 0;
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = MOST / 2;
    setrlimit(RLIMIT_NOFILE, &few);
    while (count < MOST && (all[count] = watch_create(&err)) != NULL)
        count++;
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < count; i++)
        watch_destroy(&all[i]);
    assert_in_range(count, 1, MOST / 2);
    assert_int_equal(err.class, ERROR_LIMIT);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(a_directory_tells_what_comes_and_goes),
        IN_DIRECTORY(a_file_tells_of_writes),
        IN_DIRECTORY(a_replaced_file_is_followed),
        IN_DIRECTORY(watching_nothing_is_an_error),
        IN_DIRECTORY(without_instances_the_caller_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
