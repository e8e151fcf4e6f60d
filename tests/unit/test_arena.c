#include "unit.h"
#include "base/arena.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    for (int round = 0; round < 2; round++) {
        for (size_t size = 0; size < 300; size++) {
            unsigned char *p = arena_alloc(arena, size);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xAA, size);
        }
        arena_clear(arena); /* the second round gets the same memory again */
    }
    arena_destroy(&arena);
    assert_null(arena);
    arena_destroy(&arena);
}

static void the_limit_counts_what_was_handed_out(void **state)
{
    (void)state;
    struct arena *arena = arena_create(100);
    assert_non_null(arena_alloc(arena, 64));
    assert_null(arena_alloc(arena, 37));
    assert_non_null(arena_alloc(arena, 36));
    assert_null(arena_alloc(arena, 1));
    arena_clear(arena);
    assert_non_null(arena_alloc(arena, 100));
    arena_destroy(&arena);
}

static void a_large_arena_is_bounded_too(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    size_t handed = 0;
    while (arena_alloc(arena, 1000))
        handed += 1000;
    assert_in_range(handed, (1 << 20) - 20000, 1 << 20);
    assert_null(arena_alloc(arena, 2 << 20));
    arena_destroy(&arena);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    struct arena *arena = arena_create(SIZE_MAX);
    assert_null(arena_alloc(arena, SIZE_MAX));
    assert_null(arena_alloc(arena, SIZE_MAX - 15));
    assert_null(arena_array(arena, SIZE_MAX / 8 + 1, 8));
    assert_null(arena_array(arena, (size_t)1 << 33, (size_t)1 << 33));
    assert_non_null(arena_array(arena, 10, 8));
    arena_destroy(&arena);
}

static void copies_end_with_nul(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1000);
    assert_memory_equal(arena_copy(arena, BYTES("a\0b")), "a\0b", 4);
    assert_string_equal(arena_copy(arena, (struct bytes){ NULL, 0 }), "");
    struct bytes b = arena_bytes(arena, BYTES(""));
    assert_non_null(b.data); /* empty is not absent */
    assert_int_equal(b.len, 0);
    assert_null(arena_bytes(arena, (struct bytes){ NULL, 0 }).data);
    assert_string_equal(arena_printf(arena, "%s-%d", "x", 42), "x-42");
    assert_null(arena_bytes(arena, bytes_make("", 0x7fffffff)).data);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(the_limit_counts_what_was_handed_out),
        cmocka_unit_test(a_large_arena_is_bounded_too),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(copies_end_with_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
