/* The index as its users see it: what is put in comes back, in this session and in others, and what
 * changes is told. */
#include "index_fixture.h"

static void records_come_back(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p);
    struct index_record record;
    assert_null(index_records(index));
    assert_false(index_refresh(index));
    assert_false(index_get(index, 10, &record));
    place_fill(p, index, 1000);
    index_close(&index);
    assert_null(index);
    index = place_open(p);
    struct index_header header = place_header(index);
    assert_int_equal(header.uidvalidity, UIDVALIDITY);
    assert_int_equal(header.uidnext, 10001);
    assert_int_equal(header.count, 1000);
    assert_int_equal(header.boot, index_boot());
    for (uint32_t uid = 10; uid <= 10000; uid += 10) {
        assert_true(index_get(index, uid, &record));
        assert_int_equal(record.uid, uid);
        assert_int_equal(record.flags, uid / 10 % 3 ? 1 : 8);
        assert_int_equal(record.keywords, keywords_of(uid));
        assert_int_equal(record.place, uid / 10 % 2);
        assert_false(index_get(index, uid - 1, &record));
    }
    assert_false(index_get(index, 10001, &record));
    place_recount(index);
    struct index_header peeked;
    assert_true(index_peek(p->path, &peeked));
    unsigned char texts[2][HEADER_SIZE];
    header_encode(texts[0], &peeked);
    header_encode(texts[1], &header);
    assert_memory_equal(texts[0], texts[1], HEADER_SIZE);
    index_close(&index);
}

static void what_belongs_to_the_format_is_kept(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p);
    place_fill(p, index, 1);
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    struct index_header *edit = index_edit(index);
    memcpy(edit->stamp, "stamp", 6);
    edit->recent_from = 7;
    edit->fresh_from = 8;
    edit->list_mark = UINT64_MAX;
    edit->check_due = -1;
    edit->adding_until = INT64_MAX;
    assert_well(p, index_commit(index, &p->err));
    struct index_header header = place_header(other);
    assert_memory_equal(header.stamp, "stamp", 6);
    assert_int_equal(header.recent_from, 7);
    assert_int_equal(header.fresh_from, 8);
    assert_true(header.list_mark == UINT64_MAX && header.check_due == -1 &&
                header.adding_until == INT64_MAX);
    index_close(&index);
    index_close(&other);
}

static void fields_come_back_before_and_after_they_are_written(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p);
    place_fill(p, index, 6);
    for (uint32_t uid = 10; uid <= 50; uid += 10)
        place_learn(uid % 20 ? index : other, uid);
    assert_true(place_knows(index, 10));
    assert_true(place_knows(other, 20));
    index_close(&index);
    index_close(&other);
    index = place_open(p);
    for (uint32_t uid = 10; uid <= 50; uid += 10)
        assert_true(place_knows(index, uid));
    assert_false(place_knows(index, 60));
    place_learn(index, 30); /* again: the old entry is waste */
    index_flush(index);
    place_recount(index);
    index_close(&index);
}

static void a_field_is_read_without_the_others(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p);
    struct index_record record;
    struct bytes got[INDEX_FIELD_COUNT];
    struct buf memory = BUF_INIT(1000);
    place_fill(p, index, 2);
    place_learn(index, 20);
    assert_true(index_get(index, 20, &record));
    assert_true(index_fields(index, &record, 1U << INDEX_BODY | 1U << INDEX_HEADER, &memory, got));
    assert_bytes(got[INDEX_BODY], "field 1 20");
    assert_bytes(got[INDEX_HEADER], "field 5 20");
    assert_null(got[INDEX_ENVELOPE].data);
    assert_int_equal(memory.len, 20);
    record.size++; /* another content */
    assert_false(index_fields(index, &record, ~0U, &memory, got));
    record.size--;
    record.uid = 10; /* another message */
    assert_false(index_fields(index, &record, ~0U, &memory, got));
    buf_free(&memory);
    index_close(&index);
}

static void messages_come_with_what_was_parsed(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p);
    struct index_message messages[5] = { 0 };
    char text[5][INDEX_FIELD_COUNT][24];
    place_fill(p, index, 1);
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t uid = 20 + 10 * i;
        messages[i].record = (struct index_record){ .uid = uid,
                                                    .known = INDEX_SIZE | INDEX_DATE,
                                                    .size = uid,
                                                    .wire_size = uid + 1,
                                                    .date = -(int64_t)uid };
        if (i != 2) /* of one nothing was parsed */
            place_fields(uid, text[i], messages[i].fields);
    }
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    assert_true(index_add_messages(index, messages, 5));
    assert_well(p, index_commit(index, &p->err));
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(place_knows(index, 20 + 10 * i), i != 2);
    place_recount(index);
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    assert_false(index_add(index, &(struct index_record){ .uid = 60 })); /* not greater */
    assert_false(index_commit(index, &p->err));
    assert_int_equal(place_header(index).count, 6);
    index_close(&index);
}

static void another_uidvalidity_is_another_mailbox(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p);
    struct index_record record;
    place_fill(p, index, 3);
    place_learn(index, 10);
    index_flush(index);
    assert_well(p, index_begin(other, INDEX_WAIT_MS, &p->err));
    assert_well(p, index_create(other, UIDVALIDITY + 1, 0, &p->err));
    assert_true(
        index_add(other, &(struct index_record){ .uid = 10, .known = INDEX_SIZE, .size = 10 }));
    assert_well(p, index_commit(other, &p->err));
    assert_int_equal(place_header(index).uidvalidity, UIDVALIDITY + 1);
    assert_int_equal(place_header(index).count, 1);
    assert_false(place_knows(index, 10));
    assert_false(index_get(index, 20, &record));
    index_close(&index);
    index_close(&other);
}

struct told {
    char text[400];
};

static bool note(void *context, enum index_change_type type, uint32_t uid)
{
    struct told *told = context;
    size_t len = strlen(told->text);
    snprintf(told->text + len, sizeof(told->text) - len, "%c%u ", "?acr"[type], uid);
    return true;
}

static void sessions_tell_each_other_what_they_changed(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p), *third = place_open(p);
    struct index_cursor cursor = { 0 }, own = { 0 };
    place_fill(p, index, 10);
    struct index_header header = place_header(other);
    index_cursor_start(other, &header, &cursor);
    header = place_header(index);
    index_cursor_start(index, &header, &own);
    place_change(p, index, 30, 4, true);
    place_change(p, index, 40, 5, false);
    place_change(p, third, 70, 6, true);
    place_remove(p, index, 50);
    assert_int_equal(place_record(other, 30).flags,
                     4); /* shared memory: nothing was opened again */
    struct told told = { 0 };
    header = place_header(other);
    assert_true(index_follow(other, &header, &cursor, note, &told));
    assert_string_equal(told.text, "c30 c40 c70 r50 ");
    told.text[0] = '\0';
    assert_true(index_follow(other, &header, &cursor, note, &told)); /* once */
    assert_string_equal(told.text, "");
    header = place_header(index);
    assert_true(index_follow(index, &header, &own, note, &told)); /* not what its client knows */
    assert_string_equal(told.text, "c40 c70 r50 ");
    assert_int_equal(place_header(index).dead, 1);
    place_recount(third);
    index_cursor_stop(&cursor);
    index_cursor_stop(&own);
    index_close(&index);
    index_close(&other);
    index_close(&third);
}

static void an_index_in_memory_does_the_same(void **state)
{
    struct place *p = *state;
    struct index *index = index_open(NULL, true);
    struct index_cursor cursor = { 0 };
    struct told told = { 0 };
    struct index_record record;
    assert_true(index_writable(index));
    assert_false(index_refresh(index));
    place_fill(p, index, 300);
    struct index_header header = place_header(index);
    index_cursor_start(index, &header, &cursor);
    place_change(p, index, 20, 3, false);
    place_remove(p, index, 30);
    place_learn(index, 40);
    assert_true(index_get(index, 40, &record));
    assert_int_equal(record.wire_size, 41);
    index_flush(index);
    assert_int_equal(place_record(index, 40).wire_size, 41);
    header = place_header(index);
    assert_true(index_follow(index, &header, &cursor, note, &told));
    assert_string_equal(told.text, "c20 r30 ");
    struct records *old = records_hold(index_records(index));
    assert_well(p, index_begin(index, 0, &p->err));
    assert_well(p, index_compact(index, &p->err));
    index_cancel(index);
    assert_int_equal(place_header(index).count, 299);
    place_recount(index);
    assert_true(records_header(old, &header) && header.replaced);
    assert_true(records_at(old, 2, &record) && record.uid == 30 && record.place & INDEX_DEAD);
    records_drop(&old);
    index_cursor_stop(&cursor);
    index_close(&index);
}

/* Beyond the records for which a file has room it becomes another file, with the same slots. */
static void an_index_grows(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p);
    place_fill(p, index, 100);
    assert_int_equal(place_header(other).capacity, 65536);
    struct records *old = records_hold(index_records(other));
    place_remove(p, index, 70);
    for (uint32_t i = 101; i <= 70000;) {
        assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
        for (uint32_t end = i + 30000; i < end && i <= 70000; i++)
            assert_true(index_add(index, &(struct index_record){ .uid = i * 10, .flags = 1 }));
        assert_well(p, index_commit(index, &p->err));
    }
    struct index_header header = place_header(other);
    assert_int_equal(header.count, 70000);
    assert_true(header.capacity > 70000);
    assert_true(index_records(other) != old);
    assert_int_equal(place_record(other, 700000).uid, 700000);
    assert_int_equal(place_slot(other, 700000), 69999);
    assert_int_equal(records_uid(old, 99), 1000); /* still mapped */
    place_recount(other);
    records_drop(&old);
    place_remove(p, other, 650000);
    place_recount(index);
    index_close(&index);
    index_close(&other);
    index = place_open(p); /* known to become large from the start */
    place_fill(p, index, 60000);
    assert_true(place_header(index).capacity > 65536);
    index_close(&index);
}

static void compaction_leaves_out_what_is_gone(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p);
    struct index_cursor cursor = { 0 };
    struct told told = { 0 };
    place_fill(p, index, 1000);
    for (uint32_t uid = 10; uid <= 10000; uid += 10)
        place_learn(index, uid);
    index_flush(index);
    struct index_header header = place_header(other);
    assert_false(index_wasteful(other, &header));
    index_cursor_start(other, &header, &cursor);
    struct records *old = records_hold(index_records(other));
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    for (uint32_t slot = 0; slot < 1000; slot += 3)
        assert_true(index_remove(index, slot));
    assert_well(p, index_commit(index, &p->err));
    header = place_header(index);
    assert_true(index_wasteful(index, &header));
    uint64_t modseq = place_record(index, 20).modseq;
    off_t before = place_size(p, CACHE_FILE);
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    assert_well(p, index_compact(index, &p->err));
    index_cancel(index);
    assert_true(place_size(p, CACHE_FILE) < before * 3 / 4);
    header = place_header(other);
    assert_int_equal(header.count, 666);
    assert_int_equal(header.dead, 0);
    assert_false(index_wasteful(other, &header));
    assert_int_equal(place_record(other, 20).modseq, modseq);
    for (uint32_t uid = 20; uid <= 10000; uid += 30)
        assert_true(place_knows(other, uid) && place_knows(index, uid));
    assert_false(place_knows(other, 10));
    /* The log goes on: who was behind misses nothing. */
    place_change(p, index, 9990, 9, false);
    header = place_header(other);
    assert_true(index_follow(other, &header, &cursor, note, &told));
    assert_non_null(strstr(told.text, "r10 r40 r70 "));
    assert_int_equal(records_uid(old, 0), 10);
    records_drop(&old);
    place_recount(other);
    index_cursor_stop(&cursor);
    index_close(&index);
    index_close(&other);
}

/* Entries on their way are written while a record is looked at, and that may find another file at
 * the path. */
static void what_is_looked_at_while_the_file_is_replaced_stays(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p);
    struct index_record record;
    place_fill(p, index, 200);
    place_learn(index, 150);
    place_remove(p, other, 10);
    assert_well(p, index_begin(other, INDEX_WAIT_MS, &p->err));
    assert_well(p, index_compact(other, &p->err));
    index_cancel(other);
    assert_true(index_get_at(index, index_records(index), 14, &record));
    assert_int_equal(record.uid, 150);
    assert_true(!record.known || record.wire_size == 151); /* the old file need not know it */
    assert_true(place_knows(index, 150));
    place_learn(index, 170);
    place_fill(p, other, 200);
    assert_false(index_get(index, 165, &record)); /* the next one is on its way */
    assert_true(place_knows(index, 170));
    index_close(&index);
    index_close(&other);
}

static void mod_sequences_rise_and_are_given_once(void **state)
{
    struct place *p = *state;
    struct index *index[2] = { place_open(p), place_open(p) };
    place_fill(p, index[0], 50);
    uint64_t last = place_header(index[0]).modseq;
    assert_well(p, index_begin(index[0], INDEX_WAIT_MS, &p->err));
    index_edit(index[0])->modseq += UINT64_C(1) << 50; /* the clock was set back */
    assert_true(index_change(index[0], 0, 30, 0, 0, false));
    assert_well(p, index_commit(index[0], &p->err));
    assert_true(place_header(index[1]).modseq > last);
    last = place_header(index[1]).modseq;
    for (uint32_t i = 0; i < 200; i++) {
        struct index *now = index[i % 2];
        uint32_t uid = 10 + i % 50 * 10;
        if (i % 7 == 3) {
            assert_well(p, index_begin(now, INDEX_WAIT_MS, &p->err));
            assert_true(index_add(now, &(struct index_record){ .uid = 1000 + i }));
            assert_well(p, index_commit(now, &p->err));
            uid = 1000 + i;
        } else if (i % 7 == 5) {
            place_remove(p, now, uid);
        } else {
            place_change(p, now, uid, (uint8_t)(i % 16 + 16), i % 2);
        }
        uint64_t given = place_record(index[(i + 1) % 2], uid).modseq;
        assert_true(given >= last); /* equal: it was removed before, and nothing was given */
        assert_true(given <= place_header(now).modseq);
        last = place_header(now).modseq;
        if (i % 50 == 49) {
            assert_well(p, index_begin(now, INDEX_WAIT_MS, &p->err));
            assert_well(p, index_compact(now, &p->err));
            index_cancel(now);
            assert_true(place_header(now).modseq >= last);
            last = place_header(now).modseq;
            break;
        }
    }
    place_recount(index[1]);
    index_close(&index[0]);
    index_close(&index[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(records_come_back),
        TEST(what_belongs_to_the_format_is_kept),
        TEST(fields_come_back_before_and_after_they_are_written),
        TEST(a_field_is_read_without_the_others),
        TEST(messages_come_with_what_was_parsed),
        TEST(another_uidvalidity_is_another_mailbox),
        TEST(sessions_tell_each_other_what_they_changed),
        TEST(an_index_in_memory_does_the_same),
        TEST(an_index_grows),
        TEST(compaction_leaves_out_what_is_gone),
        TEST(what_is_looked_at_while_the_file_is_replaced_stays),
        TEST(mod_sequences_rise_and_are_given_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
