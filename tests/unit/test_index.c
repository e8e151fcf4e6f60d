/* The index is a cache: whatever happens to its files, what it answers is right or "not known", and
 * a mailbox keeps its truth. */
#include "maildir_fixture.h"

#include "index/index.h"

static const struct bytes fields[INDEX_FIELD_COUNT] = {
    [INDEX_ENVELOPE] = { "(env)", 5 },
    [INDEX_BODY] = { "(body)", 6 },
    [INDEX_BODYSTRUCTURE] = { "(bodystructure)", 15 },
    [INDEX_PARTS] = { "\0\1\2", 3 },
    [INDEX_SORT] = { "(sort)", 6 },
    [INDEX_HEADER] = { "A: b\n\n", 6 },
};

struct walk {
    uint32_t at, count;
};

static bool next_record(void *context, struct index_record *record)
{
    struct walk *walk = context;
    if (walk->at == walk->count)
        return false;
    record->uid = ++walk->at * 10;
    record->flags = (uint8_t)walk->at;
    record->keywords = walk->at * UINT64_C(0x100000001);
    record->place = 1;
    return true;
}

static void write_index(struct fixture *f, struct index *index, uint32_t count)
{
    struct walk walk = { .count = count };
    struct index_header header = { .uidnext = count * 10 + 1, .recent_from = 7, .stamp = "stamp" };
    assert_ok(f, index_write(index, &header, next_record, &walk, &f->err));
}

static void records_come_back(void **state)
{
    struct fixture *f = *state;
    struct index_header header;
    struct index_record record;
    struct index *index = index_open(f->root, 5, true);
    assert_false(index_header(index, &header));
    assert_false(index_get(index, 10, &record));
    index_put(
        index,
        &(struct index_record){
            .uid = 20, .known = INDEX_SIZE | INDEX_DATE, .size = 3, .wire_size = 4, .date = -5 });
    write_index(f, index, 1000);
    assert_int_equal(index_unwritten(index), 0);
    index_close(&index);
    assert_null(index);
    index = index_open(f->root, 5, true);
    assert_true(index_header(index, &header));
    assert_int_equal(header.uidnext, 10001);
    assert_int_equal(header.recent_from, 7);
    assert_memory_equal(header.stamp, "stamp", 6);
    assert_int_equal(index_count(index), 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(index_at(index, i, &record));
        assert_int_equal(record.uid, (i + 1) * 10);
        assert_int_equal(record.flags, (i + 1) & 255);
    }
    assert_false(index_at(index, 1000, &record));
    static const uint32_t asked[] = { 10000, 10, 5000, 5010, 5020, 20, 9990 };
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        assert_true(index_get(index, asked[i], &record));
        assert_int_equal(record.keywords, asked[i] / 10 * UINT64_C(0x100000001));
        assert_int_equal(record.known, asked[i] == 20 ? INDEX_SIZE | INDEX_DATE : 0);
    }
    assert_false(index_get(index, 15, &record));
    assert_false(index_get(index, 1, &record));
    assert_false(index_get(index, 10001, &record));
    assert_true(index_get(index, 20, &record));
    assert_int_equal(record.size, 3);
    assert_int_equal(record.wire_size, 4);
    assert_int_equal(record.date, -5);
    index_close(&index);
}

static void has_fields(struct index *index, uint32_t uid, uint64_t size)
{
    struct index_record record;
    struct bytes got[INDEX_FIELD_COUNT];
    struct buf memory = BUF_INIT(1000);
    assert_true(index_get(index, uid, &record));
    assert_int_equal(record.size, size);
    assert_true(index_fields(index, &record, &memory, got));
    for (size_t i = 0; i < INDEX_FIELD_COUNT; i++)
        assert_bytes_equal(got[i], fields[i]);
    record.size++; /* another content */
    assert_false(index_fields(index, &record, &memory, got));
    buf_free(&memory);
}

static void cached_fields_come_back_before_and_after_the_records_know_of_them(void **state)
{
    struct fixture *f = *state;
    struct index *index = index_open(f->root, 5, true), *other = index_open(f->root, 5, true);
    for (uint32_t uid = 10; uid <= 50; uid += 10)
        index_fields_put(uid % 20 ? index : other,
                         &(struct index_record){ .uid = uid, .known = INDEX_SIZE, .size = uid },
                         fields);
    has_fields(index, 10, 10);
    has_fields(other, 20, 20);
    struct index_message message = { .record = { .uid = 60, .known = INDEX_SIZE, .size = 6 } };
    memcpy(message.fields, fields, sizeof(fields));
    index_add(f->root, 5, &message, 1);
    index_close(&index);
    index_close(&other);
    index = index_open(f->root, 5, true);
    for (uint32_t uid = 10; uid <= 50; uid += 10)
        has_fields(index, uid, uid);
    has_fields(index, 60, 6);
    write_index(f, index, 6);
    for (uint32_t uid = 10; uid <= 50; uid += 10)
        has_fields(index, uid, uid);
    index_close(&index);
    index = index_open(f->root, 5, false);
    has_fields(index, 60, 6);
    assert_int_equal(index_unwritten(index), 0);
    index_close(&index);
    index = index_open(f->root, 6, true); /* another mailbox's */
    struct index_record record;
    assert_false(index_get(index, 10, &record));
    index_close(&index);
}

/* Every octet of a file wrong in turn, and every length: no wrong answer. */
static void damage(struct fixture *f, const char *file, bool cut)
{
    char path[300];
    struct index_record record;
    struct bytes got[INDEX_FIELD_COUNT];
    snprintf(path, sizeof(path), "%s/%s", f->root, file);
    struct buf whole = BUF_INIT(1 << 20), memory = BUF_INIT(10000);
    assert_ok(f, file_read(AT_FDCWD, path, 1 << 20, &whole, &f->err));
    for (size_t at = 0; at < whole.len; at++) {
        int fd = open(path, O_WRONLY | O_TRUNC);
        whole.data[at] ^= 0x10;
        assert_ok(f, file_write(fd, bytes_make(whole.data, cut ? at : whole.len), path, &f->err));
        whole.data[at] ^= 0x10;
        close(fd);
        struct index *index = index_open(f->root, 5, false);
        for (uint32_t uid = 10; uid <= 30; uid += 10) {
            if (!index_get(index, uid, &record))
                continue;
            assert_int_equal(record.uid, uid);
            assert_true(!(record.known & INDEX_SIZE) || record.size == uid);
            buf_clear(&memory);
            if (index_fields(index, &record, &memory, got))
                assert_bytes_equal(got[INDEX_BODYSTRUCTURE], fields[INDEX_BODYSTRUCTURE]);
        }
        index_close(&index);
    }
    buf_free(&whole);
    buf_free(&memory);
}

static void a_damaged_file_gives_no_wrong_answer(void **state)
{
    struct fixture *f = *state;
    static const char *const files[] = { "postern.index.1", "postern.cache.2" };
    int quiet = open("/dev/null", O_WRONLY), saved = dup(2);
    dup2(quiet, 2); /* each damage is logged */
    for (int i = 0; i < 4; i++) {
        struct index *index = index_open(f->root, 5, true);
        for (uint32_t uid = 10; uid <= 30; uid += 10)
            index_fields_put(index,
                             &(struct index_record){ .uid = uid, .known = INDEX_SIZE, .size = uid },
                             fields);
        write_index(f, index, 3);
        index_close(&index);
        damage(f, files[i / 2], i % 2);
    }
    dup2(saved, 2);
    close(quiet);
    close(saved);
}

static void a_torn_end_is_cut_off_by_the_next_writer(void **state)
{
    struct fixture *f = *state;
    char path[300];
    struct index *index = index_open(f->root, 5, true);
    index_fields_put(index, &(struct index_record){ .uid = 10, .known = INDEX_SIZE, .size = 10 },
                     fields);
    index_flush(index);
    snprintf(path, sizeof(path), "%s/postern.cache.2", f->root);
    FILE *file = fopen(path, "a");
    assert_true(fputs("torn", file) > 0 && fclose(file) == 0);
    struct index_message message = { .record = { .uid = 20, .known = INDEX_SIZE, .size = 20 } };
    memcpy(message.fields, fields, sizeof(fields));
    index_add(f->root, 5, &message, 1);
    index_fields_put(index, &(struct index_record){ .uid = 30, .known = INDEX_SIZE, .size = 30 },
                     fields);
    index_close(&index);
    index = index_open(f->root, 5, true);
    for (uint32_t uid = 10; uid <= 30; uid += 10)
        has_fields(index, uid, uid);
    index_close(&index);
}

static void a_wasteful_cache_is_shortened(void **state)
{
    struct fixture *f = *state;
    static char large[300000];
    struct bytes big[INDEX_FIELD_COUNT];
    struct stat st;
    char path[300];
    memcpy(big, fields, sizeof(fields));
    memset(large, 'x', sizeof(large));
    big[INDEX_BODY] = (struct bytes){ large, sizeof(large) };
    struct index *index = index_open(f->root, 5, true);
    for (uint32_t uid = 1; uid <= 100; uid++)
        index_fields_put(index,
                         &(struct index_record){ .uid = uid, .known = INDEX_SIZE, .size = uid },
                         uid % 10 ? big : fields);
    snprintf(path, sizeof(path), "%s/postern.cache.2", f->root);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 27000000);
    write_index(f, index, 10);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 3000);
    for (int round = 0; round < 2; round++) {
        for (uint32_t uid = 10; uid <= 100; uid += 10)
            has_fields(index, uid, uid);
        index_fields_put(
            index, &(struct index_record){ .uid = 100, .known = INDEX_SIZE, .size = 100 }, fields);
        index_close(&index);
        index = index_open(f->root, 5, true);
    }
    index_close(&index);
}

static struct bytes header_of(struct fixture *f, struct mailbox *mailbox, uint32_t seq)
{
    struct message_fields got;
    assert_ok(f, mailbox_fields(mailbox, seq, FIELD_HEADER, &got, &f->err));
    return got.header;
}

static void a_header_is_read_from_its_message_once(void **state)
{
    struct fixture *f = *state;
    static const struct bytes wanted = BYTES("Subject: x\nFrom: a@b\n\n");
    fixture_put(f, "cur/1.h:2,", "Subject: x\nFrom: a@b\n\nbody\n");
    fixture_put(f, "cur/2.h:2,", "Subject: all header\n");
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_bytes_equal(header_of(f, mailbox, 1), wanted);
    assert_bytes_equal(header_of(f, mailbox, 2), BYTES("Subject: all header\n"));
    fixture_unlink(f, "cur/1.h:2,");
    assert_bytes_equal(header_of(f, mailbox, 1), wanted);
    fixture_put(f, "cur/1.h:2,", "Subject: x\nFrom: a@b\n\nbody\n");
    mailbox_close(&mailbox);
    mailbox = fixture_open(f, "INBOX", true);
    fixture_unlink(f, "cur/1.h:2,");
    fixture_unlink(f, "cur/2.h:2,");
    assert_bytes_equal(header_of(f, mailbox, 1), wanted);
    assert_bytes_equal(header_of(f, mailbox, 2), BYTES("Subject: all header\n"));
    mailbox_close(&mailbox);
}

static void a_header_asked_for_with_the_structure_does_not_cost_the_structure(void **state)
{
    struct fixture *f = *state;
    struct message_fields got;
    static const unsigned asked[] = { FIELD_HEADER, FIELD_SIZE | FIELD_HEADER,
                                      FIELD_ENVELOPE | FIELD_HEADER };
    fixture_put(f, "cur/1.h:2,", "Subject: x\n\nbody\n");
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        assert_ok(f, mailbox_fields(mailbox, 1, asked[i], &got, &f->err));
        assert_bytes_equal(got.header, BYTES("Subject: x\n\n"));
        if (asked[i] & FIELD_ENVELOPE)
            assert_true(got.envelope.len > 0);
    }
    fixture_unlink(f, "cur/1.h:2,");
    assert_ok(f, mailbox_fields(mailbox, 1, FIELD_BODYSTRUCTURE | FIELD_SIZE, &got, &f->err));
    assert_true(got.bodystructure.len > 0);
    assert_int_equal(got.size, 20);
    mailbox_close(&mailbox);
}

static struct store_status status_of(struct fixture *f)
{
    struct store_status status, opened;
    assert_ok(f, store_status(f->store, BYTES("INBOX"), false, &status, &f->err));
    /* With the size it is opened and counted. */
    assert_ok(f, store_status(f->store, BYTES("INBOX"), true, &opened, &f->err));
    assert_int_equal(status.messages, opened.messages);
    assert_int_equal(status.recent, opened.recent);
    assert_int_equal(status.unseen, opened.unseen);
    assert_int_equal(status.uidnext, opened.uidnext);
    assert_int_equal(status.uidvalidity, opened.uidvalidity);
    return status;
}

static void status_from_the_index_is_what_opening_tells(void **state)
{
    struct fixture *f = *state;
    struct store_status status;
    fixture_append(f, "INBOX", MAIL("one"), FLAG_SEEN);
    fixture_append(f, "INBOX", MAIL("two"), 0);
    for (int i = 0; i < 2; i++) { /* unproved at first, from the header then */
        status = status_of(f);
        assert_int_equal(status.messages, 2);
        assert_int_equal(status.unseen, 1);
        assert_int_equal(status.recent, 2);
        usleep(50000);
    }
    struct mailbox *mailbox = fixture_open(f, "INBOX", true); /* takes \Recent away */
    struct numset all = { 0 };
    assert_true(numset_add(&all, 1, 2));
    status = status_of(f);
    assert_int_equal(status.messages, 2);
    mailbox_close(&mailbox);
    usleep(50000);
    for (int i = 0; i < 3; i++) {
        status = status_of(f);
        assert_int_equal(status.recent, 0);
        assert_int_equal(status.unseen, 1);
    }
    mailbox = fixture_open(f, "INBOX", true);
    assert_ok(f, mailbox_store(mailbox, &all, STORE_ADD, FLAG_SEEN, 0, NULL, &f->err));
    numset_free(&all);
    assert_int_equal(status_of(f).unseen, 0);
    mailbox_close(&mailbox);
    assert_int_equal(status_of(f).unseen, 0);
    usleep(50000);
    status_of(f);
    fixture_put(f, "new/9.h", MAIL("other"));
    status = status_of(f);
    assert_int_equal(status.messages, 3);
    assert_int_equal(status.unseen, 1);
    assert_int_equal(status.recent, 1);
    assert_int_equal(status.uidnext, 4);
    usleep(50000);
    status_of(f);
    fixture_unlink(f, "new/9.h");
    assert_int_equal(status_of(f).messages, 2);
    assert_int_equal(status_of(f).uidnext, 4);
}

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
    if (stat(path, &st) != 0)
        return;
    int fd = open(path, O_RDWR);
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

static void a_mailbox_says_the_same_whatever_happens_to_its_index(void **state)
{
    struct fixture *f = *state;
    struct buf first = BUF_INIT(1 << 20);
    for (int i = 0; i < 10; i++)
        fixture_append(f, "INBOX", MAIL("some"), i % 3 ? FLAG_SEEN : FLAG_FLAGGED);
    fixture_put(f, "cur/5.h:2,Xb", MAIL("odd"));
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    describe(f, mailbox, &first);
    mailbox_close(&mailbox);
    int quiet = open("/dev/null", O_WRONLY), saved = dup(2);
    dup2(quiet, 2);
    for (int i = 0; i < 40; i++) {
        struct buf now = BUF_INIT(1 << 20);
        if (i % 4 != 3)
            spoil(f, i % 2 ? "postern.index.1" : "postern.cache.2", i / 2 % 5);
        mailbox = fixture_open(f, "INBOX", i % 3);
        if (i % 4 == 3) /* while it is open */
            spoil(f, i / 4 % 2 ? "postern.index.1" : "postern.cache.2", i / 8 % 5);
        describe(f, mailbox, &now);
        assert_bytes_equal(buf_view(&now), buf_view(&first));
        mailbox_close(&mailbox);
        buf_free(&now);
    }
    dup2(saved, 2);
    close(quiet);
    close(saved);
    buf_free(&first);
}

static void an_unchanged_mailbox_is_opened_without_reading_its_directories(void **state)
{
    struct fixture *f = *state;
    char path[300];
    struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
    fixture_append(f, "INBOX", MAIL("one"), FLAG_SEEN);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", f->root, i ? "cur" : "new");
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    }
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 1);
    mailbox_close(&mailbox);
    /* Behind its back, with the old time: only a scan could tell. */
    fixture_put(f, "cur/1.h:2,", MAIL("hidden"));
    snprintf(path, sizeof(path), "%s/cur", f->root);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    mailbox = fixture_open(f, "INBOX", true);
    assert_int_equal(mailbox_count(mailbox), 1);
    assert_int_equal(fixture_flags(mailbox, 1), FLAG_SEEN);
    fixture_put(f, "cur/2.h:2,", MAIL("seen"));
    fixture_sync(f, mailbox);
    assert_int_equal(mailbox_count(mailbox), 3);
    mailbox_close(&mailbox);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(records_come_back),
        TEST(cached_fields_come_back_before_and_after_the_records_know_of_them),
        TEST(a_damaged_file_gives_no_wrong_answer),
        TEST(a_torn_end_is_cut_off_by_the_next_writer),
        TEST(a_wasteful_cache_is_shortened),
        TEST(a_mailbox_says_the_same_whatever_happens_to_its_index),
        TEST(a_header_asked_for_with_the_structure_does_not_cost_the_structure),
        TEST(a_header_is_read_from_its_message_once),
        TEST(status_from_the_index_is_what_opening_tells),
        TEST(an_unchanged_mailbox_is_opened_without_reading_its_directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
