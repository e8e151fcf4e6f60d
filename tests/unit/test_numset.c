#include "unit.h"
#include "base/numset.h"

static void assert_set(const struct numset *set, const char *text)
{
    struct buf out = BUF_INIT(10000);
    numset_write(set, &out);
    assert_string_equal(buf_cstr(&out), text);
    buf_free(&out);
}

static void adding_merges_what_touches(void **state)
{
    (void)state;
    struct numset set = { 0 };
    assert_true(numset_add(&set, 5, 7));
    assert_true(numset_add(&set, 9, 9));
    assert_set(&set, "5:7,9");
    assert_true(numset_add(&set, 8, 8));
    assert_set(&set, "5:9");
    assert_true(numset_add(&set, 20, 30));
    assert_true(numset_add(&set, 1, 3));
    assert_set(&set, "1:3,5:9,20:30");
    assert_true(numset_add(&set, 6, 8));
    assert_set(&set, "1:3,5:9,20:30");
    assert_true(numset_add(&set, 2, 25));
    assert_set(&set, "1:30");
    assert_true(numset_add(&set, UINT32_MAX, UINT32_MAX));
    assert_true(numset_add(&set, 40, UINT32_MAX));
    assert_set(&set, "1:30,40:4294967295");
    numset_free(&set);
}

static void it_agrees_with_a_table_of_flags(void **state)
{
    (void)state;
    enum { MOST = 200 };
    bool flags[MOST + 1] = { false };
    struct numset set = { 0 };
    unsigned seed = 1;
    for (int i = 0; i < 300; i++) {
        seed = seed * 1103515245 + 12345;
        uint32_t first = 1 + (seed >> 16) % MOST, last = first + (seed >> 8) % 4;
        last = last > MOST ? MOST : last;
        assert_true(numset_add(&set, first, last));
        for (uint32_t n = first; n <= last; n++)
            flags[n] = true;
        uint64_t count = 0;
        for (uint32_t n = 1; n <= MOST; n++) {
            assert_int_equal(numset_has(&set, n), flags[n]);
            count += flags[n];
        }
        assert_int_equal(numset_size(&set), count);
        for (size_t r = 1; r < set.count; r++)
            assert_true(set.ranges[r - 1].last + 1 < set.ranges[r].first);
        size_t cursor = 0;
        uint32_t at = 0;
        for (uint32_t n = 1; n <= MOST; n++)
            if (flags[n])
                assert_true(numset_next(&set, &cursor, &at) && at == n);
        assert_false(numset_next(&set, &cursor, &at));
    }
    numset_free(&set);
}

static void parsing_a_sequence_set(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t star;
        const char *set; /* NULL: malformed */
    } table[] = {
        { "1", 9, "1" },           { "1:4,7,9:*", 12, "1:4,7,9:12" },
        { "4:1", 9, "1:4" },       { "*", 9, "9" },
        { "*:4", 2, "2:4" },       { "20:*", 9, "9:20" },
        { "*", 0, "" },            { "5:*", 0, "" },
        { "3,2,1", 9, "1:3" },     { "4294967295", 9, "4294967295" },
        { "", 9, NULL },           { "0", 9, NULL },
        { "1,", 9, NULL },         { ",1", 9, NULL },
        { "1:", 9, NULL },         { ":1", 9, NULL },
        { "1:2:3", 9, NULL },      { "01", 9, NULL },
        { "a", 9, NULL },          { "1 ", 9, NULL },
        { "4294967296", 9, NULL }, { "-1", 9, NULL },
        { "1:0", 9, NULL },        { "**", 9, NULL },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct numset set = { 0 };
        bool good = numset_parse(&set, bytes_of(table[i].text), table[i].star, 100);
        if (good != (table[i].set != NULL))
            fail_msg("%s", table[i].text);
        if (good)
            assert_set(&set, table[i].set);
        numset_free(&set);
    }
}

static void the_number_of_ranges_is_bounded(void **state)
{
    (void)state;
    struct numset set = { 0 };
    assert_true(numset_parse(&set, BYTES("1,3,5"), 9, 3));
    numset_clear(&set);
    assert_false(numset_parse(&set, BYTES("1,3,5,7"), 9, 3));
    numset_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_merges_what_touches),
        cmocka_unit_test(it_agrees_with_a_table_of_flags),
        cmocka_unit_test(parsing_a_sequence_set),
        cmocka_unit_test(the_number_of_ranges_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
