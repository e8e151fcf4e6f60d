/* SEARCH, from the words of a client to the numbers that it gets, over messages in memory. */
#include "unit.h"
#include "fake_mailbox.h"
#include "imapd/search.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { MEMORY = 1 << 20, DAY = 86400 };

/* 2022-01-07 is 18999 days after 1970-01-01. */
static struct fake_message messages[] = {
    { .octets = "From: Ann Smith <ann@example.org>\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?= "
                "=?utf-8?Q?_Wien?=\n"
                "Date: Fri, 07 Jan 2022 23:30:00 -0500\n\nThe first body.\n",
      .flags = FLAG_SEEN | FLAG_ANSWERED,
      .date = 18999 * DAY + 100 },
    { .octets =
          "From: bob@example.org\nTo: ann@example.org\nCc: c@d\nBcc: e@f\nSubject:\nX-Tag: yes\n"
          "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
          "quoted-printable\n\n"
          "Ein caf=E9 so=\nlo.\n",
      .flags = FLAG_RECENT | FLAG_FLAGGED,
      .keywords = 1,
      .date = 19000 * DAY },
    { .octets = "From: carol@example.org\nDate: 1 Feb 2022 10:00 +0100\nContent-Type: "
                "multipart/mixed; boundary=x\n\n"
                "preamble\n--x\nContent-Type: application/octet-stream; name=report.bin\n\nhidden\n"
                "--x\nContent-Type: message/rfc822\n\nSubject: forwarded thing\n\ninner words\n"
                "--x\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: "
                "base64\n\nPHA+Q3LDqG1lPC9wPg==\n--x--\n",
      .flags = FLAG_DELETED | FLAG_DRAFT | FLAG_RECENT | FLAG_SEEN,
      .keywords = 3,
      .date = 19001 * DAY + DAY - 1 },
};

struct fixture {
    struct input *in;
    struct imap imap;
    struct search_command command;
    struct error err;
};

static void begin(struct fixture *f, const char *command)
{
    fake.messages = messages;
    fake.count = COUNT(messages);
    *f = (struct fixture){ .in = input_memory(bytes_of(command)) };
    f->imap.arena = arena_create(MEMORY);
    parser_init(&f->imap.parser, f->in, NULL, f->imap.arena, 8192, 8192);
    f->command.imap = &f->imap;
}

static void end(struct fixture *f)
{
    search_command_free(&f->command);
    parser_free(&f->imap.parser);
    arena_destroy(&f->imap.arena);
    input_close(&f->in);
    fake_free();
}

static void assert_found(const char *keys, const char *expected)
{
    struct fixture f;
    struct numset found = { 0 };
    struct buf text = BUF_INIT(1000);
    char line[1000];
    snprintf(line, sizeof(line), " %s\r\n", keys);
    begin(&f, line);
    if (!search_parse(&f.command))
        fail_msg("%s: %s", keys, f.imap.parser.error.text);
    assert_false(f.command.charset_unknown || f.command.text_invalid);
    assert_true(search_run(NULL, f.command.key, &found, NULL, NULL, &f.err));
    numset_write(&found, &text);
    if (strcmp(buf_cstr(&text), expected) != 0)
        fail_msg("%s: %s, not %s", keys, buf_cstr(&text), expected);
    buf_free(&text);
    numset_free(&found);
    end(&f);
}

static void assert_refused(const char *keys)
{
    struct fixture f;
    char line[1000];
    snprintf(line, sizeof(line), " %s\r\n", keys);
    begin(&f, line);
    if (search_parse(&f.command))
        fail_msg("%s was taken", keys);
    end(&f);
}

static void numbers_and_flags(void **state)
{
    (void)state;
    assert_found("ALL", "1:3");
    assert_found("2:*", "2:3");
    assert_found("3:100", "3");
    assert_found("*", "3");
    assert_found("UID 20", "2");
    assert_found("UID 15:*", "2:3");
    assert_found("UID 500:*", "3");
    assert_found("ANSWERED", "1");
    assert_found("UNANSWERED", "2:3");
    assert_found("DELETED", "3");
    assert_found("UNDELETED", "1:2");
    assert_found("DRAFT", "3");
    assert_found("UNDRAFT", "1:2");
    assert_found("FLAGGED", "2");
    assert_found("UNFLAGGED", "1,3");
    assert_found("SEEN", "1,3");
    assert_found("unseen", "2");
    assert_found("RECENT", "2:3");
    assert_found("NEW", "2");
    assert_found("OLD", "1");
    assert_found("KEYWORD a", "2:3");
    assert_found("UNKEYWORD b", "1:2");
    assert_found("KEYWORD nothing", "");
    assert_found("UNKEYWORD nothing", "1:3");
    assert_found("SEEN UNSEEN", "");
    assert_found("UNSEEN FLAGGED NOT SEEN", "2");
    assert_found("KEYWORD a UNKEYWORD a", "");
    assert_found("KEYWORD a UNKEYWORD b SEEN", "");
    assert_found("SEEN UNKEYWORD nothing", "1,3");
    assert_found("UNSEEN KEYWORD nothing", "");
    assert_found("ALL NOT ALL", "");
    assert_found("ALL NOT DELETED ALL", "1:2");
}

static void keys_combine(void **state)
{
    (void)state;
    assert_found("SEEN DELETED", "3");
    assert_found("OR ANSWERED FLAGGED", "1:2");
    assert_found("NOT SEEN", "2");
    assert_found("NOT NOT SEEN", "1,3");
    assert_found("(SEEN UNDELETED)", "1");
    assert_found("OR (SEEN DELETED) (NOT SEEN FLAGGED)", "2:3");
    assert_found("1:2 (NOT (1) NOT 3)", "2");
}

/* INTERNALDATE counts in UTC, Date as its writer saw it. */
static void dates(void **state)
{
    (void)state;
    assert_found("BEFORE 8-Jan-2022", "1");
    assert_found("ON 8-Jan-2022", "2");
    assert_found("SINCE \"8-Jan-2022\"", "2:3");
    assert_found("ON 9-Jan-2022", "3");
    assert_found("SENTON 7-Jan-2022", "1");
    assert_found("SENTBEFORE 8-Jan-2022", "1");
    assert_found("SENTSINCE 7-Jan-2022", "1,3");
    assert_found("NOT SENTSINCE 7-Jan-2022", "2");
}

static void sizes_are_those_of_the_wire_form(void **state)
{
    (void)state;
    size_t lines = 0, size = strlen(messages[0].octets);
    for (const char *c = messages[0].octets; *c; c++)
        lines += *c == '\n';
    char keys[100];
    snprintf(keys, sizeof(keys), "1 LARGER %zu SMALLER %zu", size + lines - 1, size + lines + 1);
    assert_found(keys, "1");
    snprintf(keys, sizeof(keys), "1 OR LARGER %zu SMALLER %zu", size + lines, size + lines);
    assert_found(keys, "");
}

static void header_fields(void **state)
{
    (void)state;
    assert_found("FROM ann", "1");
    assert_found("FROM EXAMPLE.ORG", "1:3");
    assert_found("TO ann@example.org", "2");
    assert_found("CC c@d", "2");
    assert_found("BCC e@f", "2");
    assert_found("HEADER x-tag YES", "2");
    assert_found("HEADER X-Tag \"\"", "2");
    assert_found("HEADER Subject \"\"", "1:2");
    assert_found("SUBJECT \"aus wien\"", "1");
    assert_found("CHARSET UTF-8 SUBJECT {7+}\r\nGR\xc3\x9c\xc3\x9f"
                 "E",
                 "1");
    assert_found("CHARSET ISO-8859-1 SUBJECT {5+}\r\ngr\xfc\xdf"
                 "e",
                 "1");
    assert_found("SUBJECT utf-8", "");
}

static void text_in_bodies_is_decoded(void **state)
{
    (void)state;
    assert_found("BODY \"first body\"", "1");
    assert_found("BODY {5+}\r\nCAF\xc3\x89", "2");
    assert_found("BODY solo", "2");
    assert_found("BODY {6+}\r\ncr\xc3\xa8me", "3");
    assert_found("BODY \"inner words\"", "3");
    assert_found("BODY \"forwarded thing\"", "3");
    assert_found("BODY \"\"", "1:3");
    assert_found("TEXT report.bin", "3");
    assert_found("TEXT ann@example.org", "1:2");
    assert_found("BODY report.bin", "");
    assert_found("BODY hidden", "");
    assert_found("BODY preamble", "");
    assert_found("BODY ann@example.org", "");
}

static void commands_that_are_not_right_are_refused(void **state)
{
    (void)state;
    assert_refused("");
    assert_refused("BOGUS");
    assert_refused("SUBJECT");
    assert_refused("OR SEEN");
    assert_refused("(SEEN");
    assert_refused("()");
    assert_refused("0");
    assert_refused("UID a");
    assert_refused("ON 31-Foo-2022");
    assert_refused("LARGER -1");
    assert_refused("LARGER 99999999999999999999");
    assert_refused("SEEN ");
    assert_refused("CHARSET UTF-8");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    char keys[900] = "";
    for (int i = 0; i < 200; i++)
        strcat(keys, i % 2 ? "(" : "NOT ");
    strcat(keys, "ALL");
    assert_refused(keys);
    assert_found("((((((((((NOT (NOT (SEEN))))))))))))", "1,3");
}

static void unknown_charsets_and_bad_text_are_noticed(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, " CHARSET X-NO-SUCH SUBJECT a\r\n");
    assert_true(search_parse(&f.command));
    assert_true(f.command.charset_unknown);
    end(&f);
    begin(&f, " CHARSET UTF-8 SUBJECT {1+}\r\n\xff\r\n");
    assert_true(search_parse(&f.command));
    assert_true(f.command.text_invalid);
    assert_false(f.command.charset_unknown);
    end(&f);
}

static void messages_are_read_only_where_the_rest_leaves_a_doubt(void **state)
{
    (void)state;
    struct fixture f;
    struct numset found = { 0 };
    begin(&f, " BODY first SUBJECT a ANSWERED\r\n");
    assert_true(search_parse(&f.command));
    assert_true(search_run(NULL, f.command.key, &found, NULL, NULL, &f.err));
    assert_int_equal(numset_size(&found), 1);
    assert_int_equal(fake.read_calls, 1);
    end(&f);
    numset_clear(&found);
    begin(&f, " OR SEEN BODY x KEYWORD a\r\n");
    assert_true(search_parse(&f.command));
    assert_true(search_run(NULL, f.command.key, &found, NULL, NULL, &f.err));
    assert_int_equal(fake.read_calls, 1);
    end(&f);
    numset_clear(&found);
    begin(&f, " UNSEEN NOT KEYWORD b\r\n");
    assert_true(search_parse(&f.command));
    assert_true(search_run(NULL, f.command.key, &found, NULL, NULL, &f.err));
    assert_int_equal(fake.fields_calls + fake.read_calls, 0);
    end(&f);
    numset_free(&found);
}

static void an_expunged_message_is_not_found_nor_is_its_absence(void **state)
{
    (void)state;
    messages[1].trouble = ERROR_NO_SUCH;
    assert_found("NOT BODY nowhere", "1,3");
    assert_found("SUBJECT \"\"", "1");
    messages[1].trouble = ERROR_NONE;
}

static void an_unreadable_message_does_not_hide_the_others(void **state)
{
    (void)state;
    struct fixture f;
    struct numset found = { 0 };
    messages[0].trouble = ERROR_CORRUPT;
    begin(&f, " FROM example\r\n");
    assert_true(search_parse(&f.command));
    assert_false(search_run(NULL, f.command.key, &found, NULL, NULL, &f.err));
    assert_int_equal(f.err.class, ERROR_CORRUPT);
    assert_int_equal(numset_size(&found), 2);
    numset_free(&found);
    end(&f);
    messages[0].trouble = ERROR_NONE;
}

/* One such message in a mailbox must not make its searches fail. */
static void of_a_huge_header_the_beginning_is_searched(void **state)
{
    (void)state;
    enum { LINES = 100000, LINE = 16 };
    static char octets[LINES * LINE + 100] = "Subject: huge\n";
    const char *before = messages[1].octets;
    for (size_t i = 0; i < LINES; i++)
        strcpy(octets + 14 + i * LINE, "X-Line: yes yes\n");
    strcat(octets, "To: behind\n\nbody\n");
    messages[1].octets = octets;
    assert_found("SUBJECT huge", "2");
    assert_found("HEADER X-Line yes", "2");
    assert_found("TO behind", "");
    assert_found("BODY body", "1:2");
    messages[1].octets = before;
}

static void of_a_long_subject_the_end_is_searched_too(void **state)
{
    (void)state;
    static char octets[5000] = "Subject: long ";
    const char *before = messages[1].octets;
    memset(octets + 14, 'x', 4000);
    strcat(octets, " Ende\n\nbody\n");
    messages[1].octets = octets;
    assert_found("SUBJECT \"long xxx\"", "2");
    assert_found("SUBJECT \"xxx ende\"", "2");
    assert_found("SUBJECT \"ende xxx\"", "");
    messages[1].octets = before;
}

static bool stop(void *context)
{
    ++*(unsigned *)context;
    return false;
}

static void a_long_search_can_be_stopped(void **state)
{
    (void)state;
    struct fixture f;
    struct numset found = { 0 };
    unsigned ticks = 0;
    struct fake_message many[1000];
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = messages[0];
    begin(&f, " BODY body\r\n");
    fake.messages = many;
    fake.count = COUNT(many);
    assert_true(search_parse(&f.command));
    assert_false(search_run(NULL, f.command.key, &found, stop, &ticks, &f.err));
    assert_int_equal(ticks, 1);
    assert_true(fake.read_calls < 200);
    numset_free(&found);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_flags),
        cmocka_unit_test(keys_combine),
        cmocka_unit_test(dates),
        cmocka_unit_test(sizes_are_those_of_the_wire_form),
        cmocka_unit_test(header_fields),
        cmocka_unit_test(text_in_bodies_is_decoded),
        cmocka_unit_test(commands_that_are_not_right_are_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(unknown_charsets_and_bad_text_are_noticed),
        cmocka_unit_test(messages_are_read_only_where_the_rest_leaves_a_doubt),
        cmocka_unit_test(an_expunged_message_is_not_found_nor_is_its_absence),
        cmocka_unit_test(an_unreadable_message_does_not_hide_the_others),
        cmocka_unit_test(of_a_huge_header_the_beginning_is_searched),
        cmocka_unit_test(of_a_long_subject_the_end_is_searched_too),
        cmocka_unit_test(a_long_search_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
