/* Commands before login, over memory: what needs no monitor. */
#include "unit.h"
#include "pop3d/pop3.h"

static const char *no_drivers[] = { NULL };
static const struct conf conf = { .auth = no_drivers };

static const char *talk(struct buf *said, struct bytes input, bool plaintext_ok, bool tls_possible)
{
    struct error err = { 0 };
    struct login login = { .conf = &conf, .plaintext_ok = plaintext_ok, .tls_possible = tls_possible };
    struct pop3 pop3 = { .conf = &conf, .login = &login, .state = POP3_AUTHORIZATION };
    pop3.in = input_memory(input);
    pop3.out = output_buf(said);
    pop3.user = BUF_INIT(ACCOUNT_NAME_MAX);
    pop3_converse(&pop3, &err);
    assert_true(output_flush(pop3.out, NULL));
    input_close(&pop3.in);
    output_close(&pop3.out);
    buf_free(&pop3.user);
    return buf_cstr(said);
}

static void assert_talk(const char *input, bool plaintext_ok, bool tls_possible, const char *wanted)
{
    struct buf said = BUF_INIT(65536);
    assert_string_equal(talk(&said, bytes_of(input), plaintext_ok, tls_possible), wanted);
    buf_free(&said);
}

static void no_password_is_taken_readably_unless_it_may_be(void **state)
{
    (void)state;
    assert_talk("USER ann\r\nPASS x\r\n", false, true,
                "-ERR Passwords are taken only over TLS: use STLS first\r\n"
                "-ERR Passwords are taken only over TLS: use STLS first\r\n");
    assert_talk("USER ann\r\n", false, false, "-ERR Passwords are not taken on this connection\r\n");
    assert_talk("AUTH PLAIN AGFubgB4\r\n", false, true, "-ERR That mechanism is not available\r\n");
    assert_talk("USER ann\r\n", true, true, "+OK Send your password\r\n");
}

#define CAPABILITIES "EXPIRE NEVER\r\nUTF8\r\nLANG\r\nIMPLEMENTATION Postern\r\n.\r\n"
#define ALWAYS "+OK Capability list follows\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"

static void capa_shows_only_what_works_now(void **state)
{
    (void)state;
    assert_talk("CAPA\r\n", true, true, ALWAYS "USER\r\nSASL PLAIN LOGIN\r\nSTLS\r\n" CAPABILITIES);
    assert_talk("CAPA\r\n", false, true, ALWAYS "STLS\r\n" CAPABILITIES);
    assert_talk("capa\r\n", false, false, ALWAYS CAPABILITIES);
}

static void what_was_said_before_login_reaches_the_session(void **state)
{
    (void)state;
    struct login login = { .conf = &conf, .plaintext_ok = true };
    struct pop3 before = { .conf = &conf, .login = &login, .utf8 = true }, after = { .conf = &conf };
    char resume[512];
    size_t len = pop3_resume_write(&before, resume, sizeof(resume));
    assert_true(pop3_resume_read(&after, bytes_make(resume, len)));
    assert_true(after.utf8);
    assert_string_equal(after.methods, "UPLAIN LOGIN");
    assert_false(pop3_resume_read(&after, BYTES("")));
}

static void commands_of_the_other_state_and_wrong_arguments_are_refused(void **state)
{
    (void)state;
    assert_talk("STAT\r\nUSER\r\nCAPA x\r\nXYZZY\r\n\r\nPASS x\r\n", true, false,
                "-ERR Log in first\r\n-ERR This command needs an argument\r\n"
                "-ERR This command has no argument\r\n-ERR Unknown command\r\n-ERR Unknown command\r\n"
                "-ERR Say USER first\r\n");
    assert_talk("APOP ann 0123\r\n", true, false, "-ERR APOP is not available here\r\n");
}

static void a_name_that_is_too_long_is_not_cut_short(void **state)
{
    (void)state;
    struct buf input = BUF_INIT(65536);
    buf_string(&input, "USER ");
    for (int i = 0; i <= ACCOUNT_NAME_MAX; i++)
        buf_byte(&input, 'a');
    buf_string(&input, "\r\nPASS x\r\n");
    assert_talk(buf_cstr(&input), true, false, "-ERR [AUTH] That user name is too long\r\n-ERR Say USER first\r\n");
    buf_free(&input);
}

static void languages_are_matched_by_their_first_parts(void **state)
{
    (void)state;
    assert_talk("LANG\r\nLANG en-US\r\nLANG I-DEFAULT\r\nLANG *\r\nLANG english\r\nLANG de\r\n", false, false,
                "+OK Language listing follows\r\nen English\r\ni-default English\r\n.\r\n"
                "+OK en Replies are in English\r\n+OK i-default Replies are in English\r\n"
                "+OK en Replies are in English\r\n-ERR Only English is spoken here\r\n"
                "-ERR Only English is spoken here\r\n");
}

static void a_verdict_becomes_a_response_code(void **state)
{
    (void)state;
    struct buf said = BUF_INIT(65536);
    struct pop3 pop3 = { .out = output_buf(&said) };
    pop3_refuse(&pop3, AUTH_WRONG, false);
    pop3_refuse(&pop3, AUTH_TEMPORARY, false);
    assert_false(pop3.end);
    pop3_refuse(&pop3, AUTH_EXPIRED, true);
    assert_true(pop3.end);
    assert_true(output_flush(pop3.out, NULL));
    assert_string_equal(buf_cstr(&said), "-ERR [AUTH] Wrong user name or password\r\n"
                                         "-ERR [SYS/TEMP] Login is not possible just now, try again later\r\n"
                                         "-ERR [AUTH] The password or the account has expired; too many tries, goodbye\r\n");
    output_close(&pop3.out);
    buf_free(&said);
}

static void half_a_line_is_no_command_and_an_endless_one_ends_it(void **state)
{
    (void)state;
    struct buf input = BUF_INIT(65536);
    assert_talk("CAPA\r", false, false, "");
    for (int i = 0; i < POP3_SASL_MAX; i++)
        buf_byte(&input, 'x');
    buf_string(&input, "\r\nCAPA\r\n");
    assert_talk(buf_cstr(&input), false, false, "-ERR That line is too long, goodbye\r\n");
    buf_free(&input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_password_is_taken_readably_unless_it_may_be),
        cmocka_unit_test(capa_shows_only_what_works_now),
        cmocka_unit_test(what_was_said_before_login_reaches_the_session),
        cmocka_unit_test(commands_of_the_other_state_and_wrong_arguments_are_refused),
        cmocka_unit_test(a_name_that_is_too_long_is_not_cut_short),
        cmocka_unit_test(languages_are_matched_by_their_first_parts),
        cmocka_unit_test(a_verdict_becomes_a_response_code),
        cmocka_unit_test(half_a_line_is_no_command_and_an_endless_one_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
