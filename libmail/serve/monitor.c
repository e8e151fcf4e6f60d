/* The monitor: the process that still may become the user, until it does. It parses no protocol; it
 * takes a few messages through a gate, and what needs a secret it has done by a worker. The first
 * message that does not fit ends the connection. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "base/wait.h"
#include "serve/connection.h"

#define MONITOR_DELAY_MAX 15000 /* milliseconds that one failure costs at most */
#define MONITOR_FAREWELL 5000   /* for the last answer to reach the client */

/* States of the gate. */
enum { BEFORE = 1, GRANTED = 2, OVER = 4 };

static const struct privsep_rule rules[] = {
    PRIVSEP_RULE_SIGN(BEFORE),
    { "tls", ASK_TLS, BEFORE, 1, 4, 256 },
    { "password", ASK_PASSWORD, BEFORE, 0, 16,
      16 + 32 + 2 * ACCOUNT_NAME_MAX + LOGIN_PASSWORD_MAX },
    { "apop", ASK_APOP, BEFORE, 0, 16, 16 + 32 + ACCOUNT_NAME_MAX + 64 },
    { "resume", ASK_RESUME, GRANTED, 1, 8, 8 + LOGIN_RESUME_MAX + LOGIN_BUFFER },
    { "give up", ASK_GIVE_UP, BEFORE | OVER, 1, 4, 256 },
};

struct monitor {
    struct connection *connection;
    int fd;
    pid_t login;
    struct privsep_gate gate;
    int64_t deadline;
    unsigned tries;
    char tls[160]; /* what login says of TLS, for the log; "" without */
    struct grant *grant;
    struct arena *arena;
    bool done, granted;
};

/* ---- the end ---- */

/* Waits for login, which has no work left; at most MONITOR_FAREWELL where it could not be killed (a
 * unit without CAP_KILL). */
static int signal_of_login(struct monitor *m, bool killed)
{
    int status = 0;
    pid_t pid = 0;
    int64_t end = wait_clock() + MONITOR_FAREWELL;
    while ((pid = waitpid(m->login, &status, killed ? 0 : WNOHANG)) == 0 && wait_clock() < end)
        wait_sleep(20);
    if (pid == 0)
        log_error("the login process of a connection from %s cannot be ended: CAP_KILL is missing",
                  m->connection->peer.address);
    return pid > 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void connection_share_end(const struct connection *connection, int signal)
{
    if (!signal || signal == SIGKILL || signal == SIGTERM || signal == SIGINT)
        return;
    log_error("the login process of a connection from %s died of signal %d (%s)",
              connection->peer.address, signal, strsignal(signal));
    if (signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS || signal == SIGSYS) {
        struct sigaction plain = { .sa_handler = SIG_DFL };
        sigaction(signal, &plain, NULL);
        raise(signal);
    }
}

/* Login's work is done, or it must not go on. */
static void end_login(struct monitor *m)
{
    bool killed = kill(m->login, SIGKILL) == 0 || errno == ESRCH;
    if (!killed && !m->granted)
        shutdown(m->connection->fd, SHUT_RDWR);
    connection_share_end(m->connection, signal_of_login(m, killed));
}

static void stop(struct monitor *m)
{
    m->done = true;
}

/* ---- logging ---- */

static const char *tls_word(const struct monitor *m)
{
    return *m->tls ? m->tls : "no";
}

static void log_success(const struct monitor *m, const struct auth_answer *answer)
{
    const struct connection *c = m->connection;
    log_field("MAIL_USER", m->grant->account.name);
    log_info("login: user=%s, method=%s, rip=%s, lip=%s, TLS=%s, session=%s",
             m->grant->account.name, answer->method, c->peer.address, c->own_address, tls_word(m),
             c->id);
}

/* A stranger's name as one word of a line that programs read: it must not look like other words. */
static const char *one_word(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (; *name && n + 5 < size; name++)
        if (strchr(" ,=:\"\\", *name))
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", (unsigned char)*name);
        else
            out[n++] = *name;
    out[n] = '\0';
    return out;
}

static void log_failure(const struct monitor *m, const struct auth_answer *answer)
{
    static const char *const words[] = {
        [AUTH_OK] = "",
        [AUTH_WRONG] = "failed",
        [AUTH_EXPIRED] = "expired",
        [AUTH_FORBIDDEN] = "forbidden",
        [AUTH_TEMPORARY] = "not possible",
        [AUTH_MALFORMED] = "malformed",
    };
    const struct connection *c = m->connection;
    char user[ACCOUNT_NAME_MAX * 2];
    log_write(answer->verdict == AUTH_TEMPORARY ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
              "login %s: user=%s, method=%s, rip=%s, lip=%s, TLS=%s, try %u, session=%s: %s",
              words[answer->verdict], one_word(answer->user, user, sizeof(user)),
              answer->method, c->peer.address, c->own_address, tls_word(m), m->tries, c->id, answer->error.text);
}

/* ---- verdicts ---- */

static void tell(struct monitor *m, enum auth_verdict verdict, bool last, int stream)
{
    struct buf payload = BUF_INIT(64);
    struct error err;
    field_put_number(&payload, verdict);
    field_put_number(&payload, last);
    if (!privsep_send(m->fd, TELL_VERDICT, buf_view(&payload), stream, &err))
        stop(m);
    buf_free(&payload);
}

/* Counted from when the message came, so that the time says nothing of what was compared. Ends
 * early when login is gone. */
static void delay(struct monitor *m, int64_t since, enum auth_verdict verdict)
{
    int64_t cost = (int64_t)m->connection->serve->conf->auth_failure_delay * 1000 * m->tries;
    if (verdict == AUTH_TEMPORARY)
        return;
    if (cost > MONITOR_DELAY_MAX)
        cost = MONITOR_DELAY_MAX;
    m->deadline += cost;
    for (int64_t left; (left = since + cost - wait_clock()) > 0;)
        if (wait_ready(m->fd, 0, (int)left)) {
            stop(m);
            return;
        }
}

static void refuse(struct monitor *m, const struct auth_answer *answer, int64_t since)
{
    unsigned most = m->connection->serve->conf->auth_tries;
    bool last = most > 0 && m->tries >= most;
    log_failure(m, answer);
    delay(m, since, answer->verdict);
    if (last) {
        m->gate.state = OVER;
        m->deadline = wait_clock() + MONITOR_FAREWELL;
    }
    tell(m, answer->verdict, last, -1);
}

static bool stream_pair(struct monitor *m, int *theirs)
{
    int pair[2];
    *theirs = -1;
    m->grant->tls = *m->tls != '\0';
    m->grant->stream = m->connection->fd;
    if (!m->grant->tls)
        return true;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    m->grant->stream = pair[0];
    *theirs = pair[1];
    return true;
}

static bool grant(struct monitor *m, struct auth_answer *answer)
{
    int theirs;
    if (!account_unpack(bytes_make(answer->account, answer->account_len), &m->grant->account,
                        m->arena, &answer->error))
        return false;
    if (!stream_pair(m, &theirs))
        return error_errno(&answer->error, errno, "making a socket pair");
    m->gate.state = GRANTED;
    m->deadline = wait_clock() + MONITOR_FAREWELL;
    log_success(m, answer);
    tell(m, AUTH_OK, false, theirs);
    if (theirs >= 0)
        close(theirs);
    return true;
}

/* ---- messages ---- */

static void violation(struct monitor *m, const char *what)
{
    log_error(
        "the login process of a connection from %s is not to be trusted: %s; the connection ends",
        m->connection->peer.address, what);
    stop(m);
}

static void on_password(struct monitor *m, bool apop)
{
    struct auth_answer answer;
    int64_t since = wait_clock();
    if (!apop && !m->connection->plaintext_ok && !*m->tls) {
        violation(m, "a password without TLS");
        return;
    }
    m->tries++;
    if (!auth_ask(m->connection, m->fd, &answer, &answer.error)) {
        struct error trouble = answer.error;
        answer = (struct auth_answer){ .verdict = AUTH_TEMPORARY, .error = trouble };
    }
    if (answer.verdict == AUTH_MALFORMED) {
        violation(m, "a malformed password message");
        return;
    }
    if (answer.verdict == AUTH_OK && grant(m, &answer))
        return;
    if (answer.verdict == AUTH_OK)
        answer.verdict = AUTH_TEMPORARY;
    refuse(m, &answer, since);
}

/* Reads a message with one field of text. */
static bool read_text(struct monitor *m, size_t most, struct buf *payload, struct bytes *text)
{
    unsigned type;
    struct error err;
    if (privsep_receive(m->fd, NULL, 0, &type, payload, NULL, &err) <= 0)
        return false;
    struct bytes rest = buf_view(payload);
    return field_get(&rest, most, text) && fields_end(rest);
}

static void on_text(struct monitor *m, unsigned type)
{
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    struct bytes text;
    if (!read_text(m, sizeof(m->tls) - 1, &payload, &text) || text.len == 0) {
        violation(m, "a malformed message");
    } else if (type == ASK_TLS && !m->gate.seen[PRIVSEP_SIGN]) {
        violation(m, "TLS, but no handshake was signed");
    } else if (type == ASK_TLS) {
        log_quote(m->tls, sizeof(m->tls), text.data, text.len);
        m->connection->peer.tls = true;
    } else {
        log_info("no login: rip=%s, lip=%s, TLS=%s, tries=%u, session=%s: %.*s",
                 m->connection->peer.address, m->connection->own_address, tls_word(m), m->tries,
                 m->connection->id, BYTES_FMT(text));
        m->done = true;
    }
    buf_free(&payload);
}

static void on_resume(struct monitor *m)
{
    unsigned type;
    struct error err;
    struct bytes resume, read;
    struct buf *payload = &m->grant->resume;
    if (privsep_receive(m->fd, NULL, 0, &type, payload, NULL, &err) <= 0) {
        stop(m);
        return;
    }
    struct bytes rest = buf_view(payload);
    if (!field_get(&rest, LOGIN_RESUME_MAX, &resume) || !field_get(&rest, LOGIN_BUFFER, &read) ||
        !fields_end(rest) || (m->grant->tls && read.len > 0)) {
        violation(m, "a malformed resume message");
        return;
    }
    m->granted = m->done = true;
}

static void on_sign(struct monitor *m)
{
    struct error err = { 0 };
    if (!privsep_answer_sign(m->connection->serve->conf, m->fd, &err))
        log_error("TLS handshake with %s: %s", m->connection->peer.address, err.text);
}

static void dispatch(struct monitor *m, unsigned type)
{
    if (type == PRIVSEP_SIGN)
        on_sign(m);
    else if (type == ASK_PASSWORD || type == ASK_APOP)
        on_password(m, type == ASK_APOP);
    else if (type == ASK_RESUME)
        on_resume(m);
    else
        on_text(m, type);
}

static void turn(struct monitor *m)
{
    unsigned type;
    struct error err = { 0 };
    int64_t left = m->deadline - wait_clock();
    int got = privsep_wait(m->fd, &m->gate, left > 0 ? (int)left : 0, &type, &err);
    if (got > 0) {
        dispatch(m, type);
    } else if (got == 0) {
        m->done = true;
    } else if (err.class == ERROR_INVALID) {
        violation(m, err.text);
    } else {
        log_info("no login: rip=%s, session=%s: out of time", m->connection->peer.address,
                 m->connection->id);
        stop(m);
    }
}

bool monitor_run(struct connection *connection, int fd, pid_t login, struct grant *grant_,
                 struct arena *arena)
{
    struct monitor m = {
        .connection = connection,
        .fd = fd,
        .login = login,
        .gate = { .rules = rules,
                  .rules_count = sizeof(rules) / sizeof(rules[0]),
                  .state = BEFORE },
        .deadline =
            wait_clock() + (int64_t)connection->serve->conf->login_timeout * 1000 + LOGIN_GRACE,
        .grant = grant_,
        .arena = arena,
    };
    while (!m.done)
        turn(&m);
    if (!m.granted || !grant_->tls)
        end_login(&m);
    return m.granted;
}
