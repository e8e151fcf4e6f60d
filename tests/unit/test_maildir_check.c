/* What others did between our look and our rename leaves no time stamp: it is found by a sum over
 * all names, and where that is as it should be nothing is read again. */
#include "maildir_fixture.h"

#include <time.h>

static void header_of(struct mailbox *mailbox, struct index_header *header)
{
    assert_true(records_header(index_records(mailbox->index), header));
}

static void wait_until_due(void)
{
    nanosleep(&(struct timespec){ .tv_sec = 2, .tv_nsec = 300000000 }, NULL);
}

static void store(struct fixture *f, struct mailbox *mailbox, uint32_t seq, uint8_t flags)
{
    struct numset one = { 0 };
    assert_true(numset_add(&one, seq, seq));
    assert_ok(f, mailbox_store(mailbox, &one, STORE_ADD, flags, 0, NULL, &f->err));
    numset_free(&one);
}

static void the_sum_follows_whatever_we_do(void **state)
{
    struct fixture *f = *state;
    struct index_header header;
    fixture_append(f, "INBOX", MAIL("one"), 0);
    fixture_append(f, "INBOX", MAIL("two"), FLAG_SEEN);
    fixture_append(f, "INBOX", MAIL("three"), FLAG_DELETED);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    store(f, mailbox, 1, FLAG_FLAGGED);
    fixture_append(f, "INBOX", MAIL("four"), 0);
    assert_true(fixture_sync(f, mailbox).exists);
    store(f, mailbox, 4, FLAG_ANSWERED | FLAG_SEEN);
    assert_ok(f, mailbox_expunge(mailbox, NULL, &f->err));
    assert_int_equal(fixture_sync(f, mailbox).expunged_count, 1);
    header_of(mailbox, &header);
    assert_true(header.check_due > 0 && !header.scan_due);
    wait_until_due();
    fixture_sync(f, mailbox);
    header_of(mailbox, &header);
    assert_true(!header.check_due && !header.scan_due);
    assert_int_equal(mailbox_count(mailbox), 3);
    mailbox_close(&mailbox);
}

static void what_hid_behind_our_own_change_is_found(void **state)
{
    struct fixture *f = *state;
    struct index_header header;
    struct stat cur;
    char path[200];
    fixture_put(f, "cur/1.h:2,", MAIL("one"));
    fixture_put(f, "cur/2.h:2,", MAIL("two"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    fixture_sync(f, mailbox);
    store(f, mailbox, 1, FLAG_SEEN);
    /* Another program, within our own change: the directory has the time that we know. */
    snprintf(path, sizeof(path), "%s/cur", f->root);
    assert_int_equal(stat(path, &cur), 0);
    fixture_rename(f, "cur/2.h:2,", "cur/2.h:2,F");
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, cur.st_mtim };
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(fixture_sync(f, mailbox).changed_count, 0);
    wait_until_due();
    size_t changed = fixture_sync(f, mailbox).changed_count;
    changed += fixture_sync(f, mailbox).changed_count;
    assert_int_equal(changed, 1);
    assert_int_equal(fixture_flags(mailbox, 2), FLAG_FLAGGED);
    header_of(mailbox, &header);
    assert_int_equal(header.check_due, 0);
    mailbox_close(&mailbox);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_sum_follows_whatever_we_do),
        TEST(what_hid_behind_our_own_change_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
