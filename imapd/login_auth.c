/* LOGIN and AUTHENTICATE (RFC 3501, 6.2.2 and 6.2.3; RFC 4959; response codes of RFC 5530).
 *
 *     "LOGIN" SP astring SP astring
 *     "AUTHENTICATE" SP mechanism [SP (base64 / "=")] *(CRLF base64)
 */
#include "base/base64.h"
#include "base/log.h"
#include "imapd/login.h"

static const struct {
    const char *word, *code, *text;
} verdicts[] = {
    [AUTH_WRONG] = { "NO", "AUTHENTICATIONFAILED", "Wrong name or password" },
    [AUTH_EXPIRED] = { "NO", "EXPIRED",
                       "The password or the account has expired; change it or ask your "
                       "administrator" },
    [AUTH_FORBIDDEN] = { "NO", "AUTHORIZATIONFAILED",
                         "This account may not log in here; ask your administrator" },
    [AUTH_TEMPORARY] = { "NO", "UNAVAILABLE",
                         "Names and passwords cannot be checked just now; try again later" },
    [AUTH_MALFORMED] = { "BAD", NULL, "That is not what the mechanism asks for" },
};

/* On AUTH_OK the session answers. */
static bool answer_verdict(struct dialogue *dialogue, enum auth_verdict verdict, bool last)
{
    if (verdict == AUTH_OK) {
        dialogue->ended = true;
        return true;
    }
    if (dialogue->parser.failed)
        return false;
    if (dialogue->cancelled)
        login_bad(dialogue, "You cancelled the authentication");
    else
        login_answer(dialogue, verdicts[verdict].word, verdicts[verdict].code,
                     verdicts[verdict].text);
    if (last) {
        dialogue->ended = true;
        output_string(dialogue->login->out, "* BYE Too many failed logins\r\n");
    }
    return true;
}

static bool demand_privacy(struct dialogue *dialogue)
{
    log_info("a password was refused: it came without TLS (setting plaintext)");
    dialogue->errors++;
    return login_answer(dialogue, "NO", "PRIVACYREQUIRED",
                        dialogue->login->tls_possible
                            ? "Passwords are taken only under TLS: use STARTTLS first"
                            : "Passwords are taken only under TLS");
}

bool login_command_login(struct dialogue *dialogue)
{
    struct bytes user, password;
    struct login *login = dialogue->login;
    struct parser *parser = &dialogue->parser;
    bool last = false;
    if (!parser_space(parser) || !parser_astring(parser, &user) || !parser_space(parser) ||
        !parser_astring(parser, &password) || !parser_end(parser))
        return false;
    if (!login->plaintext_ok)
        return demand_privacy(dialogue);
    /* What was answered so far goes before the session's own words. */
    output_flush(login->out, NULL);
    enum auth_verdict verdict = login_password(login, user, password, dialogue->tag, &last);
    /* A malformed name is just a wrong one here. */
    return answer_verdict(dialogue, verdict == AUTH_MALFORMED ? AUTH_WRONG : verdict, last);
}

static bool has_mechanism(const char *list, struct bytes name)
{
    for (struct bytes rest = bytes_of(list); rest.len > 0;)
        if (bytes_equal_nocase(bytes_split(&rest, ' '), name))
            return true;
    return false;
}

static bool decode(struct dialogue *dialogue, struct bytes text, struct buf *out)
{
    return base64_decode(text, out) || parser_fail(&dialogue->parser, "The response is not base64");
}

/* One step of the exchange: our challenge, the client's line. */
static bool more(void *context, struct bytes challenge, struct buf *answer)
{
    struct dialogue *dialogue = context;
    struct parser *parser = &dialogue->parser;
    struct buf line = BUF_INIT(64 * 1024);
    struct bytes text = BYTES("");
    base64_encode(challenge, &line);
    output_string(dialogue->login->out, "+ ");
    output_bytes(dialogue->login->out, buf_view(&line));
    output_string(dialogue->login->out, "\r\n");
    buf_free(&line);
    parser->used = 0;
    parser->complete = false;
    dialogue->cancelled = parser_try(parser, '*');
    int next = parser_peek(parser);
    bool good =
        next == '\r' || next == '\n' || (!dialogue->cancelled && parser_atom(parser, &text));
    return good && parser_end(parser) && !dialogue->cancelled && decode(dialogue, text, answer);
}

static bool read_initial(struct dialogue *dialogue, struct buf *out, bool *sent)
{
    struct bytes text;
    *sent = parser_try(&dialogue->parser, ' ');
    if (!*sent)
        return true;
    if (!parser_atom(&dialogue->parser, &text))
        return false;
    return bytes_equal(text, BYTES("=")) || decode(dialogue, text, out);
}

static bool authenticate(struct dialogue *dialogue, struct bytes mechanism, struct bytes initial)
{
    struct login *login = dialogue->login;
    bool last = false;
    if (!has_mechanism(login_mechanisms(login), mechanism)) {
        bool plain = bytes_equal_nocase(mechanism, BYTES("PLAIN")) ||
                     bytes_equal_nocase(mechanism, BYTES("LOGIN"));
        if (plain && !login->plaintext_ok)
            return demand_privacy(dialogue);
        return login_answer(dialogue, "NO", "CANNOT",
                            "There is no such mechanism here; CAPABILITY lists them");
    }
    output_flush(login->out, NULL);
    dialogue->cancelled = false;
    enum auth_verdict verdict =
        login_sasl(login, mechanism, initial, more, dialogue, dialogue->tag, &last);
    return answer_verdict(dialogue, verdict, last);
}

bool login_command_authenticate(struct dialogue *dialogue)
{
    struct bytes mechanism;
    struct parser *parser = &dialogue->parser;
    struct buf initial = BUF_INIT(16 * 1024);
    bool sent;
    bool good = parser_space(parser) && parser_atom(parser, &mechanism) &&
                read_initial(dialogue, &initial, &sent) && parser_end(parser);
    if (good) {
        struct bytes view = initial.len ? buf_view(&initial) : BYTES("");
        good = authenticate(dialogue, mechanism, sent ? view : (struct bytes){ 0 });
    }
    buf_wipe(&initial);
    return good;
}
