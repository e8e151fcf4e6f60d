/* The grammar of IMAP commands: what a client may send, what it is told when it sends something
 * else, and that the next command is found behind any mess. */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

#include "imapd/parser.h"
#include "mailbox/mailbox.h"

enum { MEMORY = 1 << 20, LINE = 8192, LITERAL = 100 };

struct fixture {
    struct input *in;
    struct output *out;
    struct buf sent;
    struct arena *arena;
    struct parser parser;
};

static struct fixture f;

static void begin_bytes(struct bytes text)
{
    f = (struct fixture){ .in = input_memory(text),
                          .arena = arena_create(MEMORY),
                          .sent = BUF_INIT(MEMORY) };
    f.out = output_buf(&f.sent);
    parser_init(&f.parser, f.in, f.out, f.arena, LINE, LITERAL);
}

static void begin(const char *text)
{
    begin_bytes(bytes_of(text));
}

static int end(void **state)
{
    (void)state;
    parser_free(&f.parser);
    output_close(&f.out);
    buf_free(&f.sent);
    input_close(&f.in);
    arena_destroy(&f.arena);
    return 0;
}

static void assert_fails(const char *sentence)
{
    assert_true(f.parser.failed);
    assert_null(f.parser.code);
    assert_string_equal(f.parser.error.text, sentence);
}

static void assert_refused(const char *code)
{
    assert_true(f.parser.failed);
    assert_string_equal(f.parser.code, code);
}

/* What was not understood is skipped, and the next command's tag is next. */
static void assert_next(const char *tag)
{
    struct bytes found;
    assert_true(parser_skip_command(&f.parser));
    parser_next(&f.parser);
    assert_true(parser_tag(&f.parser, &found));
    assert_bytes_equal(found, bytes_of(tag));
}

static void words_and_spaces(void **state)
{
    (void)state;
    struct bytes tag, atom;
    begin("A.1] noop\r\n");
    assert_true(parser_tag(&f.parser, &tag));
    assert_bytes(tag, "A.1]");
    assert_true(parser_space(&f.parser));
    assert_true(parser_atom(&f.parser, &atom));
    assert_bytes(atom, "noop");
    assert_true(parser_end(&f.parser));
    assert_true(f.parser.complete);
}

static void a_tag_has_no_plus(void **state)
{
    (void)state;
    struct bytes tag;
    begin("a+b NOOP\r\nc NOOP\r\n");
    assert_true(parser_tag(&f.parser, &tag));
    assert_bytes(tag, "a");
    assert_false(parser_space(&f.parser));
    assert_fails("Expected a space and one more argument, found \"+\"");
    assert_next("c");
}

static void an_empty_line_is_no_command(void **state)
{
    (void)state;
    struct bytes tag;
    begin("\r\nb NOOP\r\n");
    assert_false(parser_tag(&f.parser, &tag));
    assert_fails("Expected a tag, the command ends too early");
    assert_next("b");
}

static void bare_line_feeds_end_commands(void **state)
{
    (void)state;
    struct bytes tag;
    begin("a\nb\n");
    assert_true(parser_tag(&f.parser, &tag));
    assert_true(parser_end(&f.parser));
    assert_next("b");
}

static void a_lone_carriage_return_does_not(void **state)
{
    (void)state;
    struct bytes tag;
    begin("a\rb\r\nc\r\n");
    assert_true(parser_tag(&f.parser, &tag));
    assert_false(parser_end(&f.parser));
    assert_fails("A carriage return stands alone");
    assert_next("c");
}

static void quoted_strings(void **state)
{
    (void)state;
    struct bytes text;
    begin("\"a \\\"b\\\\ {3}\" \"\" ");
    assert_true(parser_string(&f.parser, &text));
    assert_bytes(text, "a \"b\\ {3}");
    assert_true(parser_space(&f.parser));
    assert_true(parser_astring(&f.parser, &text));
    assert_bytes(text, "");
}

static void quoted_strings_gone_wrong(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "\"never ends\r\nb\r\n", "A quoted string has no end on its line" },
        { "\"\\n\"\r\nb\r\n", "A backslash in a quoted string stands only before \" and \\" },
        { "\"gr\xc3\xbc\xc3\x9f\"\r\nb\r\n",
          "An octet above 127 must come in a literal, not in a quoted string" },
        { "(\r\nb\r\n", "Expected a word or a string" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct bytes text;
        begin(cases[i].text);
        assert_false(parser_astring(&f.parser, &text));
        assert_fails(cases[i].sentence);
        assert_next("b");
        if (i + 1 < sizeof(cases) / sizeof(*cases))
            end(state);
    }
}

static void a_synchronising_literal_is_asked_for(void **state)
{
    (void)state;
    struct bytes text;
    begin("{5}\r\na\r\nb) x");
    assert_true(parser_astring(&f.parser, &text));
    assert_bytes(text, "a\r\nb)");
    assert_true(parser_space(&f.parser));
    output_flush(f.out, NULL);
    assert_bytes(buf_view(&f.sent), "+ OK\r\n");
}

static void a_literal_that_comes_anyway_is_not(void **state)
{
    (void)state;
    struct bytes text;
    begin("{3+}\r\n\xc3\xbc{ x");
    assert_true(parser_astring(&f.parser, &text));
    assert_bytes(text, "\xc3\xbc{");
    assert_true(parser_space(&f.parser));
    output_flush(f.out, NULL);
    assert_int_equal(f.sent.len, 0);
}

static void nothing_is_asked_for_that_is_too_big(void **state)
{
    (void)state;
    struct bytes text;
    begin("{1073741824}\r\nb NOOP\r\n");
    assert_false(parser_astring(&f.parser, &text));
    assert_refused("TOOBIG");
    assert_next("b");
    output_flush(f.out, NULL);
    assert_int_equal(f.sent.len, 0);
}

static void what_comes_anyway_is_thrown_away(void **state)
{
    (void)state;
    char command[400];
    struct bytes text;
    memset(command, 'x', sizeof(command));
    memcpy(command, "{200+}\r\n", 8);
    memcpy(command + 208, " {4+}\r\nz Z\n more\r\nb NOOP\r\n", 26);
    begin_bytes(bytes_make(command, 234));
    assert_false(parser_astring(&f.parser, &text));
    assert_refused("TOOBIG");
    assert_next("b");
}

static void a_gigabyte_that_comes_anyway_ends_it(void **state)
{
    (void)state;
    struct bytes text;
    begin("{1073741824+}\r\nxxxx");
    assert_false(parser_astring(&f.parser, &text));
    assert_false(parser_skip_command(&f.parser));
    assert_true(f.parser.broken);
    assert_int_equal(f.parser.error.class, ERROR_TOO_BIG);
}

static void a_size_beyond_numbers_ends_it(void **state)
{
    (void)state;
    struct bytes text;
    begin("{99999999999999999999999+}\r\nb NOOP\r\n");
    assert_false(parser_astring(&f.parser, &text));
    assert_false(parser_skip_command(&f.parser));
    assert_true(f.parser.broken);
}

/* A command that fails early must not make its literal's octets the next commands. */
static void literals_behind_an_error_are_no_commands(void **state)
{
    (void)state;
    uint32_t number;
    begin("LOGIN x {14+}\r\nz DELETE all\r\n \"{2}\" {3+}\r\ny N\r\nb NOOP\r\n");
    assert_false(parser_number(&f.parser, &number));
    assert_fails("Expected a number");
    assert_next("b");
}

static void nul_is_refused_everywhere(void **state)
{
    static const struct bytes cases[] = { { "\"a\0b\"\r\nb\r\n", 10 },
                                          { "{3+}\r\na\0b\r\nb\r\n", 14 },
                                          { "\0\r\nb\r\n", 6 } };
    for (size_t i = 0; i < 3; i++) {
        struct bytes text;
        begin_bytes(cases[i]);
        assert_false(parser_astring(&f.parser, &text));
        assert_true(f.parser.failed);
        assert_next("b");
        if (i < 2)
            end(state);
    }
}

static void a_line_has_a_limit(void **state)
{
    (void)state;
    struct bytes text;
    char *line = malloc(LINE * 2 + 10);
    assert_non_null(line);
    memset(line, 'a', LINE * 2);
    memcpy(line + LINE * 2, "\r\nb\r\n", 5);
    begin_bytes(bytes_make(line, LINE * 2 + 5));
    assert_false(parser_atom(&f.parser, &text));
    assert_fails("The command is longer than 8192 octets");
    assert_next("b");
    free(line);
}

static void an_endless_line_ends_it(void **state)
{
    (void)state;
    struct bytes text;
    size_t size = LINE * 20;
    char *line = malloc(size);
    assert_non_null(line);
    memset(line, 'a', size);
    begin_bytes(bytes_make(line, size));
    assert_false(parser_atom(&f.parser, &text));
    assert_false(parser_skip_command(&f.parser));
    assert_string_equal(f.parser.error.text, "A line is far too long");
    free(line);
}

static void mailbox_names(void **state)
{
    static const struct {
        const char *wire, *utf8; /* NULL: refused */
    } cases[] = {
        { "inBOX ", "INBOX" },     { "\"INBOX\" ", "INBOX" },
        { "INBOX/x ", "INBOX/x" }, { "Entw&APw-rfe ", "Entw\xc3\xbcrfe" },
        { "A&-B ", "A&B" },        { "\"A & B\" ", NULL },
        { "A&B ", NULL },          { "&AEE- ", NULL },
        { "\"\" ", "" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct bytes name;
        begin(cases[i].wire);
        assert_int_equal(parser_mailbox(&f.parser, &name), cases[i].utf8 != NULL);
        if (cases[i].utf8)
            assert_bytes_equal(name, bytes_of(cases[i].utf8));
        else
            assert_refused("CANNOT");
        if (i + 1 < sizeof(cases) / sizeof(*cases))
            end(state);
    }
}

static void patterns_keep_their_wildcards(void **state)
{
    (void)state;
    struct bytes pattern;
    begin("a%.*] ");
    assert_true(parser_list_mailbox(&f.parser, &pattern));
    assert_bytes(pattern, "a%.*]");
}

static void nil_and_strings(void **state)
{
    (void)state;
    struct bytes text;
    begin("nil \"NIL\" x\r\n");
    assert_true(parser_nstring(&f.parser, &text));
    assert_null(text.data);
    assert_true(parser_space(&f.parser));
    assert_true(parser_nstring(&f.parser, &text));
    assert_bytes(text, "NIL");
    assert_true(parser_space(&f.parser));
    assert_false(parser_nstring(&f.parser, &text));
    assert_fails("Expected a string or NIL");
}

static void numbers(void **state)
{
    (void)state;
    uint32_t n;
    uint64_t big;
    begin("4294967295 18446744073709551615 4294967296\r\n");
    assert_true(parser_number(&f.parser, &n));
    assert_int_equal(n, UINT32_MAX);
    assert_true(parser_space(&f.parser));
    assert_true(parser_number64(&f.parser, &big));
    assert_true(big == UINT64_MAX);
    assert_true(parser_space(&f.parser));
    assert_false(parser_number(&f.parser, &n));
    assert_fails("A number is greater than 4294967295");
}

static void flags(void **state)
{
    (void)state;
    struct parser_flags list;
    begin("(\\seen $Forwarded \\DELETED Junk)() \\Draft x\r");
    assert_true(parser_flag_list(&f.parser, true, &list));
    assert_int_equal(list.system, FLAG_SEEN | FLAG_DELETED);
    assert_int_equal(list.keywords_count, 2);
    assert_bytes(list.keywords[0], "$Forwarded");
    assert_bytes(list.keywords[1], "Junk");
    assert_true(parser_flag_list(&f.parser, true, &list));
    assert_int_equal(list.system, 0);
    assert_int_equal(list.keywords_count, 0);
    assert_true(parser_space(&f.parser));
    assert_true(parser_flag_list(&f.parser, false, &list));
    assert_int_equal(list.system, FLAG_DRAFT);
    assert_int_equal(list.keywords_count, 1);
}

static void flags_that_are_none(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "(\\Recent)", "The flag \\Recent cannot be set by a client" },
        { "(\\*)", "Expected a word" },
        { "(\\Foo)", "There is no system flag \\Foo" },
        { "\\Seen", "Expected \"(\", found \"\\\"" },
        { "(a b", "The client closed the connection" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct parser_flags list;
        begin(cases[i].text);
        assert_false(parser_flag_list(&f.parser, true, &list));
        assert_string_equal(f.parser.error.text, cases[i].sentence);
        if (i + 1 < sizeof(cases) / sizeof(*cases))
            end(state);
    }
}

static void dates(void **state)
{
    (void)state;
    time_t when;
    begin("\"17-Jul-1996 02:44:25 -0700\" 1-Feb-1994 \"01-Feb-1994\" 31-Feb\r\n");
    assert_true(parser_date_time(&f.parser, &when));
    assert_int_equal(when, 837596665);
    assert_true(parser_space(&f.parser));
    assert_true(parser_date(&f.parser, &when));
    assert_int_equal(when, 760060800);
    assert_true(parser_space(&f.parser));
    assert_true(parser_date(&f.parser, &when));
    assert_int_equal(when, 760060800);
    assert_true(parser_space(&f.parser));
    assert_false(parser_date(&f.parser, &when));
    assert_fails("A date looks like 1-Feb-1994");
}

static void memory_has_a_limit(void **state)
{
    (void)state;
    struct bytes text;
    char words[200];
    begin("{90+}\r\n");
    arena_destroy(&f.arena);
    f.arena = f.parser.arena = arena_create(64);
    snprintf(words, sizeof(words), "{90+}\r\n%090d {2+}\r\nhi\r\nb\r\n", 0);
    input_close(&f.in);
    f.in = f.parser.in = input_memory(bytes_of(words));
    assert_false(parser_astring(&f.parser, &text));
    assert_refused("LIMIT");
    assert_true(parser_skip_command(&f.parser));
    assert_string_equal(input_buffered(f.in).data, "b\r\n");
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(words_and_spaces),
        TEST(a_tag_has_no_plus),
        TEST(an_empty_line_is_no_command),
        TEST(bare_line_feeds_end_commands),
        TEST(a_lone_carriage_return_does_not),
        TEST(quoted_strings),
        TEST(quoted_strings_gone_wrong),
        TEST(a_synchronising_literal_is_asked_for),
        TEST(a_literal_that_comes_anyway_is_not),
        TEST(nothing_is_asked_for_that_is_too_big),
        TEST(what_comes_anyway_is_thrown_away),
        TEST(a_gigabyte_that_comes_anyway_ends_it),
        TEST(a_size_beyond_numbers_ends_it),
        TEST(literals_behind_an_error_are_no_commands),
        TEST(nul_is_refused_everywhere),
        TEST(a_line_has_a_limit),
        TEST(an_endless_line_ends_it),
        TEST(mailbox_names),
        TEST(patterns_keep_their_wildcards),
        TEST(nil_and_strings),
        TEST(numbers),
        TEST(flags),
        TEST(flags_that_are_none),
        TEST(dates),
        TEST(memory_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
