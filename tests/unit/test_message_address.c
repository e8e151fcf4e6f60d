/* Addresses as people, programs and RFC 5322 write them, and what ENVELOPE makes of them. */
#include <time.h>
#include "test_message.h"
#include "message/address.h"

struct expected {
    const char *value, *list;
};

static void check(const struct expected *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena *arena = arena_create(TEST_MEMORY);
        struct buf out = BUF_INIT(10000);
        address_write(&out, address_parse(arena, bytes_of(cases[i].value)));
        assert_text(&out, cases[i].list);
        buf_free(&out);
        arena_destroy(&arena);
    }
}

static void addresses_of_the_grammar(void **state)
{
    (void)state;
    static const struct expected CASES[] = {
        { "", "NIL" },
        { "jane@example.org", "((NIL NIL \"jane\" \"example.org\"))" },
        { "Jane Doe <jane@example.org>", "((\"Jane Doe\" NIL \"jane\" \"example.org\"))" },
        { "\"Doe, Jane\" <jane@example.org>", "((\"Doe, Jane\" NIL \"jane\" \"example.org\"))" },
        { "\"a \\\"b\\\" c\\\\d\" <x@y>", "((\"a \\\"b\\\" c\\\\d\" NIL \"x\" \"y\"))" },
        { "jane@example.org (Jane Doe)", "((\"Jane Doe\" NIL \"jane\" \"example.org\"))" },
        { "<jane@example.org> (Jane)", "((\"Jane\" NIL \"jane\" \"example.org\"))" },
        { "a@b, c@d", "((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\"))" },
        { "\"quoted local\"@example.org", "((NIL NIL \"quoted local\" \"example.org\"))" },
        { "me@[192.0.2.1]", "((NIL NIL \"me\" \"[192.0.2.1]\"))" },
        { "me@[IPv6:2001:db8::1]", "((NIL NIL \"me\" \"[IPv6:2001:db8::1]\"))" },
        { "J. Q. Public <j@example.org>", "((\"J. Q. Public\" NIL \"j\" \"example.org\"))" },
        { "one\r\n two <x@y>", "((\"one two\" NIL \"x\" \"y\"))" },
    };
    check(CASES, COUNT(CASES));
}

static void groups_have_a_beginning_and_an_end(void **state)
{
    (void)state;
    static const struct expected CASES[] = {
        { "undisclosed-recipients:;",
          "((NIL NIL \"undisclosed-recipients\" NIL)(NIL NIL NIL NIL))" },
        { "A Group: a@b, C <c@d>; e@f",
          "((NIL NIL \"A Group\" NIL)(NIL NIL \"a\" \"b\")"
          "(\"C\" NIL \"c\" \"d\")(NIL NIL NIL NIL)(NIL NIL \"e\" \"f\"))" },
        { "Never closed: a@b",
          "((NIL NIL \"Never closed\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL))" },
        { "x:;, y:;",
          "((NIL NIL \"x\" NIL)(NIL NIL NIL NIL)(NIL NIL \"y\" NIL)(NIL NIL NIL NIL))" },
        { "x:; (a comment)", "((NIL NIL \"x\" NIL)(NIL NIL NIL NIL))" },
    };
    check(CASES, COUNT(CASES));
}

static void obsolete_forms_are_understood(void **state)
{
    (void)state;
    static const struct expected CASES[] = {
        { "<@hop.example,@next.example:jane@example.org>",
          "((NIL \"@hop.example,@next.example\" \"jane\" \"example.org\"))" },
        { "jane (nested (com\\)ment)) @ example (x) . org",
          "((\"x\" NIL \"jane\" \"example.org\"))" },
        { "jane . doe @ example . org", "((NIL NIL \"jane.doe\" \"example.org\"))" },
        { ", ,a@b,,c@d,", "((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\"))" },
        { "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
          "((\"Pete\" NIL \"pete\" \"silly.test\"))" },
    };
    check(CASES, COUNT(CASES));
}

static void what_is_found_in_the_wild_is_still_shown(void **state)
{
    (void)state;
    static const struct expected CASES[] = {
        { "MAILER-DAEMON", "((NIL NIL \"MAILER-DAEMON\" \"\"))" },
        { "Mail Delivery System", "((\"Mail Delivery System\" NIL \"\" \"\"))" },
        { "MAILER-DAEMON <>", "((\"MAILER-DAEMON\" NIL \"\" \"\"))" },
        { "<>", "((NIL NIL \"\" \"\"))" },
        { "me@host <me@host>", "((\"me@host\" NIL \"me\" \"host\"))" },
        { "Jane <jane@example.org", "((\"Jane\" NIL \"jane\" \"example.org\"))" },
        { "a@b c@d", "((NIL NIL \"a\" \"b\"))" },
        { "(only a comment)", "NIL" },
        { "\"unterminated <a@b>", "((\"unterminated <a@b>\" NIL \"\" \"\"))" },
        { "J\xC3\xBCrgen <j@x>", "(({7}\r\nJ\xC3\xBCrgen NIL \"j\" \"x\"))" },
        { "@;>)]<,", "NIL" },
        { "one@two@three", "((NIL NIL \"one\" \"two\"))" },
    };
    check(CASES, COUNT(CASES));
}

static void a_hundred_thousand_octets_of_brackets_cost_linear_time(void **state)
{
    (void)state;
    static const char EVIL[] = "(<:@\",;>)[\\";
    struct arena *arena = arena_create(TEST_MEMORY);
    size_t len = 100000;
    char *text = malloc(len);
    for (size_t c = 0; c < sizeof EVIL - 1; c++) {
        memset(text, EVIL[c], len);
        clock_t start = clock();
        address_parse(arena, bytes_make(text, len));
        assert_true(clock() - start < 2 * CLOCKS_PER_SEC); /* squared would take minutes */
        arena_clear(arena);
    }
    free(text);
    arena_destroy(&arena);
}

static void a_full_arena_ends_the_list_and_nothing_else(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1500);
    char text[4000];
    for (size_t i = 0; i < sizeof text; i += 4)
        memcpy(text + i, "a@b,", 4);
    size_t count = 0;
    for (struct address *a = address_parse(arena, bytes_make(text, sizeof text)); a; a = a->next)
        count++;
    assert_in_range(count, 1, 999);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_the_grammar),
        cmocka_unit_test(groups_have_a_beginning_and_an_end),
        cmocka_unit_test(obsolete_forms_are_understood),
        cmocka_unit_test(what_is_found_in_the_wild_is_still_shown),
        cmocka_unit_test(a_hundred_thousand_octets_of_brackets_cost_linear_time),
        cmocka_unit_test(a_full_arena_ends_the_list_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
