#include "unit.h"
#include "base/base64.h"

/* RFC 4648, 10. */
static const struct {
    const char *plain, *encoded;
} samples[] = {
    { "", "" },         { "f", "Zg==" },         { "fo", "Zm8=" },         { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }, { "\xff\xfe?", "//4/" },
};

static void octets_become_text_and_octets_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        struct buf out = BUF_INIT(100);
        base64_encode(bytes_of(samples[i].plain), &out);
        assert_bytes_equal(buf_view(&out), bytes_of(samples[i].encoded));
        buf_clear(&out);
        assert_true(base64_decode(bytes_of(samples[i].encoded), &out));
        assert_bytes_equal(buf_view(&out), bytes_of(samples[i].plain));
        buf_free(&out);
    }
}

static void what_is_not_exactly_base64_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "Zg", "Zg=", "Zg===", "Z===", "=Zg=", "Zm9v Zg==", "Zh==",
                                         "Zm9=", "Zg==Zg==", "Zm9v\n", "Zm-_", "====" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct buf out = BUF_INIT(100);
        if (base64_decode(bytes_of(wrong[i]), &out))
            fail_msg("taken: %s", wrong[i]);
        buf_free(&out);
    }
    struct buf out = BUF_INIT(100);
    assert_false(base64_decode(BYTES("AA\0A"), &out));
    buf_free(&out);
}

static void more_than_the_buffer_may_hold_is_refused(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(2);
    assert_false(base64_decode(BYTES("Zm9v"), &out));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_become_text_and_octets_again),
        cmocka_unit_test(what_is_not_exactly_base64_is_refused),
        cmocka_unit_test(more_than_the_buffer_may_hold_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
