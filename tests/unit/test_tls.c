/* TLS over serve_main, with openssl s_client as the client. */
#include "serve/tls.h"
#include "serve_rig.h"

#define BULK "100000000"

static int connect_tls(bool starttls)
{
    rig.options[0] = starttls ? NULL : "tls=implicit";
    start_service(WAY_LISTEN, NULL);
    return tls_client(starttls);
}

static void expect_tls_session(int fd)
{
    char wanted[128];
    unsigned uid = rig.uid ? rig.uid : 5000;
    snprintf(wanted, sizeof(wanted), "+session user=alice uid=%u/%u tls=1 resume=tag", uid, uid);
    assert_hears(fd, wanted);
}

static void handshake_with(const char *algorithm, const char *signature)
{
    make_certificate(algorithm);
    int fd = connect_tls(false);
    assert_begins(hear(fd), "+OK tls=1 possible=0 plain=1");
    tell(fd, "PASS alice secret tag\r\n");
    expect_tls_session(fd);
    close(fd);
    assert_true(log_has("TLS=TLS1.3 with"));
    if (!log_has(signature))
        fail_msg("%s: the log has no %s", algorithm, signature);
}

static void test_an_rsa_key_signs(void **state)
{
    (void)state;
    handshake_with("RSA -pkeyopt rsa_keygen_bits:2048", "RSA-PSS-RSAE-SHA256");
}

static void test_an_ecdsa_key_signs(void **state)
{
    (void)state;
    handshake_with("EC -pkeyopt ec_paramgen_curve:P-256", "ECDSA-SECP256R1-SHA256");
}

static void test_an_ed25519_key_signs(void **state)
{
    (void)state;
    handshake_with("ED25519", "EdDSA-Ed25519");
}

static void test_starttls_then_login_in_one_flight(void **state)
{
    (void)state;
    make_certificate("EC -pkeyopt ec_paramgen_curve:P-256");
    int fd = connect_tls(true);
    tell(fd, "PASS alice secret tag\r\none\r\ntwo\r\nQUIT\r\n");
    expect_tls_session(fd);
    assert_hears(fd, "one");
    assert_hears(fd, "two");
    assert_hears(fd, "bye");
    close(fd);
}

static void test_plain_octets_behind_starttls_end_the_connection(void **state)
{
    (void)state;
    make_certificate("EC -pkeyopt ec_paramgen_curve:P-256");
    start_service(WAY_LISTEN, NULL);
    int fd = dial();
    assert_begins(hear(fd), "+OK tls=0 possible=1");
    tell(fd, "STLS\r\nPASS alice secret x\r\n");
    assert_hears(fd, "+OK tls");
    assert_hears(fd, "the client sent 21 octets in plain behind its request for TLS");
    assert_hears(fd, "<end>");
    close(fd);
    assert_false(log_has("login: user=alice"));
}

static void test_no_password_without_tls_where_it_is_forbidden(void **state)
{
    (void)state;
    make_certificate("EC -pkeyopt ec_paramgen_curve:P-256");
    rig.options[0] = "plaintext=never";
    start_service(WAY_LISTEN, NULL);
    int fd = dial();
    assert_begins(hear(fd), "+OK tls=0 possible=1 plain=0 mech= <");
    tell(fd, "PASS alice secret x\r\n");
    assert_hears(fd, "-forbidden");
    close(fd);
    fd = tls_client(true);
    tell(fd, "PASS alice secret tag\r\n");
    expect_tls_session(fd);
    close(fd);
}

static void test_a_hundred_megabytes_each_way(void **state)
{
    (void)state;
    static char block[65536];
    make_certificate("EC -pkeyopt ec_paramgen_curve:P-256");
    int fd = connect_tls(false);
    hear(fd);
    tell(fd, "PASS alice secret tag\r\n");
    expect_tls_session(fd);
    tell(fd, "SEND " BULK "\r\n");
    for (long left = atol(BULK); left > 0;) {
        ssize_t n = read(fd, block, left < (long)sizeof(block) ? (size_t)left : sizeof(block));
        assert_true(n > 0);
        left -= n;
    }
    tell(fd, "TAKE " BULK "\r\n");
    for (long left = atol(BULK); left > 0;) {
        ssize_t n = write(fd, block, left < (long)sizeof(block) ? (size_t)left : sizeof(block));
        assert_true(n > 0);
        left -= n;
    }
    assert_hears(fd, "taken");
    tell(fd, "QUIT\r\n");
    assert_hears(fd, "bye");
    assert_hears(fd, "<end>");
    close(fd);
}

/* The answer that was written before the session's end arrives whole, also at a slow reader. */
static void test_what_the_session_said_last_arrives(void **state)
{
    (void)state;
    static char block[65536];
    make_certificate("EC -pkeyopt ec_paramgen_curve:P-256");
    int fd = connect_tls(false);
    hear(fd);
    tell(fd, "PASS alice secret tag\r\n");
    expect_tls_session(fd);
    tell(fd, "SEND 3000000\r\nQUIT\r\n");
    wait_sleep(500);
    long got = 0;
    for (ssize_t n; (n = read(fd, block, sizeof(block))) > 0;)
        got += n;
    assert_int_equal(got, 3000000 + 5);
    close(fd);
}

static pid_t child_of(pid_t parent)
{
    char command[64];
    int pid = 0;
    snprintf(command, sizeof(command), "pgrep -P %d", (int)parent);
    FILE *file = popen(command, "r");
    (void)!fscanf(file, "%d", &pid);
    pclose(file);
    return pid;
}

static void one_end_dies(bool session)
{
    make_certificate("EC -pkeyopt ec_paramgen_curve:P-256");
    int fd = connect_tls(false);
    hear(fd);
    tell(fd, "PASS alice secret tag\r\n");
    expect_tls_session(fd);
    pid_t victim = child_of(rig.pid), login = child_of(victim);
    assert_true(victim > 0 && login > 0);
    kill(session ? victim : login, SIGKILL);
    assert_hears(fd, "<end>");
    for (int i = 0; i < 100 && (child_of(rig.pid) || (session && kill(login, 0) == 0)); i++)
        wait_sleep(50);
    assert_int_equal(child_of(rig.pid), 0);
    assert_true(!session || kill(login, 0) != 0);
    close(fd);
}

static void test_the_session_ends_with_its_tls_end(void **state)
{
    (void)state;
    one_end_dies(false);
}

static void test_the_tls_end_ends_with_its_session(void **state)
{
    (void)state;
    one_end_dies(true);
}

static void test_a_missing_certificate_is_said_and_nothing_is_offered(void **state)
{
    (void)state;
    start_service(WAY_LISTEN, NULL);
    int fd = dial();
    assert_begins(hear(fd), "+OK tls=0 possible=0");
    close(fd);
    stop_service();
    write_file("tls.key", 0644, "no key\n");
    write_file("tls.crt", 0644, "no certificate\n");
    rig.options[0] = "tls=implicit";
    start_service(WAY_LISTEN, NULL);
    fd = dial();
    assert_hears(fd, "<end>");
    close(fd);
    assert_true(log_has("/tls.crt: no usable certificate chain"));
}

static void test_a_renewed_certificate_needs_no_restart(void **state)
{
    (void)state;
    make_certificate("EC -pkeyopt ec_paramgen_curve:P-256");
    int fd = connect_tls(false);
    assert_begins(hear(fd), "+OK tls=1");
    tell(fd, "PASS alice secret tag\r\n");
    expect_tls_session(fd);
    close(fd);
    make_certificate("ED25519");
    fd = tls_client(false);
    assert_begins(hear(fd), "+OK tls=1");
    tell(fd, "PASS alice secret tag\r\n");
    expect_tls_session(fd);
    close(fd);
    assert_true(log_has("EdDSA-Ed25519"));
}

static void test_a_key_that_cannot_sign_ends_the_handshake_and_is_named(void **state)
{
    (void)state;
    make_certificate("EC -pkeyopt ec_paramgen_curve:P-256");
    write_file("tls.key", 0644,
               "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n");
    int fd = connect_tls(false);
    assert_hears(fd, "<end>");
    close(fd);
    assert_true(log_has("/tls.key: signing with the private key"));
}

/* A session has said more than fits anywhere and has gone; its client takes nothing. */
static void test_a_client_that_takes_nothing_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    static char block[65536];
    int client[2], session[2], status;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, session), 0);
    while (send(session[1], block, sizeof(block), MSG_DONTWAIT) > 0)
        ;
    while (send(client[0], block, sizeof(block), MSG_DONTWAIT) > 0)
        ; /* its window is shut */
    int64_t since = wait_clock();
    pid_t pid = fork();
    if (pid == 0) {
        struct transport *transport = transport_open(client[0], -1);
        close(client[1]), close(session[1]);
        alarm(10);
        transport_shuttle(transport, transport_input(transport, 4096), session[0], 500);
        _exit(0);
    }
    close(session[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_in_range(wait_clock() - since, 400, 5000);
    close(client[0]), close(client[1]), close(session[0]);
}

#define AS_BOTH(name)                                                                              \
    cmocka_unit_test_setup_teardown(name, rig_root, rig_close),                                    \
        cmocka_unit_test_setup_teardown(name, rig_user, rig_close)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        AS_BOTH(test_an_rsa_key_signs),
        AS_BOTH(test_an_ecdsa_key_signs),
        AS_BOTH(test_an_ed25519_key_signs),
        AS_BOTH(test_starttls_then_login_in_one_flight),
        AS_BOTH(test_plain_octets_behind_starttls_end_the_connection),
        AS_BOTH(test_no_password_without_tls_where_it_is_forbidden),
        AS_BOTH(test_a_hundred_megabytes_each_way),
        AS_BOTH(test_what_the_session_said_last_arrives),
        AS_BOTH(test_the_session_ends_with_its_tls_end),
        AS_BOTH(test_the_tls_end_ends_with_its_session),
        cmocka_unit_test(test_a_client_that_takes_nothing_is_not_waited_for_for_ever),
        AS_BOTH(test_a_missing_certificate_is_said_and_nothing_is_offered),
        AS_BOTH(test_a_renewed_certificate_needs_no_restart),
        AS_BOTH(test_a_key_that_cannot_sign_ends_the_handshake_and_is_named),
    };
    if (getenv("ECHO_SERVICE"))
        return serve_main(&echo_service, argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
