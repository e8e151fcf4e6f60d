/* Connections over serve_main, with a protocol of a few words (echo_service.h): every way of being
 * started, the split of privileges, TLS. */
#include <pwd.h>
#include "serve_rig.h"

static int connect_by(enum way way)
{
    int fd = -1;
    start_service(way, &fd);
    return way == WAY_CONNECTED ? fd : dial();
}

static void expect_session(int fd, const char *resume, int tls)
{
    char wanted[128];
    unsigned uid = rig.uid ? rig.uid : 5000;
    snprintf(wanted, sizeof(wanted), "+session user=alice uid=%u/%u tls=%d resume=%s", uid, uid,
             tls, resume);
    assert_hears(fd, wanted);
}

static void log_in(int fd)
{
    assert_begins(hear(fd), "+OK");
    tell(fd, "PASS alice secret tag\r\n");
}

static void a_user_logs_in(enum way way)
{
    int fd = connect_by(way);
    assert_begins(hear(fd), "+OK tls=0 possible=0 plain=1 mech=PLAIN LOGIN <");
    tell(fd, "PASS alice wrong x\r\n");
    assert_hears(fd, "-wrong");
    tell(fd, "PASS nobody secret x\r\n");
    assert_hears(fd, "-wrong");
    tell(fd, "PASS alice secret tag\r\n");
    expect_session(fd, "tag", 0);
    tell(fd, "MAIL\r\n");
    assert_hears(fd, "maildir:~/M");
    tell(fd, "QUIT\r\n");
    assert_hears(fd, "bye");
    assert_hears(fd, "<end>");
    close(fd);
    if (way == WAY_CONNECTED)
        assert_int_equal(service_status(), 0);
}

static void test_a_user_logs_in_on_a_listener(void **state)
{
    (void)state;
    a_user_logs_in(WAY_LISTEN);
}

static void test_a_user_logs_in_on_a_passed_listener(void **state)
{
    (void)state;
    a_user_logs_in(WAY_ACTIVATED);
}

/* inetd: the client's socket is standard error too, and no word of the log reaches it. */
static void test_a_user_logs_in_on_a_connected_socket(void **state)
{
    (void)state;
    a_user_logs_in(WAY_CONNECTED);
}

static void test_octets_behind_the_password_reach_the_session(void **state)
{
    (void)state;
    int fd = connect_by(WAY_LISTEN);
    tell(fd, "PASS alice secret t\r\none\r\ntwo\r\nQUIT\r\n");
    assert_begins(hear(fd), "+OK");
    expect_session(fd, "t", 0);
    assert_hears(fd, "one");
    assert_hears(fd, "two");
    assert_hears(fd, "bye");
    close(fd);
}

static void test_mechanisms_and_apop(void **state)
{
    (void)state;
    char digest[64], challenge[128], command[400];
    int fd = connect_by(WAY_LISTEN);
    strcpy(challenge, strchr(hear(fd), '<'));
    assert_non_null(strstr(challenge, "@test.example>"));
    tell(fd, "PLAIN\r\n");
    assert_hears(fd, "+ ");
    tell(fd, "|alice|wrong\r\n");
    assert_hears(fd, "-wrong");
    tell(fd, "PLAIN\r\n");
    assert_hears(fd, "+ ");
    tell(fd, "alice secret\r\n");
    assert_hears(fd, "-malformed");
    tell(fd, "PLAIN\r\n");
    assert_hears(fd, "+ ");
    tell(fd, "bob|alice|secret\r\n");
    assert_hears(fd, "-forbidden");
    tell(fd, "DIGEST-MD5\r\n");
    assert_hears(fd, "-malformed");
    snprintf(command, sizeof(command), "printf '%%s' '%ssecret' | md5sum | cut -c1-32", challenge);
    FILE *md5 = popen(command, "r");
    assert_non_null(fgets(digest, 33, md5));
    pclose(md5);
    snprintf(command, sizeof(command), "APOP alice %s t\r\n", digest);
    tell(fd, command);
    expect_session(fd, "t", 0);
    close(fd);
}

static void test_failures_cost_time_and_are_counted(void **state)
{
    (void)state;
    rig.options[0] = "auth_failure_delay=1";
    rig.options[1] = "auth_tries=2";
    int fd = connect_by(WAY_LISTEN);
    int64_t since = wait_clock();
    assert_begins(hear(fd), "+OK");
    tell(fd, "PASS a,rip=192.0.2.1, wrong\r\nPASS nolog secret\r\n");
    assert_hears(fd, "-wrong");
    assert_in_range(wait_clock() - since, 1000, 1900);
    assert_hears(fd, "-forbidden last");
    assert_in_range(wait_clock() - since, 3000, 4900);
    assert_hears(fd, "<end>");
    close(fd);
    assert_true(log_has("login failed: user=a\\x2crip\\x3d192.0.2.1\\x2c, method=PLAIN, rip=127.0.0.1"));
    assert_true(log_has("login forbidden: user=nolog"));
}

static void test_silence_before_login_ends(void **state)
{
    (void)state;
    rig.options[0] = "login_timeout=1";
    int64_t since = wait_clock();
    int fd = connect_by(WAY_LISTEN);
    assert_begins(hear(fd), "+OK");
    assert_hears(fd, "the client was silent for too long");
    assert_hears(fd, "<end>");
    assert_in_range(wait_clock() - since, 900, 4000);
    close(fd);
}

/* A client that always has a next command ready never makes the server wait. */
static void test_chatter_before_login_ends_too(void **state)
{
    (void)state;
    char waste[65536];
    rig.options[0] = "login_timeout=1";
    int fd = connect_by(WAY_LISTEN);
    int64_t since = wait_clock();
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (wait_clock() - since < 8000) {
        ssize_t n = write(fd, "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n", 24);
        if (n < 0 && errno != EAGAIN)
            break;
        wait_ready(fd, POLLIN | POLLOUT, 100);
        if (recv(fd, waste, sizeof(waste), MSG_DONTWAIT) == 0)
            break;
    }
    assert_in_range(wait_clock() - since, 900, 4000);
    close(fd);
}

/* ---- what each process may not do ---- */

static void login_is_killed_for(const char *word)
{
    int fd = connect_by(WAY_LISTEN);
    int before = dial();
    assert_begins(hear(before), "+OK");
    assert_begins(hear(fd), "+OK");
    tell(fd, word);
    assert_hears(fd, UNDER_SANITIZER ? "refused" : "<end>");
    close(fd);
    if (UNDER_SANITIZER) {
        close(before);
        return;
    }
    /* The listener has executed itself anew; who was connected stays, and others can come. */
    tell(before, "PASS alice secret t\r\n");
    expect_session(before, "t", 0);
    close(before);
    fd = dial();
    log_in(fd);
    expect_session(fd, "tag", 0);
    close(fd);
    assert_true(log_has("died of signal"));
    assert_true(log_has("starting anew"));
    stop_service();
}

static void test_a_login_process_that_opens_a_file_is_killed(void **state)
{
    (void)state;
    login_is_killed_for("OPEN\r\n");
}

static void test_a_login_process_that_makes_a_socket_is_killed(void **state)
{
    (void)state;
    login_is_killed_for("SOCKET\r\n");
}

static void test_a_session_has_no_sockets_no_exec_and_no_root(void **state)
{
    (void)state;
    int fd = connect_by(WAY_LISTEN);
    log_in(fd);
    expect_session(fd, "tag", 0);
    tell(fd, "SOCKET\r\nEXEC\r\nROOT\r\n");
    assert_hears(fd, "no socket");
    assert_hears(fd, "no exec");
    assert_hears(fd, "no root");
    close(fd);
}

/* ---- the listener ---- */

static void test_an_idle_listener_ends_and_a_busy_one_stays(void **state)
{
    (void)state;
    rig.options[0] = "listener_idle=1";
    int fd = connect_by(WAY_ACTIVATED);
    log_in(fd);
    expect_session(fd, "tag", 0);
    wait_sleep(1500);
    tell(fd, "QUIT\r\n");
    assert_hears(fd, "bye");
    int64_t since = wait_clock();
    assert_int_equal(service_status(), 0);
    assert_in_range(wait_clock() - since, 500, 4000);
    close(fd);
}

static void test_a_starter_that_ignores_sigchld_does_not_hide_the_end_of_connections(void **state)
{
    (void)state;
    rig.ignores_children = true;
    rig.options[0] = "listener_idle=1";
    rig.options[1] = "listener_max=1";
    int fd = connect_by(WAY_LISTEN);
    log_in(fd);
    expect_session(fd, "tag", 0);
    close(fd);
    fd = dial(); /* the one place is free again */
    assert_begins(hear(fd), "+OK");
    close(fd);
    assert_int_equal(service_status(), 0);
}

static void test_sessions_live_on_when_the_listener_is_ended(void **state)
{
    (void)state;
    int fd = connect_by(WAY_LISTEN);
    log_in(fd);
    expect_session(fd, "tag", 0);
    kill(rig.pid, SIGTERM);
    assert_int_equal(service_status(), 0);
    tell(fd, "still here\r\n");
    assert_hears(fd, "still here");
    close(fd);
}

static void test_no_more_children_than_listener_max(void **state)
{
    (void)state;
    rig.options[0] = "listener_max=2";
    int one = connect_by(WAY_LISTEN), two = dial(), three = dial();
    assert_begins(hear(one), "+OK");
    assert_begins(hear(two), "+OK");
    assert_false(wait_ready(three, POLLIN, 300));
    tell(one, "QUIT\r\n");
    assert_hears(one, "bye");
    close(one);
    assert_begins(hear(three), "+OK");
    close(two);
    close(three);
    assert_true(log_has("listener_max"));
}

static void test_no_more_children_of_one_address_than_allowed(void **state)
{
    (void)state;
    rig.options[0] = "listener_max_per_address=2";
    int one = connect_by(WAY_LISTEN), two = dial(), three = dial();
    assert_begins(hear(one), "+OK");
    assert_begins(hear(two), "+OK");
    assert_hears(three, "<end>");
    close(three);
    tell(one, "QUIT\r\n");
    assert_hears(one, "bye");
    assert_hears(one, "<end>");
    close(one);
    wait_sleep(200); /* until its processes have gone */
    three = dial();
    assert_begins(hear(three), "+OK");
    close(two);
    close(three);
    assert_true(log_has("127.0.0.1 has 2 connections open (listener_max_per_address)"));
}

static void test_a_crashed_session_takes_nobody_with_it(void **state)
{
    (void)state;
    int one = connect_by(WAY_ACTIVATED), two = dial();
    log_in(one);
    expect_session(one, "tag", 0);
    log_in(two);
    expect_session(two, "tag", 0);
    tell(one, "CRASH\r\n");
    assert_hears(one, "<end>");
    tell(two, "here\r\n");
    assert_hears(two, "here");
    int three = dial();
    assert_begins(hear(three), "+OK");
    close(one), close(two), close(three);
    assert_true(log_has("connection from 127.0.0.1 died of signal 6"));
}

/* ---- other ways ---- */

static void test_a_pipe_is_the_invoking_user(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    rig.pid = spawn(pair[1], pair[1], -1, false);
    close(pair[1]);
    if (rig.uid && !getpwuid(rig.uid)) {
        assert_begins(hear(pair[0]), "* BYE There is no user with uid");
    } else if (rig.uid) {
        assert_begins(hear(pair[0]), "+session user=");
        tell(pair[0], "hi\r\nQUIT\r\n");
        assert_hears(pair[0], "hi");
        assert_hears(pair[0], "bye");
        assert_int_equal(service_status(), 0);
    } else {
        assert_hears(
            pair[0],
            "* BYE This must not be run as root; run it as the user whose mail is wanted.");
        assert_int_equal(service_status(), 77);
    }
    close(pair[0]);
}

static void test_anything_else_is_explained(void **state)
{
    (void)state;
    int null = open("/dev/null", O_RDWR);
    rig.pid = spawn(null, null, -1, false);
    assert_int_equal(service_status(), 2);
    assert_true(log_has("started by systemd"));
    close(null);
}

#define AS_BOTH(name)                                                                              \
    cmocka_unit_test_setup_teardown(name, rig_root, rig_close),                                    \
        cmocka_unit_test_setup_teardown(name, rig_user, rig_close)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        AS_BOTH(test_a_user_logs_in_on_a_listener),
        AS_BOTH(test_a_user_logs_in_on_a_passed_listener),
        AS_BOTH(test_a_user_logs_in_on_a_connected_socket),
        AS_BOTH(test_octets_behind_the_password_reach_the_session),
        AS_BOTH(test_mechanisms_and_apop),
        AS_BOTH(test_failures_cost_time_and_are_counted),
        AS_BOTH(test_silence_before_login_ends),
        AS_BOTH(test_chatter_before_login_ends_too),
        AS_BOTH(test_a_login_process_that_opens_a_file_is_killed),
        AS_BOTH(test_a_login_process_that_makes_a_socket_is_killed),
        AS_BOTH(test_a_session_has_no_sockets_no_exec_and_no_root),
        AS_BOTH(test_an_idle_listener_ends_and_a_busy_one_stays),
        AS_BOTH(test_a_starter_that_ignores_sigchld_does_not_hide_the_end_of_connections),
        AS_BOTH(test_sessions_live_on_when_the_listener_is_ended),
        AS_BOTH(test_no_more_children_than_listener_max),
        AS_BOTH(test_no_more_children_of_one_address_than_allowed),
        AS_BOTH(test_a_crashed_session_takes_nobody_with_it),
        AS_BOTH(test_a_pipe_is_the_invoking_user),
        AS_BOTH(test_anything_else_is_explained),
    };
    if (getenv("ECHO_SERVICE"))
        return serve_main(&echo_service, argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
