#include "unit.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "base/wait.h"

static char top[] = "/tmp/postern-dotlock-XXXXXX";
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

static bool there(const char *name)
{
    return faccessat(at, name, F_OK, 0) == 0;
}

/* A lock file as another program leaves it, so many seconds ago. */
static void leave_lock(const char *text, int age)
{
    struct error err = { 0 };
    struct timespec times[2] = { { time(NULL) - age, 0 }, { time(NULL) - age, 0 } };
    assert_true(file_replace(at, "list.lock", bytes_of(text), 0600, &err));
    utimensat(at, "list.lock", times, 0);
}

/* A process number that nobody has any more. */
static pid_t dead_process(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    return child;
}

static void the_lock_file_names_its_holder(void **state)
{
    (void)state;
    struct dotlock lock;
    struct buf buf = BUF_INIT(400);
    char host[256] = "", wanted[300];
    assert_true(dotlock_take(&lock, at, "list", 0, 1000, NULL));
    assert_true(file_read(at, "list.lock", 400, &buf, NULL));
    gethostname(host, sizeof(host) - 1);
    snprintf(wanted, sizeof(wanted), "%ld:%s", (long)getpid(), host);
    assert_string_equal(buf_cstr(&buf), wanted); /* others read to the zero octet behind it */
    assert_int_equal(buf_view(&buf).len, strlen(wanted) + sizeof("postern"));
    buf_free(&buf);
    dotlock_release(&lock);
    assert_false(there("list.lock"));
    dotlock_release(&lock); /* again is harmless */
}

static void a_living_holder_keeps_others_out_however_old(void **state)
{
    (void)state;
    struct error err = { 0 };
    struct dotlock lock;
    char text[300], host[256] = "";
    gethostname(host, sizeof(host) - 1);
    snprintf(text, sizeof(text), "%ld:%s", (long)getppid(), host);
    leave_lock(text, 9999);
    int64_t start = wait_clock();
    assert_false(dotlock_take(&lock, at, "list", 80, 1, &err));
    assert_in_range(wait_clock() - start, 80, 1000);
    assert_int_equal(err.class, ERROR_CONFLICT);
    assert_true(there("list.lock"));
}

static void a_dead_holder_does_not(void **state)
{
    (void)state;
    struct dotlock lock;
    char text[300], host[256] = "";
    gethostname(host, sizeof(host) - 1);
    snprintf(text, sizeof(text), "%ld:%s", (long)dead_process(), host);
    leave_lock(text, 0);
    assert_true(dotlock_take(&lock, at, "list", 0, 60000, NULL));
    dotlock_release(&lock);
    snprintf(text, sizeof(text), "%ld\n", (long)dead_process()); /* as procmail and mutt write it */
    leave_lock(text, 0);
    assert_true(dotlock_take(&lock, at, "list", 0, 60000, NULL));
    dotlock_release(&lock);
}

static void a_holder_on_another_host_is_judged_by_age(void **state)
{
    (void)state;
    struct error err = { 0 };
    struct dotlock lock;
    char text[300];
    snprintf(text, sizeof(text), "%ld:elsewhere.example", (long)dead_process());
    static const char *const texts[] = { NULL, "", "0:", "what is this" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        leave_lock(texts[i] ? texts[i] : text, 0);
        assert_false(dotlock_take(&lock, at, "list", 0, 60000, &err));
        assert_int_equal(err.class, ERROR_CONFLICT);
        assert_true(there("list.lock"));
        unlinkat(at, "list.lock", 0);
    }
    /* ctime cannot be set back, so the old lock is one that waits past a short limit. */
    leave_lock(text, 0);
    wait_sleep(120);
    assert_true(dotlock_take(&lock, at, "list", 0, 100, NULL));
    dotlock_release(&lock);
}

static void work_on_the_locked_file_shows_that_its_holder_lives(void **state)
{
    (void)state;
    struct error err = { 0 };
    struct dotlock lock;
    leave_lock("1:elsewhere.example", 0);
    wait_sleep(120);
    assert_true(file_replace(at, "list", BYTES("just written"), 0600, NULL));
    assert_false(dotlock_take(&lock, at, "list", 0, 100, &err));
    assert_int_equal(err.class, ERROR_CONFLICT);
}

static void only_our_own_lock_is_released(void **state)
{
    (void)state;
    struct dotlock lock;
    assert_true(dotlock_take(&lock, at, "list", 0, 1000, NULL));
    leave_lock("1:elsewhere.example", 0); /* somebody thought ours stale and made another */
    dotlock_release(&lock);
    assert_true(there("list.lock"));
}

static void impossible_locks_say_why(void **state)
{
    (void)state;
    struct error err = { 0 };
    struct dotlock lock;
    char longest[600];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_false(dotlock_take(&lock, at, longest, 0, 1000, &err));
    assert_int_equal(err.class, ERROR_INVALID);
    dotlock_release(&lock);
    assert_false(dotlock_take(&lock, at, "no/such/list", 5000, 1000, &err));
    assert_int_equal(err.class, ERROR_NO_SUCH);
    dotlock_release(&lock);
}

/* Increments of a number in a file, without other protection: none may be lost. */
static void count_up(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        struct dotlock lock;
        char text[20] = "";
        if (!dotlock_take(&lock, at, "count", 20000, 60000, NULL))
            _exit(1);
        int fd = openat(at, "count", O_RDWR | O_CREAT, 0600);
        if (pread(fd, text, sizeof(text) - 1, 0) < 0)
            _exit(2);
        int len = snprintf(text, sizeof(text), "%d", atoi(text) + 1);
        if (pwrite(fd, text, (size_t)len, 0) != len)
            _exit(3);
        close(fd);
        dotlock_release(&lock);
    }
    _exit(0);
}

static void processes_take_turns(void **state)
{
    (void)state;
    enum { PROCESSES = 4, ROUNDS = 50 };
    struct buf buf = BUF_INIT(20);
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            count_up(ROUNDS);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        waitpid(children[i], &status, 0);
        assert_int_equal(status, 0);
    }
    assert_true(file_read(at, "count", 20, &buf, NULL));
    assert_string_equal(buf_cstr(&buf), "200");
    buf_free(&buf);
}

/* Takes the lock and releases it, and stops for its parent before and after each system call. */
static pid_t take_step_by_step(void)
{
    struct dotlock lock;
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        if (!dotlock_take(&lock, at, "list", 0, 60000, NULL))
            _exit(1);
        dotlock_release(&lock);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSTOPPED(status));
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL);
    return child;
}

/* Kills a process that takes the lock at its stop of this number; false when it ended before. */
static bool killed_at(int stop)
{
    int status = 0;
    pid_t child = take_step_by_step();
    for (int i = 0; i < stop; i++) {
        ptrace(PTRACE_SYSCALL, child, 0, 0);
        waitpid(child, &status, 0);
        if (!WIFSTOPPED(status)) {
            assert_int_equal(status, 0);
            return false;
        }
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return true;
}

static void a_holder_killed_at_any_system_call_frees_the_next(void **state)
{
    (void)state;
    struct dotlock lock;
    struct error err = { 0 };
    int stop = 1;
    for (; killed_at(stop); stop++) {
        if (!dotlock_take(&lock, at, "list", 0, 60000, &err))
            fail_msg("killed at stop %d: %s", stop, err.text);
        dotlock_release(&lock);
    }
    assert_in_range(stop, 8, 200);
    assert_false(there("list.lock"));
}

/* Another process has the number of a holder that is gone: it was given out again, or the dead
 * holder was never waited for, or had its number in a container of its own. */
static void a_number_in_use_again_is_not_the_holder(void **state)
{
    (void)state;
    struct dotlock lock;
    pid_t child = fork();
    if (child == 0) {
        if (!dotlock_take(&lock, at, "list", 0, 1000, NULL))
            _exit(1);
        _exit(0);
    }
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    assert_int_equal(info.si_status, 0);
    assert_int_equal(kill(child, 0), 0);
    assert_true(there("list.lock"));
    assert_true(dotlock_take(&lock, at, "list", 0, 60000, NULL));
    dotlock_release(&lock);
    waitpid(child, NULL, 0);
}

static void a_killed_holder_frees_the_next(void **state)
{
    (void)state;
    struct dotlock lock;
    pid_t child = fork();
    if (child == 0) {
        dotlock_take(&lock, at, "list", 0, 1000, NULL);
        pause();
    }
    while (!there("list.lock"))
        wait_sleep(1);
    wait_sleep(20);
    assert_false(dotlock_take(&lock, at, "list", 0, 1, NULL));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(dotlock_take(&lock, at, "list", 1000, 60000, NULL));
    dotlock_release(&lock);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

/* A delivery holds it for the time of a sync, and a session that shows the message waits for it. */
static void who_waits_for_a_short_time_has_it_soon_after(void **state)
{
    (void)state;
    enum { ROUNDS = 15, HELD_MS = 14 };
    double late[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        struct dotlock lock;
        int ends[2];
        double released = 0;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            bool ok =
                dotlock_take(&lock, at, "list", 5000, 60000, NULL) && write(ends[1], "x", 1) == 1;
            wait_sleep(HELD_MS);
            dotlock_release(&lock);
            released = now_ms();
            _exit(ok && write(ends[1], &released, sizeof(released)) == sizeof(released) ? 0 : 1);
        }
        assert_int_equal(read(ends[0], &(char){ 0 }, 1), 1);
        assert_true(dotlock_take(&lock, at, "list", 5000, 60000, NULL));
        double taken = now_ms();
        dotlock_release(&lock);
        assert_int_equal(read(ends[0], &released, sizeof(released)), sizeof(released));
        late[i] = taken - released;
        waitpid(child, NULL, 0);
        close(ends[0]);
        close(ends[1]);
    }
    qsort(late, ROUNDS, sizeof(*late), by_size);
    if (late[ROUNDS / 2] > 6)
        fail_msg("the lock was free for %.1f ms", late[ROUNDS / 2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(the_lock_file_names_its_holder),
        IN_DIRECTORY(a_living_holder_keeps_others_out_however_old),
        IN_DIRECTORY(a_dead_holder_does_not),
        IN_DIRECTORY(a_holder_on_another_host_is_judged_by_age),
        IN_DIRECTORY(work_on_the_locked_file_shows_that_its_holder_lives),
        IN_DIRECTORY(only_our_own_lock_is_released),
        IN_DIRECTORY(impossible_locks_say_why),
        IN_DIRECTORY(processes_take_turns),
        IN_DIRECTORY(who_waits_for_a_short_time_has_it_soon_after),
        IN_DIRECTORY(a_killed_holder_frees_the_next),
        IN_DIRECTORY(a_holder_killed_at_any_system_call_frees_the_next),
        IN_DIRECTORY(a_number_in_use_again_is_not_the_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
