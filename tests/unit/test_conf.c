/* The configuration file: what it means, and what is said when it means nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "unit.h"
#include "conf/conf.h"

static char path[] = "/tmp/test_conf.XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static bool load(struct conf *conf, const char *text, const char *const *overrides, size_t count,
                 struct error *err)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    return conf_load(conf, path, overrides, count, err);
}

static void assert_loads(struct conf *conf, const char *text)
{
    struct error err = { 0 };
    if (!load(conf, text, NULL, 0, &err))
        fail_msg("%s", err.text);
}

/* The file is wrong, and is told so in these words behind its path. */
static void assert_wrong(const char *text, const char *words)
{
    struct conf conf;
    struct error err = { 0 };
    char wanted[600];
    assert_false(load(&conf, text, NULL, 0, &err));
    snprintf(wanted, sizeof(wanted), "%s%s", path, words);
    assert_string_equal(err.text, wanted);
    assert_int_equal(err.class, ERROR_INVALID);
}

static void it_works_without_a_file(void **state)
{
    (void)state;
    struct conf conf;
    struct error err;
    const char *const none[] = { "durable=no" };
    assert_true(conf_load(&conf, NULL, none, 1,
                          &err)); /* no postern.conf in the test's /etc, or a good one */
    assert_false(conf.durable);
    assert_string_equal(conf_source(&conf, "durable"), "-o");
    conf_free(&conf);
}

static void a_named_file_must_be_there(void **state)
{
    (void)state;
    struct conf conf;
    struct error err;
    assert_false(conf_load(&conf, "/nonexistent/postern.conf", NULL, 0, &err));
    assert_int_equal(err.class, ERROR_NO_SUCH);
}

static void an_empty_file_gives_the_defaults(void **state)
{
    (void)state;
    struct conf conf;
    assert_loads(&conf, "");
    assert_string_equal(conf.mail, "");
    assert_int_equal(conf.first_valid_uid, 1000);
    assert_true(conf.durable);
    assert_string_equal(conf.auth[0], "pam");
    assert_null(conf.auth[1]);
    assert_int_equal(conf.tls, CONF_TLS_STARTTLS);
    assert_int_equal(conf.plaintext, CONF_PLAINTEXT_LOCAL);
    assert_int_equal(conf.login_timeout, 60);
    assert_int_equal(conf.imap_command_memory, 16 << 20);
    assert_int_equal(conf.imap_line_max, 65536);
    assert_int_equal(conf.namespaces_count, 0);
    assert_string_equal(conf.local_domains[0], "localhost");
    assert_string_equal(conf_source(&conf, "mail"), "default");
    assert_string_equal(conf_source(&conf, "nonsense"), "default");
    conf_free(&conf);
}

static void values_have_units(void **state)
{
    (void)state;
    struct conf conf;
    assert_loads(
        &conf,
        "message_size_limit = 50M\nidle_timeout = 1h\nlistener_idle = 2d\n"
        "imap_command_memory = 5000000000\nauth_failure_delay = \"3 s\"\nimap_line_max = 8kb\n");
    assert_int_equal(conf.message_size_limit, 50 << 20);
    assert_int_equal(conf.idle_timeout, 3600);
    assert_int_equal(conf.listener_idle, 172800);
    assert_int_equal(conf.imap_command_memory, 5000000000);
    assert_int_equal(conf.auth_failure_delay, 3);
    assert_int_equal(conf.imap_line_max, 8192);
    conf_free(&conf);
}

static void sections_and_lists(void **state)
{
    (void)state;
    struct conf conf;
    assert_loads(&conf, "auth = { \"passwd-file:/etc/postern/users\", pam }\n"
                        "mailbox \"Sent\" { auto = subscribe }\n"
                        "mailbox \"Lists/cats\" {\n  auto = create\n  autoexpunge = 30d\n}\n"
                        "namespace inbox { prefix = \"INBOX.\" separator = \".\" inbox = yes }\n"
                        "namespace old { prefix = \"Old/\" separator = \"/\" location = "
                        "\"maildir:~/old\" list = no }\n");
    assert_string_equal(conf.auth[0], "passwd-file:/etc/postern/users");
    assert_string_equal(conf.auth[1], "pam");
    assert_int_equal(conf.namespaces_count, 2);
    assert_string_equal(conf.namespaces[0].prefix, "INBOX.");
    assert_int_equal(conf.namespaces[0].separator, '.');
    assert_true(conf.namespaces[0].inbox && conf.namespaces[0].list);
    assert_false(conf.namespaces[1].list);
    struct conf_mailbox *cats = &conf.mailboxes[conf.mailboxes_count - 1];
    assert_string_equal(cats->name, "Lists/cats");
    assert_int_equal(cats->automatic, CONF_AUTO_CREATE);
    assert_int_equal(cats->autoexpunge, 30 * 86400);
    for (size_t i = 0; i < conf.mailboxes_count; i++)
        if (strcmp(conf.mailboxes[i].name, "Sent") ==
            0) { /* keeps the use that it has by default */
            assert_int_equal(conf.mailboxes[i].automatic, CONF_AUTO_SUBSCRIBE);
            assert_string_equal(conf.mailboxes[i].special_use, "\\Sent");
        }
    conf_free(&conf);
}

static void mistakes_are_told_with_their_line(void **state)
{
    (void)state;
    assert_wrong("# a comment\n\nmial = x\n", ":3: unknown setting `mial'; did you mean `mail'?");
    assert_wrong("zzz = x\n", ":1: unknown setting `zzz'");
    assert_wrong("/* two\nlines */ durable = perhaps # why\n",
                 ":2: durable: `perhaps' is neither yes nor no");
    assert_wrong("// x\nplaintext = maybe\n",
                 ":2: plaintext: `maybe' is none of never, local or always");
    assert_wrong("login_timeout = 2h\n",
                 ":1: login_timeout: `2h' is not a time such as 90s, 5m, 2h or 30d from 1s to 1h");
    assert_wrong("auth_tries = -1\n", ":1: auth_tries: `-1' is not a number from 1 to 100");
    assert_wrong("auth_tries = 5x\n", ":1: auth_tries: `5x' is not a number from 1 to 100");
    assert_wrong(
        "mailbox A {\n auto = no\n speciel_use = x\n}\n",
        ":3: unknown setting `speciel_use' in section mailbox; did you mean `special_use'?");
    assert_wrong("mailbox A { special_use = \"Sent\" }\n",
                 ":1: special_use: `Sent' is no special use; RFC 6154 has \\All, \\Archive, "
                 "\\Drafts, \\Flagged, \\Junk, "
                 "\\Sent, \\Trash (write \"\\\\Sent\" in the file)");
    assert_wrong(
        "tls_cert = tls.crt\n",
        ":1: tls_cert: `tls.crt' is neither an absolute path nor credential:NAME (of systemd)");
    assert_wrong("auth = ldap\n",
                 ":1: auth: `ldap' is no way to find users; write pam or passwd-file:/PATH");
    assert_wrong("pop3_uidl_format = \"%m\"\n",
                 ":1: pop3_uidl_format: `%m' is no variable; write %u, "
                 "%v, %08Xu, %08Xv, %f or %g");
    assert_wrong("pop3_uidl_format = \"%8u\"\n",
                 ":1: pop3_uidl_format: `%8u' is no variable; write "
                 "%u, %v, %08Xu, %08Xv, %f or %g");
    assert_wrong("pop3_uidl_format = \"%u.%\"\n",
                 ":1: pop3_uidl_format: `%' is no variable; write %u, "
                 "%v, %08Xu, %08Xv, %f or %g");
    assert_wrong("pop3_uidl_format = \"%v %u\"\n",
                 ":1: pop3_uidl_format: POP3's ids cannot have blanks or other than ASCII");
    assert_wrong("pop3_uidl_format = \"%08Xv%%\"\n",
                 ":1: pop3_uidl_format: all messages would have the id `%08Xv%%'; it needs %u, %f "
                 "or %g");
    assert_wrong("first_valid_uid = 2000\nlast_valid_uid = 1500\n",
                 ":2: last_valid_uid 1500 is below first_valid_uid 2000");
}

static void broken_syntax_is_told(void **state)
{
    (void)state;
    assert_wrong("mailbox A { auto = no\n", ": section `mailbox' \"A\" has no closing brace `}'");
    assert_wrong("mail = maildir:~/x:LAYOUT=fs\n",
                 ":1: unexpected token '='; a value with = { } ( ) + , or blanks needs quotes, and "
                 "a list has commas");
    assert_wrong("mailbox A { }\nmailbox A { }\n", ":2: found duplicate title 'A'");
    struct conf conf;
    struct error err = { 0 };
    assert_false(load(&conf, "mail = \"open\n", NULL, 0, &err));
    assert_non_null(strstr(err.text, "is a quote or a value missing?"));
}

static void namespaces_must_fit(void **state)
{
    (void)state;
    assert_wrong("namespace a { prefix = \"A\" separator = \"/\" inbox = yes }\n",
                 ":1: prefix \"A\" of namespace \"a\" must end with its separator `/'");
    assert_wrong("namespace a { prefix = \"A/\" separator = \"/\" }\n",
                 ":1: no namespace has inbox = yes; exactly one must");
    assert_wrong("namespace a { inbox = yes }\nnamespace b { }\n",
                 ":2: namespaces \"a\" and \"b\" have the same prefix \"\"");
}

static void comments_are_no_part_of_values(void **state)
{
    (void)state;
    struct conf conf;
    assert_loads(&conf,
                 "hostname = \"a#b//c/*d\" # e\nmail_home = /var//vmail/%d#%n // f\n/* g\n*/ "
                 "mail_user = '#x'");
    assert_string_equal(conf.hostname, "a#b//c/*d");
    assert_string_equal(conf.mail_home, "/var//vmail/%d");
    assert_string_equal(conf.mail_user, "#x");
    assert_true(strstr(conf_source(&conf, "mail_user"), ":4") != NULL);
    conf_free(&conf);
}

static void the_command_line_overrides(void **state)
{
    (void)state;
    struct conf conf;
    struct error err = { 0 };
    const char *const overrides[] = { "mail=maildir:/a=b", "auth=passwd-file:/u pam",
                                      "mailbox/A/b/auto=create", "auth_tries = 7", "auth_tries=8" };
    assert_true(load(&conf, "mail = maildir:/x\n", overrides, 5, &err));
    assert_string_equal(conf.mail, "maildir:/a=b");
    assert_string_equal(conf.auth[1], "pam");
    assert_int_equal(conf.auth_tries, 8);
    assert_string_equal(conf.mailboxes[conf.mailboxes_count - 1].name, "A/b");
    assert_int_equal(conf.mailboxes[conf.mailboxes_count - 1].automatic, CONF_AUTO_CREATE);
    conf_free(&conf);
    const char *const wrong[] = { "mial=x" };
    assert_false(load(&conf, "", wrong, 1, &err));
    assert_string_equal(err.text, "-o: unknown setting `mial'; did you mean `mail'?");
    const char *const valueless[] = { "durable" };
    assert_false(load(&conf, "", valueless, 1, &err));
    assert_string_equal(err.text, "-o durable: write -o durable=VALUE");
}

static void a_user_may_override_only_what_is_his(void **state)
{
    (void)state;
    struct conf conf;
    struct error err = { 0 };
    assert_loads(&conf, "");
    assert_true(conf_set_user(&conf, "mail", "maildir:/m", "/etc/postern/users:3", &err));
    assert_string_equal(conf.mail, "maildir:/m");
    assert_string_equal(conf_source(&conf, "mail"), "/etc/postern/users:3");
    assert_false(conf_set_user(&conf, "first_valid_uid", "0", "/etc/postern/users:3", &err));
    assert_int_equal(err.class, ERROR_NOT_PERMITTED);
    assert_string_equal(
        err.text, "/etc/postern/users:3: `first_valid_uid' cannot be set for one user, only in the "
                  "configuration file");
    assert_int_equal(conf.first_valid_uid, 1000);
    assert_false(conf_set_user(&conf, "durable", "eh", "/etc/postern/users:3", &err));
    assert_true(conf.durable); /* as it was */
    conf_free(&conf);
}

static char *print(const struct conf *conf, bool only_changed)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    conf_print(conf, out, only_changed);
    fclose(out);
    return text;
}

static void what_is_printed_can_be_read_again(void **state)
{
    (void)state;
    struct conf conf, again;
    assert_loads(
        &conf, "hostname = 'a\"b\\\\c${HOME}%'\nauth = { pam, \"passwd-file:/a b\" }\n"
               "mailbox \"q\\\"/x\" { special_use = \"\\\\Sent \\\\Archive\" autoexpunge = 90s }\n"
               "namespace n { inbox = yes separator = \"/\" type = public }\n");
    char *first = print(&conf, false);
    assert_loads(&again, first);
    char *second = print(&again, false);
    assert_string_equal(first, second);
    assert_string_equal(again.hostname, conf.hostname);
    free(first);
    free(second);
    conf_free(&conf);
    conf_free(&again);
}

static void only_changes_are_printed_with_their_source(void **state)
{
    (void)state;
    struct conf conf;
    struct error err = { 0 };
    char wanted[600];
    const char *const overrides[] = { "durable=no" };
    assert_true(
        load(&conf, "\nmail = maildir:/m\nmailbox X { auto = create }\n", overrides, 1, &err));
    char *text = print(&conf, true);
    snprintf(wanted, sizeof(wanted),
             "mail = \"maildir:/m\"  # %s:2\ndurable = no  # -o\nmailbox \"X\" {\n    auto = "
             "create  # %s:3\n}\n",
             path, path);
    assert_string_equal(text, wanted);
    free(text);
    conf_free(&conf);
}

static void one_setting_as_text(void **state)
{
    (void)state;
    struct conf conf;
    struct buf out = BUF_INIT(1000);
    assert_loads(&conf, "login_timeout = 90\n");
    assert_true(conf_get(&conf, "login_timeout", &out));
    assert_bytes(buf_view(&out), "90s");
    assert_false(conf_get(&conf, "login_timeouts", &out));
    buf_clear(&out);
    assert_true(conf_get(&conf, "mailbox/Sent/special_use", &out));
    assert_bytes(buf_view(&out), "\"\\\\Sent\"");
    assert_false(conf_get(&conf, "mailbox/Nowhere/auto", &out));
    buf_free(&out);
    conf_free(&conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_works_without_a_file),
        cmocka_unit_test(a_named_file_must_be_there),
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(values_have_units),
        cmocka_unit_test(sections_and_lists),
        cmocka_unit_test(mistakes_are_told_with_their_line),
        cmocka_unit_test(broken_syntax_is_told),
        cmocka_unit_test(namespaces_must_fit),
        cmocka_unit_test(comments_are_no_part_of_values),
        cmocka_unit_test(the_command_line_overrides),
        cmocka_unit_test(a_user_may_override_only_what_is_his),
        cmocka_unit_test(what_is_printed_can_be_read_again),
        cmocka_unit_test(only_changes_are_printed_with_their_source),
        cmocka_unit_test(one_setting_as_text),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
