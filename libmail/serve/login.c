/* The login process: no privileges, an empty root directory, a filter that kills; it parses what
 * strangers send, and asks the monitor. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/log.h"
#include "base/wait.h"
#include "serve/connection.h"
#include "serve/sandbox.h"
#include "serve/transport.h"

#define LOGIN_TIMEOUT_MS 30000 /* a write without progress */
#define SHUTTLE_PATIENCE 330000 /* more than a session lets its client have for a write */
#define LOGIN_PATIENCE 120000  /* for the monitor's verdict: PAM may be slow */

struct inside {
    struct login login; /* what the protocol sees */
    struct connection *connection;
    struct transport *transport;
    struct tls *tls;
    int monitor, stream;
    bool granted;
    int64_t deadline;
};

static struct inside *inside_of(struct login *login)
{
    return login->private;
}

/* A deadline that has passed is one still: less than nothing would mean none. */
static void keep_deadline(struct inside *in)
{
    int64_t left = in->deadline - wait_clock();
    transport_deadline(in->transport, left > 0 ? (int)left : 0);
}

/* ---- TLS ---- */

static bool handshake(struct inside *in, struct error *err)
{
    struct buf payload = BUF_INIT(256);
    if (!transport_starttls(in->transport, in->tls, in->login.in, privsep_sign, &in->monitor, err))
        return false;
    in->login.tls_active = true;
    in->login.tls_possible = false;
    in->login.plaintext_ok = true;
    in->connection->peer.tls = true;
    field_put(&payload, bytes_of(transport_tls(in->transport)));
    bool good = privsep_send(in->monitor, ASK_TLS, buf_view(&payload), -1, err);
    buf_free(&payload);
    return good;
}

bool login_starttls(struct login *login, struct error *err)
{
    if (!login->tls_possible)
        return error_set(err, ERROR_INVALID, "TLS is not possible now");
    return handshake(inside_of(login), err);
}

/* ---- asking ---- */

static enum auth_verdict wait_verdict(struct inside *in, bool *last)
{
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    struct error err;
    unsigned type = 0;
    uint32_t verdict = AUTH_TEMPORARY, is_last = 1;
    int got =
        privsep_receive(in->monitor, NULL, LOGIN_PATIENCE, &type, &payload, &in->stream, &err);
    struct bytes rest = buf_view(&payload);
    if (got <= 0 || type != TELL_VERDICT || !field_get_number(&rest, &verdict) ||
        !field_get_number(&rest, &is_last) || verdict > AUTH_MALFORMED) {
        verdict = AUTH_TEMPORARY;
        is_last = 1;
    }
    buf_free(&payload);
    *last = is_last != 0;
    return (enum auth_verdict)verdict;
}

/* What was read behind the command goes to the session: in the message, or through TLS by the
 * shuttle. */
static void hand_over(struct inside *in, struct bytes resume)
{
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    struct bytes read = in->login.tls_active ? bytes_make("", 0) : input_buffered(in->login.in);
    struct error err;
    /* Answers to commands that were pipelined before this one: the session writes from now on. */
    (void)output_flush(in->login.out, &err);
    in->granted = true;
    field_put(&payload, bytes_take(resume, LOGIN_RESUME_MAX));
    field_put(&payload, read);
    if (buf_failed(&payload) ||
        !privsep_send(in->monitor, ASK_RESUME, buf_view(&payload), -1, &err))
        in->granted = false;
    buf_free(&payload);
}

static enum auth_verdict ask(struct login *login, unsigned type, const struct bytes fields[4],
                             struct bytes resume, bool *last)
{
    struct inside *in = inside_of(login);
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    struct error err;
    int64_t since = wait_clock();
    for (size_t i = 0; i < 4; i++)
        field_put(&payload, fields[i]);
    bool sent =
        !buf_failed(&payload) && privsep_send(in->monitor, type, buf_view(&payload), -1, &err);
    buf_wipe(&payload);
    *last = true;
    if (!sent)
        return AUTH_TEMPORARY;
    enum auth_verdict verdict = wait_verdict(in, last);
    /* The time that an answer costs is not the client's. */
    in->deadline += wait_clock() - since;
    keep_deadline(in);
    if (verdict == AUTH_OK)
        hand_over(in, resume);
    return verdict;
}

/* What no driver could know costs a try like any wrong password: the monitor counts and delays it.
 */
static struct bytes bounded(struct bytes text, size_t most)
{
    return text.len <= most ? text : bytes_make("", 0);
}

static enum auth_verdict ask_password(struct login *login, struct bytes method,
                                      struct bytes authzid, struct bytes user,
                                      struct bytes password, struct bytes resume, bool *last)
{
    bool too_long = authzid.len > ACCOUNT_NAME_MAX || user.len > ACCOUNT_NAME_MAX ||
                    password.len > LOGIN_PASSWORD_MAX ||
                    (user.len && memchr(user.data, 0, user.len));
    const struct bytes fields[4] = { method, bounded(authzid, ACCOUNT_NAME_MAX),
                                     too_long ? bytes_make("", 0) : user,
                                     bounded(password, LOGIN_PASSWORD_MAX) };
    if (!login->plaintext_ok) {
        *last = false;
        return AUTH_FORBIDDEN;
    }
    return ask(login, ASK_PASSWORD, fields, resume, last);
}

enum auth_verdict login_password(struct login *login, struct bytes user, struct bytes password,
                                 struct bytes resume, bool *last)
{
    return ask_password(login, BYTES("PLAIN"), bytes_make("", 0), user, password, resume, last);
}

enum auth_verdict login_apop(struct login *login, struct bytes user, struct bytes digest_hex,
                             struct bytes resume, bool *last)
{
    bool fits = user.len <= ACCOUNT_NAME_MAX && !(user.len && memchr(user.data, 0, user.len));
    const struct bytes fields[4] = { BYTES("APOP"), bytes_make("", 0),
                                     fits ? user : bytes_make("", 0), bounded(digest_hex, 64) };
    return ask(login, ASK_APOP, fields, resume, last);
}

/* ---- SASL: framing is the protocol's, the mechanisms' steps are here ---- */

struct exchange {
    struct login *login;
    struct bytes initial; /* data NULL: none */
    login_more *more;
    void *context;
    struct bytes resume;
    bool *last;
};

static enum auth_verdict sasl_plain(struct exchange *x)
{
    struct buf answer = BUF_INIT(LOGIN_BUFFER);
    struct bytes message = x->initial, authzid, authcid, password;
    enum auth_verdict verdict = AUTH_MALFORMED;
    if (!message.data && x->more(x->context, bytes_make("", 0), &answer))
        message = buf_view(&answer);
    if (message.data && auth_plain_split(message, &authzid, &authcid, &password))
        verdict =
            ask_password(x->login, BYTES("PLAIN"), authzid, authcid, password, x->resume, x->last);
    buf_wipe(&answer);
    return verdict;
}

/* draft-murchison-sasl-login-00: two prompts; clients that send the name first are taken at their
 * word. */
static enum auth_verdict sasl_login(struct exchange *x)
{
    struct buf name = BUF_INIT(LOGIN_BUFFER), password = BUF_INIT(LOGIN_BUFFER);
    enum auth_verdict verdict = AUTH_MALFORMED;
    if (x->initial.data)
        buf_bytes(&name, x->initial);
    if ((x->initial.data || x->more(x->context, BYTES("Username:"), &name)) && name.len > 0 &&
        x->more(x->context, BYTES("Password:"), &password))
        verdict = ask_password(x->login, BYTES("LOGIN"), bytes_make("", 0), buf_view(&name),
                               buf_view(&password), x->resume, x->last);
    buf_wipe(&name);
    buf_wipe(&password);
    return verdict;
}

static const struct {
    const char *name;
    enum auth_verdict (*run)(struct exchange *exchange);
} mechanisms[] = {
    { "PLAIN", sasl_plain },
    { "LOGIN", sasl_login },
};

enum auth_verdict login_sasl(struct login *login, struct bytes mechanism, struct bytes initial,
                             login_more *more, void *context, struct bytes resume, bool *last)
{
    struct exchange exchange = { login, initial, more, context, resume, last };
    *last = false;
    if (!login->plaintext_ok)
        return AUTH_FORBIDDEN;
    for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
        if (bytes_equal_nocase(mechanism, bytes_of(mechanisms[i].name)))
            return mechanisms[i].run(&exchange);
    return AUTH_MALFORMED;
}

const char *login_mechanisms(const struct login *login)
{
    return login->plaintext_ok ? "PLAIN LOGIN" : "";
}

/* ---- the process ---- */

static bool load_tls(struct inside *in, struct error *err)
{
    const struct serve *serve = in->connection->serve;
    in->tls = serve->tls;
    if (!serve->tls_configured || (in->tls && tls_current(serve->conf)))
        return true;
    struct tls *fresh = tls_load(serve->conf, serve->service->name, err);
    if (fresh)
        in->tls = fresh;
    return fresh != NULL;
}

static bool prepare(struct inside *in, struct error *err)
{
    struct connection *c = in->connection;
    const struct conf *conf = c->serve->conf;
    const int keep[] = { c->fd, in->monitor };
    struct error trouble = { 0 };
    if (!load_tls(in, &trouble))
        log_error("TLS %s: %s", in->tls ? "goes on with the old certificate" : "is not offered",
                  trouble.text);
    if (!sandbox_enter(SANDBOX_LOGIN, conf, keep, 2, err))
        return false;
    in->transport = transport_open(
        c->fd, LOGIN_TIMEOUT_MS > (int)conf->login_timeout * 1000 ? LOGIN_TIMEOUT_MS : -1);
    if (!in->transport)
        return error_memory(err);
    in->deadline = wait_clock() + (int64_t)conf->login_timeout * 1000;
    keep_deadline(in);
    in->login = (struct login){
        .conf = conf,
        .peer = &c->peer,
        .tls_possible = in->tls != NULL,
        .plaintext_ok = c->plaintext_ok,
        .private = in,
    };
    memcpy(in->login.challenge, c->challenge, sizeof(in->login.challenge));
    in->login.in = transport_input(in->transport, LOGIN_BUFFER);
    in->login.out = transport_output(in->transport, LOGIN_BUFFER / 2);
    return (in->login.in && in->login.out) || error_memory(err);
}

static void give_up(struct inside *in, const char *reason)
{
    struct buf payload = BUF_INIT(256);
    field_put(&payload, bytes_take(bytes_of(reason), 150));
    (void)privsep_send(in->monitor, ASK_GIVE_UP, buf_view(&payload), -1, NULL);
    buf_free(&payload);
}

/* Who stops the service signals all its processes; the session's last answer must still go out, and
 * its end is ours. */
static void live_with_session(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void serve(struct inside *in)
{
    struct error err = { 0 };
    const struct serve *all = in->connection->serve;
    if (all->conf->tls == CONF_TLS_IMPLICIT && !in->tls) {
        give_up(in, "tls = implicit, but TLS is not possible");
        return;
    }
    if (all->conf->tls == CONF_TLS_IMPLICIT && !handshake(in, &err)) {
        give_up(in, err.text);
        return;
    }
    all->service->login(&in->login);
    if (in->granted) {
        if (in->login.tls_active && in->stream >= 0) {
            live_with_session();
            input_forget(in->login.in); /* the password */
            output_rest(in->login.out);
            transport_deadline(in->transport, -1);
            transport_shuttle(in->transport, in->login.in, in->stream, SHUTTLE_PATIENCE);
        }
        return;
    }
    (void)output_flush(in->login.out, &err);
    transport_goodbye(in->transport);
    give_up(in, err.class != ERROR_NONE ? err.text : "the connection was ended");
}

int login_run(struct connection *connection, int monitor)
{
    static struct inside in;
    struct error err = { 0 };
    in = (struct inside){ .connection = connection, .monitor = monitor, .stream = -1 };
    if (!prepare(&in, &err)) {
        log_error("the login process cannot start: %s", err.text);
        return 1;
    }
    serve(&in);
    return 0;
}
