/* Whom a worker that has done its work may serve next. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lmtpd/crew.h"
#include "lmtpd/wire.h"
#include "unit.h"

static struct crew crew;
static struct buf addresses[8];
static int workers[8]; /* their ends */
static size_t count;

static struct found found(const char *name, unsigned uid, const char *group, size_t settings)
{
    struct found out = { .packed = BUF_INIT(ACCOUNT_PACKED_MAX), .when = 0 };
    struct buf *address = &addresses[count % 8];
    buf_free(address);
    *address = BUF_INIT(600);
    field_put(address, bytes_of(name));
    field_put(address, BYTES("example.org"));
    out.address = buf_view(address);
    out.account = (struct account){ .uid = uid,
                                    .gid = uid,
                                    .home = "/",
                                    .driver = "test",
                                    .system_user = group,
                                    .settings_count = settings };
    snprintf(out.account.name, sizeof(out.account.name), "%s", name);
    for (size_t i = 0; i < settings; i++)
        out.account.settings[i].name = out.account.settings[i].value = "x";
    assert_true(account_pack(&out.account, &out.packed, NULL));
    out.when = INT64_MAX / 2; /* just now, however late it is */
    return out;
}

static struct hand *hire(struct found who)
{
    int pair[2];
    struct hand *hand = crew_place(&crew);
    assert_non_null(hand);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    crew_start(&crew, hand, 1000 + (pid_t)count, pair[0]);
    crew_busy(hand, &who);
    workers[count++] = pair[1];
    buf_free(&who.packed);
    return hand;
}

static bool fits(struct hand *hand, struct found who)
{
    bool fit = crew_fit(&crew, &who) == hand;
    buf_free(&who.packed);
    return fit;
}

static void finish(size_t which)
{
    assert_true(privsep_send(workers[which], LMTP_IDLE, BYTES(""), -1, NULL));
}

static void test_only_the_kernels_equals_share_a_worker(void **state)
{
    (void)state;
    struct hand *hand = hire(found("ann", 5000, NULL, 0));
    assert_true(fits(NULL, found("bob", 5000, NULL, 0))); /* it has not finished */
    finish(0);
    assert_true(fits(hand, found("bob", 5000, NULL, 0)));
    assert_true(fits(hand, found("ann", 5000, NULL, 0)));
    assert_true(fits(NULL, found("bob", 5001, NULL, 0)));
    assert_true(fits(NULL, found("bob", 5000, "bob", 0))); /* groups */
    assert_true(fits(NULL, found("bob", 5000, NULL, 1)));  /* settings */
}

static void test_who_has_groups_or_settings_keeps_his_worker_to_himself(void **state)
{
    (void)state;
    struct hand *grouped = hire(found("ann", 5000, "ann", 0));
    struct hand *set = hire(found("bob", 5000, NULL, 1));
    finish(0);
    finish(1);
    assert_true(fits(NULL, found("cat", 5000, NULL, 0)));
    assert_true(fits(grouped, found("ann", 5000, "ann", 0)));
    assert_true(fits(set, found("bob", 5000, NULL, 1)));
}

static void test_an_address_that_was_found_lately_is_not_looked_up_again(void **state)
{
    (void)state;
    struct buf order = BUF_INIT(1000);
    struct found ann = found("ann+lists", 5000, NULL, 0), bob;
    ann.detail = 5;
    struct hand *hand = hire(ann);
    assert_null(crew_same(&crew, ann.address));
    finish(0);
    assert_ptr_equal(crew_same(&crew, ann.address), hand);
    crew_order(hand, NULL, &order);
    assert_int_equal(order.len, 4 + 5 + 4);
    assert_memory_equal(order.data + 4, "lists", 5);
    bob = found("bob", 5000, NULL, 0);
    assert_null(crew_same(&crew, bob.address));
    buf_free(&bob.packed);
    hand->found = -CREW_KNOWN;
    assert_null(crew_same(&crew, ann.address));
    buf_free(&order);
}

static void test_a_worker_ends_after_so_many_messages_or_a_wrong_word(void **state)
{
    (void)state;
    struct hand *hand = hire(found("ann", 5000, NULL, 0));
    for (int i = 1; i < CREW_MESSAGES; i++) {
        finish(0);
        assert_true(fits(hand, found("ann", 5000, NULL, 0)));
        crew_busy(hand, NULL);
    }
    finish(0);
    assert_true(fits(NULL, found("ann", 5000, NULL, 0)));
    assert_int_equal(hand->control, -1);
    hand = hire(found("ann", 5000, NULL, 0));
    assert_true(privsep_send(workers[1], LMTP_DONE, BYTES("rubbish"), -1, NULL));
    assert_true(fits(NULL, found("ann", 5000, NULL, 0)));
    assert_int_equal(hand->control, -1);
}

static void test_a_full_crew_lets_the_longest_idle_go(void **state)
{
    (void)state;
    struct hand *first = hire(found("ann", 5000, NULL, 0));
    for (size_t i = 1; i < 4; i++)
        hire(found("ann", 5000, NULL, 0));
    assert_null(crew_place(&crew)); /* all at work */
    assert_true(first->control >= 0);
    finish(0);
    assert_null(crew_place(&crew)); /* not before it has ended */
    assert_int_equal(first->control, -1);
    assert_true(crew_reaped(&crew, 1000));
    assert_false(crew_reaped(&crew, 1000));
    assert_ptr_equal(crew_place(&crew), first);
}

static void test_what_has_nothing_to_do_is_let_go_in_time(void **state)
{
    (void)state;
    struct hand *hand = hire(found("ann", 5000, NULL, 0));
    finish(0);
    assert_false(crew_tidy(&crew));
    assert_true(hand->control >= 0);
    hand->idle -= CREW_IDLE;
    assert_false(crew_tidy(&crew)); /* still a process */
    assert_int_equal(hand->control, -1);
    assert_true(crew_reaped(&crew, 1000));
    assert_true(crew_tidy(&crew));
}

static int set_up(void **state)
{
    (void)state;
    count = 0;
    return crew_open(&crew, 4, NULL) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++)
        close(workers[i]);
    for (size_t i = 0; i < 8; i++)
        buf_free(&addresses[i]);
    crew_free(&crew);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_only_the_kernels_equals_share_a_worker),
        TEST(test_who_has_groups_or_settings_keeps_his_worker_to_himself),
        TEST(test_an_address_that_was_found_lately_is_not_looked_up_again),
        TEST(test_a_worker_ends_after_so_many_messages_or_a_wrong_word),
        TEST(test_a_full_crew_lets_the_longest_idle_go),
        TEST(test_what_has_nothing_to_do_is_let_go_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
