/* Who a user is: the password file, names, networks, accounts between processes. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "auth/auth.h"
#include "auth/nets.h"
#include "auth/passwd_file.h"
#include "base/log.h"
#include "unit.h"

static char path[] = "/tmp/test_auth.XXXXXX";
static char word[64];
static const char *drivers[] = { word, NULL };
static struct conf conf;
static struct auth_peer peer = { .service = "imap", .address = "192.0.2.7" };

static void write_users(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state)
{
    (void)state;
    memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    snprintf(word, sizeof(word), "passwd-file:%s", path);
    conf = (struct conf){
        .auth = drivers,
        .auth_default_scheme = "CRYPT",
        .auth_username_chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@",
        .auth_username_lower = true,
        .mail_home = "",
        .mail_user = "",
        .first_valid_uid = 1000,
    };
    log_open("test_auth", LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
    return fd < 0 || close(fd) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static enum auth_verdict try(const char *user, const char *password, struct error *err)
{
    char name[ACCOUNT_NAME_MAX + 1] = { 0 };
    *err = (struct error){ 0 };
    snprintf(name, sizeof(name), "%s", user);
    return auth_password(&conf, &peer, name, bytes_of(password), err);
}

static enum auth_verdict rules(const char *name)
{
    struct error err;
    struct account a;
    struct arena *arena = arena_create(65536);
    enum auth_verdict verdict = auth_account(&conf, &peer, name, &a, arena, &err);
    arena_destroy(&arena);
    return verdict;
}

static void test_a_line_is_seven_fields_and_the_rest(void **state)
{
    (void)state;
    struct passwd_entry e;
    struct error err;
    assert_true(
        passwd_parse(BYTES("u:{PLAIN}p:1:2:gecos:/h:/sh:userdb_mail=maildir:~/M x=y"), &e, &err));
    assert_bytes(e.user, "u");
    assert_bytes(e.password, "{PLAIN}p");
    assert_bytes(e.uid, "1");
    assert_bytes(e.gid, "2");
    assert_bytes(e.home, "/h");
    assert_bytes(e.extra, "userdb_mail=maildir:~/M x=y");
    assert_true(passwd_parse(BYTES("u:p"), &e, &err));
    assert_bytes(e.password, "p");
    assert_int_equal(e.uid.len + e.home.len + e.extra.len, 0);
    assert_true(passwd_parse(BYTES("# u:p"), &e, &err) && e.user.len == 0);
    assert_true(passwd_parse(BYTES("  "), &e, &err) && e.user.len == 0);
    assert_false(passwd_parse(BYTES("nobody"), &e, &err));
    assert_false(passwd_parse(BYTES(":p:1:2"), &e, &err));
    assert_false(passwd_parse(BYTES("u:p\0q:1"), &e, &err));
}

static void test_the_right_password_and_only_that(void **state)
{
    (void)state;
    struct error err;
    write_users("alice:{PLAIN}secret:5000:5000\nbob:{PLAIN}:5000:5000\nempty::5000:5000\n");
    assert_int_equal(try("alice", "secret", &err), AUTH_OK);
    assert_int_equal(try("ALICE", "secret", &err), AUTH_OK);
    assert_int_equal(try("alice", "Secret", &err), AUTH_WRONG);
    assert_int_equal(try("alice", "", &err), AUTH_WRONG);
    assert_int_equal(try("carol", "secret", &err), AUTH_WRONG);
    assert_int_equal(try("../etc", "secret", &err), AUTH_WRONG);
    assert_int_equal(try("", "", &err), AUTH_WRONG);
    assert_int_equal(try("empty", "", &err), AUTH_WRONG);
    assert_non_null(strstr(err.text, "empty or locked"));
    assert_int_equal(try("bob", "", &err), AUTH_WRONG);
    assert_int_equal(try("bob", "{PLAIN}", &err), AUTH_WRONG);
}

static void test_a_guess_of_roots_password_is_never_confirmed(void **state)
{
    (void)state;
    struct error err;
    char name[ACCOUNT_NAME_MAX + 1] = "root";
    write_users("root:{PLAIN}tanstaaf:0:0\n");
    assert_int_equal(try("root", "tanstaaf", &err), AUTH_WRONG);
    assert_non_null(strstr(err.text, "uid 0"));
    assert_int_equal(try("root", "other", &err), AUTH_WRONG);
    assert_int_equal(auth_apop(&conf, &peer, name, BYTES("<1896.697170952@dbc.mtview.ca.us>"),
                               BYTES("c4c9334bac560ecc979e58001b3e22fb"), &err),
                     AUTH_WRONG);
}

static void test_a_file_with_line_ends_of_another_system(void **state)
{
    (void)state;
    struct error err;
    write_users("alice:{PLAIN}secret\r\nbob:{PLAIN}word:5000:5000::/h::nologin\r\n\r\n");
    conf.mail_user = "nobody";
    assert_int_equal(try("alice", "secret", &err), AUTH_OK);
    assert_int_equal(try("bob", "word", &err), AUTH_OK);
    assert_int_equal(rules("bob"), AUTH_FORBIDDEN);
}

static void test_a_file_that_cannot_be_read_is_no_wrong_password(void **state)
{
    (void)state;
    struct error err;
    snprintf(word, sizeof(word), "passwd-file:/nonexistent/users");
    assert_int_equal(try("alice", "secret", &err), AUTH_TEMPORARY);
    assert_non_null(strstr(err.text, "/nonexistent/users: No such file"));
}

static void test_bad_lines_do_not_hide_good_ones(void **state)
{
    (void)state;
    struct error err;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("no colon here\n", file);
    for (int i = 0; i < 100000; i++)
        fputc('x', file);
    fputs("\nalice:{PLAIN}secret:5000:5000", file);
    fclose(file);
    log_open("test_auth", LOG_TARGET_SYSLOG, LOG_LEVEL_ERROR);
    assert_int_equal(try("alice", "secret", &err), AUTH_OK);
}

static void test_extra_fields_become_settings(void **state)
{
    (void)state;
    struct error err;
    struct account a;
    struct arena *arena = arena_create(65536);
    char text[512];
    uid_t uid = getuid() ? getuid() : 5000; /* without root only our own is served */
    snprintf(text, sizeof(text),
             "al@ex.org:{PLAIN}s:%u:5001::::userdb_mail=maildir:~/M\tallow_nets=10.0.0.0/8,::1 "
             "userdb_quota=5G nologin proxy=y\n"
             "bob:x::::/home/b::userdb_uid=%u userdb_gid=5003\n",
             (unsigned)uid, (unsigned)uid);
    conf.mail_home = "/var/vmail/%d/%n";
    write_users(text);
    assert_true(account_lookup(&conf, "AL@ex.org", &a, arena, &err));
    assert_string_equal(a.name, "al@ex.org");
    assert_int_equal(a.uid, uid);
    assert_int_equal(a.gid, 5001);
    assert_string_equal(a.home, "/var/vmail/ex.org/al");
    assert_true(a.nologin);
    assert_string_equal(a.allow_nets, "10.0.0.0/8,::1");
    assert_int_equal(a.settings_count, 2);
    assert_string_equal(a.settings[0].name, "mail");
    assert_string_equal(a.settings[0].value, "maildir:~/M");
    assert_string_equal(a.settings[1].name, "quota");
    assert_true(strstr(a.driver, path) && strstr(a.driver, ":1"));
    assert_true(account_lookup(&conf, "bob", &a, arena, &err));
    assert_int_equal(a.uid, uid);
    assert_int_equal(a.gid, 5003);
    assert_string_equal(a.home, "/home/b");
    arena_destroy(&arena);
}

static enum error_class refusal(const char *name)
{
    struct error err = { 0 };
    struct account a;
    struct arena *arena = arena_create(65536);
    bool found = account_lookup(&conf, name, &a, arena, &err);
    arena_destroy(&arena);
    return found ? ERROR_NONE : err.class;
}

static void test_root_and_uids_out_of_range_get_no_mail(void **state)
{
    (void)state;
    conf.last_valid_uid = 6000;
    write_users("zero:x:0:5000\nzerogroup:x:5000:0\nlow:x:999:5000\nhigh:x:6001:5000\nword:x:mail:"
                "8\nnogid:x:5000\nbig:x:4294967296:1\n");
    assert_int_equal(refusal("zero"), ERROR_NOT_PERMITTED);
    assert_int_equal(refusal("zerogroup"), ERROR_NOT_PERMITTED);
    assert_int_equal(refusal("low"), ERROR_NOT_PERMITTED);
    assert_int_equal(refusal("high"), ERROR_NOT_PERMITTED);
    assert_int_equal(refusal("word"), ERROR_TEMPORARY);
    assert_int_equal(refusal("nogid"), ERROR_TEMPORARY);
    assert_int_equal(refusal("big"), ERROR_TEMPORARY);
    assert_int_equal(refusal("none"), ERROR_NO_SUCH);
}

static void test_rules_apply_behind_the_right_password(void **state)
{
    (void)state;
    char text[512];
    unsigned uid = getuid() == 0 ? 5000 : getuid();
    snprintf(text, sizeof(text),
             "in:x:%u:5000::::allow_nets=192.0.2.0/24\nout:x:%u:5000::::allow_nets=192.0.3.0/"
             "24\nno:x:%u:5000::::nologin\n",
             uid, uid, uid);
    write_users(text);
    assert_int_equal(rules("in"), AUTH_OK);
    assert_int_equal(rules("out"), AUTH_FORBIDDEN);
    assert_int_equal(rules("no"), AUTH_FORBIDDEN);
}

static void test_names_that_could_leave_their_directory_are_no_names(void **state)
{
    (void)state;
    char out[ACCOUNT_NAME_MAX + 1];
    static const char *const bad[] = { "",   ".",   "..",  "a/b",  "..@x", "a@..",
                                       "a@", "a b", "a:b", "a\nb", "a%b",  "\xc3\xa4" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (account_normalise(&conf, bytes_of(bad[i]), out, NULL))
            fail_msg("\"%s\" passed", bad[i]);
    assert_false(account_normalise(&conf, BYTES("a\0b"), out, NULL));
    conf.auth_username_chars = "";
    assert_true(account_normalise(&conf, bytes_of("\xc3\xa4%X"), out, NULL));
    assert_string_equal(out, "\xc3\xa4%x");
    assert_false(account_normalise(&conf, bytes_of("a/b"), out, NULL));
}

static void test_networks(void **state)
{
    (void)state;
    assert_true(nets_match("10.0.0.0/8,192.0.2.0/25", "192.0.2.127"));
    assert_false(nets_match("10.0.0.0/8,192.0.2.0/25", "192.0.2.128"));
    assert_true(nets_match("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(nets_match("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(nets_match("192.0.2.7", "::ffff:192.0.2.7"));
    assert_true(nets_match("local", "local"));
    assert_false(nets_match("0.0.0.0/0", "local"));
    assert_false(nets_match("0.0.0.0/0", "2001:db8::1"));
    assert_true(nets_match("0.0.0.0/0", "203.0.113.9"));
    assert_false(nets_match("10.0.0.0/33,nonsense,/8,", "10.0.0.1"));
    assert_false(nets_match("", "10.0.0.1"));
}

static void test_an_account_survives_the_way_between_processes(void **state)
{
    (void)state;
    struct account a = { .name = "al",
                         .uid = 7,
                         .gid = 8,
                         .home = "/h",
                         .driver = "d",
                         .uid_is_default = true,
                         .settings_count = 1 };
    struct account b;
    struct error err;
    struct buf out = BUF_INIT(ACCOUNT_PACKED_MAX);
    struct arena *arena = arena_create(65536);
    a.settings[0].name = "mail";
    a.settings[0].value = "";
    assert_true(account_pack(&a, &out, &err));
    assert_true(account_unpack(buf_view(&out), &b, arena, &err));
    assert_string_equal(b.name, "al");
    assert_int_equal(b.uid * 100 + b.gid, 708);
    assert_true(b.uid_is_default && !b.nologin && !b.system_user && !b.allow_nets);
    assert_string_equal(b.settings[0].value, "");
    for (size_t len = 0; len < out.len; len++)
        assert_false(account_unpack(bytes_make(out.data, len), &b, arena, &err));
    buf_byte(&out, 'x');
    assert_false(account_unpack(buf_view(&out), &b, arena, &err));
    buf_free(&out);
    arena_destroy(&arena);
}

static void test_plain_is_three_parts(void **state)
{
    (void)state;
    struct bytes z, c, p;
    assert_true(auth_plain_split(BYTES("\0tim\0tanstaaftanstaaf"), &z, &c, &p));
    assert_bytes(z, "");
    assert_bytes(c, "tim");
    assert_bytes(p, "tanstaaftanstaaf");
    assert_true(auth_plain_split(BYTES("Ursel\0Kurt\0xipj3plmq"), &z, &c, &p));
    assert_bytes(z, "Ursel");
    assert_false(auth_plain_split(BYTES("tim\0pw"), &z, &c, &p));
    assert_false(auth_plain_split(BYTES("\0\0pw"), &z, &c, &p));
    assert_false(auth_plain_split(BYTES("\0tim\0"), &z, &c, &p));
    assert_false(auth_plain_split(BYTES("\0tim\0a\0b"), &z, &c, &p));
    assert_false(auth_plain_split(BYTES(""), &z, &c, &p));
}

static void test_apop_needs_a_plain_secret(void **state)
{
    (void)state;
    struct error err;
    char name[ACCOUNT_NAME_MAX + 1] = "mrose", other[ACCOUNT_NAME_MAX + 1] = "hash";
    const struct bytes challenge = BYTES("<1896.697170952@dbc.mtview.ca.us>");
    write_users("mrose:{PLAIN}tanstaaf:5000:5000\nhash:{SHA}x:5000:5000\n");
    assert_int_equal(
        auth_apop(&conf, &peer, name, challenge, BYTES("C4C9334bac560ecc979e58001b3e22fb"), &err),
        AUTH_OK);
    assert_int_equal(
        auth_apop(&conf, &peer, name, challenge, BYTES("c4c9334bac560ecc979e58001b3e22fc"), &err),
        AUTH_WRONG);
    assert_int_equal(auth_apop(&conf, &peer, name, challenge, BYTES(""), &err), AUTH_WRONG);
    assert_int_equal(
        auth_apop(&conf, &peer, other, challenge, BYTES("c4c9334bac560ecc979e58001b3e22fb"), &err),
        AUTH_WRONG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_line_is_seven_fields_and_the_rest),
        TEST(test_the_right_password_and_only_that),
        TEST(test_a_guess_of_roots_password_is_never_confirmed),
        TEST(test_a_file_with_line_ends_of_another_system),
        TEST(test_a_file_that_cannot_be_read_is_no_wrong_password),
        TEST(test_bad_lines_do_not_hide_good_ones),
        TEST(test_extra_fields_become_settings),
        TEST(test_root_and_uids_out_of_range_get_no_mail),
        TEST(test_rules_apply_behind_the_right_password),
        TEST(test_names_that_could_leave_their_directory_are_no_names),
        TEST(test_networks),
        TEST(test_an_account_survives_the_way_between_processes),
        TEST(test_plain_is_three_parts),
        TEST(test_apop_needs_a_plain_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
