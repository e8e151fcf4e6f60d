/* A session's numbering over bits and ranks against a plain array, while others add, change and
 * remove messages, compact the index and build it anew. What is told in view_follow() must turn the
 * client's array into the new one. */
#include "index_fixture.h"

#include "mailbox/mailbox_private.h"

enum { SESSIONS = 3, MOST = 20000, SEEN = FLAG_SEEN };

struct truth {
    uint32_t uid;
    uint8_t flags;
    bool alive;
};

/* A client: what it was told. */
struct session {
    struct mailbox mailbox;
    uint32_t uids[MOST];
    uint8_t flags[MOST];
    uint32_t count, last;
};

struct world {
    struct place *p;
    struct truth *messages; /* rising UIDs */
    uint32_t count, next;
    struct session *sessions;
    uint32_t random;
};

static uint32_t roll(struct world *w, uint32_t n)
{
    w->random = w->random * 1664525 + 1013904223;
    return (w->random >> 8) % n;
}

static struct truth *truth_of(struct world *w, uint32_t uid)
{
    for (uint32_t low = 0, high = w->count; low < high;) {
        uint32_t middle = (low + high) / 2;
        if (w->messages[middle].uid == uid)
            return &w->messages[middle];
        if (w->messages[middle].uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void world_open(struct world *w, struct place *p, uint32_t seed)
{
    static char name[] = "test";
    *w = (struct world){ .p = p, .next = 1, .random = seed };
    w->messages = calloc(MOST, sizeof(*w->messages));
    w->sessions = calloc(SESSIONS, sizeof(*w->sessions));
    assert_true(w->messages && w->sessions);
    for (int i = 0; i < SESSIONS; i++)
        w->sessions[i].mailbox =
            (struct mailbox){ .name = name, .index = place_open(p), .keywords_named = 1 };
}

static void world_close(struct world *w)
{
    for (int i = 0; i < SESSIONS; i++) {
        view_free(&w->sessions[i].mailbox.view);
        index_close(&w->sessions[i].mailbox.index);
    }
    free(w->messages);
    free(w->sessions);
}

/* ---- what the disk does */

static void begin(struct world *w, struct index *index)
{
    assert_well(w->p, index_begin(index, INDEX_WAIT_MS, &w->p->err));
}

static void commit(struct world *w, struct index *index)
{
    assert_well(w->p, index_commit(index, &w->p->err));
}

static void build_anew(struct world *w, struct index *index)
{
    begin(w, index);
    assert_well(w->p, index_create(index, UIDVALIDITY, w->count, &w->p->err));
    for (uint32_t i = 0; i < w->count; i++)
        if (w->messages[i].alive)
            assert_true(index_add(index, &(struct index_record){ .uid = w->messages[i].uid,
                                                                 .flags = w->messages[i].flags }));
    commit(w, index);
}

static void add(struct world *w, struct index *index, uint32_t count)
{
    begin(w, index);
    for (uint32_t i = 0; i < count && w->count < MOST; i++) {
        struct truth *new = &w->messages[w->count++];
        w->next += 1 + (roll(w, 4) == 0) * roll(w, 5);
        *new = (struct truth){ w->next++, (uint8_t)roll(w, 32), true };
        assert_true(
            index_add(index, &(struct index_record){ .uid = new->uid, .flags = new->flags }));
    }
    commit(w, index);
}

/* A message that comes to light between others: the records are written anew. */
static void add_between(struct world *w, struct index *index)
{
    if (w->count < 3 || w->count == MOST)
        return;
    for (uint32_t at = roll(w, w->count - 1), i = 0; i < 50 && at + 1 < w->count; i++, at++) {
        if (w->messages[at + 1].uid - w->messages[at].uid < 2)
            continue;
        memmove(&w->messages[at + 2], &w->messages[at + 1],
                (w->count - at - 1) * sizeof(*w->messages));
        w->messages[at + 1] = (struct truth){ w->messages[at].uid + 1, 4, true };
        w->count++;
        break;
    }
    build_anew(w, index);
}

static void compact(struct world *w, struct index *index)
{
    begin(w, index);
    assert_well(w->p, index_compact(index, &w->p->err));
    index_cancel(index);
}

/* Changes some messages, quietly for the session that does it, whose client is told of those that
 * it has numbers for. */
static void change(struct world *w, struct session *session, uint32_t count)
{
    struct index *index = session->mailbox.index;
    struct message message;
    uint32_t at = w->count ? roll(w, w->count) : 0, first = at, seq;
    begin(w, index);
    for (uint32_t i = 0; i < count && at < w->count; i++, at += 1 + roll(w, 3)) {
        if (!w->messages[at].alive)
            continue;
        uint32_t uid = w->messages[at].uid;
        seq = mailbox_seq(&session->mailbox, uid);
        w->messages[at].flags = (uint8_t)roll(w, 32);
        assert_true(
            index_change(index, place_slot(index, uid), w->messages[at].flags, 0, 0, seq != 0));
    }
    commit(w, index);
    for (; first < w->count && first < at; first++)
        if (w->messages[first].alive &&
            (seq = mailbox_seq(&session->mailbox, w->messages[first].uid))) {
            assert_true(mailbox_message(&session->mailbox, seq, &message));
            assert_int_equal(message.flags, w->messages[first].flags);
            session->flags[seq - 1] = message.flags;
        }
}

static void expunge(struct world *w, struct index *index, uint32_t count)
{
    begin(w, index);
    uint32_t at = w->count ? roll(w, w->count) : 0;
    for (uint32_t i = 0; i < count && at < w->count; i++, at += 1 + roll(w, 3)) {
        if (!w->messages[at].alive)
            continue;
        w->messages[at].alive = false;
        assert_true(index_remove(index, place_slot(index, w->messages[at].uid)));
    }
    commit(w, index);
}

/* Nobody can read what was in it. */
static void lose_log(struct world *w, struct session *session)
{
    char path[200];
    place_file(w->p, LOG_FILE, path);
    unlink(path);
    change(w, session, 1);
}

/* ---- what a client sees */

static void apply_changes(struct world *w, struct session *session,
                          const struct mailbox_changes *changes)
{
    for (size_t i = 0; i < changes->expunged_count; i++) {
        uint32_t seq = changes->expunged[i];
        assert_true(seq >= 1 && seq <= session->count);
        assert_false(truth_of(w, session->uids[seq - 1])->alive);
        memmove(&session->uids[seq - 1], &session->uids[seq],
                (session->count - seq) * sizeof(uint32_t));
        memmove(&session->flags[seq - 1], &session->flags[seq], session->count - seq);
        session->count--;
    }
    bool more = false;
    for (uint32_t i = 0; i < w->count; i++)
        if (w->messages[i].uid > session->last && w->messages[i].alive) {
            session->uids[session->count] = w->messages[i].uid;
            session->flags[session->count++] = w->messages[i].flags;
            more = true;
        }
    if (w->count && w->messages[w->count - 1].uid > session->last)
        session->last = w->messages[w->count - 1].uid;
    assert_true(changes->exists || !more);
    for (size_t i = 0; i < changes->changed_count; i++) {
        uint32_t seq = changes->changed[i];
        assert_true(seq >= 1 && seq <= session->count && (!i || seq > changes->changed[i - 1]));
        session->flags[seq - 1] = truth_of(w, session->uids[seq - 1])->flags;
    }
}

static void check(struct world *w, struct session *session, bool all_gone_told)
{
    struct mailbox *mailbox = &session->mailbox;
    struct message message;
    uint32_t first_unseen = 0;
    assert_int_equal(mailbox_count(mailbox), session->count);
    for (uint32_t seq = 1; seq <= session->count; seq++) {
        const struct truth *truth = truth_of(w, session->uids[seq - 1]);
        assert_true(mailbox_message(mailbox, seq, &message));
        assert_int_equal(message.uid, session->uids[seq - 1]);
        assert_true(truth->alive || !all_gone_told);
        if (!truth->alive)
            continue;
        assert_int_equal(session->flags[seq - 1], truth->flags); /* every change was told */
        assert_int_equal(message.flags, truth->flags);
        first_unseen = first_unseen || message.flags & SEEN ? first_unseen : seq;
    }
    assert_false(mailbox_message(mailbox, session->count + 1, &message) ||
                 mailbox_message(mailbox, 0, &message));
    if (all_gone_told)
        assert_int_equal(mailbox_first_unseen(mailbox), first_unseen);
    for (int i = 0; i < 20 && session->count; i++) { /* in any order, and what lies between */
        uint32_t seq = 1 + roll(w, session->count), uid = session->uids[seq - 1];
        assert_int_equal(view_uid(&mailbox->view, seq), uid);
        assert_int_equal(mailbox_seq(mailbox, uid), seq);
        assert_int_equal(mailbox_seq_from(mailbox, uid), seq);
        assert_int_equal(mailbox_seq_from(mailbox, uid + 1), seq + 1);
        if (seq < session->count && session->uids[seq] > uid + 1)
            assert_int_equal(mailbox_seq(mailbox, uid + 1), 0);
    }
    assert_int_equal(mailbox_seq(mailbox, session->last + 1), 0);
    assert_int_equal(mailbox_seq_from(mailbox, session->last + 1), session->count + 1);
}

static void follow(struct world *w, struct session *session, bool keep_numbers)
{
    struct mailbox_changes changes;
    index_refresh(session->mailbox.index);
    bool replaced = session->mailbox.view.records != index_records(session->mailbox.index);
    assert_well(w->p, view_follow(&session->mailbox, keep_numbers, &changes, &w->p->err));
    assert_true(!keep_numbers || !changes.expunged_count);
    if (keep_numbers && replaced &&
        session->mailbox.view.records != index_records(session->mailbox.index)) {
        assert_false(changes.exists || changes.changed_count); /* it waits */
        return;
    }
    apply_changes(w, session, &changes);
    check(w, session, !keep_numbers);
}

static void one_step(struct world *w)
{
    struct session *session = &w->sessions[roll(w, SESSIONS)];
    struct index *index = session->mailbox.index;
    switch (roll(w, 24)) {
    case 0 ... 5:
        add(w, index, 1 + roll(w, 8) * roll(w, 8));
        break;
    case 6 ... 10:
        change(w, session, 1 + roll(w, 20));
        break;
    case 11 ... 14:
        expunge(w, index, 1 + roll(w, 40));
        break;
    case 15:
        if (roll(w, 4) == 0)
            compact(w, index);
        break;
    case 16:
        if (roll(w, 8) == 0)
            add_between(w, index);
        break;
    case 17:
        if (roll(w, 8) == 0)
            lose_log(w, session);
        break;
    default:
        /* The last session keeps its numbers most of the time. */
        follow(w, session,
               session == &w->sessions[SESSIONS - 1] ? roll(w, 8) != 0 : roll(w, 8) == 0);
    }
}

static void a_numbering_is_what_an_array_would_be(void **state)
{
    for (uint32_t seed = 1; seed <= 6; seed++) {
        struct world w;
        world_open(&w, *state, seed);
        build_anew(&w, w.sessions[0].mailbox.index);
        for (int i = 0; i < SESSIONS; i++)
            follow(&w, &w.sessions[i], false);
        for (int i = 0; i < 1500; i++)
            one_step(&w);
        for (int i = 0; i < SESSIONS; i++) {
            follow(&w, &w.sessions[i], false);
            place_recount(w.sessions[i].mailbox.index);
        }
        world_close(&w);
    }
}

/* The order in which numbers are sent: each counted after those before it (RFC 9051, 7.5.1). */
static void expunged_numbers_come_in_the_order_to_be_sent(void **state)
{
    struct world w;
    struct mailbox_changes changes;
    static const uint32_t gone[] = { 2, 3, 7, 64, 65, 600, 1000 };
    static const uint32_t wanted[] = { 2, 2, 5, 61, 61, 595, 994 };
    world_open(&w, *state, 1);
    struct mailbox *mailbox = &w.sessions[0].mailbox;
    place_fill(w.p, w.sessions[1].mailbox.index, 1000);
    for (int replaced = 0; replaced < 2; replaced++) {
        view_free(&mailbox->view);
        index_refresh(mailbox->index);
        assert_well(w.p, view_follow(mailbox, false, NULL, &w.p->err));
        begin(&w, w.sessions[1].mailbox.index);
        for (size_t i = 0; i < 7; i++)
            assert_true(index_remove(w.sessions[1].mailbox.index,
                                     place_slot(w.sessions[1].mailbox.index, gone[i] * 10)));
        commit(&w, w.sessions[1].mailbox.index);
        if (replaced)
            compact(&w, w.sessions[1].mailbox.index);
        index_refresh(mailbox->index);
        assert_well(w.p, view_follow(mailbox, true, &changes, &w.p->err));
        assert_int_equal(changes.expunged_count, 0);
        assert_int_equal(mailbox_count(mailbox), 1000);
        assert_int_equal(mailbox_seq(mailbox, 20), 2);
        assert_well(w.p, view_follow(mailbox, false, &changes, &w.p->err));
        assert_int_equal(changes.expunged_count, 7);
        assert_memory_equal(changes.expunged, wanted, sizeof(wanted));
        assert_int_equal(mailbox_count(mailbox), 993);
        assert_int_equal(mailbox_seq(mailbox, 20), 0);
        assert_int_equal(mailbox_seq(mailbox, 9990), 993);
        place_fill(w.p, w.sessions[1].mailbox.index, 1000);
    }
    world_close(&w);
}

/* The file is cut off below a session that has it mapped. Its numbers stay what they were, if
 * nothing came or went; else it is told to select again. */
static void a_destroyed_index_keeps_numbers_or_says_so(void **state)
{
    place_guard();
    for (int more = 0; more < 2; more++) {
        struct world w;
        struct mailbox_changes changes;
        struct message message;
        char path[200];
        world_open(&w, *state, 1);
        struct mailbox *mailbox = &w.sessions[0].mailbox;
        struct index *index = w.sessions[1].mailbox.index;
        place_fill(w.p, index, 2000);
        index_refresh(mailbox->index);
        assert_well(w.p, view_follow(mailbox, false, NULL, &w.p->err));
        place_file(w.p, INDEX_FILE, path);
        assert_int_equal(truncate(path, more ? 5000 : 0), 0);
        assert_false(mailbox_message(mailbox, 1500, &message));
        place_fill(w.p, index, more ? 2001 : 2000);
        if (more) { /* one is gone meanwhile */
            place_remove(w.p, index, 30);
            place_remove(w.p, index, 40);
        }
        index_refresh(mailbox->index);
        bool ok = view_follow(mailbox, false, &changes, &w.p->err);
        if (ok) {
            assert_int_equal(mailbox_count(mailbox), 2000);
            assert_int_equal(mailbox_seq(mailbox, 15000), 1500);
        } else {
            assert_int_equal(w.p->err.class, ERROR_NO_SUCH);
        }
        assert_int_equal(ok, !more);
        world_close(&w);
    }
}

static void sets_of_uids_become_sets_of_numbers(void **state)
{
    struct world w;
    struct numset uids = { 0 }, seqs = { 0 };
    world_open(&w, *state, 1);
    struct mailbox *mailbox = &w.sessions[0].mailbox;
    place_fill(w.p, mailbox->index, 100);
    place_remove(w.p, mailbox->index, 500);
    assert_well(w.p, view_follow(mailbox, false, NULL, &w.p->err));
    assert_true(numset_add(&uids, 1, 9) && numset_add(&uids, 15, 45) &&
                numset_add(&uids, 495, 505) && numset_add(&uids, 990, UINT32_MAX));
    assert_true(mailbox_seqs(mailbox, &uids, &seqs));
    assert_int_equal(seqs.count, 2);
    assert_true(seqs.ranges[0].first == 2 && seqs.ranges[0].last == 4);
    assert_true(seqs.ranges[1].first == 98 && seqs.ranges[1].last == 99);
    numset_free(&uids);
    numset_free(&seqs);
    world_close(&w);
}

static void an_empty_mailbox_has_no_numbers(void **state)
{
    struct world w;
    struct mailbox_changes changes;
    world_open(&w, *state, 1);
    struct mailbox *mailbox = &w.sessions[0].mailbox;
    place_fill(w.p, mailbox->index, 0);
    assert_well(w.p, view_follow(mailbox, false, &changes, &w.p->err));
    assert_int_equal(mailbox_count(mailbox), 0);
    assert_int_equal(mailbox_seq_from(mailbox, 1), 1);
    assert_int_equal(mailbox_first_unseen(mailbox), 0);
    assert_false(changes.exists);
    world_close(&w);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_mailbox_has_no_numbers),
        TEST(expunged_numbers_come_in_the_order_to_be_sent),
        TEST(sets_of_uids_become_sets_of_numbers),
        TEST(a_destroyed_index_keeps_numbers_or_says_so),
        TEST(a_numbering_is_what_an_array_would_be),
    };
    place_guard_save();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
