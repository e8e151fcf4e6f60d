/* A writer is killed between any two of its writes: log, records, bits, header. The states are made
 * by writing the files as they would be; the next writer completes what stands in the log. And
 * readers that are behind by some logs. */
#include "index_fixture.h"

#include <sys/wait.h>
#include <xxhash.h>

/* What the files are before and after a transaction. */
struct states {
    struct buf records[2], log[2];
};

static void take(struct place *p, struct states *states, int which)
{
    states->records[which] = place_read(p, INDEX_FILE);
    states->log[which] = place_read(p, LOG_FILE);
}

static void states_free(struct states *states)
{
    for (int i = 0; i < 2; i++) {
        buf_free(&states->records[i]);
        buf_free(&states->log[i]);
    }
}

enum { HEADER = 0, BITS = RECORDS_HEADER, RECORDS = RECORDS_HEADER + CAPACITY_LEAST / 8 };
enum { WRITTEN_LOG = 1, WRITTEN_RECORDS = 2, WRITTEN_BITS = 4 };

/* A part of the records file as it was before or after; what was not there yet is zeros. */
static void copy_part(struct buf *out, const struct buf *from, size_t at, size_t end)
{
    if (end > out->len)
        end = out->len;
    for (; at < end; at++)
        out->data[at] = at < from->len ? from->data[at] : 0;
}

/* The header is always the old one: it is written last. */
static void put_state(struct place *p, const struct states *states, unsigned written)
{
    struct buf file = BUF_INIT(64 << 20);
    buf_bytes(&file, buf_view(&states->records[written & WRITTEN_RECORDS ? 1 : 0]));
    copy_part(&file, &states->records[0], HEADER, BITS);
    copy_part(&file, &states->records[written & WRITTEN_BITS ? 1 : 0], BITS, RECORDS);
    assert_false(buf_failed(&file));
    place_write(p, INDEX_FILE, buf_view(&file));
    place_write(p, LOG_FILE, buf_view(&states->log[written & WRITTEN_LOG ? 1 : 0]));
    buf_free(&file);
}

/* 100 messages, of which the transaction changes, removes and adds some. */
static void one_transaction(struct place *p, struct index *index)
{
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    for (uint32_t slot = 0; slot < 100; slot += 5)
        assert_true(index_change(index, slot, 16, 77, 0, true));
    for (uint32_t slot = 1; slot < 100; slot += 5)
        assert_true(index_remove(index, slot));
    for (uint32_t i = 0; i < 10; i++)
        assert_true(index_add(index, &(struct index_record){ .uid = 2000 + i, .flags = 1 }));
    assert_well(p, index_commit(index, &p->err));
}

static void check_done(struct index *index)
{
    struct index_record record;
    for (uint32_t slot = 0; slot < 110; slot++) {
        assert_true(records_at(index_records(index), slot, &record));
        if (slot >= 100)
            assert_true(record.uid == 1900 + slot && record.flags == 1);
        else if (slot % 5 == 0)
            assert_true(record.flags == 16 && record.keywords == 77);
        else
            assert_true(!!(record.place & INDEX_DEAD) == (slot % 5 == 1) &&
                        record.keywords == keywords_of(record.uid));
    }
}

static void what_stands_in_the_log_is_completed(void **state)
{
    struct place *p = *state;
    struct states states;
    struct index_header wanted, header;
    for (unsigned written = 0; written < 8; written++) {
        struct index *index = place_open(p), *reader;
        place_fill(p, index, 100);
        place_change(p, index, 30, 3, false); /* there is a log */
        take(p, &states, 0);
        one_transaction(p, index);
        take(p, &states, 1);
        wanted = place_header(index);
        index_close(&index);
        put_state(p, &states, written);
        reader = index_open(p->path, false); /* sees what was, or some of what will be */
        header = place_header(reader);
        assert_int_equal(header.count, 100);
        index = place_open(p);
        assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
        uint64_t next = index_edit(index)->modseq;
        assert_well(p, index_commit(index, &p->err));
        header = place_header(reader);
        if (written & WRITTEN_LOG) {
            assert_int_equal(header.count, 110);
            assert_int_equal(header.dead, 20);
            assert_int_equal(header.unseen, wanted.unseen);
            assert_int_equal(header.deleted, wanted.deleted);
            assert_int_equal(header.uidnext, wanted.uidnext);
            assert_true(header.modseq >= wanted.modseq && next > wanted.modseq);
            check_done(index);
            place_recount(reader);
        } else if (!written) {
            assert_int_equal(header.dead, 0);
            place_recount(reader);
        }
        index_close(&index);
        index_close(&reader);
        states_free(&states);
    }
}

/* The clock was set back since the writer was killed. */
static void a_mod_sequence_of_a_killed_writer_is_not_given_again(void **state)
{
    struct place *p = *state;
    for (unsigned written = WRITTEN_LOG; written < 8; written += WRITTEN_RECORDS) {
        struct states states;
        struct index *index = place_open(p);
        place_fill(p, index, 100);
        place_change(p, index, 30, 3, false);
        take(p, &states, 0);
        assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
        uint64_t far = index_edit(index)->modseq += UINT64_C(1) << 50;
        assert_true(index_change(index, 4, 31, 0, 0, false));
        assert_well(p, index_commit(index, &p->err));
        take(p, &states, 1);
        index_close(&index);
        put_state(p, &states, written | WRITTEN_LOG);
        index = place_open(p);
        place_change(p, index, 60, 31, false);
        assert_true(place_record(index, 60).modseq > far);
        assert_true(place_record(index, 50).modseq >= far);
        place_recount(index);
        index_close(&index);
        states_free(&states);
    }
}

/* Cut off at every octet of its last entries: what is whole is done, what is torn was never said to
 * be done, and the next writer writes over it. */
static void a_torn_end_of_the_log_is_written_over(void **state)
{
    struct place *p = *state;
    struct states states;
    struct index *index = place_open(p);
    place_fill(p, index, 100);
    place_change(p, index, 30, 3, false);
    take(p, &states, 0);
    one_transaction(p, index);
    take(p, &states, 1);
    index_close(&index);
    for (size_t len = states.log[0].len; len < states.log[1].len; len += 7) {
        put_state(p, &states, 0);
        place_write(p, LOG_FILE, bytes_make(states.log[1].data, len));
        index = place_open(p);
        place_change(p, index, 40, 19, false);
        assert_int_equal(place_record(index, 40).flags, 19);
        assert_int_equal(place_record(index, 30).flags, 3);
        place_recount(index);
        /* What was written over it is what the next one after a kill completes. */
        struct buf file = place_read(p, INDEX_FILE);
        copy_part(&file, &states.records[0], HEADER, BITS);
        place_write(p, INDEX_FILE, buf_view(&file));
        buf_free(&file);
        index_close(&index);
        index = place_open(p);
        assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
        assert_well(p, index_commit(index, &p->err));
        assert_int_equal(place_record(index, 40).flags, 19);
        place_recount(index);
        index_close(&index);
    }
    states_free(&states);
}

/* Entries that are another's are none: of another log, at another place. */
static void a_log_that_is_not_the_records_own_is_left_alone(void **state)
{
    struct place *p = *state;
    struct states states;
    struct index *index = place_open(p);
    place_fill(p, index, 100);
    place_change(p, index, 30, 3, false);
    take(p, &states, 0);
    one_transaction(p, index);
    take(p, &states, 1);
    index_close(&index);
    put_state(p, &states, WRITTEN_LOG);
    struct buf log = place_read(p, LOG_FILE);
    log.data[16] ^= 1; /* its id, the check put right */
    put_le((unsigned char *)log.data + 40, XXH3_64bits(log.data, 40), 8);
    place_write(p, LOG_FILE, buf_view(&log));
    index = place_open(p);
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    assert_well(p, index_commit(index, &p->err));
    assert_int_equal(place_header(index).count, 100);
    place_change(p, index, 30, 9, false);
    assert_int_equal(place_record(index, 30).flags, 9);
    place_recount(index);
    index_close(&index);
    buf_free(&log);
    states_free(&states);
}

/* A record that cannot be read ends the recovery and the index: it is built anew, under the same
 * lock. */
static void what_cannot_be_completed_is_given_up(void **state)
{
    struct place *p = *state;
    struct states states;
    struct index *index = place_open(p);
    place_fill(p, index, 100);
    place_change(p, index, 30, 3, false);
    take(p, &states, 0);
    one_transaction(p, index);
    take(p, &states, 1);
    index_close(&index);
    put_state(p, &states, WRITTEN_LOG);
    struct buf file = place_read(p, INDEX_FILE);
    file.data[RECORDS + 5 * RECORD_SIZE + 20] ^= 1;
    place_write(p, INDEX_FILE, buf_view(&file));
    buf_free(&file);
    states_free(&states);
    index = place_open(p);
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    assert_null(index_records(index));
    assert_int_equal(index_edit(index)->uidvalidity, 0);
    assert_well(p, index_create(index, UIDVALIDITY, 1, &p->err));
    assert_true(index_add(index, &(struct index_record){ .uid = 7 }));
    assert_well(p, index_commit(index, &p->err));
    assert_int_equal(place_header(index).count, 1);
    place_recount(index);
    index_close(&index);
}

/* A new file was put in place, and its writer killed before it told those that have the old one. */
static void a_file_replaced_without_a_word_is_found_by_who_writes(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p);
    place_fill(p, index, 100);
    assert_int_equal(place_header(other).count, 100);
    char path[200], aside[200];
    place_file(p, INDEX_FILE, path);
    place_file(p, "aside", aside);
    struct buf file = place_read(p, INDEX_FILE);
    place_write(p, "aside", buf_view(&file));
    buf_free(&file);
    assert_int_equal(rename(aside, path), 0);
    place_change(p, index, 30, 13, false);
    assert_int_equal(place_record(other, 30).flags, 8); /* as it was */
    place_change(p, other, 40, 14, false);
    assert_int_equal(place_record(other, 30).flags, 13);
    assert_int_equal(place_record(index, 40).flags, 14);
    index_close(&index);
    index_close(&other);
}

/* ---- killed at any moment */

enum { MESSAGES_MOST = 2000, KILLS = 150, DEAD = 255 };

/* What messages should be, by UID: flags or DEAD. The writer says what it is about to do before it
 * does it. */
struct promise {
    uint8_t done[MESSAGES_MOST + 1], next[MESSAGES_MOST + 1];
    uint32_t done_count, next_count; /* UIDs from 1 on */
    volatile uint32_t rounds;        /* how often it wrote */
};

static uint32_t roll(uint32_t *state, uint32_t n)
{
    *state = *state * 1664525 + 1013904223;
    return (*state >> 8) % n;
}

static bool random_change(struct index *index, struct promise *promise, uint32_t *state)
{
    uint32_t uid = promise->done_count ? 1 + roll(state, promise->done_count) : 1,
             what = roll(state, 10);
    bool ok = true;
    for (uint32_t n = 1 + roll(state, 30); ok && n && uid <= promise->done_count && what < 7;
         n--, uid++) {
        struct index_header *header = index_edit(index);
        uint32_t slot = records_from(index_records(index), index->txn.written, uid);
        if (promise->done[uid] == DEAD || slot >= header->count)
            continue;
        promise->next[uid] = what < 5 ? (uint8_t)roll(state, 32) : DEAD;
        ok = what < 5 ? index_change(index, slot, promise->next[uid], uid, 0, false)
                      : index_remove(index, slot);
    }
    for (uint32_t n = roll(state, 9); ok && n && what >= 7 && promise->next_count < MESSAGES_MOST;
         n--) {
        uid = ++promise->next_count;
        promise->next[uid] = (uint8_t)roll(state, 32);
        ok = index_add(index, &(struct index_record){
                                  .uid = uid, .flags = promise->next[uid], .keywords = uid });
    }
    return ok;
}

/* Until it is killed. */
static void write_for_ever(const char *path, struct promise *promise, uint32_t state)
{
    struct index *index = index_open(path, true);
    struct error err;
    for (bool ok = index != NULL; ok;) {
        ok = index_begin(index, INDEX_WAIT_MS, &err) && index_records(index);
        if (ok && roll(&state, 40) == 0) {
            ok = index_compact(index, &err);
            index_cancel(index);
            continue;
        }
        memcpy(promise->next, promise->done, sizeof(promise->next));
        promise->next_count = promise->done_count;
        ok = ok && random_change(index, promise, &state) && index_commit(index, &err);
        if (ok) {
            memcpy(promise->done, promise->next, sizeof(promise->next));
            promise->done_count = promise->next_count;
            promise->rounds++;
        }
    }
    _exit(1);
}

/* Each message is what it was promised to be, or about to become. Takes what it is for the promise.
 */
static void check_promise(struct index *index, struct promise *promise)
{
    struct index_header header = place_header(index);
    struct index_record record;
    uint32_t slot = 0;
    uint32_t most =
        promise->next_count > promise->done_count ? promise->next_count : promise->done_count;
    for (uint32_t uid = 1; uid <= most; uid++) {
        while (slot < header.count && records_uid(index_records(index), slot) < uid)
            slot++;
        bool has = slot < header.count && records_at(index_records(index), slot, &record) &&
                   record.uid == uid;
        uint8_t is = has && !(record.place & INDEX_DEAD) ? record.flags : DEAD;
        if (uid <= promise->done_count)
            assert_true(is == promise->done[uid] || is == promise->next[uid]);
        else if (is == DEAD) { /* was not added: nor is what follows */
            assert_true(!has && header.uidnext <= uid);
            most = uid - 1;
            break;
        } else
            assert_int_equal(is, promise->next[uid]);
        promise->done[uid] = is;
    }
    promise->done_count = most;
}

static void a_writer_killed_at_any_moment_keeps_its_promises(void **state)
{
    struct place *p = *state;
    struct promise *promise =
        mmap(NULL, sizeof(*promise), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct index *index = place_open(p);
    uint32_t random = 1;
    assert_true(promise != MAP_FAILED);
    place_fill(p, index, 0);
    for (int i = 0; i < KILLS; i++) {
        pid_t pid = fork();
        if (pid == 0)
            write_for_ever(p->path, promise, (uint32_t)i);
        for (int wait = 0; wait < 5000 && promise->rounds < (uint32_t)(i + 1) * 5; wait++)
            usleep(1000);
        usleep(roll(&random, 3000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        uint64_t highest = place_header(index).modseq;
        assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
        assert_non_null(index_records(index));
        assert_true(index_edit(index)->modseq > highest);
        assert_well(p, index_commit(index, &p->err));
        place_recount(index);
        check_promise(index, promise);
    }
    assert_true(promise->rounds >= KILLS * 5 && promise->done_count > 100);
    munmap(promise, sizeof(*promise));
    index_close(&index);
}

/* ---- readers that are behind */

struct told {
    uint32_t changed, removed;
    uint32_t last;
};

static bool note(void *context, enum index_change_type type, uint32_t uid)
{
    struct told *told = context;
    told->changed += type == INDEX_CHANGED;
    told->removed += type == INDEX_REMOVED;
    told->last = uid;
    return true;
}

/* Changes until the log is another one; how many messages were changed. */
static uint32_t change_until_it_rotates(struct place *p, struct index *index)
{
    uint64_t log = place_header(index).log;
    static uint64_t keywords;
    uint32_t changed = 0;
    for (int round = 0; round < 200 && place_header(index).log == log; round++, keywords++) {
        assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
        for (uint32_t slot = 0; slot < 2000; slot++, changed++)
            assert_true(index_change(index, slot, 2, keywords + 1, 0, false));
        assert_well(p, index_commit(index, &p->err));
    }
    assert_true(place_header(index).log != log);
    return changed;
}

static bool follow(struct index *index, struct index_cursor *cursor, struct told *told)
{
    struct index_header header = place_header(index);
    *told = (struct told){ 0 };
    bool ok = index_follow(index, &header, cursor, note, told);
    if (!ok)
        index_cursor_start(index, &header, cursor);
    return ok;
}

static void a_reader_may_be_behind_by_one_log_and_not_by_two(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p), *late = place_open(p);
    struct index_cursor cursor = { 0 }, late_cursor = { 0 };
    struct told told;
    place_fill(p, index, 2000);
    change_until_it_rotates(p, index); /* from no log to one */
    struct index_header header = place_header(other);
    index_cursor_start(other, &header, &cursor);
    index_cursor_start(late, &header, &late_cursor);
    place_change(p, index, 40, 5, false);
    assert_true(follow(other, &cursor, &told)); /* it has the log open from now on */
    assert_int_equal(told.changed, 1);
    uint32_t changed = change_until_it_rotates(p, index);
    place_remove(p, index, 50);
    assert_true(follow(other, &cursor, &told));
    assert_int_equal(told.changed, changed);
    assert_int_equal(told.removed, 1);
    assert_int_equal(told.last, 50);
    assert_false(follow(late, &late_cursor, &told)); /* had not opened the first */
    change_until_it_rotates(p, index);
    change_until_it_rotates(p, index);
    assert_false(follow(other, &cursor, &told));
    place_change(p, index, 60, 6, false);
    assert_true(follow(other, &cursor, &told));
    assert_int_equal(told.changed, 1);
    assert_int_equal(told.last, 60);
    assert_true(follow(late, &late_cursor, &told) || told.changed == 0);
    index_cursor_stop(&cursor);
    index_cursor_stop(&late_cursor);
    index_close(&index);
    index_close(&other);
    index_close(&late);
}

static void a_log_that_was_deleted_is_missed_by_nobody(void **state)
{
    struct place *p = *state;
    struct index *index = place_open(p), *other = place_open(p);
    struct index_cursor cursor = { 0 };
    struct told told;
    char path[200];
    place_file(p, LOG_FILE, path);
    place_fill(p, index, 100);
    for (int i = 0; i < 4; i++) { /* before and after the reader opened it */
        struct index_header header = place_header(other);
        if (!i)
            index_cursor_start(other, &header, &cursor);
        place_change(p, index, 20, (uint8_t)(16 + i), false);
        assert_int_equal(unlink(path), 0);
        index_close(&index);
        index = place_open(p);
        place_change(p, index, 30, (uint8_t)(20 + i), false);
        assert_false(follow(other, &cursor, &told));
        place_change(p, index, 40, (uint8_t)(24 + i), false);
        assert_true(follow(other, &cursor, &told));
        assert_int_equal(told.last, 40);
        place_recount(other);
    }
    index_cursor_stop(&cursor);
    index_close(&index);
    index_close(&other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_stands_in_the_log_is_completed),
        TEST(a_mod_sequence_of_a_killed_writer_is_not_given_again),
        TEST(a_torn_end_of_the_log_is_written_over),
        TEST(a_log_that_is_not_the_records_own_is_left_alone),
        TEST(what_cannot_be_completed_is_given_up),
        TEST(a_file_replaced_without_a_word_is_found_by_who_writes),
        TEST(a_writer_killed_at_any_moment_keeps_its_promises),
        TEST(a_reader_may_be_behind_by_one_log_and_not_by_two),
        TEST(a_log_that_was_deleted_is_missed_by_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
