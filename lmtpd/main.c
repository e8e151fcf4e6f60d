/* lmtpd: LMTP for one connection, or for all of a listening socket; see lmtpd(8). */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "lmtpd/monitor.h"
#include "serve/sandbox.h"
#include "serve/start.h"

enum { EXIT_OSERR = 71, EXIT_NOPERM = 77, EXIT_CONFIG = 78 };

struct server {
    struct conf conf;
    struct tls *tls;
};

/* Certificates that cannot be used are the administrator's to mend; mail goes on without TLS. */
static void load_tls(struct server *server)
{
    struct error err = { 0 };
    if (server->conf.tls == CONF_TLS_NO)
        return;
    if (tls_configured(&server->conf, &err))
        server->tls = tls_load(&server->conf, "", &err);
    if (!server->tls && err.class != ERROR_NO_SUCH)
        log_error("TLS is not offered: %s", err.text);
}

static int serve_socket(void *context, int fd)
{
    struct server *server = context;
    struct connection connection = {
        .conf = &server->conf, .tls = server->tls, .in = fd, .out = fd, .socket = true
    };
    connection_start(&connection);
    return lmtp_monitor_run(&connection);
}

static int refuse_pipe(const char *why)
{
    log_error("not served over a pipe: %s", why);
    printf("421 4.7.0 %s\r\n", why);
    fflush(stdout);
    return EXIT_NOPERM;
}

/* Mail over a pipe is the invoking user's; nobody else is looked up. */
static int serve_pipe(struct server *server, const struct start *start)
{
    const struct passwd *pw = getpwuid(getuid());
    const char *home = getenv("HOME");
    unsigned last = server->conf.last_valid_uid;
    struct account account = { .driver = "the invoking user" };
    struct connection connection = {
        .conf = &server->conf, .in = start->in, .out = start->out, .only = &account
    };
    if (getuid() == 0 || geteuid() == 0)
        return refuse_pipe(
            "Over a pipe this must not be run as root, but as the user who gets mail");
    if (getuid() < server->conf.first_valid_uid || (last && getuid() > last))
        return refuse_pipe("Your uid is outside first_valid_uid to last_valid_uid");
    if (!pw || strlen(pw->pw_name) > ACCOUNT_NAME_MAX)
        return refuse_pipe("Your uid has no usable name");
    memcpy(account.name, pw->pw_name, strlen(pw->pw_name) + 1);
    account.uid = getuid();
    account.gid = getgid();
    char *copy = strdup(home && *home == '/' ? home : pw->pw_dir);
    if (!copy)
        return EXIT_OSERR;
    account.home = copy;
    connection_start(&connection);
    int status = lmtp_monitor_run(&connection);
    free(copy);
    return status;
}

static int usage(void)
{
    fputs("lmtpd speaks LMTP on its standard input and is started for a connection: by systemd\n"
          "(lmtpd.socket), by inetd, or by a program over a pipe. See lmtpd(8).\n"
          "usage: lmtpd [-V] [-c file] [-o name=value]...\n",
          stderr);
    return 2;
}

/* Nobody can be served: said to the client, and with all its words to the administrator. */
static int give_up(const struct start *start, char **argv, const struct error *err)
{
    log_error("%s", err->text);
    start_refuse(start, argv, "421 4.3.5 The server is not set up right; the log says why");
    return EXIT_CONFIG;
}

static int serve(struct server *server, const struct start *start, char **argv)
{
    struct error err = { 0 };
    int fd;
    if (start->kind != START_TERMINAL && !sandbox_prepare(&server->conf, &err))
        return give_up(start, argv, &err);
    switch (start->kind) {
    case START_CONNECTED:
        load_tls(server);
        fd = start_socket(start);
        return fd < 0 ? EXIT_OSERR : serve_socket(server, fd);
    case START_LISTENING:
        load_tls(server);
        return start_listen(start, &server->conf, argv, serve_socket, server);
    case START_PIPE:
        return serve_pipe(server, start);
    case START_TERMINAL:
        break;
    }
    return usage();
}

int main(int argc, char **argv)
{
    static struct server server;
    struct start start;
    struct error err = { 0 };
    start_detect(&start);
    int first = conf_main(&server.conf, "lmtpd", argc, argv, &err);
    if (first < 0 && err.class == ERROR_NONE)
        return EXIT_SUCCESS; /* -V */
    if (first >= 0 && first < argc)
        error_set(&err, ERROR_INVALID, "lmtpd takes no argument: %s", argv[first]);
    if (first != argc)
        return give_up(&start, argv, &err);
    int status = serve(&server, &start, argv);
    tls_free(&server.tls);
    conf_free(&server.conf);
    return status;
}
