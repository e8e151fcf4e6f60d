/* A tiny protocol over serve_main, for the tests of serve/. Before login: PASS user password
 * [resume], APOP user digest [resume], PLAIN (then "|user|password" as its answer), STLS, OPEN,
 * SOCKET, CRASH, QUIT. After it: SEND octets, TAKE octets, MAIL, SOCKET, EXEC, ROOT, CRASH, QUIT;
 * anything else is echoed. */
#ifndef ECHO_SERVICE_H
#define ECHO_SERVICE_H

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/buf.h"
#include "serve/serve.h"

static void say(struct output *out, const char *text)
{
    output_printf(out, "%s\r\n", text);
    output_flush(out, NULL);
}

static struct bytes word(struct bytes *rest)
{
    struct bytes w = bytes_split(rest, ' ');
    return w.data ? w : bytes_make("", 0);
}

static const char *const verdicts[] = { "ok",        "wrong",     "expired",
                                        "forbidden", "temporary", "malformed" };

static bool plain_more(void *context, struct bytes challenge, struct buf *answer)
{
    struct login *login = context;
    struct bytes line;
    output_printf(login->out, "+ %.*s\r\n", BYTES_FMT(challenge));
    output_flush(login->out, NULL);
    if (input_line(login->in, 4096, &line, NULL) <= 0)
        return false;
    buf_bytes(answer, bytes_trim(line));
    for (size_t i = 0; i < answer->len; i++)
        if (answer->data[i] == '|')
            answer->data[i] = '\0';
    return true;
}

/* False when the connection ends for login. */
static bool attempt(struct login *login, struct bytes command, struct bytes rest)
{
    struct bytes user = word(&rest), secret = word(&rest), none = bytes_make(NULL, 0);
    bool last = false;
    enum auth_verdict verdict;
    if (bytes_equal(command, BYTES("PASS")))
        verdict = login_password(login, user, secret, rest, &last);
    else if (bytes_equal(command, BYTES("APOP")))
        verdict = login_apop(login, user, secret, rest, &last);
    else
        verdict = login_sasl(login, command, none, plain_more, login, rest, &last);
    if (verdict == AUTH_OK)
        return false;
    output_printf(login->out, "-%s%s\r\n", verdicts[verdict], last ? " last" : "");
    output_flush(login->out, NULL);
    return !last;
}

static void echo_login(struct login *login)
{
    struct bytes line;
    output_printf(login->out, "+OK tls=%d possible=%d plain=%d mech=%s %s\r\n", login->tls_active,
                  login->tls_possible, login->plaintext_ok, login_mechanisms(login),
                  login->challenge);
    output_flush(login->out, NULL);
    struct error err;
    int got;
    while ((got = input_line(login->in, 4096, &line, &err)) > 0) {
        struct bytes rest = bytes_trim(line), command = word(&rest);
        if (bytes_equal(command, BYTES("STLS"))) {
            say(login->out, "+OK tls");
            if (!login_starttls(login, &err) && (say(login->out, err.text), 1))
                return;
        } else if (bytes_equal(command, BYTES("OPEN"))) {
            say(login->out, open("/etc/hostname", O_RDONLY) < 0 ? "refused" : "opened");
        } else if (bytes_equal(command, BYTES("SOCKET"))) {
            say(login->out, socket(AF_INET, SOCK_STREAM, 0) < 0 ? "refused" : "socket");
        } else if (bytes_equal(command, BYTES("CRASH"))) {
            raise(SIGABRT);
        } else if (bytes_equal(command, BYTES("QUIT"))) {
            say(login->out, "bye");
            return;
        } else if (!attempt(login, command, rest)) {
            return;
        }
    }
    if (got < 0)
        say(login->out, err.text);
}

static void transfer(struct session *s, struct bytes command, struct bytes rest)
{
    uint64_t n = 0;
    static char block[10000];
    struct error err;
    bytes_to_u64(rest, &n);
    if (bytes_equal(command, BYTES("SEND"))) {
        for (; n > 0; n -= n < sizeof(block) ? n : sizeof(block))
            output_write(s->out, block, n < sizeof(block) ? n : sizeof(block));
        output_flush(s->out, NULL);
    } else {
        bool good = input_skip(s->in, n, &err);
        say(s->out, good ? "taken" : err.text);
    }
}

static int echo_session(struct session *s)
{
    struct bytes line;
    output_printf(s->out, "+session user=%s uid=%u/%u tls=%d resume=%.*s\r\n", s->account->name,
                  (unsigned)getuid(), (unsigned)geteuid(), s->tls, BYTES_FMT(s->resume));
    output_flush(s->out, NULL);
    while (input_line(s->in, 4096, &line, NULL) > 0) {
        struct bytes rest = bytes_trim(line), all = rest, command = word(&rest);
        if (bytes_equal(command, BYTES("SEND")) || bytes_equal(command, BYTES("TAKE"))) {
            transfer(s, command, rest);
        } else if (bytes_equal(command, BYTES("MAIL"))) {
            say(s->out, s->conf->mail);
        } else if (bytes_equal(command, BYTES("SOCKET"))) {
            say(s->out, socket(AF_INET, SOCK_STREAM, 0) < 0 ? "no socket" : "socket");
        } else if (bytes_equal(command, BYTES("EXEC"))) {
            execl("/bin/echo", "echo", "executed", NULL);
            say(s->out, "no exec");
        } else if (bytes_equal(command, BYTES("ROOT"))) {
            say(s->out, setuid(0) == 0 && geteuid() == 0 ? "root" : "no root");
        } else if (bytes_equal(command, BYTES("CRASH"))) {
            raise(SIGABRT);
        } else if (bytes_equal(command, BYTES("QUIT"))) {
            say(s->out, "bye");
            return 0;
        } else {
            output_printf(s->out, "%.*s\r\n", BYTES_FMT(all));
            output_flush(s->out, NULL);
        }
    }
    return 3;
}

static const struct service echo_service = { .program = "echod",
                                             .name = "imap",
                                             .login = echo_login,
                                             .session = echo_session,
                                             .refusal = "* BYE " };

#endif
