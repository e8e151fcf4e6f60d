/* Before login: greeting, CAPABILITY, NOOP, LOGOUT, ID, STARTTLS (RFC 3501, 6.1, 6.2); LOGIN and
 * AUTHENTICATE are in login_auth.c. */
#include "imapd/login.h"

#include "base/log.h"
#include "imapd/id.h"

enum {
    LINE_OCTETS = 16 * 1024, /* of one command; a SASL response fits */
    LITERAL_OCTETS = 4096,   /* a name or a password */
    ARENA_OCTETS = 64 * 1024,
    TAG_OCTETS = 255,
    ERRORS_MAX = 20,
};

bool login_answer(struct dialogue *dialogue, const char *word, const char *code, const char *text)
{
    struct output *out = dialogue->login->out;
    output_bytes(out, dialogue->tag);
    output_printf(out, code ? " %s [%s] %s\r\n" : " %s %s%s\r\n", word, code ? code : "", text);
    return true;
}

bool login_bad(struct dialogue *dialogue, const char *text)
{
    dialogue->errors++;
    return login_answer(dialogue, "BAD", NULL, text);
}

static bool command_capability(struct dialogue *dialogue)
{
    if (!parser_end(&dialogue->parser))
        return false;
    output_printf(dialogue->login->out, "* CAPABILITY %s\r\n", imap_capabilities(dialogue->login));
    return login_answer(dialogue, "OK", NULL, "That is what there is before login");
}

static bool command_noop(struct dialogue *dialogue)
{
    return parser_end(&dialogue->parser) && login_answer(dialogue, "OK", NULL, "Nothing done");
}

static bool command_id(struct dialogue *dialogue)
{
    return id_exchange(&dialogue->parser, dialogue->login->conf) &&
           login_answer(dialogue, "OK", NULL, "Pleased to meet you");
}

static bool command_logout(struct dialogue *dialogue)
{
    if (!parser_end(&dialogue->parser))
        return false;
    dialogue->ended = true;
    output_string(dialogue->login->out, "* BYE Logging out\r\n");
    return login_answer(dialogue, "OK", NULL, "Good bye");
}

static bool command_starttls(struct dialogue *dialogue)
{
    struct login *login = dialogue->login;
    struct error err = { 0 };
    if (!parser_end(&dialogue->parser))
        return false;
    if (login->tls_active)
        return login_bad(dialogue, "TLS is active already");
    if (!login->tls_possible)
        return login_bad(dialogue, "There is no TLS here: the server has no certificate");
    login_answer(dialogue, "OK", NULL, "Begin TLS now");
    if (output_flush(login->out, &err) && login_starttls(login, &err)) {
        dialogue->parser.in = login->in;
        dialogue->parser.out = login->out;
        return true;
    }
    log_info("STARTTLS: %s", err.text);
    dialogue->ended = true;
    return true;
}

static const struct {
    const char *name;
    bool (*run)(struct dialogue *dialogue);
} commands[] = {
    { "CAPABILITY", command_capability },
    { "NOOP", command_noop },
    { "LOGOUT", command_logout },
    { "ID", command_id },
    { "STARTTLS", command_starttls },
    { "LOGIN", login_command_login },
    { "AUTHENTICATE", login_command_authenticate },
};

static bool unknown(struct dialogue *dialogue, struct bytes name)
{
    char text[160], quoted[80];
    if (imap_command_find(name) || bytes_equal_nocase(name, BYTES("UID")))
        return login_bad(dialogue, "Log in first, with LOGIN or AUTHENTICATE");
    log_quote(quoted, sizeof(quoted), name.data, name.len);
    snprintf(text, sizeof(text), "There is no command %s", quoted);
    return login_bad(dialogue, text);
}

static bool run(struct dialogue *dialogue)
{
    struct bytes name;
    struct parser *parser = &dialogue->parser;
    dialogue->tag = (struct bytes){ 0 };
    if (!parser_tag(parser, &name))
        return false;
    if (name.len > TAG_OCTETS)
        return parser_fail(parser, "A tag has %d characters at most", TAG_OCTETS);
    dialogue->tag = name;
    if (!parser_space(parser) || !parser_atom(parser, &name))
        return false;
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        if (bytes_equal_nocase(name, bytes_of(commands[i].name)))
            return commands[i].run(dialogue);
    return unknown(dialogue, name);
}

static void answer_failure(struct dialogue *dialogue)
{
    const struct parser *parser = &dialogue->parser;
    if (parser->broken)
        return;
    if (!dialogue->tag.data)
        dialogue->tag = BYTES("*");
    if (parser->code)
        login_answer(dialogue, "NO", parser->code, parser->error.text);
    else
        login_bad(dialogue, parser->error.text);
}

/* The connection cannot go on: says so where somebody may still listen. */
static void give_up(struct dialogue *dialogue)
{
    const struct parser *parser = &dialogue->parser;
    dialogue->ended = true;
    if (parser->error.class == ERROR_TOO_BIG)
        output_printf(dialogue->login->out, "* BYE [TOOBIG] %s\r\n", parser->error.text);
    else if (!parser->in->ended)
        output_string(dialogue->login->out, "* BYE Nobody logged in for too long\r\n");
    log_debug("disconnected before login: %s", parser->error.text);
}

/* A command may have brought a password. */
static void forget(struct dialogue *dialogue)
{
    buf_wipe(&dialogue->parser.scratch);
    arena_wipe(dialogue->arena);
}

static void converse(struct dialogue *dialogue)
{
    while (!dialogue->ended) {
        parser_next(&dialogue->parser);
        if (!run(dialogue))
            answer_failure(dialogue);
        if (!dialogue->ended && !parser_skip_command(&dialogue->parser))
            give_up(dialogue);
        forget(dialogue);
        if (dialogue->ended || dialogue->errors < ERRORS_MAX)
            continue;
        dialogue->ended = true;
        output_string(dialogue->login->out, "* BYE Too many commands that make no sense\r\n");
        log_info("disconnected before login: too many commands that make no sense");
    }
}

void imap_login(struct login *login)
{
    struct dialogue dialogue = { .login = login, .arena = arena_create(ARENA_OCTETS) };
    if (!dialogue.arena) {
        output_string(login->out, "* BYE [UNAVAILABLE] Out of memory\r\n");
        output_flush(login->out, NULL);
        return;
    }
    parser_init(&dialogue.parser, login->in, login->out, dialogue.arena, LINE_OCTETS,
                LITERAL_OCTETS);
    /* Clients quote passwords with 8-bit characters, which RFC 3501 forbids and nothing can be won
     * by refusing. */
    dialogue.parser.utf8 = true;
    output_printf(login->out, "* OK [CAPABILITY %s] Postern is ready\r\n",
                  imap_capabilities(login));
    converse(&dialogue);
    output_flush(login->out, NULL);
    parser_free(&dialogue.parser);
    arena_destroy(&dialogue.arena);
}
