/* A directory for one index, and what the tests of the index ask of it again and again. */
#ifndef INDEX_FIXTURE_H
#define INDEX_FIXTURE_H

#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "index/index_private.h"

enum { UIDVALIDITY = 5 };

struct place {
    char path[64];
    struct error err;
};

/* cmocka catches SIGBUS itself from each test's start on: main() saves the guard's action before, and a test that cuts off
 * mapped files puts it back. */
static struct sigaction place_sigbus;

static inline void place_guard_save(void)
{
    struct mapping mapping = { 0 };
    int fd = memfd_create("guard", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 4096) != 0 || !mapping_take(&mapping, fd, 4096))
        exit(1);
    sigaction(SIGBUS, NULL, &place_sigbus);
    mapping_drop(&mapping);
    close(fd);
}

static inline void place_guard(void)
{
    sigaction(SIGBUS, &place_sigbus, NULL);
}

static inline int place_setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    if (!p)
        return -1;
    snprintf(p->path, sizeof(p->path), "/tmp/postern-index-XXXXXX");
    log_open("test", LOG_TARGET_STDERR, LOG_LEVEL_ERROR); /* damage is a warning */
    *state = p;
    return mkdtemp(p->path) ? 0 : -1;
}

static inline int place_teardown(void **state)
{
    struct place *p = *state;
    file_remove_tree(AT_FDCWD, p->path, NULL);
    free(p);
    return 0;
}

#define assert_well(p, call)                                                                       \
    do {                                                                                           \
        if (!(call))                                                                               \
            fail_msg("%s: %s", #call, (p)->err.text);                                              \
    } while (0)

static inline struct index *place_open(struct place *p)
{
    struct index *index = index_open(p->path, true);
    assert_non_null(index);
    return index;
}

static inline void place_file(const struct place *p, const char *name, char out[200])
{
    snprintf(out, 200, "%s/%s", p->path, name);
}

static inline off_t place_size(const struct place *p, const char *name)
{
    char path[200];
    struct stat st;
    place_file(p, name, path);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static inline struct buf place_read(struct place *p, const char *name)
{
    char path[200];
    struct buf text = BUF_INIT(64 << 20);
    place_file(p, name, path);
    assert_well(p, file_read(AT_FDCWD, path, 64 << 20, &text, &p->err));
    return text;
}

/* In place: whoever has it mapped sees it. */
static inline void place_write(struct place *p, const char *name, struct bytes text)
{
    char path[200];
    place_file(p, name, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_well(p, file_write(fd, text, name, &p->err));
    close(fd);
}

static inline uint64_t keywords_of(uint32_t uid)
{
    return uid * UINT64_C(0x100000001);
}

/* A new index of count messages with UIDs 10, 20, ... and nothing but \Seen or \Deleted. */
static inline void place_fill(struct place *p, struct index *index, uint32_t count)
{
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    assert_well(p, index_create(index, UIDVALIDITY, count, &p->err));
    for (uint32_t i = 1; i <= count; i++)
        assert_true(index_add(index, &(struct index_record){ .uid = i * 10,
                                                             .flags = i % 3 ? 1 : 8,
                                                             .keywords = keywords_of(i * 10),
                                                             .place = i % 2 }));
    assert_well(p, index_commit(index, &p->err));
}

static inline struct index_header place_header(struct index *index)
{
    struct index_header header = { 0 };
    assert_true(index_refresh(index));
    assert_true(records_header(index_records(index), &header));
    return header;
}

static inline uint32_t place_slot(struct index *index, uint32_t uid)
{
    struct index_header header = place_header(index);
    uint32_t slot = records_from(index_records(index), header.count, uid);
    assert_true(slot < header.count);
    assert_int_equal(records_uid(index_records(index), slot), uid);
    return slot;
}

static inline struct index_record place_record(struct index *index, uint32_t uid)
{
    struct index_record record = { 0 };
    assert_true(records_at(index_records(index), place_slot(index, uid), &record));
    return record;
}

static inline void place_change(struct place *p, struct index *index, uint32_t uid, uint8_t flags,
                                bool quiet)
{
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    struct index_record before = place_record(index, uid);
    assert_true(
        index_change(index, place_slot(index, uid), flags, before.keywords, before.place, quiet));
    assert_well(p, index_commit(index, &p->err));
}

static inline void place_remove(struct place *p, struct index *index, uint32_t uid)
{
    assert_well(p, index_begin(index, INDEX_WAIT_MS, &p->err));
    assert_true(index_remove(index, place_slot(index, uid)));
    assert_well(p, index_commit(index, &p->err));
}

/* What the header counts is what the records are, and the bits say the same; UIDs rise, and no
 * mod-sequence is above the highest. */
static inline void place_recount(struct index *index)
{
    struct index_header header = place_header(index), now = { 0 };
    struct records *records = index_records(index);
    struct index_record record;
    uint32_t last = 0;
    for (uint32_t slot = 0; slot < header.count; slot++) {
        assert_true(records_at(records, slot, &record));
        bool dead = record.place & INDEX_DEAD, unseen = !dead && !(record.flags & 1);
        assert_int_equal(records_dead(records, slot / 64) >> slot % 64 & 1, dead);
        assert_true(record.uid > last && record.uid < header.uidnext);
        assert_true(record.modseq <= header.modseq);
        assert_false(unseen && slot < header.first_unseen);
        last = record.uid;
        now.dead += dead;
        now.unseen += unseen;
        now.deleted += !dead && record.flags & 8;
        now.cache_live += !dead && record.known & INDEX_CACHED ? record.cache_size : 0;
    }
    assert_int_equal(header.dead, now.dead);
    assert_int_equal(header.unseen, now.unseen);
    assert_int_equal(header.deleted, now.deleted);
    assert_int_equal(header.cache_live, now.cache_live);
}

/* Fields that tell the message: "field uid". */
static inline void place_fields(uint32_t uid, char text[INDEX_FIELD_COUNT][24],
                                struct bytes fields[INDEX_FIELD_COUNT])
{
    for (uint32_t i = 0; i < INDEX_FIELD_COUNT; i++)
        fields[i] = (struct bytes){ text[i], (size_t)snprintf(text[i], 24, "field %u %u", i, uid) };
}

static inline void place_learn(struct index *index, uint32_t uid)
{
    char text[INDEX_FIELD_COUNT][24];
    struct bytes fields[INDEX_FIELD_COUNT];
    place_fields(uid, text, fields);
    index_fields_put(index,
                     &(struct index_record){ .uid = uid,
                                             .known = INDEX_SIZE | INDEX_DATE,
                                             .size = uid,
                                             .wire_size = uid + 1,
                                             .date = -(int64_t)uid },
                     fields);
}

/* Whether the fields of uid are known; if so they are right. */
static inline bool place_knows(struct index *index, uint32_t uid)
{
    char text[INDEX_FIELD_COUNT][24];
    struct bytes wanted[INDEX_FIELD_COUNT], got[INDEX_FIELD_COUNT];
    struct index_record record;
    struct buf memory = BUF_INIT(1 << 20);
    place_fields(uid, text, wanted);
    bool known = index_get(index, uid, &record) && index_fields(index, &record, ~0U, &memory, got);
    for (size_t i = 0; known && i < INDEX_FIELD_COUNT; i++)
        assert_bytes_equal(got[i], wanted[i]);
    if (known)
        assert_true(record.size == uid && record.wire_size == uid + 1 &&
                    record.date == -(int64_t)uid);
    buf_free(&memory);
    return known;
}

#endif
