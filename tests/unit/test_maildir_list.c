/* dovecot-uidlist and what belongs to it. */
#include "maildir_fixture.h"

#include "mailbox/maildir_private.h"

static const char *list_of(struct fixture *f, char *out, size_t size)
{
    char *text = fixture_text(f, "dovecot-uidlist");
    snprintf(out, size, "%s", text);
    free(text);
    return out;
}

static void a_list_of_dovecot_is_taken_as_it_is(void **state)
{
    struct fixture *f = *state;
    char text[2000];
    const char *list = "3 V1700000000 N9 Gabc123 Xunknown\n"
                       "3 P00abc S12 W14 :1.h,S=12,W=14\n"
                       "5 :2.h\n"
                       "6 :3.h:2,S\n" /* with flags, as old versions wrote */
                       "8 Znew :gone.h\n";
    fixture_put(f, "dovecot-uidlist", list);
    fixture_put(f, "cur/1.h,S=12,W=14:2,", "Subject: x\n\n");
    fixture_put(f, "cur/2.h:2,S", MAIL("two"));
    fixture_put(f, "cur/3.h:2,F", MAIL("three"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_uidvalidity(mailbox), 1700000000);
    assert_int_equal(mailbox_uidnext(mailbox), 9);
    assert_int_equal(mailbox_count(mailbox), 3);
    assert_int_equal(fixture_uid(mailbox, 1), 3);
    assert_int_equal(fixture_uid(mailbox, 2), 5);
    assert_int_equal(fixture_uid(mailbox, 3), 6);
    assert_string_equal(list_of(f, text, sizeof(text)), list); /* no need to write */
    fixture_put(f, "new/4.h", MAIL("four"));
    fixture_sync(f, mailbox);
    assert_string_equal(list_of(f, text, sizeof(text)) + strlen(list), "9 :4.h\n");
    struct buf id = BUF_INIT(100);
    assert_ok(f, mailbox_uidl(mailbox, 1, "%08Xu%08Xv", &id, &f->err));
    assert_bytes(buf_view(&id), "00abc"); /* what a POP3 server before us said */
    buf_clear(&id);
    assert_ok(f, mailbox_uidl(mailbox, 2, "%08Xu%08Xv-%v.%u-%f", &id, &f->err));
    assert_bytes(buf_view(&id), "000000056553f100-1700000000.5-2.h");
    buf_free(&id);
    mailbox_close(&mailbox);
}

static void only_the_tail_is_read_and_a_torn_line_waits(void **state)
{
    struct fixture *f = *state;
    char text[2000], path[300];
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    uint32_t validity = mailbox_uidvalidity(mailbox);
    snprintf(path, sizeof(path), "%s/dovecot-uidlist", f->root);
    FILE *list = fopen(path, "a");
    assert_true(fputs("1 :1.h\n2 :2.h\n3 :to", list) > 0 && fflush(list) == 0);
    fixture_put(f, "cur/1.h:2,", MAIL("one"));
    fixture_put(f, "cur/2.h:2,", MAIL("two"));
    fixture_sync(f, mailbox);
    assert_int_equal(mailbox_count(mailbox), 2);
    assert_int_equal(mailbox_uidnext(mailbox), 3);
    /* Whoever wrote that died. Nothing is glued to it. */
    fixture_put(f, "cur/4.h:2,", MAIL("four"));
    fixture_sync(f, mailbox);
    assert_int_equal(mailbox_count(mailbox), 3);
    assert_null(strstr(list_of(f, text, sizeof(text)), ":to"));
    assert_non_null(strstr(text, "\n3 :4.h\n"));
    assert_int_equal(mailbox_uidvalidity(mailbox), validity);
    fclose(list);
    mailbox_close(&mailbox);
}

static void lines_out_of_order_or_broken_are_put_right(void **state)
{
    struct fixture *f = *state;
    char text[2000];
    fixture_put(
        f, "dovecot-uidlist",
        "3 V7 N2\n5 :5.h\n3 :3.h\nrubbish\n0 :zero.h\n5 :other.h\n99999999999 :big.h\n7 :\n");
    fixture_put(f, "cur/3.h:2,", MAIL("three"));
    fixture_put(f, "cur/5.h:2,", MAIL("five"));
    fixture_put(f, "cur/6.h:2,", MAIL("new"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 3);
    assert_int_equal(fixture_uid(mailbox, 1), 3);
    assert_int_equal(fixture_uid(mailbox, 2), 5);
    assert_int_equal(fixture_uid(mailbox, 3), 6);
    assert_null(strstr(list_of(f, text, sizeof(text)), "rubbish"));
    assert_non_null(strstr(text, "3 :3.h\n5 :5.h\n6 :6.h\n"));
    mailbox_close(&mailbox);
}

static void a_name_listed_twice_has_the_greater_uid(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, "dovecot-uidlist", "3 V7 N9\n2 :1.h\n4 :2.h\n8 :1.h\n");
    fixture_put(f, "cur/1.h:2,", MAIL("one"));
    fixture_put(f, "cur/2.h:2,", MAIL("two"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 2);
    assert_int_equal(fixture_uid(mailbox, 1), 4);
    assert_int_equal(fixture_uid(mailbox, 2), 8);
    mailbox_close(&mailbox);
}

static void a_list_without_header_is_put_aside(void **state)
{
    struct fixture *f = *state;
    static const char *const broken[] = {
        "", "\n", "3\n", "3 N5\n1 :1.h\n", "4 V5 N5\n", "3 V0 N1\n", "no list at all"
    };
    uint32_t last = 0;
    fixture_put(f, "cur/1.h:2,", MAIL("one"));
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        fixture_put(f, "dovecot-uidlist", broken[i]);
        struct mailbox *mailbox = fixture_open(f, "INBOX", true);
        assert_int_equal(mailbox_count(mailbox), 1);
        assert_int_equal(fixture_uid(mailbox, 1), 1);
        assert_true(mailbox_uidvalidity(mailbox) > last);
        last = mailbox_uidvalidity(mailbox);
        mailbox_close(&mailbox);
        char *kept = fixture_text(f, "dovecot-uidlist.broken");
        assert_string_equal(kept, broken[i]);
        free(kept);
    }
}

static void version_1_is_read_and_written_as_3(void **state)
{
    struct fixture *f = *state;
    char text[2000];
    fixture_put(f, "dovecot-uidlist", "1 1234567 8\n5 1.h\n7 2.h:2,S\n");
    fixture_put(f, "cur/1.h:2,", MAIL("one"));
    fixture_put(f, "cur/2.h:2,S", MAIL("two"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_uidvalidity(mailbox), 1234567);
    assert_int_equal(fixture_uid(mailbox, 1), 5);
    assert_int_equal(fixture_uid(mailbox, 2), 7);
    mailbox_close(&mailbox);
    assert_int_equal(fixture_append(f, "INBOX", MAIL("three"), 0).first_uid, 8);
    assert_true(!strncmp(list_of(f, text, sizeof(text)), "3 V1234567 N8 G", 15));
    assert_non_null(strstr(text, "\n5 :1.h\n7 :2.h\n8 :"));
}

static void courier_uids_are_taken_over_once(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, "courierimapuiddb", "1 1111111111 40\n12 1.h\n39 2.h\n");
    fixture_put(f, "cur/1.h:2,S", MAIL("one"));
    fixture_put(f, "cur/2.h:2,", MAIL("two"));
    fixture_put(f, "new/3.h", MAIL("three"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_uidvalidity(mailbox), 1111111111);
    assert_int_equal(fixture_uid(mailbox, 1), 12);
    assert_int_equal(fixture_uid(mailbox, 2), 39);
    assert_int_equal(fixture_uid(mailbox, 3), 40);
    mailbox_close(&mailbox);
    fixture_put(f, "courierimapuiddb", "1 2222222222 50\n45 1.h\n");
    mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_uidvalidity(mailbox), 1111111111);
    mailbox_close(&mailbox);
}

static void a_list_lost_during_a_session_comes_back_with_its_uids(void **state)
{
    struct fixture *f = *state;
    fixture_append(f, "INBOX", MAIL("one"), FLAG_DELETED);
    fixture_append(f, "INBOX", MAIL("two"), 0);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    uint32_t validity = mailbox_uidvalidity(mailbox);
    assert_ok(f, mailbox_expunge(mailbox, NULL, &f->err));
    fixture_unlink(f, "dovecot-uidlist");
    assert_int_equal(fixture_sync(f, mailbox).expunged_count, 1);
    assert_int_equal(fixture_uid(mailbox, 1), 2);
    mailbox_close(&mailbox);
    mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_uidvalidity(mailbox), validity);
    assert_int_equal(fixture_uid(mailbox, 1), 2);
    assert_int_equal(mailbox_uidnext(mailbox), 3);
    mailbox_close(&mailbox);
}

static void another_uidvalidity_ends_the_session(void **state)
{
    struct fixture *f = *state;
    struct mailbox_changes changes;
    fixture_append(f, "INBOX", MAIL("one"), 0);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    fixture_unlink(f, "dovecot-uidlist");
    fixture_put(f, "dovecot-uidlist", "3 V5 N1\n");
    assert_false(mailbox_sync(mailbox, false, &changes, &f->err));
    assert_int_equal(f->err.class, ERROR_NO_SUCH);
    mailbox_close(&mailbox);
}

static void no_uid_is_left(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, "dovecot-uidlist", "3 V5 N1\n4294967295 :1.h\n");
    fixture_put(f, "cur/1.h:2,", MAIL("one"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 1);
    struct append *append = append_begin(f->store, BYTES("INBOX"), &f->err);
    struct append_info info = { 0 };
    assert_ok(f, append_message(append, &info, &f->err) && append_message_end(append, &f->err));
    assert_false(append_commit(&append, NULL, &f->err));
    assert_int_equal(f->err.class, ERROR_LIMIT);
    assert_int_equal(
        fixture_count(f, "new", "") + fixture_count(f, "tmp", "") + fixture_count(f, "cur", ""), 1);
    fixture_put(f, "new/2.h", MAIL("two"));
    fixture_sync(f, mailbox); /* the session goes on without it */
    assert_int_equal(mailbox_count(mailbox), 1);
    mailbox_close(&mailbox);
}

static void uidvalidity_grows_as_dovecot_keeps_it(void **state)
{
    struct fixture *f = *state;
    char path[64];
    uint32_t first = uidvalidity_next(f->root);
    assert_int_equal(uidvalidity_next(f->root), first + 1);
    char *text = fixture_text(f, "dovecot-uidvalidity");
    snprintf(path, sizeof(path), "%08x", first + 1);
    assert_string_equal(text, path);
    free(text);
    snprintf(path, sizeof(path), "dovecot-uidvalidity.%08x", first + 1);
    assert_true(fixture_exists(f, path));
    fixture_unlink(f, "dovecot-uidvalidity"); /* the marker alone will do */
    assert_int_equal(uidvalidity_next(f->root), first + 2);
    fixture_put(f, "dovecot-uidvalidity", "00000001"); /* a stale one does not set it back */
    assert_int_equal(uidvalidity_next(f->root), first + 3);
}

static void a_list_with_many_dead_lines_is_written_anew(void **state)
{
    struct fixture *f = *state;
    char text[60000];
    for (int i = 0; i < 3; i++)
        fixture_append(f, "INBOX", MAIL("stays"), 0);
    struct append *append = append_begin(f->store, BYTES("INBOX"), &f->err);
    struct append_info info = { .flags = FLAG_DELETED };
    for (int i = 0; i < 300; i++)
        assert_ok(f, append_message(append, &info, &f->err) &&
                         append_write(append, BYTES(MAIL("goes")), &f->err) &&
                         append_message_end(append, &f->err));
    struct append_result result;
    assert_ok(f, append_commit(&append, &result, &f->err));
    assert_int_equal(result.first_uid, 4);
    assert_int_equal(result.count, 300);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 303);
    assert_ok(f, mailbox_expunge(mailbox, NULL, &f->err));
    fixture_sync(f, mailbox);
    mailbox_close(&mailbox);
    list_of(f, text, sizeof(text));
    assert_true(strlen(text) < 1000);
    assert_non_null(strstr(text, " N304 "));
    mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 3);
    assert_int_equal(mailbox_uidnext(mailbox), 304);
    mailbox_close(&mailbox);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_list_of_dovecot_is_taken_as_it_is),
        TEST(only_the_tail_is_read_and_a_torn_line_waits),
        TEST(lines_out_of_order_or_broken_are_put_right),
        TEST(a_name_listed_twice_has_the_greater_uid),
        TEST(a_list_without_header_is_put_aside),
        TEST(version_1_is_read_and_written_as_3),
        TEST(courier_uids_are_taken_over_once),
        TEST(a_list_lost_during_a_session_comes_back_with_its_uids),
        TEST(another_uidvalidity_ends_the_session),
        TEST(no_uid_is_left),
        TEST(uidvalidity_grows_as_dovecot_keeps_it),
        TEST(a_list_with_many_dead_lines_is_written_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
