/* Encoded words, transfer encodings, charsets: what a person or SEARCH sees. */
#include "test_message.h"
#include "message/casemap.h"
#include "message/text.h"

static void headers_become_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *value, *text;
    } CASES[] = {
        { "plain", "plain" },
        { "folded\r\n\tline", "folded\tline" },
        { "=?iso-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld J\xC3\xB8rn Simonsen" },
        { "=?ISO-8859-1?b?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n "
          "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
          "If you can read this you understand the example." },
        { "(=?ISO-8859-1?Q?a?= b)", "(a b)" },
        { "=?us-ascii*en?q?language?=", "language" },
        { "=?utf-8?q?=E2=82?= =?utf-8?q?=AC?=", "\xE2\x82\xAC" }, /* a character cut in two */
        { "=?utf-8?q?=E2=82?= x", "\xEF\xBF\xBD x" },
        { "=?utf-8?q?a?=b=?utf-8?q?c?=", "abc" },
        { "=?nonsense?q?a=E4?=", "a\xEF\xBF\xBD" },
        { "=?utf-8?x?a?= =?utf-8?q?open", "=?utf-8?x?a?= =?utf-8?q?open" },
        { "=?=?= =??q?x?= ?=", "=?=?= =??q?x?= ?=" },
        { "=?utf-8?q?\?=", "" },
        { "raw \xE4 and \xC3\xA4", "raw \xEF\xBF\xBD and \xC3\xA4" },
        { "=?iso-2022-jp?B?GyRCJDMkTiVhITwlaxsoQg==?=",
          "\xE3\x81\x93\xE3\x81\xAE\xE3\x83\xA1\xE3\x83\xBC\xE3\x83\xAB" },
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct buf out = BUF_INIT(1000);
        text_header(&out, bytes_of(CASES[i].value));
        assert_text(&out, CASES[i].text);
        buf_free(&out);
    }
}

/* A source that gives size octets at a time, so that every border between pieces is met. */
struct drip {
    struct input input;
    struct bytes rest;
    size_t size;
};

static ssize_t drip_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct drip *drip = (struct drip *)input;
    size_t n = drip->size < size ? drip->size : size;
    (void)err;
    n = n < drip->rest.len ? n : drip->rest.len;
    memcpy(data, drip->rest.data, n);
    drip->rest = bytes_skip(drip->rest, n);
    return (ssize_t)n;
}

static struct input *drip_create(struct bytes text, size_t size)
{
    static const struct input_ops OPS = { .read = drip_read };
    struct drip *drip = (struct drip *)input_create(&OPS, sizeof *drip, 64);
    assert_non_null(drip);
    drip->rest = text;
    drip->size = size;
    return &drip->input;
}

static void check_stream(struct input *input, struct bytes expected)
{
    char piece[5];
    ssize_t n;
    struct buf all = BUF_INIT(100000);
    assert_non_null(input);
    while ((n = input_read(input, piece, sizeof piece, NULL)) > 0)
        buf_append(&all, piece, (size_t)n);
    assert_int_equal(n, 0);
    assert_int_equal(all.len, expected.len);
    if (expected.len)
        assert_memory_equal(all.data, expected.data, expected.len);
    buf_free(&all);
    input_close(&input);
}

static void transfer_encodings_are_undone_wherever_pieces_end(void **state)
{
    (void)state;
    static const struct {
        enum text_encoding encoding;
        struct bytes encoded, decoded;
    } CASES[] = {
        { TEXT_BASE64, BYTES("aGVsbG8gd29y\r\nbGQ="), BYTES("hello world") },
        { TEXT_BASE64, BYTES("a*G=V\nsbG8"), BYTES("h\x56\xC6\xC6") },
        { TEXT_BASE64, BYTES("YQ==Yg=="), BYTES("ab") },
        { TEXT_BASE64, BYTES("YWI"), BYTES("ab") },
        { TEXT_BASE64, BYTES("Y"), BYTES("") },
        { TEXT_QUOTED_PRINTABLE, BYTES("a=20b=3d\r\n"), BYTES("a b=\r\n") },
        { TEXT_QUOTED_PRINTABLE, BYTES("trailing \t \r\nnext  "), BYTES("trailing\r\nnext") },
        { TEXT_QUOTED_PRINTABLE, BYTES("soft=\r\n line=  \n!"), BYTES("soft line!") },
        { TEXT_QUOTED_PRINTABLE, BYTES("bad =4 =G1 =  x =4"), BYTES("bad =4 =G1 =  x =4") },
        { TEXT_QUOTED_PRINTABLE, BYTES("cr\rcr\nend="), BYTES("cr\rcr\nend") },
        { TEXT_UUENCODE, BYTES("text\nbegin 644 a\n#0V%T\n`\nend\ntext\n"), BYTES("Cat") },
        { TEXT_UUENCODE, BYTES("begin 644 a\r\n#0V\r\n"), BYTES("C`\0") },
        { TEXT_IDENTITY, BYTES("=20 stays"), BYTES("=20 stays") },
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        for (size_t step = 1; step < 30; step++)
            check_stream(input_transfer(drip_create(CASES[i].encoded, step), CASES[i].encoding),
                         CASES[i].decoded);
    }
}

static void charsets_become_utf8_wherever_pieces_end(void **state)
{
    (void)state;
    static const struct {
        struct bytes charset, text, utf8;
    } CASES[] = {
        { BYTES("iso-8859-1"), BYTES("\xE4\xF6\xFC"), BYTES("\xC3\xA4\xC3\xB6\xC3\xBC") },
        { BYTES("UTF-8"), BYTES("a\xE2\x82\xAC\xF0\x9F\x93\xA7z"),
          BYTES("a\xE2\x82\xAC\xF0\x9F\x93\xA7z") },
        { BYTES("utf-8"), BYTES("\xC3(\xE2\x82"), BYTES("\xEF\xBF\xBD(\xEF\xBF\xBD") },
        { BYTES("utf-8"), BYTES("\xC0\x80\xED\xA0\x80"),
          BYTES("\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD") },
        { BYTES("us-ascii"), BYTES("\xE4"), BYTES("\xEF\xBF\xBD") },
        { BYTES("x-unknown"), BYTES("a\xE4"), BYTES("a\xEF\xBF\xBD") },
        { BYTES("iso-2022-jp"), BYTES("\x1B$B$3$N\x1B(Bx"), BYTES("\xE3\x81\x93\xE3\x81\xAEx") },
        { BYTES("shift_jis"), BYTES("\x82\xB1\x87\x40"), BYTES("\xE3\x81\x93\xE2\x91\xA0") },
        { BYTES("shift_jis"), BYTES("a\xFFz\x82"), BYTES("a\xEF\xBF\xBDz\xEF\xBF\xBD") },
        { BYTES("koi8-r"), BYTES("\xC6\xD5"), BYTES("\xD1\x84\xD1\x83") },
        { BYTES("gb2312"), BYTES("\xC4\xE3"), BYTES("\xE4\xBD\xA0") },
        { BYTES("utf-16le"), BYTES("a\0\xAC\x20"), BYTES("a\xE2\x82\xAC") },
        { BYTES("utf-7"), BYTES("Hi +AOQ-"), BYTES("Hi \xC3\xA4") },
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        for (size_t step = 1; step < 30; step++)
            check_stream(input_charset(drip_create(CASES[i].text, step), CASES[i].charset),
                         CASES[i].utf8);
    }
}

static void known_charsets_can_be_searched_in(void **state)
{
    (void)state;
    assert_true(text_charset_known(BYTES("UTF-8")));
    assert_true(text_charset_known(BYTES("us-ascii")));
    assert_true(text_charset_known(BYTES("KOI8-R")));
    assert_false(text_charset_known(BYTES("x-no-such-charset")));
    assert_false(text_charset_known(BYTES("latin1//IGNORE")));
    assert_false(text_charset_known(BYTES("../../etc/passwd")));
    struct buf out = BUF_INIT(100);
    assert_true(text_to_utf8(&out, BYTES("\xC6\xD5"), BYTES("koi8-r")));
    assert_text(&out, "\xD1\x84\xD1\x83");
    assert_false(text_to_utf8(&out, BYTES("\xFF"), BYTES("utf-8")));
    assert_false(text_to_utf8(&out, BYTES("\xC3\xA4"), BYTES("us-ascii")));
    assert_false(text_to_utf8(&out, BYTES("x"), BYTES("nonsense")));
    assert_text(&out, "\xD1\x84\xD1\x83");
    buf_free(&out);
}

static void names_of_encodings(void **state)
{
    (void)state;
    assert_int_equal(text_encoding(bytes_make(NULL, 0)), TEXT_IDENTITY);
    assert_int_equal(text_encoding(BYTES("8BIT")), TEXT_IDENTITY);
    assert_int_equal(text_encoding(BYTES(" Base64 ")), TEXT_BASE64);
    assert_int_equal(text_encoding(BYTES("QUOTED-printable")), TEXT_QUOTED_PRINTABLE);
    assert_int_equal(text_encoding(BYTES("x-uuencode")), TEXT_UUENCODE);
    assert_int_equal(text_encoding(BYTES("base65")), TEXT_UNKNOWN);
}

static bool occurs(const char *needle, const char *text, size_t step)
{
    struct text_match *match = text_match_create(bytes_of(needle));
    bool found = text_match_feed(match, BYTES(""));
    for (struct bytes rest = bytes_of(text); rest.len; rest = bytes_skip(rest, step))
        found = text_match_feed(match, bytes_take(rest, step));
    text_match_destroy(&match);
    assert_null(match);
    return found;
}

static void a_search_knows_no_case_and_no_borders(void **state)
{
    (void)state;
    static const struct {
        const char *needle, *text;
        bool found;
    } CASES[] = {
        { "hello", "say HeLLo!", true },
        { "hello", "hell o", false },
        { "", "", true },
        { "aab", "aaaab", true },
        { "abcabd", "abcabcabd", true },
        { "\xC3\xA4", "\xC3\x84", true },  /* ä, Ä */
        { "\xC3\xA4", "A\xCC\x88", true }, /* A and a combining diaeresis */
        { "\xC3\xA4", "a", false },
        { "\xCF\x83", "\xCF\x82", true }, /* sigma in the middle and at the end */
        { "\xD0\xBF\xD1\x80\xD0\xB8", "\xD0\x9F\xD0\xA0\xD0\x98", true }, /* Cyrillic */
        { "fi", "\xEF\xAC\x81",
          false },                     /* the fi ligature: title case Fi has no single character */
        { "\xEF\xBC\xA1", "a", true }, /* full-width A */
        { "1", "\xE2\x91\xA0", true }, /* circled 1 */
        { "x", "\xC3x", true },        /* malformed text hides nothing */
        { "x", "\xE2\x82x", true },
        { "\xC3\xA4x", "\xC7\xA4\xC3\xA4x", true }, /* U+01E4, U+00E4: alike in their low bits */
        { "longer than the text", "longer", false },
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        for (size_t step = 1; step < 6; step++) {
            if (occurs(CASES[i].needle, CASES[i].text, step) != CASES[i].found)
                fail_msg("case %zu in steps of %zu", i, step);
        }
    }
}

/* All needles and texts over two letters, against the plain way of looking. */
static void a_search_agrees_with_a_simple_one(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 256; n++) {
        char needle[8], text[13] = "";
        size_t len = 1 + n % 7;
        for (size_t i = 0; i < len; i++)
            needle[i] = n >> i & 1 ? 'A' : 'B';
        needle[len] = '\0';
        struct text_match *match = text_match_create(bytes_of(needle));
        for (unsigned t = 0; t < 4096; t++) {
            for (size_t i = 0; i < 12; i++)
                text[i] = t >> i & 1 ? 'A' : 'B';
            text_match_reset(match);
            if (text_match_feed(match, bytes_of(text)) != (strstr(text, needle) != NULL))
                fail_msg("%s in %s", needle, text);
        }
        text_match_destroy(&match);
    }
}

/* Long texts in long pieces, where ASCII is searched in blocks. */
static void long_texts_are_searched_as_short_ones(void **state)
{
    (void)state;
    static const char *const LETTERS[] = { "a", "B", "b", "A", "\xc3\xa9", "E\xcc\x81", "x" };
    srand(9);
    for (int round = 0; round < 3000; round++) {
        struct buf text = BUF_INIT(100000), mapped = BUF_INIT(100000), needle = BUF_INIT(10000);
        size_t letters = 2 + (size_t)rand() % 6, len = 1 + (size_t)rand() % 4000;
        size_t needle_len = round % 10 ? 1 + (size_t)rand() % 14 : 1 + (size_t)rand() % 700;
        for (size_t i = 0; i < len; i++)
            buf_string(&text, LETTERS[rand() % 50 ? (size_t)rand() % 2 : (size_t)rand() % letters]);
        for (size_t i = 0; round % 3 == 0 && i < needle_len; i++)
            buf_string(&needle, LETTERS[(size_t)rand() % letters]);
        if (round % 3) /* a piece of the text, so that it is there */
            buf_bytes(&needle, bytes_take(bytes_skip(buf_view(&text), len - len / 3), needle_len));
        casemap(&mapped, buf_view(&text));
        struct text_match *match = text_match_create(buf_view(&needle));
        bool there = bytes_find(buf_view(&mapped), text_match_mapped(match)) >= 0, found = false;
        size_t step = 1 + (size_t)rand() % 3000;
        for (struct bytes rest = buf_view(&text); rest.len; rest = bytes_skip(rest, step))
            found = text_match_feed(match, bytes_take(rest, step));
        assert_int_equal(found, there);
        text_match_destroy(&match);
        buf_free(&text);
        buf_free(&mapped);
        buf_free(&needle);
    }
}

static void a_reset_forgets_what_was_fed(void **state)
{
    (void)state;
    struct text_match *match = text_match_create(BYTES("ab"));
    assert_false(text_match_feed(match, BYTES("a")));
    text_match_reset(match);
    assert_false(text_match_feed(match, BYTES("b")));
    assert_true(text_match_feed(match, BYTES("ab")));
    assert_true(text_match_feed(match, BYTES("zz")));
    text_match_reset(match);
    assert_false(text_match_feed(match, BYTES("zz")));
    text_match_destroy(&match);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_become_utf8),
        cmocka_unit_test(transfer_encodings_are_undone_wherever_pieces_end),
        cmocka_unit_test(charsets_become_utf8_wherever_pieces_end),
        cmocka_unit_test(known_charsets_can_be_searched_in),
        cmocka_unit_test(names_of_encodings),
        cmocka_unit_test(a_search_knows_no_case_and_no_borders),
        cmocka_unit_test(a_search_agrees_with_a_simple_one),
        cmocka_unit_test(long_texts_are_searched_as_short_ones),
        cmocka_unit_test(a_reset_forgets_what_was_fed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
