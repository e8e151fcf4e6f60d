/* APPEND, MULTIAPPEND, delivery, COPY and MOVE. */
#include "maildir_fixture.h"

#include <zlib.h>

#include "index/index.h"
#include "mailbox/mailbox_private.h"

static struct append *begin(struct fixture *f, const char *mailbox)
{
    struct append *append = append_begin(f->store, bytes_of(mailbox), &f->err);
    if (!append)
        fail_msg("%s", f->err.text);
    return append;
}

/* Written in pieces of every size, it comes out as it went in. */
static void wire_form_goes_in_and_comes_out_octet_for_octet(void **state)
{
    struct fixture *f = *state;
    const char text[] = "Subject: x\r\n\r\nline\r\n\r\r\nbare \r in it\r\r\r\n\r\n\rend\r";
    size_t len = sizeof(text) - 1;
    for (size_t step = 1; step <= len; step++) {
        struct append *append = begin(f, "INBOX");
        struct append_info info = { .flags = FLAG_SEEN, .date = 1000000000 + (time_t)step };
        struct append_result result;
        assert_ok(f, append_message(append, &info, &f->err));
        for (size_t at = 0; at < len; at += step)
            assert_ok(f,
                      append_write(append, bytes_take(bytes_skip(bytes_make(text, len), at), step),
                                   &f->err));
        assert_ok(f,
                  append_message_end(append, &f->err) && append_commit(&append, &result, &f->err));
        assert_null(append);
        assert_int_equal(result.first_uid, step);
        assert_int_equal(result.count, 1);
    }
    for (int round = 0; round < 2; round++) {
        struct mailbox *mailbox = fixture_open(f, "INBOX", true);
        assert_int_equal(mailbox_count(mailbox), len);
        for (uint32_t seq = 1; seq <= len; seq++) {
            struct message_fields fields;
            char *got = fixture_read(f, mailbox, seq);
            assert_string_equal(got, text);
            free(got);
            assert_ok(f, mailbox_fields(mailbox, seq, FIELD_SIZE | FIELD_DATE, &fields, &f->err));
            assert_int_equal(fields.size, len);
            assert_int_equal(fields.date, 1000000000 + seq);
            assert_int_equal(fixture_flags(mailbox, seq), FLAG_SEEN);
        }
        mailbox_close(&mailbox);
        fixture_unlink(f, "postern.cache.2"); /* the second round knows nothing */
        fixture_unlink(f, "postern.index.2");
    }
}

static void lf_alone_is_a_line_end_too(void **state)
{
    struct fixture *f = *state;
    fixture_append(f, "INBOX", "Subject: x\n\nbody\n", 0);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    char *got = fixture_read(f, mailbox, 1);
    assert_string_equal(got, "Subject: x\r\n\r\nbody\r\n");
    free(got);
    assert_int_equal(fixture_count(f, "cur", ",S=17,W=20:2,"), 1);
    mailbox_close(&mailbox);
}

static void several_messages_come_together_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    struct bytes keywords[] = { BYTES("$Work"), BYTES("later") };
    struct append_info info[] = { { .keywords = keywords, .keywords_count = 2 },
                                  { .flags = FLAG_DELETED },
                                  { 0 } };
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    struct append *append = begin(f, "INBOX");
    for (int i = 0; i < 3; i++)
        assert_ok(f, append_message(append, &info[i], &f->err) &&
                         append_write(append, BYTES("Subject: y\r\n\r\n"), &f->err) &&
                         append_message_end(append, &f->err));
    assert_true(fixture_sync(f, mailbox).keywords);
    assert_int_equal(mailbox_count(mailbox), 0);
    append_abort(&append);
    append_abort(&append);
    assert_int_equal(fixture_count(f, "tmp", ""), 0);
    append = begin(f, "INBOX");
    for (int i = 0; i < 3; i++)
        assert_ok(f,
                  append_message(append, &info[i], &f->err) && append_message_end(append, &f->err));
    struct append_result result;
    assert_ok(f, append_commit(&append, &result, &f->err));
    assert_int_equal(result.first_uid, 1);
    assert_int_equal(result.count, 3);
    assert_int_equal(result.uidvalidity, mailbox_uidvalidity(mailbox));
    struct mailbox_changes changes = fixture_sync(f, mailbox);
    assert_true(changes.exists && changes.recent);
    assert_int_equal(mailbox_recent(mailbox), 3);
    struct message message;
    assert_true(mailbox_message(mailbox, 1, &message));
    assert_int_equal(message.keywords, 3);
    assert_bytes(mailbox_keyword(mailbox, 1), "later");
    assert_int_equal(fixture_flags(mailbox, 2), FLAG_DELETED);
    /* a message that was not ended spoils the rest */
    append = begin(f, "INBOX");
    assert_ok(f, append_message(append, &info[2], &f->err) && append_message_end(append, &f->err));
    assert_ok(f, append_message(append, &info[2], &f->err));
    assert_false(append_commit(&append, &result, &f->err));
    fixture_sync(f, mailbox);
    assert_int_equal(mailbox_count(mailbox), 3);
    assert_int_equal(fixture_count(f, "tmp", ""), 0);
    mailbox_close(&mailbox);
}

static void another_process_writes_and_is_not_believed(void **state)
{
    struct fixture *f = *state;
    const char *mail = "Subject: z\n\nbody\n";
    struct append_info info = { 0 };
    for (int lie = 0; lie < 3; lie++) {
        struct append *append = begin(f, "INBOX");
        struct append_result result;
        assert_ok(f, append_message(append, &info, &f->err));
        assert_true(append_fd(append) >= 0);
        assert_int_equal(write(append_fd(append), mail, 17), 17);
        bool believed = append_written(append, lie == 1 ? 18 : 17, lie == 2 ? 21 : 20, &f->err);
        assert_int_equal(believed, !lie);
        if (believed)
            assert_ok(f, append_message_end(append, &f->err) &&
                             append_commit(&append, &result, &f->err));
        append_abort(&append);
    }
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 1);
    char *got = fixture_read(f, mailbox, 1);
    assert_string_equal(got, "Subject: z\r\n\r\nbody\r\n");
    free(got);
    struct index_record record; /* parsed on its way, not again */
    assert_true(mailbox->index && index_get(mailbox->index, 1, &record));
    assert_true(record.known & INDEX_FIELDS && record.known & INDEX_SIZE);
    assert_int_equal(record.wire_size, 20);
    assert_int_equal(fixture_count(f, "tmp", ""), 0);
    assert_int_equal(fixture_count(f, "cur", ",S=17,W=20:2,"), 1);
    mailbox_close(&mailbox);
}

static void compressed_files_are_read_as_what_they_hold(void **state)
{
    struct fixture *f = *state;
    char path[300];
    const char *mail = "Subject: packed\n\nbody\n"; /* 22 octets, 25 in wire form */
    snprintf(path, sizeof(path), "%s/cur/1.h,S=22,W=25:2,SZ", f->root);
    gzFile file = gzopen(path, "wb");
    assert_int_equal(gzwrite(file, mail, (unsigned)strlen(mail)), strlen(mail));
    assert_int_equal(gzclose(file), Z_OK);
    assert_ok(f, store_create(f->store, BYTES("other"), (struct bytes){ 0 }, &f->err));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    struct numset one = { 0 };
    struct copy_result result;
    numset_add(&one, 1, 1);
    assert_ok(f, mailbox_copy(mailbox, &one, BYTES("other"), false, &result, &f->err));
    for (int i = 0; i < 2; i++) {
        struct message_fields fields;
        assert_ok(f, mailbox_fields(mailbox, 1, FIELD_SIZE, &fields, &f->err));
        assert_int_equal(fields.size, 25);
        char *got = fixture_read(f, mailbox, 1);
        assert_string_equal(got, "Subject: packed\r\n\r\nbody\r\n");
        free(got);
        mailbox_close(&mailbox);
        mailbox = fixture_open(f, "other", true);
    }
    mailbox_close(&mailbox);
    free(result.from);
    free(result.to);
    numset_free(&one);
}

static void a_part_is_read_by_its_span(void **state)
{
    struct fixture *f = *state;
    struct message_fields fields;
    char got[100] = "";
    fixture_append(f, "INBOX",
                   "Subject: parts\r\nContent-Type: multipart/mixed; "
                   "boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\nlines\r\n--b--\r\n",
                   0);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    struct arena *arena = arena_create(100000);
    for (int i = 0; i < 2; i++) { /* parsed on the way in, then anew */
        assert_ok(f, mailbox_fields(mailbox, 1, FIELD_PARTS | FIELD_HEADER, &fields, &f->err));
        assert_bytes(fields.header,
                     "Subject: parts\nContent-Type: multipart/mixed; boundary=b\n\n");
        struct part *root = part_unpack(arena, fields.parts, &f->err);
        const struct part *second = part_find(root, (uint32_t[]){ 2 }, 1);
        assert_non_null(second);
        struct input *input = mailbox_read(mailbox, 1, &second->body, &f->err);
        assert_non_null(input);
        assert_ok(f, input_read_all(input, got, 10, &f->err));
        assert_string_equal(got, "two\r\nlines");
        assert_int_equal(input_read(input, got, 1, &f->err), 0);
        input_close(&input);
        mailbox_close(&mailbox);
        fixture_unlink(f, "postern.cache.2");
        mailbox = fixture_open(f, "INBOX", true);
    }
    arena_destroy(&arena);
    mailbox_close(&mailbox);
}

static void copies_have_flags_keywords_and_dates(void **state)
{
    struct fixture *f = *state;
    struct bytes keyword = BYTES("mine");
    struct append_info info = {
        .flags = FLAG_ANSWERED, .keywords = &keyword, .keywords_count = 1, .date = 86400
    };
    assert_ok(f, store_create(f->store, BYTES("to"), (struct bytes){ 0 }, &f->err));
    fixture_append(f, "INBOX", MAIL("first"), 0);
    struct append *append = begin(f, "INBOX");
    struct append_result appended;
    assert_ok(f, append_message(append, &info, &f->err) &&
                     append_write(append, BYTES("Subject: second\r\n\r\n"), &f->err) &&
                     append_message_end(append, &f->err) &&
                     append_commit(&append, &appended, &f->err));
    struct mailbox *to = fixture_open(f, "to", true);
    assert_int_equal(mailbox_keyword_bit(to, BYTES("theirs"), true, &f->err), 0);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    struct numset both = { 0 };
    struct copy_result result;
    numset_add(&both, 1, 2);
    assert_false(mailbox_copy(mailbox, &both, BYTES("nowhere"), false, &result, &f->err));
    assert_int_equal(f->err.class, ERROR_NO_SUCH);
    assert_ok(f, mailbox_copy(mailbox, &both, BYTES("to"), false, &result, &f->err));
    assert_int_equal(result.count, 2);
    assert_int_equal(result.uidvalidity, mailbox_uidvalidity(to));
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(result.from[i], i + 1);
        assert_int_equal(result.to[i], i + 1);
    }
    fixture_sync(f, to);
    struct message message;
    struct message_fields fields;
    assert_true(mailbox_message(to, 2, &message));
    assert_int_equal(message.flags, FLAG_ANSWERED | FLAG_RECENT);
    assert_bytes(mailbox_keyword(to, 1), "mine");
    assert_int_equal(message.keywords, 2);
    assert_ok(f, mailbox_fields(to, 2, FIELD_DATE | FIELD_SIZE, &fields, &f->err));
    assert_int_equal(fields.date, 86400);
    assert_int_equal(fields.size, 19);
    free(result.from);
    free(result.to);
    mailbox_close(&mailbox);
    mailbox_close(&to);
    numset_free(&both);
}

static void moving_takes_messages_along(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, store_create(f->store, BYTES("to"), (struct bytes){ 0 }, &f->err));
    for (int i = 0; i < 4; i++)
        fixture_append(f, "INBOX", MAIL("x"), i % 2 ? FLAG_SEEN : 0);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true),
                   *other = fixture_open(f, "INBOX", true);
    struct numset some = { 0 };
    struct copy_result result;
    numset_add(&some, 2, 3);
    numset_add(&some, 1, 1);
    fixture_sync(f, other);
    /* one of them was expunged by somebody else meanwhile */
    struct numset second = { 0 };
    numset_add(&second, 2, 2);
    assert_ok(f, mailbox_store(other, &second, STORE_ADD, FLAG_DELETED, 0, NULL, &f->err));
    assert_ok(f, mailbox_expunge(other, &second, &f->err));
    assert_ok(f, mailbox_copy(mailbox, &some, BYTES("to"), true, &result, &f->err));
    assert_int_equal(result.count, 2);
    assert_int_equal(result.from[0], 1);
    assert_int_equal(result.from[1], 3);
    struct mailbox_changes changes = fixture_sync(f, mailbox);
    assert_int_equal(changes.expunged_count, 3);
    assert_int_equal(mailbox_count(mailbox), 1);
    assert_int_equal(fixture_uid(mailbox, 1), 4);
    free(result.from);
    free(result.to);
    numset_add(&some, 1, 1);
    assert_ok(f, mailbox_copy(mailbox, &some, BYTES("INBOX"), true, &result,
                              &f->err)); /* onto itself: a new UID */
    assert_int_equal(result.to[0], 5);
    changes = fixture_sync(f, mailbox);
    assert_int_equal(changes.expunged_count, 1);
    assert_true(changes.exists);
    assert_int_equal(fixture_uid(mailbox, 1), 5);
    free(result.from);
    free(result.to);
    mailbox_close(&mailbox);
    mailbox_close(&other);
    mailbox = fixture_open(f, "to", false);
    assert_int_equal(mailbox_count(mailbox), 2);
    mailbox_close(&mailbox);
    numset_free(&some);
    numset_free(&second);
}

static void
the_keyword_that_has_no_letter_left_is_dropped_by_copy_and_refused_by_append(void **state)
{
    struct fixture *f = *state;
    char name[20];
    assert_ok(f, store_create(f->store, BYTES("full"), (struct bytes){ 0 }, &f->err));
    struct mailbox *full = fixture_open(f, "full", true), *mailbox = fixture_open(f, "INBOX", true);
    for (int i = 0; i < 26; i++) {
        snprintf(name, sizeof(name), "k%d", i);
        assert_int_equal(mailbox_keyword_bit(full, bytes_of(name), true, &f->err), i);
    }
    struct bytes keyword = BYTES("another");
    struct append_info info = { .keywords = &keyword, .keywords_count = 1 };
    struct append *append = begin(f, "full");
    assert_false(append_message(append, &info, &f->err));
    assert_int_equal(f->err.class, ERROR_LIMIT);
    append_abort(&append);
    fixture_append(f, "INBOX", MAIL("x"), 0);
    fixture_sync(f, mailbox);
    struct numset one = { 0 };
    struct copy_result result;
    numset_add(&one, 1, 1);
    int bit = mailbox_keyword_bit(mailbox, keyword, true, &f->err);
    assert_ok(
        f, mailbox_store(mailbox, &one, STORE_ADD, FLAG_SEEN, UINT64_C(1) << bit, NULL, &f->err));
    assert_ok(f, mailbox_copy(mailbox, &one, BYTES("full"), false, &result, &f->err));
    fixture_sync(f, full);
    struct message message;
    assert_true(mailbox_message(full, 1, &message));
    assert_int_equal(message.keywords, 0);
    assert_int_equal(message.flags & FLAG_SEEN, FLAG_SEEN);
    free(result.from);
    free(result.to);
    numset_free(&one);
    mailbox_close(&full);
    mailbox_close(&mailbox);
}

enum { MANY = 40 }; /* more than are synced one by one */

static struct mailbox *with_many(struct fixture *f, struct numset *all)
{
    struct append *append = begin(f, "INBOX");
    struct append_info info = { .flags = FLAG_SEEN };
    struct append_result appended;
    for (int i = 0; i < MANY; i++)
        assert_ok(f, append_message(append, &info, &f->err) &&
                         append_write(append, BYTES("Subject: many\r\n\r\nx\r\n"), &f->err) &&
                         append_message_end(append, &f->err));
    assert_ok(f, append_commit(&append, &appended, &f->err));
    assert_ok(f, store_create(f->store, BYTES("to"), (struct bytes){ 0 }, &f->err));
    numset_add(all, 1, MANY);
    return fixture_open(f, "INBOX", true);
}

static void many_copies_are_second_links_under_uids_in_order(void **state)
{
    struct fixture *f = *state;
    struct numset all = { 0 };
    struct copy_result result = { 0 };
    struct mailbox *mailbox = with_many(f, &all);
    assert_ok(f, mailbox_copy(mailbox, &all, BYTES("to"), false, &result, &f->err));
    assert_int_equal(result.count, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(result.to[i], i + 1);
    assert_int_equal(fixture_count(f, ".to/cur", ""), MANY);
    assert_int_equal(fixture_count(f, ".to/tmp", ""), 0);
    assert_int_equal(fixture_count(f, ".to", "dovecot-uidlist.lock"), 0);
    char command[300];
    snprintf(command, sizeof(command), "test $(find %s/.to/cur -type f -links 2 | wc -l) = %d",
             f->root, MANY);
    assert_int_equal(system(command), 0);
    struct mailbox *to = fixture_open(f, "to", true);
    assert_int_equal(mailbox_count(to), MANY);
    mailbox_close(&to);
    mailbox_close(&mailbox);
    free(result.from);
    free(result.to);
    numset_free(&all);
}

/* The list cannot be written: as root, too, since it is a directory. */
static void a_copy_that_cannot_be_numbered_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct numset all = { 0 };
    struct copy_result result = { 0 };
    struct mailbox *mailbox = with_many(f, &all);
    char command[300];
    snprintf(command, sizeof(command),
             "cd %s/.to && rm -f dovecot-uidlist && mkdir dovecot-uidlist", f->root);
    assert_int_equal(system(command), 0);
    assert_false(mailbox_copy(mailbox, &all, BYTES("to"), false, &result, &f->err));
    assert_int_equal(fixture_count(f, ".to/cur", ""), 0);
    assert_int_equal(fixture_count(f, ".to/new", ""), 0);
    assert_int_equal(fixture_count(f, ".to/tmp", ""), 0);
    assert_int_equal(fixture_count(f, ".to", "dovecot-uidlist.lock"), 0);
    free(result.from);
    free(result.to);
    mailbox_close(&mailbox);
    numset_free(&all);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(wire_form_goes_in_and_comes_out_octet_for_octet),
        TEST(lf_alone_is_a_line_end_too),
        TEST(several_messages_come_together_or_not_at_all),
        TEST(another_process_writes_and_is_not_believed),
        TEST(compressed_files_are_read_as_what_they_hold),
        TEST(a_part_is_read_by_its_span),
        TEST(copies_have_flags_keywords_and_dates),
        TEST(moving_takes_messages_along),
        TEST(many_copies_are_second_links_under_uids_in_order),
        TEST(a_copy_that_cannot_be_numbered_leaves_nothing),
        TEST(the_keyword_that_has_no_letter_left_is_dropped_by_copy_and_refused_by_append),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
