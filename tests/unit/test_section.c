/* BODY[...]: what a client may write between the brackets, and which octets that is. */
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include "imapd/section.h"

enum { MEMORY = 1 << 20 };

struct fixture {
    struct input *in;
    struct arena *arena;
    struct parser parser;
    struct section section;
};

static void begin(struct fixture *f, const char *text)
{
    f->in = input_memory(bytes_of(text));
    f->arena = arena_create(MEMORY);
    parser_init(&f->parser, f->in, NULL, f->arena, 8192, 8192);
}

static void end(struct fixture *f)
{
    parser_free(&f->parser);
    input_close(&f->in);
    arena_destroy(&f->arena);
}

static bool parses(const char *text, enum section_kind kind, size_t numbers, size_t fields)
{
    struct fixture f;
    begin(&f, text);
    bool good = section_parse(&f.parser, &f.section) && f.section.kind == kind &&
                f.section.numbers_count == numbers && f.section.fields_count == fields;
    end(&f);
    return good;
}

static bool refused(const char *text)
{
    struct fixture f;
    begin(&f, text);
    bool bad = !section_parse(&f.parser, &f.section) && f.parser.failed;
    end(&f);
    return bad;
}

static void every_form_of_the_grammar_is_read(void **state)
{
    (void)state;
    assert_true(parses("]", SECTION_WHOLE, 0, 0));
    assert_true(parses("HEADER]", SECTION_HEADER, 0, 0));
    assert_true(parses("text]", SECTION_TEXT, 0, 0));
    assert_true(parses("Header.Fields (From \"To\" {2+}\r\nCc)]", SECTION_FIELDS, 0, 3));
    assert_true(parses("HEADER.FIELDS.NOT (X)]", SECTION_FIELDS_NOT, 0, 1));
    assert_true(parses("1]", SECTION_WHOLE, 1, 0));
    assert_true(parses("4294967295.2.3]", SECTION_WHOLE, 3, 0));
    assert_true(parses("1.2.MIME]", SECTION_MIME, 2, 0));
    assert_true(parses("1.HEADER]", SECTION_HEADER, 1, 0));
    assert_true(parses("1.2.TEXT]", SECTION_TEXT, 2, 0));
    assert_true(parses("3.HEADER.FIELDS (Date)]", SECTION_FIELDS, 1, 1));
}

static void what_is_not_of_the_grammar_is_refused(void **state)
{
    (void)state;
    assert_true(refused("MIME]"));
    assert_true(refused("0]"));
    assert_true(refused("01]"));
    assert_true(refused("1.]"));
    assert_true(refused("1..2]"));
    assert_true(refused(".1]"));
    assert_true(refused("4294967296]"));
    assert_true(refused("HEADER.1]"));
    assert_true(refused("HEADER.FIELDS]"));
    assert_true(refused("HEADER.FIELDS ()]"));
    assert_true(refused("HEADER.FIELDS (From To]"));
    assert_true(refused("BOGUS]"));
    assert_true(refused("1"));
}

static void a_section_as_long_as_a_line_is_refused(void **state)
{
    (void)state;
    char text[4096];
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "1.", 2);
    memcpy(text + sizeof(text) - 3, "1]", 3);
    assert_true(refused(text));
}

/* A multipart with a text and a message that is a multipart itself. */
static const char MESSAGE[] =
    "Subject: outer\nContent-Type: multipart/mixed; boundary=x\n\n"
    "--x\nContent-ID: <one>\n\nfirst\n--x\nContent-Type: message/rfc822\n\n"
    "Subject: inner\nContent-Type: multipart/alternative; boundary=y\n\n"
    "--y\n\nplain\n--y\nContent-Type: text/html\n\n<p>\n--y--\n\n--x--\n";

static struct part *parse_message(struct arena *arena, struct bytes message)
{
    struct part_parser *parser = part_parser_create(arena, NULL);
    part_parser_feed(parser, message);
    return part_parser_finish(parser, NULL);
}

/* The octets of MESSAGE that section names, as stored. */
static void assert_octets(const char *text, const char *expected)
{
    struct fixture f;
    struct part_span span;
    begin(&f, text);
    struct part *root = parse_message(f.arena, bytes_of(MESSAGE));
    assert_true(section_parse(&f.parser, &f.section));
    bool there = section_span(&f.section, root, &span);
    if (!expected)
        assert_false(there);
    else
        assert_bytes_equal(bytes_take(bytes_skip(bytes_of(MESSAGE), span.at), span.size),
                           bytes_of(expected));
    end(&f);
}

static void a_section_is_found_in_the_structure(void **state)
{
    (void)state;
    assert_octets("]", MESSAGE);
    assert_octets("HEADER]", "Subject: outer\nContent-Type: multipart/mixed; boundary=x\n\n");
    assert_octets("1]", "first");
    assert_octets("1.MIME]", "Content-ID: <one>\n\n");
    assert_octets("2.MIME]", "Content-Type: message/rfc822\n\n");
    assert_octets("2.HEADER]",
                  "Subject: inner\nContent-Type: multipart/alternative; boundary=y\n\n");
    assert_octets("2.TEXT]", "--y\n\nplain\n--y\nContent-Type: text/html\n\n<p>\n--y--\n");
    assert_octets("2.1]", "plain");
    assert_octets("2.1.MIME]", "\n");
    assert_octets("2.2]", "<p>");
    assert_octets("2.2.MIME]", "Content-Type: text/html\n\n");
}

static void parts_that_are_not_there_are_not_found(void **state)
{
    (void)state;
    assert_octets("3]", NULL);
    assert_octets("1.1]", NULL);
    assert_octets("2.3]", NULL);
    assert_octets("2.1.1]", NULL);
    assert_octets("1.HEADER]", NULL);
    assert_octets("1.TEXT]", NULL);
    assert_octets("2.1.HEADER.FIELDS (From)]", NULL);
}

/* Through a stream, which reads little at a time, it is the same. */
static void assert_streams(const struct section *section, struct bytes header,
                           struct bytes expected)
{
    struct buf out = BUF_INIT(MEMORY);
    struct bytes view;
    struct input *in = section_input(input_crlf(input_memory(header)), section);
    assert_non_null(in);
    while (input_next(in, &view, NULL) > 0) {
        buf_bytes(&out, view);
        input_consume(in, view.len);
    }
    assert_bytes_equal(buf_view(&out), expected);
    input_close(&in);
    buf_free(&out);
}

static void assert_fields(const char *text, const char *header, const char *expected)
{
    struct fixture f;
    struct buf out = BUF_INIT(MEMORY);
    begin(&f, text);
    assert_true(section_parse(&f.parser, &f.section));
    section_fields(&f.section, bytes_of(header), &out);
    assert_bytes_equal(buf_view(&out), bytes_of(expected));
    assert_streams(&f.section, bytes_of(header), bytes_of(expected));
    buf_free(&out);
    end(&f);
}

static void header_fields_keep_their_order_and_folds(void **state)
{
    (void)state;
    static const char HEADER[] = "To: a\nSubject: one\n two\nFROM : b\r\nX-Other: c\nto: d\n\n";
    assert_fields("HEADER.FIELDS (from to)]", HEADER, "To: a\r\nFROM : b\r\nto: d\r\n\r\n");
    assert_fields("HEADER.FIELDS (Subject)]", HEADER, "Subject: one\r\n two\r\n\r\n");
    assert_fields("HEADER.FIELDS.NOT (TO FROM)]", HEADER,
                  "Subject: one\r\n two\r\nX-Other: c\r\n\r\n");
    assert_fields("HEADER.FIELDS (Missing)]", HEADER, "\r\n");
}

/* Lines longer than any buffer, names at the borders of buffers. */
static void fields_longer_than_a_buffer(void **state)
{
    (void)state;
    for (size_t size = 8000; size < 8500; size += 7) {
        char *header = malloc(2 * size + 100), *expected = malloc(2 * size + 100);
        int at = sprintf(header, "X-Long: %0*d\n", (int)size, 1);
        sprintf(header + at, "Wanted: %0*d\n  more\nother: x\n\n", (int)size, 2);
        sprintf(expected, "Wanted: %0*d\r\n  more\r\n\r\n", (int)size, 2);
        assert_fields("HEADER.FIELDS (wanted)]", header, expected);
        assert_fields("HEADER.FIELDS.NOT (other X-Long)]", header, expected);
        free(header);
        free(expected);
    }
}

static void a_line_that_is_no_field_is_only_in_NOT(void **state)
{
    (void)state;
    static const char HEADER[] = "To: a\nnonsense\nCc: b\n\n";
    assert_fields("HEADER.FIELDS (nonsense Cc)]", HEADER, "Cc: b\r\n\r\n");
    assert_fields("HEADER.FIELDS.NOT (Cc)]", HEADER, "To: a\r\nnonsense\r\n\r\n");
}

/* RFC 3501, 6.4.5: no blank line for "a message which has no body and no blank line". */
static void no_empty_line_is_made_up(void **state)
{
    (void)state;
    assert_fields("HEADER.FIELDS (To)]", "To: a\nCc: b\n", "To: a\r\n");
    assert_fields("HEADER.FIELDS (To)]", "", "");
}

static void wire_form_has_no_bare_line_feed(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(100);
    section_wire(BYTES("a\nb\r\n\n\rc\r"), &out);
    assert_bytes(buf_view(&out), "a\r\nb\r\n\r\n\rc\r");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_the_grammar_is_read),
        cmocka_unit_test(what_is_not_of_the_grammar_is_refused),
        cmocka_unit_test(a_section_as_long_as_a_line_is_refused),
        cmocka_unit_test(a_section_is_found_in_the_structure),
        cmocka_unit_test(parts_that_are_not_there_are_not_found),
        cmocka_unit_test(header_fields_keep_their_order_and_folds),
        cmocka_unit_test(fields_longer_than_a_buffer),
        cmocka_unit_test(a_line_that_is_no_field_is_only_in_NOT),
        cmocka_unit_test(no_empty_line_is_made_up),
        cmocka_unit_test(wire_form_has_no_bare_line_feed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
