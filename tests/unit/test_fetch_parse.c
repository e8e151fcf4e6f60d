/* The items of FETCH: what they need to know of a message, and what they do to it. */
#include "unit.h"
#include "imapd/fetch.h"

struct fixture {
    struct imap imap;
    struct fetch fetch;
    bool good;
};

static void parse(struct fixture *f, const char *text)
{
    *f = (struct fixture){ 0 };
    f->imap.in = input_memory(bytes_of(text));
    f->imap.arena = arena_create((size_t)16 << 20);
    parser_init(&f->imap.parser, f->imap.in, NULL, f->imap.arena, 65536, 8192);
    f->fetch.imap = &f->imap;
    f->good = fetch_parse(&f->fetch);
}

static void end(struct fixture *f)
{
    parser_free(&f->imap.parser);
    input_close(&f->imap.in);
    arena_destroy(&f->imap.arena);
}

/* kinds: one letter an item, in order. */
static void assert_items(const char *text, const char *kinds)
{
    static const char LETTERS[] = "FUDZEBXS"; /* in the order of enum fetch_kind */
    struct fixture f;
    char found[32] = "";
    parse(&f, text);
    if (!f.good)
        fail_msg("%s: %s", text, f.imap.parser.error.text);
    for (const struct fetch_item *item = f.fetch.items; item; item = item->next)
        strncat(found, &LETTERS[item->kind], 1);
    end(&f);
    assert_string_equal(found, kinds);
}

static void items_keep_their_order(void **state)
{
    (void)state;
    assert_items("FLAGS\r\n", "F");
    assert_items("(UID RFC822.SIZE flags)\r\n", "UZF");
    assert_items("(BODY BODYSTRUCTURE BODY[] BODY.PEEK[1] ENVELOPE INTERNALDATE)\r\n", "BXSSED");
    assert_items("(RFC822 RFC822.HEADER RFC822.TEXT)\r\n", "SSS");
    assert_items("(FLAGS FLAGS BODY[] BODY[])\r\n", "FSS");
    assert_items("all\r\n", "FDZE");
    assert_items("FAST\r\n", "FDZ");
    assert_items("FULL\r\n", "FDZEB");
}

static void assert_refused(const char *text)
{
    struct fixture f;
    parse(&f, text);
    if (f.good || !f.imap.parser.failed)
        fail_msg("%s was taken", text);
    end(&f);
}

static void what_is_not_of_the_grammar_is_refused(void **state)
{
    (void)state;
    assert_refused("\r\n");
    assert_refused("()\r\n");
    assert_refused("(FLAGS\r\n");
    assert_refused("(FLAGS )\r\n");
    assert_refused("FLAGS UID\r\n");
    assert_refused("(ALL)\r\n");
    assert_refused("(FLAGS FULL)\r\n");
    assert_refused("BODY.PEEK\r\n");
    assert_refused("RFC822[]\r\n");
    assert_refused("BODYSTRUCTURE[]\r\n");
    assert_refused("BODY[]<0>\r\n");
    assert_refused("BODY[]<0.0>\r\n");
    assert_refused("BODY[]<-1.5>\r\n");
    assert_refused("BODY[]<0.4294967296>\r\n");
    assert_refused("X-GM-MSGID\r\n");
}

static void too_many_items_are_refused(void **state)
{
    (void)state;
    char text[8192] = "(BODY[]";
    for (size_t len = strlen(text); len + 16 < sizeof(text); len += 7)
        memcpy(text + len, " BODY[]", 8);
    strcat(text, ")\r\n");
    assert_refused(text);
}

static void assert_needs(const char *text, unsigned fields, bool seen, bool streams)
{
    struct fixture f;
    parse(&f, text);
    assert_true(f.good);
    assert_int_equal(f.fetch.fields, fields);
    assert_int_equal(f.fetch.seen, seen);
    assert_int_equal(f.fetch.streams, streams);
    end(&f);
}

/* What is asked for without a message's file must not open it. */
static void cheap_items_need_nothing(void **state)
{
    (void)state;
    assert_needs("(FLAGS UID)\r\n", 0, false, false);
    assert_needs("FAST\r\n", FIELD_DATE | FIELD_SIZE, false, false);
    assert_needs("ENVELOPE\r\n", FIELD_ENVELOPE, false, false);
    assert_needs("BODY.PEEK[HEADER.FIELDS (From)]\r\n", FIELD_HEADER, false, false);
    assert_needs("BODY.PEEK[]\r\n", FIELD_SIZE, false, true);
    assert_needs("BODY.PEEK[1]\r\n", FIELD_PARTS, false, true);
    assert_needs("BODY.PEEK[TEXT]\r\n", FIELD_PARTS, false, true);
}

static void reading_sets_seen_and_peeking_does_not(void **state)
{
    (void)state;
    assert_needs("BODY[HEADER]\r\n", FIELD_HEADER, true, false);
    assert_needs("BODY[1.MIME]\r\n", FIELD_PARTS, true, true);
    assert_needs("RFC822\r\n", FIELD_SIZE, true, true);
    assert_needs("RFC822.TEXT\r\n", FIELD_PARTS, true, true);
    assert_needs("RFC822.HEADER\r\n", FIELD_HEADER, false, false);
    assert_needs("BODY\r\n", FIELD_BODY, false, false);
}

static void a_partial_has_its_numbers(void **state)
{
    (void)state;
    struct fixture f;
    parse(&f, "BODY[1.2.TEXT]<17.4294967295>\r\n");
    assert_true(f.good);
    assert_true(f.fetch.items->partial);
    assert_int_equal(f.fetch.items->origin, 17);
    assert_int_equal(f.fetch.items->count, UINT32_MAX);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_keep_their_order),
        cmocka_unit_test(what_is_not_of_the_grammar_is_refused),
        cmocka_unit_test(too_many_items_are_refused),
        cmocka_unit_test(cheap_items_need_nothing),
        cmocka_unit_test(reading_sets_seen_and_peeking_does_not),
        cmocka_unit_test(a_partial_has_its_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
