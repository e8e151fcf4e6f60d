/* ENVELOPE, BODY and BODYSTRUCTURE as they go over the wire, and the packed form of the cache. */
#include "test_message.h"
#include "message/content.h"

enum what { ENVELOPE, BODY, STRUCTURE };

static void check(const char *message, enum what what, const char *expected)
{
    struct arena *arena = arena_create(TEST_MEMORY);
    struct buf out = BUF_INIT(1000000);
    struct part *root = parse(arena, message);
    if (what == ENVELOPE)
        envelope_write(&out, root->envelope);
    else
        bodystructure_write(&out, root, what == STRUCTURE);
    assert_text(&out, expected);
    buf_free(&out);
    arena_destroy(&arena);
}

static void an_envelope_repeats_the_header(void **state)
{
    (void)state;
    check("Date: Mon, 7 Feb 1994 21:52:25 -0800\nFrom: Fred <fred@example.org>\nTo: a@b\nCc: "
          "c@d\nBcc: e@f\n"
          "Subject: a\n \"quoted\" \\ subject\nMessage-ID: <1@x>\nIn-Reply-To: <0@x>\n\n",
          ENVELOPE,
          "(\"Mon, 7 Feb 1994 21:52:25 -0800\" \"a \\\"quoted\\\" \\\\ subject\" ((\"Fred\" NIL "
          "\"fred\" \"example.org\")) "
          "((\"Fred\" NIL \"fred\" \"example.org\")) ((\"Fred\" NIL \"fred\" \"example.org\")) "
          "((NIL NIL \"a\" \"b\")) "
          "((NIL NIL \"c\" \"d\")) ((NIL NIL \"e\" \"f\")) \"<0@x>\" \"<1@x>\")");
    check("\n", ENVELOPE, "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    check("Subject:\nSender:\n\n", ENVELOPE, "(NIL \"\" NIL NIL NIL NIL NIL NIL NIL NIL)");
}

static void of_two_texts_the_last_counts_and_address_lists_are_joined(void **state)
{
    (void)state;
    check("Subject: 1\nSubject: 2\nTo: a@b\nTo: c@d\nFrom: x@y\nSender: s@t\n\n", ENVELOPE,
          "(NIL \"2\" ((NIL NIL \"x\" \"y\")) ((NIL NIL \"s\" \"t\")) ((NIL NIL \"x\" \"y\")) "
          "((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")) NIL NIL NIL NIL)");
}

static void what_fits_no_quoted_string_is_a_literal(void **state)
{
    (void)state;
    static const struct {
        struct bytes text;
        const char *wire;
    } CASES[] = {
        { { NULL, 0 }, "NIL" },
        { { "", 0 }, "\"\"" },
        { { "tab\there", 8 }, "\"tab\there\"" },
        { { "\xE4", 1 }, "{1}\r\n\xE4" },
        { { "a\r\nb", 4 }, "{4}\r\na\r\nb" },
        { { "a\0b", 3 }, "{3}\r\na?b" },
        { { "bell\a", 5 }, "{5}\r\nbell\a" },
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct buf out = BUF_INIT(100);
        nstring_write(&out, CASES[i].text);
        assert_text(&out, CASES[i].wire);
        buf_free(&out);
    }
}

static void a_text_part_says_its_charset_and_lines(void **state)
{
    (void)state;
    check("\none\ntwo\n", BODY,
          "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 10 2)");
    check("\none\ntwo", STRUCTURE,
          "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 8 1 NIL NIL NIL NIL)");
    check("Content-Type: text/html; format=flowed; Charset=\"UTF-8\" "
          "(x)\nContent-Transfer-Encoding: 8BIT\n\n",
          BODY,
          "(\"text\" \"html\" (\"format\" \"flowed\" \"Charset\" \"UTF-8\") NIL NIL \"8BIT\" 0 0)");
}

static void of_two_content_fields_the_first_counts(void **state)
{
    (void)state;
    check("Content-Type: image/png\nContent-Type: text/html\nContent-ID: 1\nContent-ID: 2\n\n",
          BODY, "(\"image\" \"png\" NIL \"1\" NIL \"7bit\" 0)");
}

static void extension_data_follows(void **state)
{
    (void)state;
    check("Content-Type: image/png; name=x.png\nContent-ID: <id@x>\nContent-Description: a\n "
          "picture\n"
          "Content-Transfer-Encoding: base64\nContent-MD5: Q2hlY2s=\nContent-Location: http://x/y\n"
          "Content-Disposition: attachment; filename=\"x y.png\"; size=4\nContent-Language: de, "
          "en-GB\n\nAAAA\n",
          STRUCTURE,
          "(\"image\" \"png\" (\"name\" \"x.png\") \"<id@x>\" \"a picture\" \"base64\" 6 "
          "\"Q2hlY2s=\" "
          "(\"attachment\" (\"filename\" \"x y.png\" \"size\" \"4\")) (\"de\" \"en-GB\") "
          "\"http://x/y\")");
}

static void multiparts_and_messages_hold_others(void **state)
{
    (void)state;
    static const char MESSAGE[] =
        "Content-Type: multipart/mixed; boundary=b\nContent-Disposition: "
        "inline\n\n--b\n\none\n--b\n"
        "Content-Type: message/rfc822\n\nSubject: in\nFrom: a@b\n\ntext\n--b--\n";
    check(MESSAGE, BODY,
          "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 0)(\"message\" "
          "\"rfc822\" NIL NIL NIL \"7bit\" 30 "
          "(NIL \"in\" ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) NIL "
          "NIL NIL NIL NIL) "
          "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 0) 3) \"mixed\")");
    check(MESSAGE, STRUCTURE,
          "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 0 NIL NIL NIL NIL)"
          "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 30 "
          "(NIL \"in\" ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) NIL "
          "NIL NIL NIL NIL) "
          "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 0 NIL NIL NIL NIL) 3 "
          "NIL NIL NIL NIL) "
          "\"mixed\" (\"boundary\" \"b\") (\"inline\" NIL) NIL NIL)");
}

static void a_multipart_without_parts_still_fits_the_grammar(void **state)
{
    (void)state;
    check("Content-Type: multipart/mixed; boundary=b\n\nnothing\n", BODY,
          "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0) \"mixed\")");
}

static void message_global_is_a_plain_part_to_old_clients(void **state)
{
    (void)state;
    check("Content-Type: message/global\n\nSubject: x\n\ny\n", BODY,
          "(\"message\" \"global\" NIL NIL NIL \"7bit\" 17)");
}

static void parameters_in_pieces_are_joined(void **state)
{
    (void)state;
    static const struct {
        const char *params, *joined;
    } CASES[] = {
        { "; a=1; b=\"2 3\"", "(\"a\" \"1\" \"b\" \"2 3\")" },
        { "; name*0=one; name*1=\" two\"; name*2=three", "(\"name\" \"one twothree\")" },
        { "; name*1=b; x=y; name*0=a", "(\"x\" \"y\" \"name\" \"ab\")" },
        { "; name*=utf-8''%e2%82%ac", "(\"name*\" \"utf-8''%e2%82%ac\")" },
        { "; name*0*=utf-8''%e2%82; name*1*=%ac; name*2=\" %x\"",
          "(\"name*\" \"utf-8''%e2%82%ac%20%25x\")" },
        { "; name*1=b; name*2=c", "(\"name*1\" \"b\" \"name*2\" \"c\")" },
        { "; name*0=a; name*2=c", "(\"name\" \"a\" \"name*2\" \"c\")" },
        { "; name=my file.txt; x=y", "(\"name\" \"my file.txt\" \"x\" \"y\")" },
        { "; name = spaced ; ; =; broken; x=\"unterminated",
          "(\"name\" \"spaced\" \"x\" \"unterminated\")" },
        { "; a*0=x; a*0=y; a*1=z", "(\"a\" \"xz\" \"a\" \"y\")" },
        { " (a; comment); a=b (with; more); c=d(1).txt", "(\"a\" \"b\" \"c\" \"d(1).txt\")" },
        { "; *0=x; 5*1=y", "(\"*0\" \"x\" \"5*1\" \"y\")" },
        { "; (comment) a (c) = (c) 1 (c)", "(\"a\" \"1\")" },
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct buf message = BUF_INIT(1000), expected = BUF_INIT(1000);
        buf_printf(&message, "Content-Type: a/b%s\n\n", CASES[i].params);
        buf_printf(&expected, "(\"a\" \"b\" %s NIL NIL \"7bit\" 0)", CASES[i].joined);
        check(buf_cstr(&message), BODY, buf_cstr(&expected));
        buf_free(&message);
        buf_free(&expected);
    }
}

static const char NESTED[] = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: "
                             "text/plain; charset=koi8-r\n\none\n--b\n"
                             "Content-Type: message/rfc822\n\nSubject: in\nContent-Type: "
                             "multipart/digest; boundary=c\n\n--c\n\nA: b\n\n--c--\n\n"
                             "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: "
                             "8bit\n\nonly: header\n--b--\nend\n";

static void assert_same_part(const struct part *a, const struct part *b)
{
    assert_memory_equal(&a->header, &b->header, sizeof a->header);
    assert_memory_equal(&a->body, &b->body, sizeof a->body);
    assert_int_equal(a->body_lines, b->body_lines);
    assert_int_equal(a->children_count, b->children_count);
    assert_int_equal(a->is_multipart, b->is_multipart);
    assert_int_equal(a->is_message, b->is_message);
    assert_int_equal(a->in_digest, b->in_digest);
    assert_true(bytes_equal(a->type, b->type));
    assert_true(bytes_equal(a->subtype, b->subtype));
    assert_true(bytes_equal(a->encoding, b->encoding));
    assert_true(bytes_equal(content_param(a->params, BYTES("charset")),
                            content_param(b->params, BYTES("charset"))));
    assert_int_equal(!a->children, !b->children);
    assert_int_equal(!a->next, !b->next);
    if (a->children)
        assert_same_part(a->children, b->children);
    if (a->next)
        assert_same_part(a->next, b->next);
}

static void a_packed_structure_comes_back_whole(void **state)
{
    (void)state;
    struct arena *arena = arena_create(TEST_MEMORY);
    struct buf packed = BUF_INIT(10000);
    struct part *root = parse(arena, NESTED);
    part_pack(&packed, root);
    struct part *again = part_unpack(arena, buf_view(&packed), NULL);
    assert_non_null(again);
    assert_same_part(root, again);
    assert_true(packed.len < 400);
    buf_free(&packed);
    arena_destroy(&arena);
}

static void a_damaged_pack_is_refused_or_makes_sense(void **state)
{
    (void)state;
    struct arena *arena = arena_create(TEST_MEMORY);
    struct buf packed = BUF_INIT(10000);
    part_pack(&packed, parse(arena, NESTED));
    for (size_t len = 0; len < packed.len; len++) {
        struct error err = { 0 };
        assert_null(part_unpack(arena, bytes_make(packed.data, len), &err));
        assert_int_equal(err.class, ERROR_CORRUPT);
    }
    buf_byte(&packed, 0);
    assert_null(part_unpack(arena, buf_view(&packed), NULL));
    packed.len--;
    for (size_t at = 0; at < packed.len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            packed.data[at] ^= (char)(1 << bit);
            struct part *root = part_unpack(arena, buf_view(&packed), NULL);
            for (struct part *part = root ? root->children : NULL; part; part = part->next)
                assert_true(part->body.at + part->body.size <= root->body.at + root->body.size + 2);
            packed.data[at] ^= (char)(1 << bit);
            arena_clear(arena);
        }
    }
    buf_free(&packed);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_envelope_repeats_the_header),
        cmocka_unit_test(of_two_texts_the_last_counts_and_address_lists_are_joined),
        cmocka_unit_test(what_fits_no_quoted_string_is_a_literal),
        cmocka_unit_test(a_text_part_says_its_charset_and_lines),
        cmocka_unit_test(of_two_content_fields_the_first_counts),
        cmocka_unit_test(extension_data_follows),
        cmocka_unit_test(multiparts_and_messages_hold_others),
        cmocka_unit_test(a_multipart_without_parts_still_fits_the_grammar),
        cmocka_unit_test(message_global_is_a_plain_part_to_old_clients),
        cmocka_unit_test(parameters_in_pieces_are_joined),
        cmocka_unit_test(a_packed_structure_comes_back_whole),
        cmocka_unit_test(a_damaged_pack_is_refused_or_makes_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
