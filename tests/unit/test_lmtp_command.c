/* The parser's commands over memory, without a monitor: everything up to the first recipient. */
#include "unit.h"
#include "lmtpd/lmtp.h"

static const struct connection connection = { .id = "0123" };

/* What the server says to input; conf may be NULL. */
static const char *talk(struct buf *said, struct bytes input, const struct conf *settings)
{
    static const struct conf plain = { .recipient_delimiter = "+", .hostname = "" };
    const struct conf *conf = settings ? settings : &plain;
    struct error err = { 0 };
    struct lmtp lmtp = { .connection = &connection, .conf = conf, .monitor = -1, .state = LMTP_GREETED };
    lmtp.in = input_memory(input);
    lmtp.out = output_buf(said);
    lmtp.arena = arena_create(65536);
    lmtp.hostname = "mx.example";
    lmtp.delivery.max = 2;
    lmtp_converse(&lmtp, &err);
    assert_true(output_flush(lmtp.out, NULL));
    lmtp_reset(&lmtp);
    input_close(&lmtp.in);
    output_close(&lmtp.out);
    arena_destroy(&lmtp.arena);
    return buf_cstr(said);
}

static void assert_talk(const char *input, const char *wanted)
{
    struct buf said = BUF_INIT(65536);
    assert_string_equal(talk(&said, bytes_of(input), NULL), wanted);
    buf_free(&said);
}

static void nothing_comes_before_lhlo(void **state)
{
    (void)state;
    assert_talk("MAIL FROM:<>\r\nRCPT TO:<a>\r\nDATA\r\n",
                "503 5.5.1 Say LHLO first\r\n503 5.5.1 Say LHLO first\r\n503 5.5.1 Say LHLO first\r\n");
    assert_talk("NOOP\r\nRSET\r\nQUIT\r\nNOOP\r\n",
                "250 2.0.0 OK\r\n250 2.0.0 OK\r\n221 2.0.0 Goodbye\r\n");
}

#define HELLO                                                                                      \
    "250-mx.example\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n"              \
    "250-SMTPUTF8\r\n250-CHUNKING\r\n"

static void lhlo_names_what_there_is(void **state)
{
    (void)state;
    const struct conf limited = { .message_size_limit = 1234, .recipient_delimiter = "" };
    struct buf said = BUF_INIT(65536);
    assert_talk("LHLO me\r\n", HELLO "250 SIZE\r\n");
    assert_string_equal(talk(&said, BYTES("lhlo [192.0.2.1]\n"), &limited), HELLO "250 SIZE 1234\r\n");
    buf_free(&said);
    assert_talk("LHLO a(b)\r\nLHLO \r\n", "501 5.5.4 LHLO wants the name of the client\r\n"
                                          "501 5.5.4 LHLO wants the name of the client\r\n");
}

static void half_a_command_is_not_run(void **state)
{
    (void)state;
    assert_talk("QUIT", "");
    assert_talk("NOOP\r\nQUI", "250 2.0.0 OK\r\n");
}

static void names_of_commands_have_no_case_and_end_at_a_space(void **state)
{
    (void)state;
    assert_talk("nOoP x y\r\n", "250 2.0.0 OK\r\n");
    assert_talk("NOOPS\r\n", "500 5.5.1 Unknown command\r\n");
    assert_talk("\r\n", "500 5.5.1 Unknown command\r\n");
    assert_talk("EHLO me\r\n", "500 5.5.1 This is LMTP: say LHLO\r\n");
}

static void a_transaction_can_be_reset_and_begun_again(void **state)
{
    (void)state;
    struct buf said = BUF_INIT(65536);
    talk(&said, BYTES("LHLO x\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\nRSET\r\nMAIL FROM:<>\r\nLHLO x\r\nRCPT TO:<a>\r\n"), NULL);
    struct bytes replies = bytes_skip(buf_view(&said), strlen(HELLO "250 SIZE\r\n"));
    assert_bytes_equal(replies, bytes_of("250 2.1.0 OK\r\n503 5.5.1 A message is begun already\r\n250 2.0.0 OK\r\n"
                                         "250 2.1.0 OK\r\n" HELLO "250 SIZE\r\n503 5.5.1 Say MAIL first\r\n"));
    buf_free(&said);
}

static void without_its_monitor_the_connection_ends(void **state)
{
    (void)state;
    struct buf said = BUF_INIT(65536);
    const char *text = talk(&said, BYTES("LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a>\r\nNOOP\r\n"), NULL);
    const char *end = "421 4.3.0 Internal trouble, goodbye\r\n";
    assert_string_equal(text + strlen(text) - strlen(end), end);
    buf_free(&said);
}

static void the_octets_of_a_refused_chunk_are_no_commands(void **state)
{
    (void)state;
    assert_talk("BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "503 5.5.1 Say MAIL and RCPT first\r\n250 2.0.0 OK\r\n");
    assert_talk("BDAT 0\r\nNOOP\r\n", "503 5.5.1 Say MAIL and RCPT first\r\n250 2.0.0 OK\r\n");
    assert_talk("BDAT 1 FIRST\r\nNOOP\r\n", "501 5.5.4 BDAT wants a size and perhaps LAST; goodbye\r\n");
    assert_talk("BDAT 99999999999999999999\r\nNOOP\r\n", "501 5.5.4 BDAT wants a size and perhaps LAST; goodbye\r\n");
    assert_talk("BDAT 100\r\nshort", "421 4.4.2 The message broke off, goodbye\r\n");
}

static void errors_without_end_and_lines_without_end_stop(void **state)
{
    (void)state;
    struct buf input = BUF_INIT(65536), said = BUF_INIT(65536);
    for (int i = 0; i < 30; i++)
        buf_string(&input, i == 10 ? "NOOP\r\n" : "BAD\r\n");
    talk(&said, buf_view(&input), NULL);
    size_t lines = 0;
    for (size_t i = 0; i < said.len; i++)
        lines += said.data[i] == '\n';
    assert_int_equal(lines, 30); /* a good command starts the count anew: 10 + 1 + 19 */
    buf_string(&input, "BAD\r\nBAD\r\n");
    buf_clear(&said);
    const char *text = talk(&said, buf_view(&input), NULL);
    const char *end = "421 4.7.0 Too many errors, goodbye\r\n";
    assert_string_equal(text + strlen(text) - strlen(end), end);
    buf_clear(&input);
    for (int i = 0; i < LMTP_LINE_MAX; i++)
        buf_byte(&input, 'x');
    buf_string(&input, "\r\nNOOP\r\n");
    buf_clear(&said);
    assert_string_equal(talk(&said, buf_view(&input), NULL), "500 5.5.2 That line is too long, goodbye\r\n");
    buf_free(&input);
    buf_free(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_comes_before_lhlo),
        cmocka_unit_test(lhlo_names_what_there_is),
        cmocka_unit_test(half_a_command_is_not_run),
        cmocka_unit_test(names_of_commands_have_no_case_and_end_at_a_space),
        cmocka_unit_test(a_transaction_can_be_reset_and_begun_again),
        cmocka_unit_test(without_its_monitor_the_connection_ends),
        cmocka_unit_test(the_octets_of_a_refused_chunk_are_no_commands),
        cmocka_unit_test(errors_without_end_and_lines_without_end_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
