#include "unit.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/wait.h"

static char top[] = "/tmp/postern-file-XXXXXX";
static int at = -1;

static int enter(void **state)
{
    (void)state;
    strcpy(top + strlen(top) - 6, "XXXXXX");
    if (!mkdtemp(top))
        return -1;
    at = open(top, O_RDONLY | O_DIRECTORY);
    return at < 0 ? -1 : 0;
}

static int leave(void **state)
{
    (void)state;
    close(at);
    return file_remove_tree(AT_FDCWD, top, NULL) ? 0 : -1;
}

static void put(const char *path, const char *text)
{
    struct error err = { 0 };
    if (!file_replace(at, path, bytes_of(text), 0600, &err))
        fail_msg("%s", err.text);
}

static void assert_file(const char *path, const char *text)
{
    struct buf buf = BUF_INIT(1000);
    struct error err = { 0 };
    if (!file_read(at, path, 1000, &buf, &err))
        fail_msg("%s", err.text);
    assert_string_equal(buf_cstr(&buf), text);
    buf_free(&buf);
}

static int entries(void)
{
    int count = 0;
    DIR *dir = opendir(top);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static void a_file_is_replaced_as_a_whole(void **state)
{
    (void)state;
    struct stat st;
    mode_t old = umask(077);
    put("f", "one");
    assert_true(file_replace(at, "f", BYTES("second"), 0644, NULL));
    umask(old);
    assert_file("f", "second");
    assert_int_equal(fstatat(at, "f", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0644); /* as asked, whatever the umask */
    assert_int_equal(entries(), 1);
}

static void replacing_goes_past_what_a_dead_process_left(void **state)
{
    (void)state;
    char aside[100];
    snprintf(aside, sizeof(aside), "f.new.%ld", (long)getpid());
    put(aside, "half");
    put("f", "whole");
    assert_file("f", "whole");
    assert_int_equal(entries(), 1);
}

static void a_failed_replacement_leaves_the_old_file(void **state)
{
    (void)state;
    struct error err = { 0 };
    assert_int_equal(mkdirat(at, "d", 0700), 0);
    put("d/x", "x");
    assert_false(file_replace(at, "d", BYTES("new"), 0600, &err)); /* a directory is in the way */
    assert_file("d/x", "x");
    assert_int_equal(entries(), 1);
    assert_false(file_replace(at, "none/f", BYTES("new"), 0600, &err));
    assert_int_equal(err.class, ERROR_NO_SUCH);
    assert_non_null(strstr(err.text, "none/f"));
}

/* A reader beside a writer sees one of the two texts, never part of one. */
static void readers_see_one_or_the_other(void **state)
{
    (void)state;
    enum { LEN = 50000 };
    static char a[LEN + 1], b[LEN + 1];
    memset(a, 'a', LEN);
    memset(b, 'b', LEN);
    file_durable(false);
    put("f", a);
    pid_t child = fork();
    if (child == 0)
        for (int i = 0;; i++)
            file_replace(at, "f", bytes_of(i % 2 ? a : b), 0600, NULL);
    for (int i = 0; i < 300; i++) {
        struct buf buf = BUF_INIT(LEN);
        assert_true(file_read(at, "f", LEN, &buf, NULL));
        assert_int_equal(buf.len, LEN);
        assert_memory_equal(buf.data, buf.data[0] == 'a' ? a : b, LEN);
        buf_free(&buf);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    file_durable(true);
}

static void reading_is_bounded(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(1000);
    struct error err = { 0 };
    put("f", "0123456789");
    buf_string(&buf, "before:");
    assert_true(file_read(at, "f", 10, &buf, &err));
    assert_false(file_read(at, "f", 9, &buf, &err));
    assert_int_equal(err.class, ERROR_TOO_BIG);
    assert_string_equal(buf_cstr(&buf), "before:0123456789");
    assert_false(file_read(at, "none", 9, &buf, &err));
    assert_int_equal(err.class, ERROR_NO_SUCH);
    buf_free(&buf);
}

static void directories_with_their_parents(void **state)
{
    (void)state;
    bool created;
    struct error err = { 0 };
    assert_false(file_mkdir(at, "a/b/c", 0700, false, &created, &err));
    assert_int_equal(err.class, ERROR_NO_SUCH);
    assert_false(created);
    assert_true(file_mkdir(at, "a/b//c", 0700, true, &created, &err));
    assert_true(created);
    assert_true(file_mkdir(at, "a/b/c", 0700, true, &created, &err));
    assert_false(created);
    assert_true(file_mkdir(at, "a/b/d", 0700, false, NULL, &err));
    put("f", "x");
    assert_false(file_mkdir(at, "f", 0700, false, &created, &err));
    assert_int_equal(err.class, ERROR_EXISTS);
    assert_false(file_mkdir(at, "f/g", 0700, true, &created, &err));
    assert_false(created);
}

static void a_tree_goes_but_not_what_links_lead_to(void **state)
{
    (void)state;
    struct error err = { 0 };
    struct stat st;
    assert_true(file_mkdir(at, "keep/sub", 0700, true, NULL, NULL));
    put("keep/sub/f", "kept");
    assert_true(file_mkdir(at, "tree/cur/deep", 0700, true, NULL, NULL));
    put("tree/cur/m", "x");
    assert_int_equal(symlinkat("../keep", at, "tree/link"), 0);
    assert_int_equal(symlinkat("../../keep/sub/f", at, "tree/cur/flink"), 0);
    assert_true(file_remove_tree(at, "tree", &err));
    assert_int_equal(fstatat(at, "tree", &st, 0), -1);
    assert_file("keep/sub/f", "kept");
    assert_false(file_remove_tree(at, "tree", &err));
    assert_int_equal(err.class, ERROR_NO_SUCH);
    assert_int_equal(symlinkat("keep", at, "link"), 0);
    assert_true(file_remove_tree(at, "link", &err)); /* the link itself */
    assert_file("keep/sub/f", "kept");
    assert_true(file_remove_tree(at, "keep/sub/", &err));
}

static void a_tree_that_somebody_refills_goes_all_the_same(void **state)
{
    (void)state;
    assert_true(file_mkdir(at, "busy", 0700, false, NULL, NULL));
    file_durable(false);
    pid_t child = fork();
    if (child == 0)
        for (int i = 0; i < 400; i++) {
            char name[40];
            snprintf(name, sizeof(name), "busy/%d", i);
            close(openat(at, name, O_CREAT | O_WRONLY, 0600));
        }
    if (child == 0)
        _exit(0);
    while (faccessat(at, "busy/50", F_OK, 0) != 0)
        wait_sleep(1);
    struct error err = { 0 };
    bool good = file_remove_tree(at, "busy", &err);
    waitpid(child, NULL, 0);
    file_durable(true);
    if (!good)
        fail_msg("%s", err.text);
}

static void locks_exclude_and_share(void **state)
{
    (void)state;
    struct error err = { 0 };
    put("f", "");
    int a = openat(at, "f", O_RDWR), b = openat(at, "f", O_RDWR), c = openat(at, "f", O_RDWR);
    assert_true(file_lock(a, false, 0, "f", &err));
    assert_true(file_lock(b, false, 0, "f", &err));
    assert_false(file_lock(c, true, 0, "f", &err));
    assert_int_equal(err.class, ERROR_CONFLICT);
    close(a);
    int64_t start = wait_clock();
    assert_false(file_lock(c, true, 60, "f", &err));
    assert_in_range(wait_clock() - start, 60, 1000);
    close(b);
    assert_true(file_lock(c, true, 0, "f", &err));
    close(c);
}

static void a_waiting_locker_gets_the_lock(void **state)
{
    (void)state;
    put("f", "");
    pid_t child = fork();
    if (child == 0) {
        int fd = openat(at, "f", O_RDWR);
        bool good = file_lock(fd, true, 0, "f", NULL);
        put("locked", "");
        wait_sleep(100);
        _exit(good ? 0 : 1);
    }
    while (faccessat(at, "locked", F_OK, 0) != 0)
        wait_sleep(1);
    int fd = openat(at, "f", O_RDWR), status;
    assert_false(file_lock(fd, true, 0, "f", NULL));
    assert_true(file_lock(fd, true, 5000, "f", NULL)); /* the process that held it is gone */
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    close(fd);
}

static void unique_names_are_good_for_a_maildir(void **state)
{
    (void)state;
    static char names[1000][200];
    for (int i = 0; i < 1000; i++) {
        file_unique(names[i], sizeof(names[i]));
        assert_null(strpbrk(names[i], "/: \t"));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    }
    long seconds;
    int micro, pid, n;
    unsigned q;
    assert_int_equal(sscanf(names[0], "%ld.M%6dP%dQ%uR%n", &seconds, &micro, &pid, &q, &n), 4);
    assert_int_equal(pid, getpid());
    assert_int_equal(names[0][n + 16], '.');
    char tight[10];
    file_unique(tight, sizeof(tight));
    assert_int_equal(strlen(tight), 9);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(a_file_is_replaced_as_a_whole),
        IN_DIRECTORY(replacing_goes_past_what_a_dead_process_left),
        IN_DIRECTORY(a_failed_replacement_leaves_the_old_file),
        IN_DIRECTORY(readers_see_one_or_the_other),
        IN_DIRECTORY(reading_is_bounded),
        IN_DIRECTORY(directories_with_their_parents),
        IN_DIRECTORY(a_tree_goes_but_not_what_links_lead_to),
        IN_DIRECTORY(a_tree_that_somebody_refills_goes_all_the_same),
        IN_DIRECTORY(locks_exclude_and_share),
        IN_DIRECTORY(a_waiting_locker_gets_the_lock),
        cmocka_unit_test(unique_names_are_good_for_a_maildir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
