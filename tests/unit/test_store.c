/* The tree of mailboxes on a real directory: names, LIST and LSUB, subscriptions, creating,
 * deleting, renaming. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "unit.h"
#include "base/file.h"
#include "mailbox/append.h"
#include "mailbox/mailbox.h"
#include "mailbox/store_private.h"

static char home[64];
static struct conf conf;
static struct store *store;
static struct error err;

/* A store in a new home; overrides are settings as behind -o. */
static void open_with(const char *const *overrides, size_t count)
{
    if (!conf_load(&conf, "/dev/null", overrides, count, &err))
        fail_msg("%s", err.text);
    const struct store_user user = { "bob", home, "imap", &conf };
    if (!(store = store_open(&user, &err)))
        fail_msg("%s", err.text);
}

static void open_mail(const char *location)
{
    char text[300];
    const char *const overrides[] = { text };
    snprintf(text, sizeof(text), "mail=%s", location);
    open_with(overrides, 1);
}

static void close_store(void)
{
    store_close(&store);
    conf_free(&conf);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(home, "/tmp/test_store.XXXXXX");
    file_durable(false); /* the tests need no disk */
    return mkdtemp(home) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    if (store)
        close_store();
    return file_remove_tree(AT_FDCWD, home, &err) ? 0 : -1;
}

static void write_file(const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", home, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_file(const char *name, const char *wanted)
{
    struct buf text = BUF_INIT(10000);
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", home, name);
    assert_true(file_read(AT_FDCWD, path, 10000, &text, &err));
    assert_string_equal(buf_cstr(&text), wanted);
    buf_free(&text);
}

static bool is_there(const char *name)
{
    char path[300];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", home, name);
    return stat(path, &st) == 0;
}

static void make_dir(const char *name)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", home, name);
    assert_true(file_mkdir(AT_FDCWD, path, 0700, true, NULL, &err));
}

/* "name" and its attributes in short: S noselect, N nonexistent, + has children, - has none, s
 * subscribed, c child subscribed. */
static bool note(void *context, const struct store_entry *entry)
{
    static const char letters[] = "SN+-.sc";
    struct buf *out = context;
    if (out->len > 0)
        buf_byte(out, ' ');
    buf_bytes(out, entry->name);
    buf_byte(out, ':');
    for (int i = 0; letters[i]; i++)
        if (entry->attributes & 1U << i)
            buf_byte(out, letters[i]);
    buf_bytes(out, entry->special_use);
    return true;
}

static void assert_listed(struct store_query query, const char *pattern, const char *wanted)
{
    struct buf out = BUF_INIT(100000);
    struct bytes patterns[] = { bytes_of(pattern) };
    query.patterns = patterns;
    query.patterns_count = 1;
    if (!store_list(store, &query, note, &out, &err))
        fail_msg("%s", err.text);
    assert_string_equal(buf_cstr(&out), wanted);
    buf_free(&out);
}
#define assert_list(pattern, wanted) assert_listed((struct store_query){ 0 }, pattern, wanted)
#define assert_lsub(pattern, wanted)                                                               \
    assert_listed((struct store_query){ .subscribed = true }, pattern, wanted)

static void create(const char *name)
{
    if (!store_create(store, bytes_of(name), (struct bytes){ 0 }, &err))
        fail_msg("%s", err.text);
}

static void subscribe(const char *name, bool on)
{
    if (!store_subscribe(store, bytes_of(name), on, &err))
        fail_msg("%s", err.text);
}

#define assert_refused(call, wanted)                                                               \
    do {                                                                                           \
        assert_false(call);                                                                        \
        if (err.class != (wanted))                                                                 \
            fail_msg("class %d: %s", err.class, err.text);                                         \
    } while (0)

static void a_new_user_gets_a_maildir(void **state)
{
    (void)state;
    open_with(NULL, 0);
    assert_true(is_there("Maildir/cur") && is_there("Maildir/new") && is_there("Maildir/tmp"));
    assert_false(is_there("Maildir/maildirfolder"));
    assert_list("*", "INBOX:-");
    struct buf why = BUF_INIT(4000);
    store_explain(store, &why);
    assert_non_null(strstr(buf_cstr(&why), "a new Maildir"));
    buf_free(&why);
}

static void mailboxes_are_made_as_dovecot_makes_them(void **state)
{
    (void)state;
    open_mail("maildir:~/Maildir");
    create("a.b.c");
    create("Entw\xC3\xBCrfe");
    create("inbox.x");
    create("later.");
    assert_true(is_there("Maildir/.a.b.c/cur") && is_there("Maildir/.a.b.c/maildirfolder"));
    assert_false(is_there("Maildir/.a.b"));
    assert_true(is_there("Maildir/.Entw&APw-rfe/new"));
    assert_true(is_there("Maildir/.INBOX.x/tmp"));
    assert_true(is_there("Maildir/.later/cur"));
    assert_list("*", "INBOX:+ INBOX.x:- Entw\xC3\xBCrfe:- a:S+ a.b:S+ a.b.c:- later:-");
}

static void wrong_names_are_refused(void **state)
{
    (void)state;
    open_mail("maildir:~/Maildir");
    struct bytes none = { 0 };
    create("a");
    assert_refused(store_create(store, BYTES("a"), none, &err), ERROR_EXISTS);
    assert_refused(store_create(store, BYTES("Inbox"), none, &err), ERROR_EXISTS);
    assert_refused(store_create(store, BYTES("a/b"), none, &err), ERROR_INVALID);
    assert_refused(store_create(store, BYTES("a..b"), none, &err), ERROR_INVALID);
    assert_refused(store_create(store, BYTES(".a"), none, &err), ERROR_INVALID);
    assert_refused(store_create(store, BYTES("~a"), none, &err), ERROR_INVALID);
    assert_refused(store_create(store, BYTES("a\nb"), none, &err), ERROR_INVALID);
    assert_refused(store_create(store, BYTES("\xFF"), none, &err), ERROR_INVALID);
    assert_refused(store_create(store, BYTES(""), none, &err), ERROR_INVALID);
    assert_refused(store_delete(store, BYTES("nothing"), &err), ERROR_NO_SUCH);
    assert_refused(store_delete(store, BYTES("iNBOX"), &err), ERROR_NOT_PERMITTED);
    assert_refused(store_create(store, BYTES("x"), BYTES("\\Sent"), &err), ERROR_NOT_PERMITTED);
    bool exists = true;
    assert_true(store_exists(store, BYTES("a..b"), &exists, &err));
    assert_false(exists);
    assert_true(store_exists(store, BYTES("inBox"), &exists, &err));
    assert_true(exists);
}

static void what_a_slash_separator_cannot_hold(void **state)
{
    (void)state;
    const char *const settings[] = { "namespace/in/inbox=yes", "namespace/in/separator=/",
                                     "mail=maildir:~/Maildir" };
    open_with(settings, 3);
    create("a/b");
    assert_true(is_there("Maildir/.a.b/cur"));
    assert_list("*", "INBOX:- a:S+ a/b:-");
    assert_refused(store_create(store, BYTES("a.b"), (struct bytes){ 0 }, &err), ERROR_INVALID);
}

static void odd_directories_are_no_mailboxes(void **state)
{
    (void)state;
    open_mail("maildir:~/Maildir");
    create("good");
    make_dir("Maildir/.cache"); /* no cur */
    make_dir("Maildir/..double/cur");
    make_dir("Maildir/.a..b/cur");
    make_dir("Maildir/.b&d/cur");      /* not modified UTF-7 */
    make_dir("Maildir/.\xC3\xBC/cur"); /* not encoded */
    make_dir("Maildir/.&AGE-/cur");    /* not canonical: "a" */
    make_dir("Maildir/plain/cur");
    write_file("Maildir/.file", "");
    assert_list("*", "INBOX:- good:-");
}

static void patterns(void **state)
{
    (void)state;
    open_mail("maildir:~/Maildir");
    create("a");
    create("a.b");
    create("a.b.c");
    create("ab");
    create("INBOX.x");
    assert_list("%", "INBOX:+ a:+ ab:-");
    assert_list("a%", "a:+ ab:-");
    assert_list("a*", "a:+ a.b:+ a.b.c:- ab:-");
    assert_list("a.%", "a.b:+");
    assert_list("*c", "a.b.c:-");
    assert_list("%.%", "INBOX.x:- a.b:+");
    assert_list("*%*b*", "a.b:+ a.b.c:- ab:-");
    assert_list("inbox", "INBOX:+");
    assert_list("inbox.%", "INBOX.x:-");
    assert_list("iNbOx*", "INBOX:+ INBOX.x:-");
    assert_list("A", "");
    assert_list("a.b.c.d", "");
    assert_list("", "");
}

static void a_pattern_of_wildcards_is_cheap(void **state)
{
    (void)state;
    char pattern[2001] = "", name[501];
    bool room[2 * 2002];
    memset(name, 'a', 500);
    for (int i = 0; i < 1000; i++)
        memcpy(pattern + 2 * i, "*a", 2);
    assert_false(pattern_match(bytes_make(pattern, 2000), bytes_make(name, 500), '.', room));
    assert_true(pattern_match(bytes_make(pattern, 900), bytes_make(name, 500), '.', room));
}

static void subscriptions(void **state)
{
    (void)state;
    open_mail("maildir:~/Maildir");
    create("a.b");
    create("\xC3\xA4");
    subscribe("a.b", true);
    subscribe("a.b", true);
    subscribe("inbox", true);
    subscribe("gone.mail.box", true);
    subscribe("\xC3\xA4", true);
    assert_file("Maildir/subscriptions", "V\t2\n\na\tb\nINBOX\ngone\tmail\tbox\n&AOQ-\n");
    assert_list("*", "INBOX:-s a:S+ a.b:-s \xC3\xA4:-s");
    assert_lsub("*", "INBOX:-s a.b:-s gone.mail.box:N-s \xC3\xA4:-s");
    assert_lsub("%", "INBOX:-s a:S+c gone:N-c \xC3\xA4:-s");
    assert_lsub("gone.%", "gone.mail:N-c");
    subscribe("gone.mail.box", false);
    subscribe("never.was", false);
    assert_file("Maildir/subscriptions", "V\t2\n\na\tb\nINBOX\n&AOQ-\n");
}

static void an_old_subscriptions_file_stays_old(void **state)
{
    (void)state;
    make_dir("Maildir");
    write_file("Maildir/subscriptions", "a.b\nb&d\ninbox\n\nx");
    open_mail("maildir:~/Maildir");
    assert_lsub("*", "INBOX:-s a.b:N-s x:N-s");
    subscribe("c.d", true);
    subscribe("a.b", false);
    assert_file("Maildir/subscriptions",
                "b&d\ninbox\nx\nc.d\n"); /* the line that means nothing is kept */
}

static void deleting_leaves_children(void **state)
{
    (void)state;
    static const char *const locations[] = { "maildir:~/Maildir:CONTROL=~/c:INDEX=~/i",
                                             "maildir:~/fs:LAYOUT=fs:CONTROL=~/fc:INDEX=~/fi" };
    for (int i = 0; i < 2; i++) {
        open_mail(locations[i]);
        char name[20], wanted[60];
        char sep = store_separator(store, BYTES("a"));
        snprintf(name, sizeof(name), "a%cb", sep);
        create("a");
        create(name);
        assert_true(store_delete(store, BYTES("a"), &err));
        snprintf(wanted, sizeof(wanted), "INBOX:- a:S+ a%cb:-", sep);
        assert_list("*", wanted);
        assert_refused(store_delete(store, BYTES("a"), &err), ERROR_NO_SUCH);
        create("a");
        assert_true(store_delete(store, bytes_of(name), &err));
        assert_list("*", "INBOX:- a:-");
        close_store();
    }
    assert_true(is_there("c/.a") && !is_there("c/.a.b") && !is_there("i/.a.b"));
    assert_true(is_there("fc/a") && !is_there("fc/a/b") && !is_there("fi/a/b"));
    assert_true(is_there("Maildir/tmp") && is_there("fs/tmp"));
}

static void what_was_deleted_does_not_come_back(void **state)
{
    (void)state;
    open_mail("maildir:~/fs:LAYOUT=fs:CONTROL=~/c");
    make_dir(
        "fs/a/new"); /* a removal that was killed behind its first step, which takes "cur" away */
    write_file("fs/a/new/1.old", "old mail");
    make_dir("c/a");
    write_file("c/a/dovecot-uidlist", "3 V1 N5\n");
    assert_list("*", "INBOX:- a:S-");
    create("a");
    assert_true(is_there("fs/a/cur") && is_there("fs/a/new"));
    assert_false(is_there("fs/a/new/1.old"));
    assert_false(is_there("c/a/dovecot-uidlist"));
}

static void renaming_takes_children_along(void **state)
{
    (void)state;
    open_mail("maildir:~/Maildir:CONTROL=~/c:INDEX=~/i");
    create("a");
    create("a.b.c");
    create("ab");
    write_file("c/.a.b.c/dovecot-uidlist", "3 V7 N9\n");
    write_file("i/.a.b.c/an.index", "x");
    assert_true(store_rename(store, BYTES("a"), BYTES("z.y"), &err));
    assert_list("*", "INBOX:- ab:- z:S+ z.y:+ z.y.b:S+ z.y.b.c:-");
    assert_file("c/.z.y.b.c/dovecot-uidlist", "3 V7 N9\n");
    assert_file("i/.z.y.b.c/an.index", "x");
    assert_false(is_there("c/.a.b.c") || is_there("i/.a.b.c") || is_there("c/.a"));
    assert_true(
        store_rename(store, BYTES("z.y.b"), BYTES("q"), &err)); /* a level that is no mailbox */
    assert_list("*", "INBOX:- ab:- q:S+ q.c:- z:S+ z.y:-");
    assert_refused(store_rename(store, BYTES("nothing"), BYTES("x"), &err), ERROR_NO_SUCH);
    assert_refused(store_rename(store, BYTES("ab"), BYTES("q.c"), &err), ERROR_EXISTS);
    assert_refused(store_rename(store, BYTES("ab"), BYTES("ab"), &err), ERROR_EXISTS);
    assert_refused(store_rename(store, BYTES("ab"), BYTES("Inbox"), &err), ERROR_EXISTS);
    assert_refused(store_rename(store, BYTES("q"), BYTES("q.c.d"), &err), ERROR_INVALID);
}

static void renaming_in_directories(void **state)
{
    (void)state;
    open_mail("maildir:~/fs:LAYOUT=fs:CONTROL=~/c");
    create("a");
    create("a/b/c");
    create("x");
    write_file("c/a/b/c/dovecot-uidlist", "3 V7 N9\n");
    assert_true(store_rename(store, BYTES("a"), BYTES("n/m"), &err));
    assert_list("*", "INBOX:- n:S+ n/m:+ n/m/b:S+ n/m/b/c:- x:-");
    assert_file("c/n/m/b/c/dovecot-uidlist", "3 V7 N9\n");
    assert_false(is_there("c/a"));
    assert_refused(store_rename(store, BYTES("x"), BYTES("n"), &err), ERROR_EXISTS);
    assert_refused(store_rename(store, BYTES("x"), BYTES("n/m"), &err), ERROR_EXISTS);
    assert_refused(store_rename(store, BYTES("x"), BYTES("y/../../z"), &err), ERROR_INVALID);
}

/* INBOX= inside the tree, symbolic links, and links in a ring. */
static void a_tree_of_directories_with_rings(void **state)
{
    (void)state;
    char target[300];
    make_dir("fs/a/cur");
    snprintf(target, sizeof(target), "%s/fs/a/ring", home);
    assert_int_equal(symlink("..", target), 0);
    snprintf(target, sizeof(target), "%s/fs/link", home);
    assert_int_equal(symlink("a", target), 0);
    open_mail("maildir:~/fs:LAYOUT=fs:INBOX=~/fs/Incoming");
    assert_true(is_there("fs/Incoming/cur"));
    assert_list("*", "INBOX:- a:- link:-");
}

static void namespaces(void **state)
{
    (void)state;
    const char *const settings[] = { "mail=maildir:~/Maildir",
                                     "namespace/in/inbox=yes",
                                     "namespace/in/separator=.",
                                     "namespace/in/prefix=INBOX.",
                                     "namespace/old/prefix=Old/",
                                     "namespace/old/separator=/",
                                     "namespace/old/location=maildir:~/old:LAYOUT=fs",
                                     "namespace/hid/prefix=Hid/",
                                     "namespace/hid/separator=/",
                                     "namespace/hid/location=maildir:~/hid:LAYOUT=fs",
                                     "namespace/hid/list=no",
                                     "namespace/hid/hidden=yes",
                                     "namespace/hid/subscriptions=no" };
    open_with(settings, sizeof(settings) / sizeof(*settings));
    create("inbox.a");
    create("Old/a/b");
    create("Hid/x");
    assert_true(is_there("Maildir/.a/cur") && is_there("old/a/b/cur") && is_there("hid/x/cur"));
    assert_list("*", "INBOX:+ INBOX.a:- Old:S+ Old/a:S+ Old/a/b:-");
    assert_list("Hid/%", "Hid/x:-");
    assert_list("%", "INBOX:+ Old:S+");
    subscribe("Old/a/b", true);
    subscribe("INBOX.a", true);
    assert_file("old/subscriptions", "V\t2\n\na\tb\n");
    assert_file("Maildir/subscriptions", "V\t2\n\na\n");
    assert_lsub("*", "INBOX.a:-s Old/a/b:-s");
    assert_refused(store_create(store, BYTES("elsewhere"), (struct bytes){ 0 }, &err),
                   ERROR_NO_SUCH);
    assert_refused(store_rename(store, BYTES("Old/a/b"), BYTES("INBOX.b"), &err),
                   ERROR_NOT_PERMITTED);
    assert_int_equal(store_separator(store, BYTES("Old/a")), '/');
    assert_int_equal(store_separator(store, BYTES("INBOX")), '.');
    struct store_namespace ns;
    assert_true(store_namespace(store, 2, &ns));
    assert_bytes(ns.prefix, "Hid/");
    assert_true(ns.hidden);
    assert_false(store_namespace(store, 3, &ns));
}

static void configured_mailboxes_are_made_once(void **state)
{
    (void)state;
    const char *const settings[] = { "mail=maildir:~/Maildir", "mailbox/Sent/auto=subscribe",
                                     "mailbox/Trash/auto=create" };
    open_with(settings, 3);
    assert_list("*", "INBOX:- Sent:-s\\Sent Trash:-\\Trash");
    assert_listed((struct store_query){ .special_use = true }, "%", "Sent:-s\\Sent Trash:-\\Trash");
    subscribe("Sent", false);
    close_store();
    open_with(settings, 3);
    assert_lsub("*", ""); /* the user's wish stays */
}

static void deliver(const char *mailbox, const char *text)
{
    const struct append_info info = { 0 };
    struct append_result result;
    struct append *append = append_begin(store, bytes_of(mailbox), &err);
    assert_non_null(append);
    assert_true(append_message(append, &info, &err) && append_write(append, bytes_of(text), &err) &&
                append_message_end(append, &err) && append_commit(&append, &result, &err));
}

static uint32_t messages_in(const char *mailbox)
{
    struct mailbox *opened = mailbox_open(store, bytes_of(mailbox), false, &err);
    if (!opened)
        fail_msg("%s", err.text);
    uint32_t count = mailbox_count(opened);
    mailbox_close(&opened);
    return count;
}

static void renaming_inbox_moves_its_messages(void **state)
{
    (void)state;
    open_mail("maildir:~/Maildir");
    create("INBOX.child");
    deliver("INBOX", "Subject: one\n\n1\n");
    deliver("INBOX", "Subject: two\n\n2\n");
    assert_true(store_rename(store, BYTES("inbox"), BYTES("old"), &err));
    assert_int_equal(messages_in("INBOX"), 0);
    assert_int_equal(messages_in("old"), 2);
    assert_list("*", "INBOX:+ INBOX.child:- old:-");
}

static void only_old_messages_expire(void **state)
{
    (void)state;
    const char *const settings[] = { "mail=maildir:~/Maildir", "mailbox/Trash/auto=create",
                                     "mailbox/Trash/autoexpunge=1d" };
    open_with(settings, 3);
    deliver("Trash", "Subject: new\n\n");
    write_file("Maildir/.Trash/cur/1000000000.M1P1.host:2,S", "Subject: old\n\n");
    assert_int_equal(messages_in("Trash"), 2);
    store_autoexpunge(store);
    assert_int_equal(messages_in("Trash"), 1);
}

static void hundreds_of_mailboxes(void **state)
{
    (void)state;
    char name[60];
    open_mail("maildir:~/Maildir");
    for (int i = 0; i < 600; i++) {
        snprintf(name, sizeof(name), "Maildir/.l%d.m%d/cur", i % 50, i);
        make_dir(name);
    }
    assert_list("l7.m1%7", "l7.m107:- l7.m157:-");
    assert_list("l4", "l4:S+");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_user_gets_a_maildir),
        TEST(mailboxes_are_made_as_dovecot_makes_them),
        TEST(wrong_names_are_refused),
        TEST(what_a_slash_separator_cannot_hold),
        TEST(odd_directories_are_no_mailboxes),
        TEST(patterns),
        cmocka_unit_test(a_pattern_of_wildcards_is_cheap),
        TEST(subscriptions),
        TEST(an_old_subscriptions_file_stays_old),
        TEST(deleting_leaves_children),
        TEST(what_was_deleted_does_not_come_back),
        TEST(renaming_takes_children_along),
        TEST(renaming_in_directories),
        TEST(a_tree_of_directories_with_rings),
        TEST(namespaces),
        TEST(configured_mailboxes_are_made_once),
        TEST(renaming_inbox_moves_its_messages),
        TEST(only_old_messages_expire),
        TEST(hundreds_of_mailboxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
