/* A login process that has been taken over: it sends its monitor what it likes, and gets nothing
 * but its end. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "base/wait.h"
#include "serve/connection.h"
#include "serve/sandbox.h"
#include "serve/worker.h"
#include "unit.h"

static struct conf conf;
static const char users[] = "/tmp/test_monitor.users";

/* What the child found: 'e' the monitor ended the connection without a word; 'o' it was told OK;
 * 'v' another verdict; 's' a signature. */
static char outcome(int fd)
{
    unsigned type;
    uint32_t verdict = 9;
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    int got = privsep_receive(fd, NULL, 10000, &type, &payload, NULL, NULL);
    struct bytes rest = buf_view(&payload);
    if (got <= 0)
        return 'e';
    if (type == PRIVSEP_SIGNED)
        return payload.len > 0 ? 's' : 'n';
    return field_get_number(&rest, &verdict) && verdict == AUTH_OK ? 'o' : 'v';
}

static void send_fields(int fd, unsigned type, size_t count, const char *const *fields)
{
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX * 2);
    for (size_t i = 0; i < count; i++)
        field_put(&payload, bytes_of(fields[i]));
    privsep_send(fd, type, buf_view(&payload), -1, NULL);
    buf_free(&payload);
}

static void send_password(int fd, const char *password)
{
    const char *const fields[] = { "PLAIN", "", "alice", password };
    send_fields(fd, ASK_PASSWORD, 4, fields);
}

static void send_octets(int fd, unsigned type, size_t count)
{
    static char zeros[100000];
    privsep_send(fd, type, bytes_make(zeros, count), -1, NULL);
}

struct result {
    bool granted;
    char heard; /* what the last outcome was */
};

/* Runs attack as the login process of a monitor. */
static struct result against(char (*attack)(int fd), bool plaintext_ok)
{
    static const struct service service = { .program = "testd", .name = "imap" };
    struct serve serve = { .service = &service, .conf = &conf };
    struct connection c = { .serve = &serve,
                            .fd = open("/dev/null", O_RDWR),
                            .peer = { "imap", "192.0.2.1", false },
                            .id = "test" };
    struct grant grant = { .stream = -1, .resume = BUF_INIT(PRIVSEP_MESSAGE_MAX) };
    struct arena *arena = arena_create(65536);
    struct result result = { 0 };
    int heard[2], fd;
    assert_int_equal(pipe(heard), 0);
    c.plaintext_ok = plaintext_ok;
    pid_t pid = privsep_fork(&fd, NULL);
    assert_true(pid >= 0);
    if (pid == 0) {
        char word = attack(fd);
        (void)!write(heard[1], &word, 1);
        _exit(0);
    }
    close(heard[1]);
    result.granted = monitor_run(&c, fd, pid, &grant, arena);
    close(fd);
    (void)!read(heard[0], &result.heard, 1);
    close(heard[0]);
    close(c.fd);
    buf_free(&grant.resume);
    arena_destroy(&arena);
    return result;
}

#define assert_nothing(attack)                                                                     \
    do {                                                                                           \
        struct result unit_r = against(attack, true);                                              \
        assert_false(unit_r.granted);                                                              \
        if (unit_r.heard != 'e' && unit_r.heard != 0)                                              \
            fail_msg("%s heard '%c'", #attack, unit_r.heard);                                      \
    } while (0)

/* ---- the honest one, so that the others prove something ---- */

static char honest(int fd)
{
    const char *const resume[] = { "tag", "read" };
    send_password(fd, "secret");
    char word = outcome(fd);
    send_fields(fd, ASK_RESUME, 2, resume);
    return word;
}

static void test_an_honest_login_gets_its_session(void **state)
{
    (void)state;
    struct result r = against(honest, true);
    assert_true(r.granted);
    assert_true(r.heard == 'o' || r.heard == 0); /* 0: its work was done, it was ended first */
}

/* ---- attacks ---- */

static char resume_first(int fd)
{
    const char *const fields[] = { "tag", "read" };
    send_fields(fd, ASK_RESUME, 2, fields);
    return outcome(fd);
}

static char unknown_type(int fd)
{
    send_octets(fd, 31, 8);
    return outcome(fd);
}

static char huge_type(int fd)
{
    send_octets(fd, 0xFFFFFFFF, 8);
    return outcome(fd);
}

static char answer_types(int fd)
{
    send_octets(fd, PRIVSEP_SIGNED, 8);
    return outcome(fd);
}

static char verdict_of_its_own(int fd)
{
    send_octets(fd, TELL_VERDICT, 8);
    return outcome(fd);
}

static char torn(int fd)
{
    (void)!send(fd, "\11\0", 2, MSG_NOSIGNAL);
    return outcome(fd);
}

static char oversized_password(int fd)
{
    send_octets(fd, ASK_PASSWORD, 30000);
    return outcome(fd);
}

static char oversized_packet(int fd)
{
    send_octets(fd, ASK_PASSWORD, 100000);
    return outcome(fd);
}

static char malformed_password(int fd)
{
    send_octets(fd, ASK_PASSWORD, 200);
    return outcome(fd);
}

static char lengths_that_lie(int fd)
{
    static const char fields[] = "\xff\xff\xff\xff"
                                 "aaaa\xff\xff\xff\x7f"
                                 "bbbbbbbb";
    privsep_send(fd, ASK_PASSWORD, bytes_make(fields, sizeof(fields) - 1), -1, NULL);
    return outcome(fd);
}

static char nul_in_the_name(int fd)
{
    struct buf payload = BUF_INIT(1000);
    field_put(&payload, BYTES("PLAIN"));
    field_put(&payload, BYTES(""));
    field_put(&payload, BYTES("alice\0x"));
    field_put(&payload, BYTES("secret"));
    privsep_send(fd, ASK_PASSWORD, buf_view(&payload), -1, NULL);
    return outcome(fd);
}

static char tls_twice(int fd)
{
    const char *const fields[] = { "TLS1.3" };
    send_fields(fd, ASK_TLS, 1, fields);
    send_fields(fd, ASK_TLS, 1, fields);
    return outcome(fd);
}

/* So that a password in the clear might pass. */
static char tls_without_a_handshake(int fd)
{
    const char *const fields[] = { "TLS1.3" };
    send_fields(fd, ASK_TLS, 1, fields);
    return honest(fd);
}

static char sign_twice(int fd)
{
    send_octets(fd, PRIVSEP_SIGN, 40);
    outcome(fd);
    send_octets(fd, PRIVSEP_SIGN, 40);
    return outcome(fd);
}

static char sign_oversized(int fd)
{
    send_octets(fd, PRIVSEP_SIGN, 5000);
    return outcome(fd);
}

static char password_after_success(int fd)
{
    send_password(fd, "secret");
    outcome(fd);
    send_password(fd, "secret");
    return outcome(fd);
}

static char sign_after_success(int fd)
{
    send_password(fd, "secret");
    outcome(fd);
    send_octets(fd, PRIVSEP_SIGN, 40);
    return outcome(fd);
}

static char resume_too_long(int fd)
{
    static char long_tag[600];
    memset(long_tag, 'x', sizeof(long_tag) - 1);
    const char *const fields[] = { long_tag, "" };
    send_password(fd, "secret");
    outcome(fd);
    send_fields(fd, ASK_RESUME, 2, fields);
    return outcome(fd);
}

static char guess_on(int fd)
{
    char word = 'e';
    for (int i = 0; i < 50; i++) {
        send_password(fd, i < 40 ? "wrong" : "secret");
        word = outcome(fd);
        if (word != 'v')
            break;
    }
    return word;
}

static char noise(int fd)
{
    unsigned seed = (unsigned)getpid();
    char octets[64];
    for (int i = 0; i < 1000; i++) {
        for (size_t j = 0; j < sizeof(octets); j++)
            octets[j] = (char)rand_r(&seed);
        octets[1] = octets[2] = octets[3] = 0;
        if (send(fd, octets, sizeof(octets), MSG_NOSIGNAL) < 0)
            break;
    }
    return 'e';
}

static char a_descriptor_goes_with_it(int fd)
{
    const char *const fields[] = { "TLS1.3" };
    struct buf payload = BUF_INIT(100);
    field_put(&payload, bytes_of(fields[0]));
    privsep_send(fd, ASK_TLS, buf_view(&payload), 1, NULL);
    send_octets(fd, 31, 8);
    return outcome(fd);
}

static void test_what_does_not_fit_ends_the_connection(void **state)
{
    (void)state;
    assert_nothing(resume_first);
    assert_nothing(unknown_type);
    assert_nothing(huge_type);
    assert_nothing(answer_types);
    assert_nothing(verdict_of_its_own);
    assert_nothing(torn);
    assert_nothing(oversized_password);
    assert_nothing(oversized_packet);
    assert_nothing(malformed_password);
    assert_nothing(lengths_that_lie);
    assert_nothing(nul_in_the_name);
    assert_nothing(tls_twice);
    assert_nothing(tls_without_a_handshake);
    assert_nothing(sign_twice);
    assert_nothing(sign_oversized);
    assert_nothing(a_descriptor_goes_with_it);
    assert_nothing(noise);
}

static void test_success_comes_once(void **state)
{
    (void)state;
    assert_nothing(password_after_success);
    assert_nothing(sign_after_success);
    assert_nothing(resume_too_long);
}

static void test_guessing_ends_after_auth_tries(void **state)
{
    (void)state;
    assert_nothing(guess_on);
}

static void test_a_password_in_the_clear_is_refused_by_the_monitor_too(void **state)
{
    (void)state;
    struct result r = against(honest, false);
    assert_false(r.granted);
    assert_true(r.heard == 'e' || r.heard == 0);
    r = against(tls_without_a_handshake, false);
    assert_false(r.granted);
}

static void test_no_descriptor_of_an_attacker_stays_open(void **state)
{
    (void)state;
    int before = dup(0);
    close(before);
    for (int i = 0; i < 3; i++)
        assert_nothing(a_descriptor_goes_with_it);
    int after = dup(0);
    close(after);
    assert_int_equal(after, before);
}

/* ---- workers ---- */

static size_t sleep_for_ever(void *context, int pipe, void *answer)
{
    (void)context, (void)pipe, (void)answer;
    for (;;)
        pause();
    return 0;
}

static size_t crash(void *context, int pipe, void *answer)
{
    (void)context, (void)pipe, (void)answer;
    signal(SIGABRT, SIG_DFL);
    raise(SIGABRT);
    return 0;
}

static size_t answer_half(void *context, int pipe, void *answer)
{
    (void)context;
    const size_t promised = 50;
    (void)!write(pipe, &promised, sizeof(promised));
    (void)!write(pipe, answer, 4);
    _exit(0);
}

/* As many octets as context says. */
static size_t answer_some(void *context, int pipe, void *answer)
{
    (void)pipe;
    memset(answer, 'a', 100);
    return *(size_t *)context;
}

/* More than it says. */
static size_t answer_more(void *context, int pipe, void *answer)
{
    const size_t said = 20;
    (void)context;
    (void)!write(pipe, &said, sizeof(said));
    (void)!write(pipe, answer, 60);
    _exit(0);
}

static void test_a_worker_answers_within_its_bounds(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        bool good;
    } cases[] = { { 9, false },  { 10, true },   { 57, true },
                  { 100, true }, { 101, false }, { SIZE_MAX, false } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char data[200];
        struct worker_answer answer = { data, 10, 100, 0 };
        size_t size = cases[i].size;
        struct error err = { 0 };
        memset(data, 'b', sizeof(data));
        assert_int_equal(worker_run(answer_some, &size, &answer, -1, 5000, &err), cases[i].good);
        if (!cases[i].good)
            continue;
        assert_int_equal(answer.got, size);
        assert_int_equal(data[size - 1], 'a');
        assert_int_equal(data[size], 'b');
    }
    char data[100];
    struct worker_answer answer = { data, 10, 100, 0 };
    assert_false(worker_run(answer_more, NULL, &answer, -1, 5000, NULL));
}

/* A PAM module that hangs, or a name service. */
static void test_a_worker_that_hangs_or_dies_is_no_answer(void **state)
{
    (void)state;
    char data[100];
    struct worker_answer answer = { data, 10, sizeof(data), 0 };
    struct error err = { 0 };
    int pair[2];
    int64_t since = wait_clock();
    assert_false(worker_run(sleep_for_ever, NULL, &answer, -1, 200, &err));
    assert_int_equal(err.class, ERROR_UNAVAILABLE);
    assert_in_range(wait_clock() - since, 150, 5000);
    assert_false(worker_run(crash, NULL, &answer, -1, 5000, &err));
    assert_non_null(strstr(err.text, "killed by signal 6"));
    assert_false(worker_run(answer_half, NULL, &answer, -1, 5000, &err));
    /* Nobody waits for it any more. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    close(pair[1]);
    since = wait_clock();
    assert_false(worker_run(sleep_for_ever, NULL, &answer, pair[0], 20000, &err));
    assert_in_range(wait_clock() - since, 0, 5000);
    close(pair[0]);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left of them */
}

/* ---- what is given up ---- */

static void hold(enum sandbox_kind kind, int ready, int done)
{
    const int keep[] = { ready, done };
    const struct account account = { .name = "alice", .uid = 5000, .gid = 5000, .home = "" };
    char byte = 'r';
    prctl(PR_SET_KEEPCAPS, 1); /* as hostile a start as there can be */
    if ((kind == SANDBOX_SESSION && !account_become(&account, NULL)) ||
        !sandbox_enter(kind, &conf, keep, 2, NULL))
        _exit(1);
    (void)!write(ready, &byte, 1);
    (void)!read(done, &byte, 1);
    _exit(0);
}

static void assert_status(pid_t pid, const char *name, const char *value)
{
    char path[64], line[256];
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0) {
            found = true;
            if (!strstr(line, value))
                fail_msg("%s", line);
        }
    fclose(file);
    assert_true(found);
}

static void test_nothing_of_root_is_left_in_any_kind_of_process(void **state)
{
    (void)state;
    static const char *const sets[] = { "CapInh:", "CapPrm:", "CapEff:", "CapAmb:" };
    if (getuid() != 0)
        return;
    for (int kind = SANDBOX_LOGIN; kind <= SANDBOX_SESSION; kind++) {
        int ready[2], done[2];
        char byte = 0;
        assert_true(pipe(ready) == 0 && pipe(done) == 0);
        pid_t pid = fork();
        if (pid == 0)
            hold((enum sandbox_kind)kind, ready[1], done[0]);
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
            assert_status(pid, sets[i], "0000000000000000");
        assert_status(pid, "NoNewPrivs:", "1");
        assert_status(pid, "Seccomp:", "2");
        assert_status(pid, "Groups:", kind == SANDBOX_SESSION ? "5000" : "\t \n");
        close(done[1]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close(ready[0]);
        close(done[0]);
    }
}

static void test_only_an_empty_directory_is_a_root(void **state)
{
    (void)state;
    static const char *const bad[] = { "/", "/etc", "/tmp", "/proc/self/root", "/etc/passwd" };
    if (getuid() != 0)
        return;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            struct error err = { 0 };
            struct conf other = conf;
            other.login_root = bad[i];
            bool good = sandbox_prepare(&other, &err);
            _exit(good ? 1 : strstr(err.text, bad[i]) ? 0 : 2);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (status != 0)
            fail_msg("%s: %d", bad[i], status);
    }
}

static int set_up(void **state)
{
    (void)state;
    struct error err = { 0 };
    static const char *const options[] = { "auth=passwd-file:/tmp/test_monitor.users",
                                           "auth_failure_delay=0",
                                           "auth_tries=3",
                                           "first_valid_uid=0",
                                           "login_user=nobody",
                                           "login_root=/tmp/test_monitor.root",
                                           "login_timeout=5",
                                           "tls_key=/nonexistent" };
    FILE *file = fopen(users, "w");
    unsigned uid = getuid() ? getuid() : 5000;
    if (!file)
        return -1;
    fprintf(file, "alice:{PLAIN}secret:%u:%u\n", uid, uid);
    fclose(file);
    signal(SIGPIPE, SIG_IGN);
    log_open("test_monitor", LOG_TARGET_SYSLOG, LOG_LEVEL_ERROR);
    return conf_load(&conf, "/dev/null", options, sizeof(options) / sizeof(options[0]), &err) ? 0
                                                                                              : -1;
}

static int tear_down(void **state)
{
    (void)state;
    conf_free(&conf);
    rmdir("/tmp/test_monitor.root");
    return unlink(users);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_honest_login_gets_its_session),
        cmocka_unit_test(test_what_does_not_fit_ends_the_connection),
        cmocka_unit_test(test_success_comes_once),
        cmocka_unit_test(test_guessing_ends_after_auth_tries),
        cmocka_unit_test(test_a_password_in_the_clear_is_refused_by_the_monitor_too),
        cmocka_unit_test(test_no_descriptor_of_an_attacker_stays_open),
        cmocka_unit_test(test_a_worker_that_hangs_or_dies_is_no_answer),
        cmocka_unit_test(test_a_worker_answers_within_its_bounds),
        cmocka_unit_test(test_only_an_empty_directory_is_a_root), /* before one is found good */
        cmocka_unit_test(test_nothing_of_root_is_left_in_any_kind_of_process),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
