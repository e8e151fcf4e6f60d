/* What is found in Maildirs that other programs, people and disks have been at. */
#include "maildir_fixture.h"
#include "mailbox/maildir_private.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

static void what_is_no_message_is_passed_by(void **state)
{
    struct fixture *f = *state;
    char path[300];
    fixture_put(f, "cur/1.h:2,S", MAIL("one"));
    fixture_put(f, "cur/.hidden:2,", MAIL("no"));
    fixture_put(f, "cur/:2,S", MAIL("no base name"));
    fixture_put(f, "cur/2\n3 :x:2,", MAIL("a line end would forge a line of the list"));
    snprintf(path, sizeof(path), "%s/cur/3.h:2,", f->root);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/cur/4.h:2,", f->root);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof(path), "%s/cur/5.h:2,", f->root);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof(path), "%s/new/6.h", f->root);
    assert_int_equal(symlink("nowhere", path), 0);
    snprintf(path, sizeof(path), "%s/new/7.h", f->root);
    assert_int_equal(mkfifo(path, 0600), 0);
    for (int write = 0; write < 2; write++) {
        struct mailbox *mailbox = fixture_open(f, "INBOX", write);
        assert_int_equal(mailbox_count(mailbox), 1);
        assert_int_equal(mailbox_uidnext(mailbox), 2);
        mailbox_close(&mailbox);
    }
}

static void a_file_that_becomes_a_link_is_not_followed(void **state)
{
    struct fixture *f = *state;
    char path[300];
    fixture_put(f, "cur/1.h:2,", MAIL("one"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    fixture_unlink(f, "cur/1.h:2,");
    snprintf(path, sizeof(path), "%s/cur/1.h:2,", f->root);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_null(mailbox_read(mailbox, 1, NULL, &f->err));
    mailbox_close(&mailbox);
}

static void names_of_every_kind_are_messages(void **state)
{
    struct fixture *f = *state;
    char longest[300] = "cur/";
    memset(longest + 4, 'x', 250);
    memcpy(longest + 250, ":2,S", 5);
    static const char *const names[] = {
        "cur/1.h",
        "cur/2.h:",
        "cur/3.h:2",
        "cur/4.h:1,S",
        "cur/5.h:2,SSSSS",
        "cur/6.h:2,\xff\x01",
        "cur/7.h:2,zyxZYX",
        "cur/name with spaces:2,T",
        "cur/\xc3\xa4\xff:2,F",
        "new/10.h:2,S",
    };
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    for (size_t i = 0; i < NAMES; i++)
        fixture_put(f, names[i], MAIL("odd"));
    fixture_put(f, longest, MAIL("long"));
    for (int round = 0; round < 2; round++) {
        struct mailbox *mailbox = fixture_open(f, "INBOX", true);
        assert_int_equal(mailbox_count(mailbox), NAMES + 1);
        assert_int_equal(mailbox_uidnext(mailbox), NAMES + 2);
        for (uint32_t seq = 1; seq <= NAMES + 1; seq++)
            free(fixture_read(f, mailbox, seq));
        mailbox_close(&mailbox);
    }
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    struct numset all = { 0 };
    numset_add(&all, 1, NAMES + 1);
    for (uint32_t seq = 1; seq <= NAMES; seq++) {
        struct numset one = { 0 };
        numset_add(&one, seq, seq);
        bool ok = mailbox_store(mailbox, &one, STORE_ADD, FLAG_ANSWERED, 0, NULL, &f->err);
        assert_true(ok || f->err.class == ERROR_LIMIT); /* no letter fits behind the longest */
        numset_free(&one);
    }
    assert_int_equal(fixture_sync(f, mailbox).expunged_count, 0);
    assert_true(fixture_exists(f, "cur/6.h:2,\x01R\xff"));
    assert_true(fixture_exists(f, "cur/4.h:2,R"));
    mailbox_close(&mailbox);
    numset_free(&all);
}

static void a_second_file_of_the_same_name_is_another_message(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, "cur/1.h:2,", MAIL("one"));
    fixture_put(f, "cur/1.h:2,S", MAIL("another"));
    fixture_put(f, "new/1.h", MAIL("and a third"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    struct mailbox_changes changes;
    for (int i = 0; i < 3; i++)
        assert_ok(f, mailbox_sync(mailbox, false, &changes, &f->err));
    assert_int_equal(mailbox_count(mailbox), 3);
    assert_int_equal(fixture_count(f, "cur", ""), 3);
    assert_int_equal(fixture_count(f, "new", ""), 0);
    mailbox_close(&mailbox);
}

static void two_links_of_one_file_are_one_message(void **state)
{
    struct fixture *f = *state;
    char from[300], to[300];
    fixture_put(f, "cur/1.h:2,", MAIL("one"));
    snprintf(from, sizeof(from), "%s/cur/1.h:2,", f->root);
    snprintf(to, sizeof(to), "%s/cur/1.h:2,S", f->root);
    assert_int_equal(link(from, to), 0);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 1);
    free(fixture_read(f, mailbox, 1));
    mailbox_close(&mailbox);
}

static uint64_t size_of(struct fixture *f, struct mailbox *mailbox, uint32_t seq, unsigned wanted)
{
    struct message_fields fields;
    assert_ok(f, mailbox_fields(mailbox, seq, wanted, &fields, &f->err));
    return fields.size;
}

static void a_size_in_a_name_that_lies_is_found_out(void **state)
{
    struct fixture *f = *state;
    const char *mail = "Subject: x\n\nbody\n"; /* 17 octets, 20 in wire form */
    fixture_put(f, "cur/1.h,S=17,W=20:2,", mail);
    fixture_put(f, "cur/2.h,S=17,W=25:2,", mail); /* believed as long as nobody reads */
    fixture_put(f, "cur/3.h,S=99,W=120:2,", mail);
    fixture_put(f, "cur/4.h,S=17,W=9:2,", mail);
    fixture_put(f, "cur/5.h,S=17,W=99999:2,", mail);
    fixture_put(f, "cur/6.h,S=18446744073709551617,W=:2,", mail);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    static const uint64_t claims[] = { 20, 25, 20, 20, 20, 20 };
    for (uint32_t seq = 1; seq <= 6; seq++)
        assert_int_equal(size_of(f, mailbox, seq, FIELD_SIZE), claims[seq - 1]);
    assert_null(mailbox_read(mailbox, 2, NULL, &f->err));
    assert_int_equal(f->err.class, ERROR_CORRUPT);
    for (uint32_t seq = 1; seq <= 6; seq++) {
        char *text = fixture_read(f, mailbox, seq);
        assert_string_equal(text, "Subject: x\r\n\r\nbody\r\n");
        free(text);
        assert_int_equal(size_of(f, mailbox, seq, FIELD_SIZE), 20);
    }
    mailbox_close(&mailbox);
    mailbox = fixture_open(f, "INBOX", true); /* remembered */
    assert_int_equal(size_of(f, mailbox, 2, FIELD_SIZE), 20);
    mailbox_close(&mailbox);
}

static void a_file_that_changes_its_size_never_gives_a_wrong_length(void **state)
{
    struct fixture *f = *state;
    char chunk[100];
    fixture_put(f, "cur/1.h:2,", "Subject: x\n\nbody\n");
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(size_of(f, mailbox, 1, FIELD_SIZE | FIELD_ENVELOPE), 20);
    fixture_put(f, "cur/1.h:2,", "Subject: x\n\nbo\n");
    assert_null(mailbox_read(mailbox, 1, NULL, &f->err));
    assert_int_equal(f->err.class, ERROR_CORRUPT);
    struct input *input = mailbox_read(mailbox, 1, NULL, &f->err);
    assert_non_null(input);
    char path[300];
    snprintf(path, sizeof(path), "%s/cur/1.h:2,", f->root);
    assert_int_equal(truncate(path, 5), 0); /* while it is open */
    ssize_t n;
    size_t got = 0;
    while ((n = input_read(input, chunk, sizeof(chunk), &f->err)) > 0)
        got += (size_t)n;
    assert_true(n < 0 || got == 18);
    assert_true(n == 0 || f->err.class == ERROR_CORRUPT);
    input_close(&input);
    mailbox_close(&mailbox);
}

static void files_of_tmp_are_removed_after_36_hours(void **state)
{
    struct fixture *f = *state;
    int root = open(f->root, O_RDONLY | O_DIRECTORY);
    time_t now = time(NULL);
    fixture_put(f, "tmp/1.h", "x");
    maildir_tmp_clean(root, now + 35 * 3600);
    assert_true(fixture_exists(f, "tmp/1.h"));
    maildir_tmp_clean(root, now + 37 * 3600);
    assert_false(fixture_exists(f, "tmp/1.h"));
    fixture_put(f, "tmp/2.h", "x"); /* the directory was looked at less than eight hours ago */
    maildir_tmp_clean(root, now + 7 * 3600);
    assert_true(fixture_exists(f, "tmp/2.h"));
    close(root);
}

/* In a child that is not root: what a function returns is its exit status. */
static void as_nobody(struct fixture *f, int (*what)(struct fixture *f))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (getuid() == 0 &&
            (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0))
            _exit(100);
        _exit(what(f));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void permit(struct fixture *f, const char *path, mode_t mode)
{
    char whole[300];
    snprintf(whole, sizeof(whole), "%s/%s", f->root, path);
    assert_int_equal(chmod(whole, mode), 0);
}

static int read_without_list(struct fixture *f)
{
    struct mailbox *mailbox = mailbox_open(f->store, BYTES("INBOX"), true, &f->err);
    struct message_fields fields;
    if (!mailbox || mailbox_count(mailbox) != 2)
        return 1;
    if (mailbox_writable(mailbox) || mailbox_uidvalidity(mailbox) < 1000000000)
        return 2;
    return mailbox_fields(mailbox, 2, FIELD_ENVELOPE | FIELD_SIZE, &fields, &f->err) &&
                   fields.size > 0
               ? 0
               : 3;
}

static void a_directory_that_cannot_be_written_is_read(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, "cur/1.h:2,S", MAIL("one"));
    fixture_put(f, "new/2.h", MAIL("two"));
    assert_int_equal(chmod(f->home, 0755), 0);
    static const char *const directories[] = { "cur", "new", "tmp", "" };
    for (size_t i = 0; i < 4; i++)
        permit(f, directories[i], 0555);
    permit(f, "cur/1.h:2,S", 0444);
    permit(f, "new/2.h", 0444);
    as_nobody(f, read_without_list);
    assert_false(fixture_exists(f, "dovecot-uidlist"));
    assert_true(fixture_exists(f, "new/2.h"));
}

static int read_around_the_unreadable(struct fixture *f)
{
    struct message_fields fields;
    struct mailbox *mailbox = mailbox_open(f->store, BYTES("INBOX"), false, &f->err);
    if (!mailbox || mailbox_count(mailbox) != 2)
        return 1;
    if (mailbox_fields(mailbox, 1, FIELD_ENVELOPE, &fields, &f->err) ||
        f->err.class != ERROR_NOT_PERMITTED)
        return 2;
    if (mailbox_read(mailbox, 1, NULL, &f->err) || !strstr(f->err.text, "cur/1.h"))
        return 3;
    return mailbox_fields(mailbox, 2, FIELD_ENVELOPE, &fields, &f->err) ? 0 : 4;
}

static void an_unreadable_file_is_an_error_and_the_session_goes_on(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, "cur/1.h:2,S", MAIL("one"));
    fixture_put(f, "cur/2.h:2,", MAIL("two"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    mailbox_close(&mailbox);
    fixture_unlink(f, "postern.index.2");
    assert_int_equal(chmod(f->home, 0755), 0);
    static const char *const directories[] = { "cur", "new", "tmp", "" };
    for (size_t i = 0; i < 4; i++)
        permit(f, directories[i], 0555);
    permit(f, "dovecot-uidlist", 0444);
    permit(f, "cur/1.h:2,S", 0);
    permit(f, "cur/2.h:2,", 0444);
    as_nobody(f, read_around_the_unreadable);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_message_is_passed_by),
        TEST(a_file_that_becomes_a_link_is_not_followed),
        TEST(names_of_every_kind_are_messages),
        TEST(a_second_file_of_the_same_name_is_another_message),
        TEST(two_links_of_one_file_are_one_message),
        TEST(a_size_in_a_name_that_lies_is_found_out),
        TEST(a_file_that_changes_its_size_never_gives_a_wrong_length),
        TEST(files_of_tmp_are_removed_after_36_hours),
        TEST(a_directory_that_cannot_be_written_is_read),
        TEST(an_unreadable_file_is_an_error_and_the_session_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
