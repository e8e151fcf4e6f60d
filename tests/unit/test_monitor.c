/* A login process that has been taken over: it sends its monitor what it likes, and gets nothing
 * but its end. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "base/wait.h"
#include "serve/connection.h"
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
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
