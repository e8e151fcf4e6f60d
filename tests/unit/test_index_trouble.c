/* The index where it cannot be had or written: somebody holds the lock, the directory is not ours,
 * the disk is full. */
#include "index_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

struct told {
    char text[400];
};

static bool note(void *context, enum index_change_type type, uint32_t uid)
{
    struct told *told = context;
    size_t len = strlen(told->text);
    snprintf(told->text + len, sizeof(told->text) - len, "%c%u ", "?acr"[type], uid);
    return true;
}

static void who_waits_too_long_for_the_lock_is_told(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p);
    place_fill(p, index, 1);
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    assert_false(index_begin(other, 10, &p->err));
    assert_int_equal(p->err.class, ERROR_CONFLICT);
    /* Who deletes the lock file lets nobody in who holds the old one when it comes free. */
    char path[200];
    place_file(p, "postern.lock", path);
    index_cancel(index);
    assert_int_equal(unlink(path), 0);
    assert_well(p, index_begin(index, 10, &p->err));
    assert_false(index_begin(other, 10, &p->err));
    index_cancel(index);
    assert_well(p, index_begin(other, 10, &p->err));
    index_cancel(other);
    index_close(&index);
    index_close(&other);
}

/* A lock file that is deleted while somebody waits for it: the waiter must not have the deleted
 * one. */
static void a_waiter_takes_the_lock_file_that_is_there(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p), *third = place_open(p);
    char path[200];
    place_file(p, "postern.lock", path);
    place_fill(p, index, 1);
    assert_well(p, index_begin(index, 10, &p->err));
    pid_t pid = fork();
    if (pid == 0) {
        usleep(100000);
        unlink(path);
        index_cancel(index); /* the lock is its open file's: both must let go */
        _exit(0);
    }
    close(index->txn.lock); /* the child has it alone */
    index->txn.lock = -1;
    assert_well(p, index_begin(other, 5000, &p->err));
    assert_true(index_is_current(other, other->txn.lock, "postern.lock"));
    assert_false(index_begin(third, 10, &p->err));
    index_cancel(other);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    index_close(&index);
    index_close(&other);
    index_close(&third);
}

static void what_may_not_be_written_is_read(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p);
    place_fill(p, index, 3);
    place_learn(index, 10);
    index_close(&index);
    bool root = geteuid() == 0;
    char path[200];
    if (root) {
        assert_int_equal(chown(p->path, 65534, 65534), 0);
        for (int i = 0; i < 4; i++) {
            place_file(p, (const char *[]){ INDEX_FILE, LOG_FILE, CACHE_FILE, LOCK_FILE }[i], path);
            assert_true(chown(path, 65534, 65534) == 0 || errno == ENOENT);
            chmod(path, 0400);
        }
        assert_int_equal(seteuid(65534), 0);
    }
    assert_int_equal(chmod(p->path, 0500), 0);
    index = index_open(p->path, true);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_false(index_writable(index));
    assert_true(place_knows(index, 10));
    place_learn(index, 20);
    assert_int_equal(place_record(index, 30).uid, 30);
    assert_false(index_begin(index, 10, &p->err));
    assert_int_equal(p->err.class, ERROR_NOT_PERMITTED);
    index_close(&index);
    index = index_open(p->path, false);
    assert_false(index_writable(index) || index_begin(index, 10, &p->err));
    assert_true(place_knows(index, 10));
    index_close(&index);
    assert_int_equal(chmod(p->path, 0700), 0);
}

/* What a full disk does: writing fails at some octet of some file. */
static void limit_files(rlim_t octets)
{
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ octets, RLIM_INFINITY }), 0);
}

static void a_log_that_cannot_grow_is_lost_and_the_records_go_on(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p);
    struct index_cursor cursor = { 0 };
    struct told told = { 0 };
    place_fill(p, index, 40);
    struct index_header header = place_header(other);
    index_cursor_start(other, &header, &cursor);
    place_change(p, index, 10, 3, false);
    limit_files((rlim_t)place_size(p, INDEX_FILE));
    for (int i = 0; i < 400; i++)
        place_change(p, index, 20, i % 2 ? 5 : 1, false);
    limit_files(RLIM_INFINITY);
    header = place_header(other);
    assert_int_equal(place_record(other, 20).flags, 5);
    assert_false(index_follow(other, &header, &cursor, note, &told)); /* compare mod-sequences */
    place_recount(other);
    place_change(p, index, 30, 7, false); /* now there is a log for sure */
    header = place_header(other);
    assert_true(header.log != 0);
    index_cursor_start(other, &header, &cursor);
    place_change(p, index, 30, 4, false);
    header = place_header(other);
    told.text[0] = '\0';
    assert_true(index_follow(other, &header, &cursor, note, &told));
    assert_string_equal(told.text, "c30 ");
    index_cursor_stop(&cursor);
    index_close(&index);
    index_close(&other);
}

static void a_full_disk_changes_nothing_else(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p);
    place_fill(p, index, 40);
    for (int step = 0; step < 40; step++) {
        limit_files((rlim_t)step * 500);
        place_learn(index, 10);
        index_flush(index);
        if (index_begin(index, 10, &p->err)) {
            bool ok = step % 2 || index_create(index, UIDVALIDITY, 40, &p->err);
            for (uint32_t i = step % 2 ? 41 : 1; ok && i <= 60; i++)
                ok = index_add(index, &(struct index_record){ .uid = i * 10 + (uint32_t)step,
                                                              .flags = 1,
                                                              .keywords = keywords_of(i * 10) });
            if (ok)
                index_commit(index, &p->err);
            else
                index_cancel(index);
        }
        limit_files(RLIM_INFINITY);
        place_recount(other);
        struct index_header header = place_header(other);
        assert_true(header.count >= 40);
        place_fill(p, index, 40);
        assert_int_equal(place_header(other).count, 40);
    }
    index_close(&index);
    index_close(&other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(who_waits_too_long_for_the_lock_is_told),
        TEST(a_waiter_takes_the_lock_file_that_is_there),
        TEST(what_may_not_be_written_is_read),
        TEST(a_log_that_cannot_grow_is_lost_and_the_records_go_on),
        TEST(a_full_disk_changes_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
