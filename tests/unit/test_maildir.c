#include "maildir_fixture.h"

static void new_mail_gets_uids_in_the_order_of_its_time(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, "new/1000.M20P1.h", MAIL("third"));
    fixture_put(f, "new/999.M5P1.h", MAIL("first"));
    fixture_put(f, "cur/1000.M3P1.h:2,S", MAIL("second"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 3);
    assert_int_equal(mailbox_recent(mailbox), 3);
    assert_int_equal(mailbox_uidnext(mailbox), 4);
    assert_int_equal(mailbox_first_unseen(mailbox), 1);
    const char *const subjects[] = { "first", "second", "third" };
    for (uint32_t seq = 1; seq <= 3; seq++) {
        struct message_fields fields;
        char wanted[100];
        assert_int_equal(fixture_uid(mailbox, seq), seq);
        assert_ok(f, mailbox_fields(mailbox, seq, FIELD_ENVELOPE, &fields, &f->err));
        snprintf(wanted, sizeof(wanted), "(NIL \"%s\"", subjects[seq - 1]);
        assert_bytes_equal(bytes_take(fields.envelope, strlen(wanted)), bytes_of(wanted));
    }
    assert_true(fixture_exists(f, "cur/999.M5P1.h:2,"));
    assert_true(fixture_exists(f, "cur/1000.M20P1.h:2,"));
    assert_int_equal(fixture_count(f, "new", ""), 0);
    mailbox_close(&mailbox);
    mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_recent(mailbox), 0);
    mailbox_close(&mailbox);
}

static void examine_changes_nothing(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, "new/1.h", MAIL("one"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", false);
    assert_int_equal(mailbox_count(mailbox), 1);
    assert_int_equal(mailbox_recent(mailbox), 1);
    assert_true(fixture_exists(f, "new/1.h"));
    struct numset one = { 0 };
    numset_add(&one, 1, 1);
    assert_false(mailbox_store(mailbox, &one, STORE_ADD, FLAG_SEEN, 0, NULL, &f->err));
    assert_int_equal(f->err.class, ERROR_NOT_PERMITTED);
    char *text = fixture_read(f, mailbox, 1);
    assert_string_equal(text, "From: a@example.org\r\nSubject: one\r\n\r\none body\r\n");
    free(text);
    mailbox_close(&mailbox);
    mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_recent(mailbox), 1);
    mailbox_close(&mailbox);
    numset_free(&one);
}

static void flags_and_keywords_are_letters_in_the_name(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, "cur/1.h:2,Xz,tail", MAIL("odd letters stay"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    struct numset one = { 0 };
    numset_add(&one, 1, 1);
    int junk = mailbox_keyword_bit(mailbox, BYTES("$Junk"), true, &f->err);
    assert_int_equal(junk, 0);
    assert_int_equal(mailbox_keyword_bit(mailbox, BYTES("$jUNK"), true, &f->err), 0);
    assert_ok(f, mailbox_store(mailbox, &one, STORE_ADD, FLAG_SEEN | FLAG_FLAGGED | FLAG_RECENT, 1,
                               NULL, &f->err));
    assert_true(fixture_exists(f, "cur/1.h:2,FSXaz,tail"));
    assert_int_equal(fixture_flags(mailbox, 1), FLAG_SEEN | FLAG_FLAGGED);
    assert_ok(f, mailbox_store(mailbox, &one, STORE_REMOVE, FLAG_FLAGGED, 0, NULL, &f->err));
    assert_true(fixture_exists(f, "cur/1.h:2,SXaz,tail"));
    assert_ok(f, mailbox_store(mailbox, &one, STORE_REPLACE, FLAG_DRAFT | FLAG_ANSWERED, 0, NULL,
                               &f->err));
    assert_true(fixture_exists(f, "cur/1.h:2,DRX,tail"));
    char *keywords = fixture_text(f, "dovecot-keywords");
    assert_string_equal(keywords, "0 $Junk\n");
    free(keywords);
    mailbox_close(&mailbox);
    numset_free(&one);
}

static void the_27th_keyword_is_a_limit(void **state)
{
    struct fixture *f = *state;
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    char name[20];
    for (int i = 0; i < 26; i++) {
        snprintf(name, sizeof(name), "k%d", i);
        assert_false(mailbox_keywords_full(mailbox));
        assert_int_equal(mailbox_keyword_bit(mailbox, bytes_of(name), true, &f->err), i);
    }
    assert_true(mailbox_keywords_full(mailbox));
    assert_int_equal(mailbox_keyword_bit(mailbox, BYTES("k26"), true, &f->err), -1);
    assert_int_equal(f->err.class, ERROR_LIMIT);
    assert_int_equal(mailbox_keyword_bit(mailbox, BYTES("a b"), true, &f->err), -1);
    assert_int_equal(f->err.class, ERROR_INVALID);
    mailbox_close(&mailbox);
}

static void expunge_removes_what_is_deleted_and_numbers_follow(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++)
        fixture_append(f, "INBOX", MAIL("x"), i % 2 ? FLAG_DELETED : FLAG_SEEN);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true),
                   *other = fixture_open(f, "INBOX", true);
    struct numset two = { 0 };
    numset_add(&two, 2, 2);
    assert_ok(f, mailbox_expunge(mailbox, &two, &f->err));
    struct mailbox_changes changes = fixture_sync(f, mailbox);
    assert_int_equal(changes.expunged_count, 1);
    assert_int_equal(changes.expunged[0], 2);
    assert_int_equal(mailbox_count(mailbox), 4);
    assert_ok(f, mailbox_expunge(mailbox, NULL, &f->err));
    changes = fixture_sync(f, mailbox);
    assert_int_equal(changes.expunged_count, 1);
    assert_int_equal(changes.expunged[0], 3);
    assert_int_equal(fixture_uid(mailbox, 3), 5);
    assert_int_equal(mailbox_uidnext(mailbox), 6);
    /* The other session keeps its numbers until it may lose them. */
    assert_ok(f, mailbox_sync(other, true, &changes, &f->err));
    assert_int_equal(changes.expunged_count, 0);
    assert_int_equal(mailbox_count(other), 5);
    assert_null(mailbox_read(other, 2, NULL, &f->err));
    assert_int_equal(f->err.class, ERROR_NO_SUCH);
    struct numset gone = { 0 };
    assert_ok(f, mailbox_store(other, &two, STORE_ADD, FLAG_SEEN, 0, &gone, &f->err));
    assert_int_equal(numset_size(&gone), 1);
    changes = fixture_sync(f, other);
    assert_int_equal(changes.expunged_count, 2);
    assert_int_equal(changes.expunged[0], 2);
    assert_int_equal(changes.expunged[1], 3);
    mailbox_close(&mailbox);
    mailbox_close(&other);
    numset_free(&two);
    numset_free(&gone);
}

static void a_mailbox_that_was_left_is_opened_as_a_new_session(void **state)
{
    struct fixture *f = *state;
    fixture_append(f, "INBOX", MAIL("one"), 0);
    fixture_append(f, "INBOX", MAIL("two"), FLAG_SEEN);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_recent(mailbox), 2);
    mailbox_leave(&mailbox);
    assert_null(mailbox);
    mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 2);
    assert_int_equal(mailbox_recent(mailbox), 0);
    mailbox_leave(&mailbox);
    /* Others deliver, change flags and remove meanwhile. */
    fixture_append(f, "INBOX", MAIL("three"), 0);
    struct store_user user = {
        .name = "user", .home = f->home, .service = "imap", .conf = &f->conf
    };
    struct store *others = store_open(&user, &f->err);
    struct mailbox *other = mailbox_open(others, BYTES("INBOX"), true, &f->err);
    struct numset first = { 0 };
    assert_true(numset_add(&first, 1, 1));
    assert_ok(f, mailbox_store(other, &first, STORE_ADD, FLAG_DELETED, 0, NULL, &f->err));
    assert_ok(f, mailbox_expunge(other, NULL, &f->err));
    mailbox_close(&other);
    mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 2);
    assert_int_equal(fixture_uid(mailbox, 1), 2);
    assert_int_equal(fixture_uid(mailbox, 2), 3);
    assert_int_equal(mailbox_recent(mailbox), 0); /* the other was told */
    mailbox_leave(&mailbox);
    mailbox = fixture_open(f, "INBOX", false);
    assert_false(mailbox_writable(mailbox));
    mailbox_leave(&mailbox);
    fixture_append(f, "INBOX", MAIL("four"), 0);
    for (int i = 0; i < 2; i++) { /* who only reads takes nothing away */
        mailbox = fixture_open(f, "INBOX", false);
        assert_int_equal(mailbox_recent(mailbox), 1);
        mailbox_leave(&mailbox);
    }
    /* Another mailbox under the same name. */
    assert_ok(f, store_create(f->store, BYTES("Box"), (struct bytes){ 0 }, &f->err));
    fixture_append(f, "Box", MAIL("old"), 0);
    mailbox = fixture_open(f, "Box", true);
    mailbox_leave(&mailbox);
    assert_ok(f, store_delete(f->store, BYTES("Box"), &f->err));
    assert_null(mailbox_open(f->store, BYTES("Box"), true, &f->err));
    assert_int_equal(f->err.class, ERROR_NO_SUCH);
    assert_ok(f, store_create(f->store, BYTES("Box"), (struct bytes){ 0 }, &f->err));
    mailbox = fixture_open(f, "Box", true);
    assert_int_equal(mailbox_count(mailbox), 0);
    mailbox_leave(&mailbox);
    numset_free(&first);
    store_close(&others);
}

static void a_uid_is_never_given_twice(void **state)
{
    struct fixture *f = *state;
    struct append_result first = fixture_append(f, "INBOX", MAIL("one"), FLAG_DELETED);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_ok(f, mailbox_expunge(mailbox, NULL, &f->err));
    fixture_sync(f, mailbox);
    mailbox_close(&mailbox);
    struct append_result second = fixture_append(f, "INBOX", MAIL("two"), 0);
    assert_int_equal(second.first_uid, first.first_uid + 1);
    assert_int_equal(second.uidvalidity, first.uidvalidity);
    fixture_unlink(f, "postern.index.2");
    mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 1);
    assert_int_equal(fixture_uid(mailbox, 1), second.first_uid);
    mailbox_close(&mailbox);
}

static void what_others_do_is_seen(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, "cur/1.h:2,", MAIL("one"));
    fixture_put(f, "cur/2.h:2,", MAIL("two"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    struct mailbox_changes changes = fixture_sync(f, mailbox);
    assert_int_equal(changes.expunged_count + changes.changed_count + changes.exists, 0);
    fixture_rename(f, "cur/2.h:2,", "cur/2.h:2,FS");
    fixture_put(f, "new/3.h", MAIL("three"));
    changes = fixture_sync(f, mailbox);
    assert_int_equal(changes.changed_count, 1);
    assert_int_equal(changes.changed[0], 2);
    assert_true(changes.exists && changes.recent);
    assert_int_equal(fixture_flags(mailbox, 2), FLAG_FLAGGED | FLAG_SEEN);
    assert_int_equal(mailbox_count(mailbox), 3);
    fixture_unlink(f, "cur/1.h:2,");
    changes = fixture_sync(f, mailbox);
    assert_int_equal(changes.expunged_count, 1);
    assert_int_equal(changes.expunged[0], 1);
    assert_int_equal(fixture_uid(mailbox, 1), 2);
    mailbox_close(&mailbox);
}

static void a_renamed_file_is_found_again(void **state)
{
    struct fixture *f = *state;
    fixture_put(f, "cur/1.h:2,", MAIL("one"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    struct numset one = { 0 };
    numset_add(&one, 1, 1);
    fixture_rename(f, "cur/1.h:2,", "cur/1.h:2,F");
    char *text = fixture_read(f, mailbox, 1);
    free(text);
    fixture_rename(f, "cur/1.h:2,F", "cur/1.h:2,R");
    assert_ok(f, mailbox_store(mailbox, &one, STORE_ADD, FLAG_SEEN, 0, NULL, &f->err));
    assert_true(fixture_exists(f, "cur/1.h:2,RS")); /* what the other program did stays */
    fixture_rename(f, "cur/1.h:2,RS", "cur/1.h:2,ST");
    assert_ok(f, mailbox_expunge(mailbox, NULL,
                                 &f->err)); /* this session does not know of \Deleted yet */
    assert_true(fixture_exists(f, "cur/1.h:2,ST"));
    fixture_sync(f, mailbox);
    assert_ok(f, mailbox_expunge(mailbox, NULL, &f->err));
    assert_int_equal(fixture_sync(f, mailbox).expunged_count, 1);
    mailbox_close(&mailbox);
    numset_free(&one);
}

static void a_deleted_mailbox_is_no_such(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, store_create(f->store, BYTES("box"), (struct bytes){ 0 }, &f->err));
    struct mailbox *mailbox = fixture_open(f, "box", true);
    assert_ok(f, store_delete(f->store, BYTES("box"), &f->err));
    struct mailbox_changes changes;
    assert_false(mailbox_sync(mailbox, false, &changes, &f->err));
    assert_int_equal(f->err.class, ERROR_NO_SUCH);
    mailbox_close(&mailbox);
    assert_null(mailbox_open(f->store, BYTES("box"), true, &f->err));
    assert_int_equal(f->err.class, ERROR_NO_SUCH);
    assert_null(append_begin(f->store, BYTES("box"), &f->err));
    assert_int_equal(f->err.class, ERROR_NO_SUCH);
}

static void two_pop_sessions_cannot_have_a_mailbox(void **state)
{
    struct fixture *f = *state;
    struct mailbox *first = fixture_open(f, "INBOX", true),
                   *second = fixture_open(f, "INBOX", true);
    assert_ok(f, mailbox_lock_session(first, &f->err));
    assert_ok(f, mailbox_lock_session(first, &f->err));
    assert_false(mailbox_lock_session(second, &f->err));
    assert_int_equal(f->err.class, ERROR_CONFLICT);
    mailbox_close(&first);
    assert_ok(f, mailbox_lock_session(second, &f->err));
    mailbox_close(&second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(new_mail_gets_uids_in_the_order_of_its_time),
        TEST(examine_changes_nothing),
        TEST(flags_and_keywords_are_letters_in_the_name),
        TEST(the_27th_keyword_is_a_limit),
        TEST(expunge_removes_what_is_deleted_and_numbers_follow),
        TEST(a_mailbox_that_was_left_is_opened_as_a_new_session),
        TEST(a_uid_is_never_given_twice),
        TEST(what_others_do_is_seen),
        TEST(a_renamed_file_is_found_again),
        TEST(a_deleted_mailbox_is_no_such),
        TEST(two_pop_sessions_cannot_have_a_mailbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
