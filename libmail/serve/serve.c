#include "serve/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"
#include "serve/connection.h"
#include "serve/sandbox.h"
#include "serve/start.h"

#define SERVE_ARENA 65536
enum { EXIT_USAGE_ = 2, EXIT_OSERR = 71, EXIT_CONFIG = 78 };

/* ---- names of a connection ---- */

const char *connection_id(char out[16])
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    unsigned char random[12];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        snprintf((char *)random, sizeof(random), "%ld", (long)getpid());
    for (size_t i = 0; i < sizeof(random); i++)
        out[i] = digits[random[i] % 32];
    out[sizeof(random)] = '\0';
    return out;
}

/* RFC 1939, 7: a msg-id that is never the same twice. */
static void make_challenge(const struct conf *conf, char out[128])
{
    char random[16], host[64] = "localhost";
    if (conf->hostname && *conf->hostname)
        snprintf(host, sizeof(host), "%s", conf->hostname);
    else
        (void)!gethostname(host, sizeof(host) - 1);
    snprintf(out, 128, "<%s.%lld@%s>", connection_id(random), (long long)time(NULL), host);
}

static void describe(struct connection *c)
{
    const struct serve *serve = c->serve;
    bool local;
    c->peer.service = serve->service->name;
    start_peer(c->fd, &c->peer, &local);
    start_local(c->fd, c->own_address);
    connection_id(c->id);
    make_challenge(serve->conf, c->challenge);
    c->plaintext_ok = serve->conf->plaintext == CONF_PLAINTEXT_ALWAYS ||
                      (serve->conf->plaintext == CONF_PLAINTEXT_LOCAL && local);
    log_field("MAIL_SERVICE", serve->service->name);
    log_field("MAIL_REMOTE", c->peer.address);
    log_field("MAIL_SESSION", c->id);
}

/* ---- one connection ---- */

static int monitor_and_serve(struct connection *c, pid_t login)
{
    struct grant grant = { .stream = -1, .resume = BUF_INIT(PRIVSEP_MESSAGE_MAX) };
    struct arena *arena = arena_create(SERVE_ARENA);
    int status = 0;
    if (!arena) {
        kill(login, SIGKILL);
        return EXIT_OSERR;
    }
    if (monitor_run(c, c->monitor_fd, login, &grant, arena))
        status = session_run(c, &grant);
    buf_free(&grant.resume);
    arena_destroy(&arena);
    return status;
}

/* Login is forked off; this process is the monitor and becomes the session. Exit status. */
static int serve_connection(void *context, int fd)
{
    struct connection c = { .serve = context, .fd = fd };
    struct error err = { 0 };
    start_tune(fd);
    describe(&c);
    sandbox_private();
    pid_t login = privsep_fork(&c.monitor_fd, &err);
    if (login < 0) {
        log_error("serving %s: %s", c.peer.address, err.text);
        return EXIT_OSERR;
    }
    if (login == 0)
        _exit(login_run(&c, c.monitor_fd));
    return monitor_and_serve(&c, login);
}

/* ---- the program ---- */

static void prepare_tls(struct serve *serve, bool warm)
{
    struct error err = { 0 };
    if (serve->conf->tls == CONF_TLS_NO)
        return;
    serve->tls_configured = tls_configured(serve->conf, &err);
    if (!serve->tls_configured &&
        (err.class != ERROR_NO_SUCH || serve->conf->tls == CONF_TLS_IMPLICIT))
        log_error("TLS is not offered: %s", err.text);
    if (!serve->tls_configured || !warm)
        return;
    serve->tls = tls_load(serve->conf, serve->service->name, &err);
    if (!serve->tls)
        log_error("TLS is not offered: %s", err.text);
    serve->tls_configured = serve->tls != NULL;
}

static int explain(const struct service *service)
{
    fprintf(stderr,
            "%s serves one connection on standard input, or accepts connections on a listening "
            "socket there.\n"
            "It is started by systemd (%s.socket), by inetd, or by a client's tunnel command such "
            "as \"ssh host %s\".\n"
            "To try it: systemd-socket-activate -l 127.0.0.1:PORT %s -o name=value\n"
            "See %s(8).\n",
            service->program, service->program, service->program, service->program,
            service->program);
    return EXIT_USAGE_;
}

/* Nobody can be served: said to the client, and with all its words to the administrator. */
static int give_up(const struct serve *serve, const struct start *start, char **argv,
                   const struct error *err)
{
    char line[200];
    log_error("%s", err->text);
    snprintf(line, sizeof(line),
             "%sThe server is not set up right; the administrator finds the reason in the log",
             serve->service->unavailable ? serve->service->unavailable : "");
    start_refuse(start, argv, line);
    return EXIT_CONFIG;
}

static int serve_start(struct serve *serve, const struct start *start, char **argv)
{
    struct error err = { 0 };
    if (start->kind == START_PIPE)
        return session_preauth(serve, start->in, start->out);
    prepare_tls(serve, start->kind == START_LISTENING);
    if (!sandbox_prepare(serve->conf, &err))
        return give_up(serve, start, argv, &err);
    if (start->kind == START_LISTENING)
        auth_warm(serve->conf);
    if (start->kind == START_LISTENING)
        return start_listen(start, serve->conf, argv, serve_connection, serve);
    int fd = start_socket(start);
    return fd < 0 ? EXIT_OSERR : serve_connection(serve, fd);
}

int serve_main(const struct service *service, int argc, char **argv)
{
    static struct conf conf;
    struct serve serve = { .service = service, .conf = &conf };
    struct start start;
    struct error err = { 0 };
    start_detect(&start);
    signal(SIGPIPE, SIG_IGN);
    int first = conf_main(&conf, service->program, argc, argv, &err);
    if (first < 0 && err.class == ERROR_NONE)
        return 0; /* -V */
    if (first >= 0 && first < argc)
        error_set(&err, ERROR_INVALID, "%s takes no argument: %s", service->program, argv[first]);
    if (first != argc)
        return give_up(&serve, &start, argv, &err);
    if (start.kind == START_TERMINAL)
        return explain(service);
    int status = serve_start(&serve, &start, argv);
    conf_free(&conf);
    /* A session has a filter, which the exit handlers of libraries may not survive. */
    _exit(status);
}
