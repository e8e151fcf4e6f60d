/* SORT (RFC 5256, 3) over a mailbox in memory. */
#include <stdio.h>
#include "test_message.h"
#include "fake_mailbox.h"
#include "query/order.h"
#include "query/sort.h"

/* UIDs are no matter here: sequence numbers "3 1 2". */
static void assert_sorted(const struct sort_criterion *criteria, size_t count, const char *expected)
{
    struct numset found = { 0 };
    struct buf said = BUF_INIT(1000);
    uint32_t *seqs = NULL;
    size_t seqs_count = 0;
    assert_true(numset_add(&found, 1, fake.count));
    assert_true(sort_run(NULL, &found, criteria, count, &seqs, &seqs_count, NULL, NULL, NULL));
    for (size_t i = 0; i < seqs_count; i++)
        buf_printf(&said, i ? " %u" : "%u", seqs[i]);
    assert_text(&said, expected);
    buf_free(&said);
    free(seqs);
    numset_free(&found);
}

#define SORTED(expected, ...)                                                                      \
    assert_sorted((const struct sort_criterion[]){ __VA_ARGS__ },                                  \
                  sizeof((const struct sort_criterion[]){ __VA_ARGS__ }) /                         \
                      sizeof(struct sort_criterion),                                               \
                  expected)

static struct fake_message mails[] = {
    { .octets =
          "From: Zoe <bob@x>\nTo: b@x\nSubject: Re: beer\nDate: 3 Jan 2001 00:00:00 +0000\n\nxx",
      .date = 30 },
    { .octets =
          "From: ANN@x\nTo: c@x\nCc: z@x\nSubject: beer\nDate: 1 Jan 2001 00:00:00 +0000\n\nxxx",
      .date = 10 },
    { .octets = "From: ann@y\nTo: a@x\nSubject: =?utf-8?q?=C3=84pfel?=\n\nxx", .date = 20 },
    { .octets = "From: <>\nSubject: [list] beer (fwd)\nDate: 1 Jan 1960 00:00:00 +0000\n\n",
      .date = 10 },
    { .octets = "Subject: beer 2\nDate: 2 Jan 2001 23:00:00 +0000\n\nx", .date = -5 },
};

static void begin(void)
{
    fake.messages = mails;
    fake.count = COUNT(mails);
}

static void each_key_has_its_order(void **state)
{
    (void)state;
    begin();
    SORTED("5 2 4 3 1", { SORT_ARRIVAL, false });
    SORTED("1 3 4 5 2", { SORT_CC, false });
    SORTED("4 3 2 5 1", { SORT_DATE, false }); /* 3 has INTERNALDATE only, 1970 */
    SORTED("4 5 2 3 1", { SORT_FROM, false });
    SORTED("5 3 4 1 2", { SORT_SIZE, false });
    SORTED("3 1 2 4 5", { SORT_SUBJECT, false });
    SORTED("4 5 3 1 2", { SORT_TO, false });
    fake_free();
}

static void reverse_turns_one_key_and_leaves_ties_in_their_order(void **state)
{
    (void)state;
    begin();
    SORTED("1 3 2 4 5", { SORT_ARRIVAL, true });
    SORTED("5 1 2 4 3", { SORT_SUBJECT, true });
    SORTED("5 4 2 1 3", { SORT_SUBJECT, true }, { SORT_DATE, false });
    SORTED("3 1 2 4 5", { SORT_SUBJECT, false }, { SORT_DATE, true });
    SORTED("2 1 3 4 5", { SORT_CC, true });
    fake_free();
}

/* Octets 0 in texts, and texts that begin as others do. */
static void texts_compare_as_octets(void **state)
{
    (void)state;
    static struct fake_message texts[] = {
        { .octets = "Subject: =?utf-8?q?a=00b?=\n\n" },
        { .octets = "Subject: a\n\n" },
        { .octets = "Subject: abcdefghijk\n\n" },
        { .octets = "Subject: abcdefghij\n\n" },
        { .octets = "\n" },
        { .octets = "Subject: =?utf-8?q?a=01?=\n\n" },
    };
    fake.messages = texts;
    fake.count = COUNT(texts);
    SORTED("5 2 1 6 4 3", { SORT_SUBJECT, false });
    SORTED("3 4 6 1 2 5", { SORT_SUBJECT, true });
    fake_free();
}

static void what_cannot_be_read_does_not_hide_the_rest(void **state)
{
    (void)state;
    struct error err = { 0 };
    struct numset found = { 0 };
    uint32_t *seqs = NULL;
    size_t count;
    struct sort_criterion by = { SORT_SUBJECT, false };
    begin();
    assert_true(numset_add(&found, 1, 5));
    mails[0].trouble = ERROR_TEMPORARY;
    mails[2].trouble = ERROR_NO_SUCH; /* expunged meanwhile */
    assert_false(sort_run(NULL, &found, &by, 1, &seqs, &count, NULL, NULL, &err));
    assert_int_equal(err.class, ERROR_TEMPORARY);
    assert_int_equal(count, 3);
    free(seqs);
    mails[0].trouble = ERROR_NONE;
    assert_true(sort_run(NULL, &found, &by, 1, &seqs, &count, NULL, NULL, &err));
    assert_int_equal(count, 4);
    assert_int_equal(seqs[0], 1);
    free(seqs);
    mails[2].trouble = ERROR_NONE;
    numset_free(&found);
    fake_free();
}

static bool stop(void *context)
{
    return ++*(int *)context < 2;
}

static void it_can_be_stopped(void **state)
{
    (void)state;
    static struct fake_message many[1000];
    struct numset found = { 0 };
    struct error err = { 0 };
    struct sort_criterion by = { SORT_SIZE, false };
    uint32_t *seqs = NULL;
    size_t count;
    int ticks = 0;
    for (size_t i = 0; i < COUNT(many); i++)
        many[i].octets = "A: b\n\n";
    fake.messages = many;
    fake.count = COUNT(many);
    numset_add(&found, 1, fake.count);
    assert_false(sort_run(NULL, &found, &by, 1, &seqs, &count, stop, &ticks, &err));
    assert_int_equal(err.class, ERROR_UNAVAILABLE);
    assert_int_equal(ticks, 2);
    free(seqs);
    numset_free(&found);
    fake_free();
}

static void order_is_stable_and_complete(void **state)
{
    (void)state;
    enum { MOST = 3000 };
    static struct order_item items[2 * MOST];
    static const char keys[] = "abababcdabababce";
    srand(7);
    for (size_t round = 0; round < 200; round++) {
        size_t count = round < 100 ? round : (size_t)rand() % MOST;
        bool seen[MOST] = { 0 };
        for (size_t i = 0; i < count; i++)
            items[i] = (struct order_item){ .prefix = round % 3 ? (uint64_t)(rand() % 100) : i / 7,
                                            .rest = (unsigned)rand() % 2 * 8,
                                            .rest_len = 8,
                                            .what = (uint32_t)i };
        order_sort(items, count, items + MOST, keys);
        for (size_t i = 0; i < count; i++) {
            assert_false(seen[items[i].what]);
            seen[items[i].what] = true;
            const struct order_item *before = i ? &items[i - 1] : NULL, *now = &items[i];
            if (before)
                assert_true(before->prefix < now->prefix ||
                            (before->prefix == now->prefix &&
                             (before->rest < now->rest ||
                              (before->rest == now->rest && before->what < now->what))));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_has_its_order),
        cmocka_unit_test(reverse_turns_one_key_and_leaves_ties_in_their_order),
        cmocka_unit_test(texts_compare_as_octets),
        cmocka_unit_test(what_cannot_be_read_does_not_hide_the_rest),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(order_is_stable_and_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
