/* AUTHORIZATION state: greeting, USER, PASS (RFC 1939, 7), APOP, STLS (RFC 2595, 4). This process has no
 * privileges; the monitor decides, and a session of the user's own takes over after AUTH_OK. */
#include "pop3d/pop3.h"

#include <stdio.h>

static const struct {
    enum auth_verdict verdict;
    const char *code; /* RFC 3206 */
    const char *words;
} refusals[] = {
    { AUTH_WRONG, "AUTH", "Wrong user name or password" },
    { AUTH_EXPIRED, "AUTH", "The password or the account has expired" },
    { AUTH_FORBIDDEN, "AUTH", "This account may not log in here" },
    { AUTH_TEMPORARY, "SYS/TEMP", "Login is not possible just now, try again later" },
    { AUTH_MALFORMED, "", "The login exchange is malformed or its mechanism is not available" },
};

void pop3_refuse(struct pop3 *pop3, enum auth_verdict verdict, bool last)
{
    const char *code = "SYS/TEMP", *words = "Login failed";
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        if (refusals[i].verdict != verdict)
            continue;
        code = refusals[i].code;
        words = refusals[i].words;
    }
    pop3_err(pop3, code, "%s%s", words, last ? "; too many tries, goodbye" : "");
    if (last)
        pop3->end = true;
}

static void decided(struct pop3 *pop3, enum auth_verdict verdict, bool last)
{
    if (verdict == AUTH_OK)
        pop3->end = true; /* the session answers */
    else
        pop3_refuse(pop3, verdict, last);
}

void pop3_user(struct pop3 *pop3, struct bytes argument)
{
    buf_clear(&pop3->user);
    buf_bytes(&pop3->user, argument);
    if (buf_failed(&pop3->user)) {
        buf_clear(&pop3->user);
        pop3_err(pop3, "AUTH", "That user name is too long");
        return;
    }
    pop3_ok(pop3, "Send your password");
}

void pop3_pass(struct pop3 *pop3, struct bytes argument)
{
    char resume[512];
    bool last = false;
    if (pop3->user.len == 0) {
        pop3_err(pop3, "", "Say USER first");
        return;
    }
    size_t len = pop3_resume_write(pop3, resume, sizeof(resume));
    enum auth_verdict verdict = login_password(pop3->login, buf_view(&pop3->user), argument,
                                               bytes_make(resume, len), &last);
    buf_clear(&pop3->user);
    decided(pop3, verdict, last);
}

/* APOP name digest (RFC 1939, 7). */
void pop3_apop(struct pop3 *pop3, struct bytes argument)
{
    char resume[512];
    bool last = false;
    if (!auth_has_plain_secrets(pop3->conf)) {
        pop3_err(pop3, "", "APOP is not available here");
        return;
    }
    struct bytes digest = argument;
    struct bytes user = bytes_split(&digest, ' ');
    if (user.len == 0 || digest.len != 32) {
        pop3_err(pop3, "", "APOP wants a name and a digest of 32 hexadecimal digits");
        return;
    }
    size_t len = pop3_resume_write(pop3, resume, sizeof(resume));
    enum auth_verdict verdict =
        login_apop(pop3->login, user, digest, bytes_make(resume, len), &last);
    decided(pop3, verdict, last);
}

void pop3_stls(struct pop3 *pop3, struct bytes argument)
{
    struct error err = { 0 };
    (void)argument;
    if (pop3->login->tls_active) {
        pop3_err(pop3, "", "TLS is active already");
        return;
    }
    if (!pop3->login->tls_possible) {
        pop3_err(pop3, "", "TLS is not available");
        return;
    }
    if (pop3->utf8) { /* RFC 6856, 2.1 */
        pop3_err(pop3, "", "STLS comes before UTF8");
        return;
    }
    pop3_ok(pop3, "Begin TLS negotiation");
    buf_clear(&pop3->user); /* nothing said in plain counts afterwards */
    if (!output_flush(pop3->out, &err) || !login_starttls(pop3->login, &err)) {
        pop3->end = true;
        return;
    }
    pop3->in = pop3->login->in;
    pop3->out = pop3->login->out;
}

void pop3_login(struct login *login)
{
    struct error err = { 0 };
    struct pop3 pop3 = { .conf = login->conf,
                         .in = login->in,
                         .out = login->out,
                         .login = login,
                         .state = POP3_AUTHORIZATION,
                         .user = BUF_INIT(ACCOUNT_NAME_MAX) };
    if (auth_has_plain_secrets(login->conf) && login->challenge[0])
        pop3_ok(&pop3, "Postern ready %s", login->challenge);
    else
        pop3_ok(&pop3, "Postern ready");
    if (!pop3_converse(&pop3, &err) && err.class == ERROR_UNAVAILABLE && !output_failed(pop3.out)) {
        /* A timeout says so; where the client has gone nobody hears it. */
        pop3_err(&pop3, "", "Closing the connection: nobody logged in");
        output_flush(pop3.out, &err);
    }
    buf_wipe(&pop3.user);
}
