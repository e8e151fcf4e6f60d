/* THREAD (RFC 5256, 3) over a mailbox in memory. */
#include <stdio.h>
#include <time.h>
#include "test_message.h"
#include "fake_mailbox.h"
#include "query/forest.h"
#include "query/thread.h"
#include "thread_plain.h"

static struct fake_message *mails;
static struct buf said;

/* A mailbox of these, their octets copied. Rising INTERNALDATEs. */
static void begin(uint32_t count)
{
    mails = calloc(count, sizeof(*mails));
    assert_non_null(mails);
    fake.messages = mails;
    fake.count = count;
    for (uint32_t i = 0; i < count; i++)
        mails[i].date = 1000 + i;
}

static void end(void)
{
    for (uint32_t i = 0; i < fake.count; i++)
        free((char *)(uintptr_t)mails[i].octets);
    free(mails);
    buf_free(&said);
    fake_free();
}

static const char *threads_text(enum thread_kind kind)
{
    struct numset found = { 0 };
    struct threads threads;
    struct thread_walk walk = { 0 };
    enum thread_token token, last = THREAD_OPEN;
    uint32_t seq = 0;
    said.limit = (size_t)1 << 30;
    buf_clear(&said);
    assert_true(!fake.count || numset_add(&found, 1, fake.count));
    assert_true(thread_run(NULL, &found, kind, &threads, NULL, NULL, NULL));
    for (; (token = thread_next(&threads, &walk, &seq)) != THREAD_END; last = token) {
        if (last == THREAD_NUMBER && token != THREAD_CLOSE)
            buf_byte(&said, ' ');
        if (token == THREAD_NUMBER)
            buf_number(&said, seq);
        else
            buf_byte(&said, token == THREAD_OPEN ? '(' : ')');
    }
    threads_free(&threads);
    numset_free(&found);
    return buf_cstr(&said);
}

static void assert_threads(enum thread_kind kind, const char *const *headers, uint32_t count,
                           const char *expected)
{
    begin(count);
    for (uint32_t i = 0; i < count; i++) {
        char *octets = NULL;
        assert_true(asprintf(&octets, "%s\n\n", headers[i]) > 0);
        mails[i].octets = octets;
    }
    assert_string_equal(threads_text(kind), expected);
    end();
}

#define THREADS(kind, expected, ...)                                                               \
    assert_threads(kind, (const char *const[]){ __VA_ARGS__ },                                     \
                   COUNT(((const char *const[]){ __VA_ARGS__ })), expected)
#define REFERENCES(expected, ...) THREADS(THREAD_REFERENCES, expected, __VA_ARGS__)
#define ORDEREDSUBJECT(expected, ...) THREADS(THREAD_ORDEREDSUBJECT, expected, __VA_ARGS__)

static void replies_hang_below(void **state)
{
    (void)state;
    REFERENCES("(1 2 3)", "Message-ID: <a@x>", "Message-ID: <b@x>\nReferences: <a@x>",
               "Message-ID: <c@x>\nReferences: <a@x> <b@x>");
    REFERENCES("(1 (2)(3))", "Message-ID: <a@x>", "Message-ID: <b@x>\nIn-Reply-To: <a@x>",
               "Message-ID: <c@x>\nIn-Reply-To: hello <a@x> <b@x>");
    REFERENCES("(3 2 1)", "Message-ID: <c@x>\nReferences: <b@x>",
               "Message-ID: <b@x>\nReferences: <a@x>", "Message-ID: <a@x>");
    REFERENCES("(1)(2)", "Message-ID: <a@x>", "Message-ID: <b@x>");
    REFERENCES("(1 2)", "Message-ID: <\"a\"@x>", "References: < a @x>");
}

static void siblings_stand_by_the_time_they_were_sent(void **state)
{
    (void)state;
    REFERENCES("(3)(1 (4)(2))", "Message-ID: <a@x>\nDate: 2 Jan 2001 00:00:00 +0000",
               "References: <a@x>\nDate: 4 Jan 2001 00:00:00 +0000",
               "Date: 1 Jan 2001 00:00:00 +0000",
               "References: <a@x>\nDate: 3 Jan 2001 00:00:00 +0000");
    REFERENCES("(1)(2)(3)", "Date: 1 Jan 2001 00:00:00 +0000", "Date: 1 Jan 2001 00:00:00 +0000",
               "Date: 1 Jan 2001 00:00:00 +0000");
    REFERENCES("(2)(1)", "Date: 1 Jan 2001 00:00:00 +0000", "Subject: x"); /* INTERNALDATE */
}

static void what_is_not_there_is_left_out_or_holds_siblings(void **state)
{
    (void)state;
    REFERENCES("(1)", "References: <gone@x>");
    REFERENCES("((1)(2))", "References: <gone@x>", "References: <gone@x>");
    REFERENCES("((1)(2))", "References: <g@x> <h@x>", "References: <g@x> <i@x>");
    REFERENCES("(1 (2)(3))", "Message-ID: <a@x>", "References: <a@x> <g@x> <h@x>",
               "References: <a@x> <g@x>");
    /* A dummy stands where its first child would. */
    REFERENCES("(3)((2)(1))(4)", "References: <g@x>\nDate: 5 Jan 2001 00:00:00 +0000",
               "References: <g@x>\nDate: 2 Jan 2001 00:00:00 +0000",
               "Date: 1 Jan 2001 00:00:00 +0000", "Date: 3 Jan 2001 00:00:00 +0000");
}

static void the_first_message_has_the_id(void **state)
{
    (void)state;
    REFERENCES("(1 3)(2)", "Message-ID: <a@x>", "Message-ID: <a@x>", "References: <a@x>");
    REFERENCES("(1)(2)", "Message-ID: <>", "Message-ID: <>");
}

static void own_references_win_over_what_others_say(void **state)
{
    (void)state;
    /* 1 says that b is below a; b itself says it is below c. */
    REFERENCES("(2)(4 3 1)", "Message-ID: <d@x>\nReferences: <a@x> <b@x>", "Message-ID: <a@x>",
               "Message-ID: <b@x>\nReferences: <c@x>", "Message-ID: <c@x>");
    /* And one that says nothing is a root. */
    REFERENCES("(2)(3 1)", "Message-ID: <d@x>\nReferences: <a@x> <b@x>", "Message-ID: <a@x>",
               "Message-ID: <b@x>");
    /* What 1 said of b stays when 2 says otherwise. */
    REFERENCES("(1 3 (2)(4))", "Message-ID: <a@x>", "References: <a@x> <b@x>",
               "Message-ID: <b@x>\nReferences: <a@x>", "References: <c@x> <b@x>");
}

static void circles_are_not_closed(void **state)
{
    (void)state;
    REFERENCES("(1)", "Message-ID: <a@x>\nReferences: <a@x>");
    REFERENCES("(2 1)", "Message-ID: <a@x>\nReferences: <b@x>",
               "Message-ID: <b@x>\nReferences: <a@x>");
    REFERENCES("(3 2 1)", "Message-ID: <a@x>\nReferences: <b@x>",
               "Message-ID: <b@x>\nReferences: <c@x>", "Message-ID: <c@x>\nReferences: <a@x>");
    REFERENCES("(1)", "References: <a@x> <b@x> <a@x> <b@x>");
}

static void threads_of_one_subject_are_merged(void **state)
{
    (void)state;
    REFERENCES("(1 2)", "Subject: beer", "Subject: Re: beer");
    REFERENCES("(2 1)", "Subject: Re: beer", "Subject: BEER");
    REFERENCES("((1)(2))", "Subject: beer", "Subject: beer");
    REFERENCES("((1)(2))", "Subject: Re: beer", "Subject: Fwd: beer");
    REFERENCES("((1)(2)(3))", "Subject: beer", "Subject: beer", "Subject: re: beer");
    REFERENCES("(1)(2)", "Subject: ", "Subject: Re:");
    REFERENCES("(1 (2)(3 4))", "Subject: beer\nMessage-ID: <a@x>", "Subject: Re: beer",
               "Subject: Re: beer\nMessage-ID: <b@x>", "Subject: Re: other\nReferences: <b@x>");
    /* Only roots: what hangs below with that subject stays. */
    REFERENCES("(1 2)(3)", "Subject: wine\nMessage-ID: <a@x>", "Subject: beer\nReferences: <a@x>",
               "Subject: beer");
    /* Dummies: with a message, and with each other. */
    REFERENCES("((1)(2)(3))", "Subject: Re: beer\nReferences: <g@x>",
               "Subject: Re: beer\nReferences: <g@x>", "Subject: beer");
    REFERENCES("((1)(2)(3)(4))", "Subject: Re: beer\nReferences: <g@x>",
               "Subject: Re: beer\nReferences: <g@x>", "Subject: Re: beer\nReferences: <h@x>",
               "Subject: Re: beer\nReferences: <h@x>");
}

static void ordered_by_subject(void **state)
{
    (void)state;
    ORDEREDSUBJECT("(1 (3)(4))(2)", "Subject: beer", "Subject: wine", "Subject: Re: Beer",
                   "Subject: [x] beer (fwd)");
    ORDEREDSUBJECT("(3 1)(2)", "Subject: beer\nDate: 3 Jan 2001 00:00:00 +0000",
                   "Subject: wine\nDate: 2 Jan 2001 00:00:00 +0000",
                   "Subject: Re: Beer\nDate: 1 Jan 2001 00:00:00 +0000");
    ORDEREDSUBJECT("(1 2)", "X: y", "Subject: Re:");
}

static void nothing_has_no_threads(void **state)
{
    (void)state;
    begin(0);
    assert_string_equal(threads_text(THREAD_REFERENCES), "");
    assert_string_equal(threads_text(THREAD_ORDEREDSUBJECT), "");
    end();
}

static char *mail_of(const struct plain_message *message)
{
    struct buf out = BUF_INIT(10000);
    buf_printf(&out, "Date: %d Jan 2001 00:00:00 +0000\n", message->sent);
    if (message->id)
        buf_printf(&out, "Message-ID: <%d@x>\n", message->id);
    if (message->subject)
        buf_printf(&out, "Subject: %ss%d\n", message->reply ? "Re: " : "", message->subject);
    if (message->references_count)
        buf_string(&out, "References:");
    for (int i = 0; i < message->references_count; i++)
        buf_printf(&out, " <%d@x>", message->references[i]);
    buf_string(&out, "\n\n");
    char *octets = strdup(buf_cstr(&out));
    buf_free(&out);
    return octets;
}

/* Few IDs and subjects, so that everything meets everything. */
static void random_mail(struct plain_message *message, int ids, int subjects)
{
    *message = (struct plain_message){
        .id = rand() % (ids + 1),
        .subject = rand() % (subjects + 1),
        .reply = rand() % 2,
        .sent = 1 + rand() % 28,
        .references_count = rand() % 3 ? rand() % (PLAIN_REFERENCES + 1) : 0,
    };
    for (int i = 0; i < message->references_count; i++)
        message->references[i] = 1 + rand() % ids;
}

static void they_are_those_of_the_rfc_read_plainly(void **state)
{
    (void)state;
    struct plain_message plain[PLAIN_MESSAGES];
    struct buf expected = BUF_INIT(10000);
    srand(11);
    for (int round = 0; round < 20000; round++) {
        int count = 1 + rand() % PLAIN_MESSAGES, ids = 1 + rand() % 30, subjects = 1 + rand() % 8;
        begin((uint32_t)count);
        for (int i = 0; i < count; i++) {
            random_mail(&plain[i], ids, subjects);
            mails[i].octets = mail_of(&plain[i]);
        }
        buf_clear(&expected);
        plain_references(plain, count, &expected);
        if (strcmp(threads_text(THREAD_REFERENCES), buf_cstr(&expected)) != 0)
            for (int i = 0; i < count; i++)
                print_message("%d: %s", i + 1, mails[i].octets);
        assert_string_equal(buf_cstr(&said), buf_cstr(&expected));
        end();
    }
    buf_free(&expected);
}

/* 20,000 messages, each below the one before: neither time nor the stack may notice. */
static void deep_threads(void **state)
{
    (void)state;
    enum { DEEP = 20000 };
    for (int backwards = 0; backwards < 2; backwards++) {
        begin(DEEP);
        for (int i = 0; i < DEEP; i++) {
            char *octets = NULL;
            int n = backwards ? DEEP - i : i + 1;
            assert_true(asprintf(&octets, "Message-ID: <%d@x>\nReferences: <%d@x>\n\n", n, n - 1) >
                        0);
            mails[i].octets = octets;
        }
        const char *text = threads_text(THREAD_REFERENCES);
        assert_memory_equal(text, backwards ? "(20000 19999 " : "(1 2 3 4 5 6 ", 13);
        assert_int_equal(strspn(text + 1, "0123456789 "), strlen(text) - 2);
        end();
    }
}

/* A forest whose steps are long: half of the nodes are one chain, below whose end trees of two are
 * linked in turn; then all is cut and linked again. Compared with looking at the parents. */
static void long_ways_up_are_not_walked_each_time(void **state)
{
    (void)state;
    enum { NODES = 200000 };
    struct forest forest = { 0 };
    assert_true(forest_grow(&forest, NODES + 1));
    for (uint32_t i = 2; i <= NODES / 2; i++)
        forest_link(&forest, i - 1, i);
    for (uint32_t i = NODES / 2 + 1; i < NODES; i += 2) {
        forest_link(&forest, i, i + 1);
        forest_link(&forest, NODES / 2, i);
        assert_int_equal(forest.parents[i], NODES / 2);
        forest_link(&forest, i + 1, 1);
        assert_int_equal(forest.parents[1], 0);
    }
    assert_non_null(forest.splay);
    assert_true(forest.walked < (uint64_t)NODES * 200);
    forest_cut(&forest, NODES / 4);
    forest_link(&forest, NODES, 1);
    assert_int_equal(forest.parents[1], NODES);
    forest_link(&forest, 1, NODES / 4);
    assert_int_equal(forest.parents[NODES / 4], 0);
    forest_free(&forest);
}

static bool plainly_above(const struct forest *forest, uint32_t above, uint32_t node)
{
    while (node && node != above)
        node = forest->parents[node];
    return node == above;
}

static void forests_are_right_however_they_look(void **state)
{
    (void)state;
    srand(5);
    for (int round = 0; round < 300; round++) {
        struct forest forest = { 0 };
        uint32_t nodes = 2 + (uint32_t)rand() % 60;
        forest.walked = round % 2 ? 0 : UINT32_MAX; /* splay from the first long step on */
        for (int step = 0; step < 2000; step++) {
            if (step % 100 == 0)
                assert_true(forest_grow(&forest, nodes / 2 + 2 + nodes * (uint32_t)step / 1000));
            uint32_t most = (uint32_t)forest.capacity - 1;
            uint32_t parent = 1 + (uint32_t)rand() % most, child = 1 + (uint32_t)rand() % most;
            if (forest.parents[child] && rand() % 3)
                continue;
            if (forest.parents[child])
                forest_cut(&forest, child);
            bool loop = plainly_above(&forest, child, parent);
            forest_link(&forest, parent, child);
            assert_int_equal(forest.parents[child], loop ? 0 : parent);
        }
        forest_free(&forest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_hang_below),
        cmocka_unit_test(siblings_stand_by_the_time_they_were_sent),
        cmocka_unit_test(what_is_not_there_is_left_out_or_holds_siblings),
        cmocka_unit_test(the_first_message_has_the_id),
        cmocka_unit_test(own_references_win_over_what_others_say),
        cmocka_unit_test(circles_are_not_closed),
        cmocka_unit_test(threads_of_one_subject_are_merged),
        cmocka_unit_test(ordered_by_subject),
        cmocka_unit_test(nothing_has_no_threads),
        cmocka_unit_test(they_are_those_of_the_rfc_read_plainly),
        cmocka_unit_test(deep_threads),
        cmocka_unit_test(long_ways_up_are_not_walked_each_time),
        cmocka_unit_test(forests_are_right_however_they_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
