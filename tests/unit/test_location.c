/* Location strings, and where the directories of a mailbox are. */
#include "unit.h"
#include "mailbox/location.h"

static struct conf conf;

struct fixture {
    struct arena *arena;
    struct store_user user;
    struct location location;
    struct error err;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){ .arena = arena_create(1 << 20),
                                .user = { "ann@example.org", "/home/ann", "imap", &conf } };
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_destroy(&fixture->arena);
    return 0;
}

static bool parse(struct fixture *f, const char *text)
{
    return location_parse(text, &f->user, f->arena, &f->location, &f->err);
}

static void a_plain_maildir(void **state)
{
    struct fixture *f = *state;
    assert_true(parse(f, "maildir:~/Maildir"));
    assert_string_equal(f->location.root, "/home/ann/Maildir");
    assert_null(f->location.inbox);
    assert_null(f->location.control);
    assert_null(f->location.index);
    assert_int_equal(f->location.separator, '.');
    assert_string_equal(f->location.format->name, "maildir");
    assert_string_equal(f->location.subscriptions, "subscriptions");
}

static void all_options(void **state)
{
    struct fixture *f = *state;
    assert_true(parse(f, "maildir:/srv/%d/%1n/%n//mail/:LAYOUT=fs:INBOX=~/in:INDEX=/idx/"
                         "%u:CONTROL=ctl:SUBSCRIPTIONS=subs"));
    assert_string_equal(f->location.root, "/srv/example.org/a/ann/mail");
    assert_string_equal(f->location.inbox, "/home/ann/in");
    assert_string_equal(f->location.index, "/idx/ann@example.org");
    assert_string_equal(f->location.control, "/home/ann/ctl");
    assert_string_equal(f->location.subscriptions, "subs");
    assert_true(f->location.layout_fs);
    assert_int_equal(f->location.separator, '/');
    assert_true(parse(f, "maildir:/a::b:INDEX=MEMORY:LAYOUT=maildir++"));
    assert_string_equal(f->location.root, "/a:b");
    assert_true(f->location.index_memory);
    assert_null(f->location.index);
    assert_false(f->location.layout_fs);
}

static void assert_refused(struct fixture *f, const char *text, enum error_class class,
                           const char *words)
{
    assert_false(parse(f, text));
    assert_int_equal(f->err.class, class);
    if (!strstr(f->err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", f->err.text, words);
}

static void mistakes_are_explained(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "mbox:~/mail", ERROR_UNAVAILABLE,
                   "format mbox is not built into this version; write maildir:PATH");
    assert_refused(f, "~/Maildir", ERROR_INVALID,
                   "must begin with the format; write maildir:~/Maildir");
    assert_refused(f, "maildir:", ERROR_INVALID, "a path is missing");
    assert_refused(f, "maildir", ERROR_INVALID, "a path is missing");
    assert_refused(f, "maildir:~/m:LAYOUT=index", ERROR_INVALID,
                   "there is no LAYOUT=index; write LAYOUT=fs");
    assert_refused(f, "maildir:~/m:VOLATILEDIR=/x", ERROR_INVALID,
                   "unknown option `VOLATILEDIR=/x'");
    assert_refused(f, "maildir:~/m:INBOX", ERROR_INVALID, "unknown option `INBOX'");
    assert_refused(f, "maildir:~bob/m", ERROR_INVALID, "another user's home");
    assert_refused(f, "maildir:/m/%q", ERROR_INVALID, "unknown variable");
    assert_refused(f, "maildir:/m:SUBSCRIPTIONS=../x", ERROR_INVALID, "is no file name");
    f->user.home = "";
    assert_refused(f, "maildir:~/Maildir", ERROR_INVALID,
                   "user ann@example.org has no home directory");
}

static void a_user_name_cannot_climb(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {
        "..", "../x", "a/b", ".hidden", "x@../y", "x@.", "@x", ""
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        f->user.name = names[i];
        assert_refused(f, "maildir:/var/mail/%u", ERROR_INVALID, "cannot be part of a path");
    }
}

static void assert_layout(struct fixture *f, const char *name, const char *mail,
                          const char *control, const char *index)
{
    struct maildir_paths paths;
    if (!maildir_layout(&f->location, bytes_of(name), f->arena, &paths, &f->err))
        fail_msg("%s", f->err.text);
    assert_string_equal(paths.mail, mail);
    assert_string_equal(paths.control, control);
    assert_string_equal(paths.index, index);
}

static void directories_of_maildirpp(void **state)
{
    struct fixture *f = *state;
    assert_true(parse(f, "maildir:/m:CONTROL=/c"));
    assert_layout(f, "INBOX", "/m", "/c/.INBOX", "/m");
    assert_layout(f, "a/b", "/m/.a.b", "/c/.a.b", "/m/.a.b");
    assert_layout(f, "Entw\xC3\xBCrfe/&x", "/m/.Entw&APw-rfe.&-x", "/c/.Entw&APw-rfe.&-x",
                  "/m/.Entw&APw-rfe.&-x");
    assert_layout(f, "cur", "/m/.cur", "/c/.cur", "/m/.cur");
    assert_true(parse(f, "maildir:/m:INBOX=/in"));
    assert_layout(f, "INBOX", "/in", "/in", "/in");
    assert_layout(f, "INBOX/x", "/m/.INBOX.x", "/m/.INBOX.x", "/m/.INBOX.x");
}

static void directories_of_fs(void **state)
{
    struct fixture *f = *state;
    assert_true(parse(f, "maildir:/m:LAYOUT=fs:INDEX=/i"));
    assert_layout(f, "INBOX", "/m", "/m", "/i/INBOX");
    assert_layout(f, "a/b.c", "/m/a/b.c", "/m/a/b.c", "/i/a/b.c");
    assert_layout(f, "\xC3\xA4/x", "/m/&AOQ-/x", "/m/&AOQ-/x", "/i/&AOQ-/x");
}

static void names_that_cannot_be(void **state)
{
    struct fixture *f = *state;
    static const char *const never[] = { "", "a//b", "/a", "a/", "~a", "a\nb", "a\x7F", "\xFF" };
    static const char *const flat[] = { "a.b", ".", "a/.b" };
    static const char *const deep[] = { ".",
                                        "..",
                                        "a/../b",
                                        "cur",
                                        "a/new",
                                        "tmp/x",
                                        "subscriptions",
                                        "dovecot-uidlist",
                                        "postern.index" };
    struct maildir_paths paths;
    char level[400];
    assert_true(parse(f, "maildir:/m"));
    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
        assert_false(maildir_layout(&f->location, bytes_of(never[i]), f->arena, &paths, &f->err));
    for (size_t i = 0; i < sizeof(flat) / sizeof(*flat); i++)
        assert_false(maildir_layout(&f->location, bytes_of(flat[i]), f->arena, &paths, &f->err));
    memset(level, 'x', sizeof(level));
    assert_true(maildir_layout(&f->location, bytes_make(level, 254), f->arena, &paths, &f->err));
    assert_false(maildir_layout(&f->location, bytes_make(level, 255), f->arena, &paths, &f->err));
    assert_int_equal(f->err.class, ERROR_INVALID);
    assert_true(parse(f, "maildir:/m:LAYOUT=fs"));
    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
        assert_false(maildir_layout(&f->location, bytes_of(never[i]), f->arena, &paths, &f->err));
    for (size_t i = 0; i < sizeof(deep) / sizeof(*deep); i++) {
        assert_false(maildir_layout(&f->location, bytes_of(deep[i]), f->arena, &paths, &f->err));
        assert_int_equal(f->err.class, ERROR_INVALID);
    }
    level[100] = level[200] = '/';
    assert_true(maildir_layout(&f->location, bytes_make(level, 400), f->arena, &paths, &f->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_plain_maildir, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_are_explained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_user_name_cannot_climb, set_up, tear_down),
        cmocka_unit_test_setup_teardown(directories_of_maildirpp, set_up, tear_down),
        cmocka_unit_test_setup_teardown(directories_of_fs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_that_cannot_be, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
