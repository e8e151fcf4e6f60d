/* The session: what was the monitor is now the user. */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "base/wait.h"
#include "serve/connection.h"
#include "serve/sandbox.h"

#define SESSION_OUTPUT 32768
#define SESSION_WRITE_PATIENCE 300000 /* milliseconds that a client may let us wait */
#define SESSION_FLUSH 35000           /* for login to send the rest after us */

static void environment(const struct account *account)
{
    setenv("USER", account->name, 1);
    setenv("LOGNAME", account->name, 1);
    if (*account->home)
        setenv("HOME", account->home, 1);
}

static int milliseconds(unsigned seconds)
{
    return seconds == 0 ? -1 : seconds < 2000000 ? (int)seconds * 1000 : 2000000000;
}

static bool open_streams(struct session *s, int in, int out, struct error *err)
{
    const struct conf *conf = s->conf;
    size_t size = conf->imap_line_max > LOGIN_BUFFER ? conf->imap_line_max : LOGIN_BUFFER;
    s->in = input_fd(in, size + 4096, milliseconds(conf->idle_timeout), true);
    s->out = output_fd(out, SESSION_OUTPUT, SESSION_WRITE_PATIENCE, false);
    return (s->in && s->out) || error_memory(err);
}

static void refuse(const char *start, int fd, const char *sentence)
{
    struct output *out = output_fd(fd, 1024, 1000, false);
    if (!out)
        return;
    output_printf(out, "%s%s\r\n", start ? start : "", sentence);
    (void)output_flush(out, NULL);
    output_close(&out);
}

static bool take_over(struct connection *c, const struct grant *grant, struct error *err)
{
    const int keep[] = { grant->stream, c->monitor_fd };
    return account_become(&grant->account, err) &&
           sandbox_enter(SANDBOX_SESSION, c->serve->conf, keep, 2, err);
}

static int run(struct connection *c, const struct grant *grant, struct session *session)
{
    struct bytes rest = buf_view(&grant->resume), read;
    struct error err = { 0 };
    if (!field_get(&rest, LOGIN_RESUME_MAX, &session->resume) ||
        !field_get(&rest, LOGIN_BUFFER, &read) ||
        !open_streams(session, grant->stream, grant->stream, &err) ||
        !input_prepend(session->in, read, &err)) {
        log_error("the session cannot start: %s", err.text);
        return 75; /* EX_TEMPFAIL */
    }
    return c->serve->service->session(session);
}

/* A supervisor may end what is left of the service when this process ends: login, our one child,
 * first sends what it still has. */
static void await_login(const struct connection *c)
{
    int status;
    if (!wait_ready(c->monitor_fd, POLLIN, SESSION_FLUSH))
        return;
    for (int tries = 0; tries < 100; tries++, wait_sleep(2))
        if (waitpid(-1, &status, WNOHANG) > 0) {
            connection_share_end(c, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
            return;
        }
}

int session_run(struct connection *c, const struct grant *grant)
{
    struct error err = { 0 };
    struct session session = {
        .conf = c->serve->conf,
        .account = &grant->account,
        .peer = &c->peer,
        .tls = grant->tls,
        .id = c->id,
    };
    if (grant->tls)
        close(c->fd);
    /* Settings first: what they name is read as the user, but their mistakes are said while the log
     * has all words. */
    if (!account_apply(&grant->account, c->serve->conf, &err) || !take_over(c, grant, &err)) {
        log_error("user %s: %s", grant->account.name, err.text);
        refuse(c->serve->service->unavailable, grant->stream,
               "Your account is not set up right here. Tell your administrator; the log says why.");
        return 75;
    }
    environment(&grant->account);
    int status = run(c, grant, &session);
    output_close(&session.out);
    input_close(&session.in);
    if (grant->tls)
        await_login(c);
    return status;
}

/* ---- over pipes ---- */

static bool invoking_user(const struct serve *serve, struct account *account, struct arena *arena,
                          struct error *err)
{
    struct passwd *pw = getuid() == 0 || geteuid() == 0 ? NULL : getpwuid(getuid());
    if (getuid() == 0 || geteuid() == 0)
        return error_set(err, ERROR_NOT_PERMITTED,
                         "This must not be run as root; run it as the user whose mail is wanted.");
    unsigned uid = (unsigned)getuid();
    if (!pw)
        return error_set(err, ERROR_NO_SUCH, "There is no user with uid %u.", uid);
    if ((serve->conf->first_valid_uid && uid < serve->conf->first_valid_uid) ||
        (serve->conf->last_valid_uid && uid > serve->conf->last_valid_uid))
        return error_set(err, ERROR_NOT_PERMITTED,
                         "Uid %u is outside first_valid_uid to last_valid_uid.", uid);
    const char *home = getenv("HOME");
    *account = (struct account){
        .uid = getuid(), .gid = getgid(), .driver = "invoking user", .uid_is_default = true
    };
    account->home = arena_copy(arena, bytes_of(home && *home == '/' ? home : pw->pw_dir));
    account->system_user = arena_copy(arena, bytes_of(pw->pw_name));
    if (strlen(pw->pw_name) > ACCOUNT_NAME_MAX || !account->home || !account->system_user)
        return error_set(err, ERROR_LIMIT, "The user's name is too long.");
    memcpy(account->name, pw->pw_name, strlen(pw->pw_name) + 1);
    return true;
}

static int serve_pipe(const struct serve *serve, struct session *session, int in, int out,
                      struct error *err)
{
    const int keep[] = { in, out, 2 };
    if (!account_become(session->account, err) ||
        !sandbox_enter(SANDBOX_SESSION, serve->conf, keep, 3, err) ||
        !open_streams(session, in, out, err))
        return -1;
    environment(session->account);
    log_field("MAIL_USER", session->account->name);
    log_info("login: user=%s, method=PREAUTH, rip=local, session=%s", session->account->name,
             session->id);
    return serve->service->session(session);
}

int session_preauth(const struct serve *serve, int in, int out)
{
    struct error err = { 0 };
    struct account account;
    struct auth_peer peer = { .service = serve->service->name, .address = "local", .tls = true };
    char id[16];
    struct session session = {
        .conf = serve->conf, .account = &account, .peer = &peer, .id = connection_id(id)
    };
    struct arena *arena = arena_create(65536);
    int status = -1;
    log_field("MAIL_SESSION", id);
    if (serve->service->pipe_refused)
        error_set(&err, ERROR_NOT_PERMITTED, "%s", serve->service->pipe_refused);
    else if (!arena)
        error_memory(&err);
    else if (invoking_user(serve, &account, arena, &err))
        status = serve_pipe(serve, &session, in, out, &err);
    if (status < 0) {
        log_error("not served over a pipe: %s", err.text);
        refuse(serve->service->refusal, out, err.text);
        status = 77; /* EX_NOPERM */
    }
    output_close(&session.out);
    input_close(&session.in);
    arena_destroy(&arena);
    return status;
}
