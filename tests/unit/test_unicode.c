#include "unit.h"
#include "base/unicode.h"

static void utf8_of_the_standard(void **state)
{
    (void)state;
    static const char *const good[] = { "",
                                        "abc",
                                        "\xc2\x80",
                                        "\xdf\xbf",
                                        "\xe0\xa0\x80",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xef\xbf\xbf",
                                        "\xf0\x90\x80\x80",
                                        "\xf4\x8f\xbf\xbf" };
    static const char *const bad[] = { "\x80",
                                       "\xbf",
                                       "\xc0\x80",
                                       "\xc1\xbf",
                                       "\xc2",
                                       "\xc2\x41",
                                       "\xe0\x9f\xbf",
                                       "\xe2\x82",
                                       "\xed\xa0\x80",
                                       "\xed\xbf\xbf",
                                       "\xf0\x8f\xbf\xbf",
                                       "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80",
                                       "\xff",
                                       "\xf0\x90\x80",
                                       "a\xe9" };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (!utf8_valid(bytes_of(good[i])))
            fail_msg("good %zu", i);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (utf8_valid(bytes_of(bad[i])))
            fail_msg("bad %zu", i);
    assert_false(utf8_valid(BYTES("a\0b")));
}

static void every_code_point_comes_back(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(8);
    for (uint32_t code = 1; code <= 0x10FFFF; code++) {
        if (code == 0xD800)
            code = 0xE000;
        size_t at = 0;
        buf_clear(&buf);
        utf8_append(&buf, code);
        if (utf8_next(buf_view(&buf), &at) != (int32_t)code || at != buf.len)
            fail_msg("U+%04X", code);
    }
    buf_free(&buf);
}

static void what_is_no_code_point_is_replaced(void **state)
{
    (void)state;
    static const uint32_t none[] = { 0xD800, 0xDFFF, 0x110000, UINT32_MAX };
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
        struct buf buf = BUF_INIT(8);
        utf8_append(&buf, none[i]);
        assert_bytes(buf_view(&buf), "\xef\xbf\xbd");
        buf_free(&buf);
    }
}

static void a_malformed_octet_costs_one_octet(void **state)
{
    (void)state;
    size_t at = 0;
    struct bytes text = BYTES("\xe2\x82x");
    assert_int_equal(utf8_next(text, &at), -1);
    assert_int_equal(at, 1);
    assert_int_equal(utf8_next(text, &at), -1);
    assert_int_equal(utf8_next(text, &at), 'x');
    assert_int_equal(at, 3);
    assert_int_equal(utf8_next(text, &at), -1);
    assert_int_equal(at, 3);
}

static void the_beginning_of_a_character_is_unfinished(void **state)
{
    (void)state;
    static const char *const begun[] = { "\xc3", "\xe2", "\xe2\x82", "\xf0\x9f\x98" };
    static const char *const not [] = { "x",    "\xc3\xa4", "\xe2\x82\xac", "\xe2x",
                                        "\x82", "\xc0",     "\xff" };
    for (size_t i = 0; i < sizeof(begun) / sizeof(*begun); i++)
        assert_true(utf8_unfinished(bytes_of(begun[i])));
    for (size_t i = 0; i < sizeof(not ) / sizeof(*not ); i++)
        assert_false(utf8_unfinished(bytes_of(not [i])));
}

static void modified_utf7_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *utf7, *utf8;
    } table[] = {
        { "", "" },
        { "INBOX", "INBOX" },
        { "&-", "&" },
        { "Q&-A", "Q&A" },
        { "&--", "&-" },
        { "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
          "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" },
        { "Entw&APw-rfe", "Entw\xc3\xbcrfe" },
        { "&2D3eAA-", "\xf0\x9f\x98\x80" },
        { "&AOQA9gD8-", "\xc3\xa4\xc3\xb6\xc3\xbc" },
        { "&AOQ-&-&APY-", "\xc3\xa4&\xc3\xb6" },
        { "&2,8D3w-", NULL },
        { "&AAk-", "\t" },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct buf out = BUF_INIT(200), back = BUF_INIT(200);
        bool good = utf7_decode(bytes_of(table[i].utf7), &out);
        if (good != (table[i].utf8 != NULL))
            fail_msg("%s", table[i].utf7);
        if (good) {
            assert_bytes_equal(buf_view(&out), bytes_of(table[i].utf8));
            assert_true(utf7_encode(buf_view(&out), &back));
            assert_bytes_equal(buf_view(&back), bytes_of(table[i].utf7));
        }
        buf_free(&out);
        buf_free(&back);
    }
}

static void names_that_are_not_modified_utf7(void **state)
{
    (void)state;
    static const struct {
        struct bytes name;
        const char *why;
    } table[] = {
        { BYTES("caf\xc3\xa9"), "8-bit octets" },
        { BYTES("a\tb"), "a control character" },
        { BYTES("a\0b"), "a NUL" },
        { BYTES("a\x7f"), "DEL" },
        { BYTES("&"), "an unfinished shift" },
        { BYTES("&APw"), "an unfinished shift with content" },
        { BYTES("&APw&-"), "a shift inside a shift" },
        { BYTES("&AGE-"), "encoded ASCII" },
        { BYTES("&ACY-"), "an encoded ampersand" },
        { BYTES("&AAA-"), "an encoded NUL" },
        { BYTES("&AOQ-&APY-"), "a superfluous shift" },
        { BYTES("&APx-"), "padding bits that are not zero" },
        { BYTES("&APwA-"), "a superfluous digit" },
        { BYTES("&A-"), "half a character" },
        { BYTES("&AP-"), "half a character" },
        { BYTES("&2D0-"), "a lone high surrogate" },
        { BYTES("&3gA-"), "a lone low surrogate" },
        { BYTES("&2D3YPQ-"), "two high surrogates" },
        { BYTES("&AP/-"), "the slash of ordinary base64" },
        { BYTES("&APw=-"), "padding of ordinary base64" },
        { BYTES("&A\0w-"), "a NUL inside a shift" },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct buf out = BUF_INIT(100);
        buf_string(&out, "before");
        if (utf7_decode(table[i].name, &out))
            fail_msg("accepted: %s", table[i].why);
        assert_bytes(buf_view(&out), "before");
        buf_free(&out);
    }
}

static void encoding_refuses_what_is_not_utf8(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(100);
    assert_false(utf7_encode(BYTES("\xff"), &out));
    assert_false(utf7_encode(BYTES("\xed\xa0\x80"), &out));
    assert_false(utf7_encode(BYTES("a\0"), &out));
    assert_int_equal(out.len, 0);
    buf_free(&out);
    struct buf tight = BUF_INIT(3);
    assert_false(utf7_encode(BYTES("\xc3\xa4"), &tight));
    buf_free(&tight);
}

/* Runs of every length, so that every number of left-over bits is met. */
static void any_text_survives_the_way_through_utf7(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a", "&", "-", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"
    };
    for (unsigned n = 0; n < 6 * 6 * 6 * 6 * 6; n++) {
        struct buf text = BUF_INIT(100), utf7 = BUF_INIT(200), back = BUF_INIT(100);
        for (unsigned rest = n + 1; rest > 0; rest /= 6)
            buf_string(&text, pieces[rest % 6]);
        if (!utf7_encode(buf_view(&text), &utf7) || !utf7_decode(buf_view(&utf7), &back))
            fail_msg("%s", buf_cstr(&text));
        assert_bytes_equal(buf_view(&back), buf_view(&text));
        buf_free(&text);
        buf_free(&utf7);
        buf_free(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_of_the_standard),
        cmocka_unit_test(every_code_point_comes_back),
        cmocka_unit_test(what_is_no_code_point_is_replaced),
        cmocka_unit_test(a_malformed_octet_costs_one_octet),
        cmocka_unit_test(the_beginning_of_a_character_is_unfinished),
        cmocka_unit_test(modified_utf7_both_ways),
        cmocka_unit_test(names_that_are_not_modified_utf7),
        cmocka_unit_test(encoding_refuses_what_is_not_utf8),
        cmocka_unit_test(any_text_survives_the_way_through_utf7),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
