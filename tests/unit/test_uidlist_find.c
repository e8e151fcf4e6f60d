/* The line of a UID is found by halving dovecot-uidlist, or not at all; never another's. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "mailbox/maildir_private.h"

static uint32_t random_state = 1;

static uint32_t roll(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

/* A list as it stands in a file of no directory. */
static void open_list(struct uidlist *list, struct bytes text)
{
    uidlist_init(list, -1, "test");
    list->fd = memfd_create("list", MFD_CLOEXEC);
    assert_true(list->fd >= 0);
    assert_int_equal(write(list->fd, text.data, text.len), text.len);
}

struct sample {
    struct buf text;
    struct line {
        uint32_t uid;
        char name[256], extra[120];
    } lines[5001];
    uint32_t count, last;
};

enum { FIELDS = 1, GAPS = 2, LONG_NAMES = 4 };

static void make_list(struct sample *sample, uint32_t count, unsigned how)
{
    static char padding[200];
    memset(padding, 'x', sizeof(padding));
    sample->text = BUF_INIT(8 << 20);
    sample->count = count;
    sample->last = 0;
    buf_printf(&sample->text, "3 V1234 N100000 G0123456789abcdef\n");
    for (uint32_t i = 0; i < count; i++) {
        struct line *line = &sample->lines[i];
        line->uid = sample->last =
            sample->last + 1 + (how & GAPS ? roll(9) * roll(9) * roll(9) * 1000 : 0);
        snprintf(line->name, sizeof(line->name), "%u.M%uP%u.host%.*s,S=%u,W=%u", roll(2000000000),
                 roll(1000000), i, (int)(how & LONG_NAMES ? roll(190) : 0), padding, roll(100000),
                 roll(100000));
        line->extra[0] = '\0';
        if (how & FIELDS && roll(2))
            snprintf(line->extra, sizeof(line->extra), "P%u W%u G%.*s ", roll(1000), roll(1000000),
                     (int)(1 + roll(60)), padding);
        buf_printf(&sample->text, "%u %s:%s%s\n", line->uid, line->extra, line->name,
                   roll(3) ? "" : ":2,S");
    }
    assert_false(buf_failed(&sample->text));
}

/* Whether the line of position i is found; it is right then. */
static bool finds(struct uidlist *list, const struct line *wanted)
{
    struct uidlist_line line;
    if (!uidlist_find(list, wanted->uid, &line))
        return false;
    assert_bytes_equal(line.name, bytes_of(wanted->name));
    assert_bytes_equal(line.extra, bytes_of(wanted->extra));
    return true;
}

static void check_list(struct sample *sample)
{
    struct uidlist list;
    struct uidlist_line line;
    open_list(&list, buf_view(&sample->text));
    for (uint32_t i = 0; i < sample->count; i++) /* one after the other */
        assert_true(finds(&list, &sample->lines[i]));
    for (uint32_t i = sample->count; i--;) /* and from behind */
        assert_true(finds(&list, &sample->lines[i]));
    for (uint32_t i = 0; i < sample->count; i++) {
        assert_true(finds(&list, &sample->lines[roll(sample->count)]));
        uint32_t between = sample->lines[i].uid + 1;
        if (i + 1 < sample->count && between < sample->lines[i + 1].uid)
            assert_false(uidlist_find(&list, between, &line));
    }
    assert_false(uidlist_find(&list, 0, &line));
    assert_false(uidlist_find(&list, sample->last + 1, &line));
    assert_false(uidlist_find(&list, UINT32_MAX, &line));
    uidlist_close(&list);
}

static void every_uid_is_found(void **state)
{
    static const uint32_t counts[] = {
        0, 1, 2, 3, 10, 30, 50, 63, 64, 65, 100, 150, 300, 999, 5000
    };
    struct sample *sample = calloc(1, sizeof(*sample));
    (void)state;
    assert_non_null(sample);
    for (unsigned how = 0; how < 8; how++)
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            make_list(sample, counts[i], how);
            check_list(sample);
            buf_free(&sample->text);
        }
    free(sample);
}

/* Lists whose ends fall on every octet around a window's. */
static void every_length_around_a_window_is_found(void **state)
{
    struct sample *sample = calloc(1, sizeof(*sample));
    (void)state;
    assert_non_null(sample);
    for (uint32_t i = 0; i < 300; i++) {
        make_list(sample, 90 + roll(70), LONG_NAMES * (i % 2) + FIELDS);
        check_list(sample);
        buf_free(&sample->text);
    }
    free(sample);
}

static void a_torn_end_is_not_found_until_it_is_whole(void **state)
{
    struct sample *sample = calloc(1, sizeof(*sample));
    struct uidlist list;
    (void)state;
    assert_non_null(sample);
    make_list(sample, 400, FIELDS);
    struct bytes text = buf_view(&sample->text);
    for (size_t cut = 1; cut < 200; cut++) {
        open_list(&list, bytes_take(text, text.len - cut));
        uint32_t found = 0;
        for (uint32_t i = 0; i < sample->count; i++)
            found += finds(&list, &sample->lines[i]);
        assert_true(found < sample->count && found + 8 > sample->count);
        /* The rest is appended while the list is open. */
        assert_int_equal(pwrite(list.fd, text.data, text.len, 0), text.len);
        for (uint32_t i = sample->count; i--;)
            assert_true(finds(&list, &sample->lines[i]));
        uidlist_close(&list);
    }
    buf_free(&sample->text);
    free(sample);
}

/* Some may not be found then (the list is read whole), but none wrong. */
static void broken_lines_give_no_wrong_answer(void **state)
{
    struct sample *sample = calloc(1, sizeof(*sample));
    struct uidlist list;
    struct uidlist_line line;
    uint32_t found = 0, asked = 0;
    (void)state;
    assert_non_null(sample);
    for (int round = 0; round < 60; round++) {
        make_list(sample, 300, FIELDS);
        for (int i = 0; i < 3; i++) {
            size_t at = 40 + roll((uint32_t)sample->text.len - 60);
            memcpy(sample->text.data + at,
                   (const char *[]){ "\n\n\n", "   ", ":::", "xyz", "\0\0\0" }[roll(5)], 3);
        }
        open_list(&list, buf_view(&sample->text));
        for (uint32_t i = 0; i < sample->count; i++, asked++) {
            if (!uidlist_find(&list, sample->lines[i].uid, &line))
                continue;
            found++;
            /* The damage may lie in a name, which nothing could tell; it is a name all the same. */
            assert_true(maildir_name_valid(line.name));
        }
        uidlist_close(&list);
        buf_free(&sample->text);
    }
    assert_true(found > asked / 2);
    free(sample);
}

static bool finds_in(const char *text, uint32_t uid)
{
    struct uidlist list;
    struct uidlist_line line;
    open_list(&list, bytes_of(text));
    bool found = uidlist_find(&list, uid, &line);
    uidlist_close(&list);
    return found;
}

static void version_1_is_not_read_by_halving(void **state)
{
    (void)state;
    assert_false(finds_in("1 1234 8\n5 1.a\n6 2.b:2,S\n7 3.c\n", 5));
    assert_false(finds_in("1 1234 8\n5 1.a\n6 2.b:2,S\n7 3.c\n", 6));
    assert_false(finds_in("1 1234 8\n5 1.a b :2,S\n", 5)); /* a name with blanks */
}

static void odd_lists_have_nothing(void **state)
{
    (void)state;
    assert_false(finds_in("", 1));
    assert_false(finds_in("\n", 1));
    assert_false(finds_in("3 V1 N9 G0", 3));
    assert_false(finds_in("3 V1 N9 G0\n", 3)); /* the header is no message's line */
    assert_false(finds_in("3 V1 N9\n5\n", 5));
    assert_false(finds_in("3 V1 N9\n5 \n", 5));
    assert_false(finds_in("3 V1 N9\n5 :\n", 5));
    assert_false(finds_in("3 V1 N9\n5 :a", 5));
    assert_true(finds_in("3 V1 N9\n5 :a\n", 5));
    assert_false(finds_in("3 V1 N9\n5  :a\n", 5));
    assert_false(finds_in("3 V1 N9\n99999999999 :a\n", 1410065407));
}

static void a_name_that_leads_elsewhere_is_none(void **state)
{
    (void)state;
    assert_false(finds_in("3 V1 N9\n5 :../../other/cur/1.a\n", 5));
    assert_false(finds_in("3 V1 N9\n5 :.hidden\n", 5));
    assert_false(finds_in("3 V1 N9\n5 :a/b\n", 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_uid_is_found),
        cmocka_unit_test(every_length_around_a_window_is_found),
        cmocka_unit_test(a_torn_end_is_not_found_until_it_is_whole),
        cmocka_unit_test(broken_lines_give_no_wrong_answer),
        cmocka_unit_test(version_1_is_not_read_by_halving),
        cmocka_unit_test(odd_lists_have_nothing),
        cmocka_unit_test(a_name_that_leads_elsewhere_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
