/* lmtpd: LMTP for one connection, or for all of a listening socket; see lmtpd(8). */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "lmtpd/monitor.h"
#include "serve/sandbox.h"
#include "serve/start.h"

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
    return monitor_run(&connection);
}

/* Mail over a pipe is the invoking user's; whoever he is, nobody else is looked up. */
static int serve_pipe(struct server *server, const struct start *start)
{
    const struct passwd *pw = getpwuid(getuid());
    unsigned last = server->conf.last_valid_uid;
    struct account account = { .driver = "the invoking user" };
    struct connection connection = {
        .conf = &server->conf, .in = start->in, .out = start->out, .only = &account
    };
    if (!pw || pw->pw_uid == 0 || pw->pw_uid < server->conf.first_valid_uid ||
        (last && pw->pw_uid > last)) {
        printf("421 4.7.0 Over a pipe only ordinary users get mail (first_valid_uid, last_valid_uid)\r\n");
        return EXIT_FAILURE;
    }
    snprintf(account.name, sizeof(account.name), "%s", pw->pw_name);
    account.uid = pw->pw_uid;
    account.gid = pw->pw_gid;
    account.home = strdup(pw->pw_dir);
    if (!account.home)
        return EXIT_FAILURE;
    connection_start(&connection);
    return monitor_run(&connection);
}

static int usage(void)
{
    fputs("lmtpd speaks LMTP on its standard input and is started for a connection: by systemd\n"
          "(lmtpd.socket), by inetd, or by a program over a pipe. See lmtpd(8).\n"
          "usage: lmtpd [-V] [-c file] [-o name=value]...\n",
          stderr);
    return 2;
}

static int serve(struct server *server, const struct start *start, char **argv)
{
    struct error err = { 0 };
    switch (start->kind) {
    case START_CONNECTED:
        load_tls(server);
        return serve_socket(server, start->in);
    case START_LISTENING:
        load_tls(server);
        if (!sandbox_prepare(&server->conf, &err))
            log_error("%s", err.text);
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
    int rest = conf_main(&server.conf, "lmtpd", argc, argv, &err);
    if (rest < 0 && err.class == ERROR_NONE)
        return EXIT_SUCCESS;
    if (rest < 0 || rest < argc) {
        fprintf(stderr, "lmtpd: %s\n", rest < 0 ? err.text : "too many arguments");
        return start.kind == START_TERMINAL ? usage() : EXIT_FAILURE;
    }
    int status = serve(&server, &start, argv);
    tls_free(&server.tls);
    conf_free(&server.conf);
    return status;
}
