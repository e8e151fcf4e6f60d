/* The index is a cache: whatever happens to its files, at whatever moment, what it answers is right
 * or "not known", and a mailbox keeps its truth. */
#include "index_fixture.h"

#include "maildir_fixture.h"

/* ---- the files alone */

enum { MESSAGES = 5 };

static struct index *well_filled(struct place *p)
{
    struct index *index = place_open(p);
    place_fill(p, index, MESSAGES);
    for (uint32_t uid = 10; uid <= MESSAGES * 10; uid += 10)
        place_learn(index, uid);
    index_flush(index);
    place_change(p, index, 30, 3, false);
    return index;
}

/* Known and right, or not known. */
static void check_answers(struct index *index)
{
    struct index_record record;
    for (uint32_t uid = 10; uid <= MESSAGES * 10; uid += 10) {
        place_knows(index, uid); /* compares */
        if (!index_get(index, uid, &record) || !record.keywords)
            continue; /* what was learnt only has no keywords */
        assert_int_equal(record.uid, uid);
        assert_int_equal(record.keywords, keywords_of(uid));
        assert_int_equal(record.flags, uid == 30 ? 3 : uid / 10 % 3 ? 1 : 8);
    }
}

/* A session that reads, one that has the file mapped since before, and one that writes and leaves
 * all well. */
static void live_through(struct place *p, struct index *mapped)
{
    struct index *index = index_open(p->path, false);
    check_answers(index);
    index_close(&index);
    check_answers(mapped);
    index_refresh(mapped);
    check_answers(mapped);
    index = place_open(p);
    place_learn(index, 40);
    index_flush(index);
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    if (index_records(index) && index_change(index, 0, 1, keywords_of(10), 1, false))
        index_commit(index, NULL);
    index_cancel(index);
    check_answers(index);
    index_close(&index);
}

/* Octets at which something is worth damaging: all of what has meaning, some of the rest. */
static size_t next_place(const char *name, size_t at)
{
    bool records = strcmp(name, INDEX_FILE) == 0;
    if (!records)
        return at + (strcmp(name, CACHE_FILE) == 0 && at > 600 ? 13 : 1);
    if (at < HEADER_SIZE || (at >= RECORDS_HEADER && at < RECORDS_HEADER + 4))
        return at + 1;
    return at < RECORDS_HEADER                        ? RECORDS_HEADER
           : at < RECORDS_HEADER + CAPACITY_LEAST / 8 ? RECORDS_HEADER + CAPACITY_LEAST / 8
                                                      : at + 3;
}

enum { FLIP, CUT, ZERO, WAYS };

static void damage(struct place *p, const char *name, int how)
{
    struct buf whole[3];
    static const char *const names[] = { INDEX_FILE, LOG_FILE, CACHE_FILE };
    struct index *index = well_filled(p);
    index_close(&index);
    for (int i = 0; i < 3; i++)
        whole[i] = place_read(p, names[i]);
    for (size_t at = 0, len = (size_t)place_size(p, name); at < len; at = next_place(name, at)) {
        char path[200];
        for (int i = 0; i < 3; i++) {
            place_file(p, names[i], path);
            unlink(path); /* what the last round had mapped stays as it was */
            place_write(p, names[i], buf_view(&whole[i]));
        }
        index = place_open(p);
        check_answers(index);
        place_file(p, name, path);
        int fd = open(path, O_RDWR);
        char octet;
        assert_int_equal(pread(fd, &octet, 1, (off_t)at), 1);
        octet = how == ZERO ? 0 : (char)(octet ^ 0x10);
        if (how == CUT)
            assert_int_equal(ftruncate(fd, (off_t)at), 0);
        else
            assert_int_equal(pwrite(fd, &octet, 1, (off_t)at), 1);
        close(fd);
        live_through(p, index);
        index_close(&index);
    }
    for (int i = 0; i < 3; i++)
        buf_free(&whole[i]);
}

static void damaged_records_give_no_wrong_answer(void **state)
{
    place_guard();
    for (int how = 0; how < WAYS; how++)
        damage(*state, INDEX_FILE, how);
}

static void a_damaged_log_gives_no_wrong_answer(void **state)
{
    place_guard();
    for (int how = 0; how < WAYS; how++)
        damage(*state, LOG_FILE, how);
}

static void a_damaged_cache_gives_no_wrong_answer(void **state)
{
    place_guard();
    for (int how = 0; how < WAYS; how++)
        damage(*state, CACHE_FILE, how);
}

static void a_file_cut_off_while_it_is_mapped_kills_nobody(void **state)
{
    struct place *p = *state;
    struct index_record record;
    struct index_header header;
    char path[200];
    place_guard();
    struct index *index = well_filled(p);
    struct records *held = records_hold(index_records(index));
    place_file(p, INDEX_FILE, path);
    assert_int_equal(truncate(path, RECORDS_HEADER), 0);
    assert_false(records_at(held, 5, &record));
    assert_true(held->mapping.torn);
    assert_int_equal(records_uid(held, 5), 0);
    assert_true(records_header(held, &header));
    assert_int_equal(truncate(path, 0), 0);
    assert_false(records_at(held, 5, &record));
    assert_false(records_header(held, &header));
    assert_false(index_refresh(index));
    assert_null(index_records(index));
    records_drop(&held);
    place_fill(p, index, 3);
    assert_int_equal(place_header(index).count, 3);
    index_close(&index);
}

static void a_file_of_another_kind_in_its_place_is_left_out(void **state)
{
    struct place *p = *state;
    static const char *const names[] = { INDEX_FILE, LOG_FILE, CACHE_FILE };
    char path[200];
    for (int i = 0; i < 9; i++) {
        struct index *index = well_filled(p);
        index_close(&index);
        place_file(p, names[i % 3], path);
        assert_int_equal(unlink(path), 0);
        if (i / 3 == 0)
            assert_int_equal(mkfifo(path, 0600), 0); /* nobody waits for its other end */
        else if (i / 3 == 1)
            assert_int_equal(symlink("/etc/passwd", path), 0);
        else
            assert_int_equal(mkdir(path, 0700), 0);
        index = place_open(p);
        check_answers(index);
        place_learn(index, 50);
        index_flush(index);
        if (index_records(index)) /* what is in the way of writing is no error of the mailbox */
            place_change(p, index, 40, 1, false);
        index_close(&index);
        if (i / 3 == 2)
            rmdir(path);
    }
}

/* ---- a mailbox over them */

/* What a client can see of the mailbox, in one string. */
static void describe(struct fixture *f, struct mailbox *mailbox, struct buf *out)
{
    struct message_fields got;
    struct message message;
    buf_printf(out, "%u %u %u\n", mailbox_uidvalidity(mailbox), mailbox_uidnext(mailbox),
               mailbox_count(mailbox));
    for (uint32_t seq = 1; mailbox_message(mailbox, seq, &message); seq++) {
        assert_ok(f, mailbox_fields(mailbox, seq,
                                    FIELD_SIZE | FIELD_DATE | FIELD_BODYSTRUCTURE | FIELD_ENVELOPE |
                                        FIELD_PARTS | FIELD_HEADER,
                                    &got, &f->err));
        buf_printf(out, "%u %x %llx %llu %ld ", message.uid, message.flags & ~FLAG_RECENT,
                   (unsigned long long)message.keywords, (unsigned long long)got.size,
                   (long)got.date);
        buf_bytes(out, got.envelope);
        buf_bytes(out, got.bodystructure);
        buf_bytes(out, got.parts);
        buf_bytes(out, got.header);
        char *text = fixture_read(f, mailbox, seq);
        buf_string(out, text);
        free(text);
    }
    assert_false(buf_failed(out));
}

static void spoil(struct fixture *f, const char *file, int how)
{
    char path[300];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", f->root, file);
    if (how == 0)
        unlink(path);
    int fd = open(path, O_RDWR);
    if (fd < 0 || fstat(fd, &st) != 0)
        return;
    if (how == 1)
        assert_int_equal(ftruncate(fd, st.st_size / 2), 0);
    if (how == 2)
        assert_int_equal(pwrite(fd, "garbage", 7, st.st_size / 2), 7);
    if (how == 3)
        assert_int_equal(ftruncate(fd, 0), 0);
    if (how == 4)
        assert_int_equal(pwrite(fd, "garbage", 7, st.st_size), 7);
    close(fd);
}

/* A record that cannot be read is met when it is looked at: the sync behind that builds all anew.
 * Numbers stay, or the session is told to select again. */
static void sync_after_damage(struct fixture *f, struct mailbox **mailbox)
{
    struct mailbox_changes changes = { 0 };
    struct message message;
    uint32_t count = mailbox_count(*mailbox);
    for (uint32_t seq = 1; mailbox_message(*mailbox, seq, &message); seq++)
        ;
    if (!mailbox_sync(*mailbox, false, &changes, &f->err)) {
        mailbox_close(mailbox);
        *mailbox = fixture_open(f, "INBOX", true);
    }
    assert_int_equal(changes.expunged_count, 0);
    assert_int_equal(mailbox_count(*mailbox), count);
}

/* Opened anew after each damage; with it open meanwhile, a sync lies between, which may say that it
 * must be selected again. */
static void a_mailbox_says_the_same_whatever_happens_to_its_index(void **state)
{
    struct fixture *f = *state;
    static const char *const files[] = { INDEX_FILE, CACHE_FILE, LOG_FILE };
    struct buf first = BUF_INIT(1 << 20);
    log_open("test", LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
    place_guard();
    for (int i = 0; i < 10; i++)
        fixture_append(f, "INBOX", MAIL("some"), i % 3 ? FLAG_SEEN : FLAG_FLAGGED);
    fixture_put(f, "cur/5.h:2,Xb", MAIL("odd"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    describe(f, mailbox, &first);
    mailbox_close(&mailbox);
    for (int i = 0; i < 60; i++) {
        struct buf now = BUF_INIT(1 << 20);
        bool open_meanwhile = i / 15 % 2;
        if (!open_meanwhile)
            spoil(f, files[i % 3], i / 3 % 5);
        mailbox = fixture_open(f, "INBOX", i % 4);
        if (open_meanwhile) {
            spoil(f, files[i % 3], i / 3 % 5);
            sync_after_damage(f, &mailbox);
        }
        describe(f, mailbox, &now);
        assert_bytes_equal(buf_view(&now), buf_view(&first));
        mailbox_close(&mailbox);
        buf_free(&now);
    }
    buf_free(&first);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(damaged_records_give_no_wrong_answer),
        TEST(a_damaged_log_gives_no_wrong_answer),
        TEST(a_damaged_cache_gives_no_wrong_answer),
        TEST(a_file_cut_off_while_it_is_mapped_kills_nobody),
        TEST(a_file_of_another_kind_in_its_place_is_left_out),
        cmocka_unit_test_setup_teardown(a_mailbox_says_the_same_whatever_happens_to_its_index,
                                        fixture_setup, fixture_teardown),
    };
    place_guard_save();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
