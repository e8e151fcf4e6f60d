#include "lmtpd/monitor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/wait.h"
#include "lmtpd/parser.h"
#include "lmtpd/path.h"
#include "lmtpd/wire.h"
#include "lmtpd/worker.h"
#include "serve/sandbox.h"

enum { RUNNING = 1, WORKERS_SPARE = 16 };

static const struct privsep_rule rules[] = {
    PRIVSEP_RULE_SIGN(RUNNING),
    { "recipient", LMTP_RECIPIENT, RUNNING, 0, 8, 8 + PATH_LOCAL_MAX + PATH_DOMAIN_MAX },
};

struct monitor {
    const struct connection *connection;
    int fd;           /* to the parser */
    pid_t parser;
    int parser_status;
    bool parser_ended;
    unsigned workers; /* alive */
    struct privsep_gate gate;
};

static void reap(struct monitor *monitor, int options)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, options)) > 0) {
        if (pid == monitor->parser) {
            monitor->parser_status = status;
            monitor->parser_ended = true;
            continue;
        }
        monitor->workers--;
        if (WIFSIGNALED(status))
            log_error("the process of a delivery died of signal %d", WTERMSIG(status));
    }
}

static void refuse(struct monitor *monitor, const struct error *why)
{
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    log_error("no process for a delivery: %s", why->text);
    field_put_number(&payload, why->class);
    privsep_send(monitor->fd, LMTP_REFUSED, buf_view(&payload), -1, NULL);
    buf_free(&payload);
}

/* In the new process: everything of the monitor's is closed but the log. */
static void become_worker(const struct monitor *monitor, int fd, struct bytes local,
                          struct bytes domain)
{
    close(monitor->fd);
    _exit(lmtp_worker_run(monitor->connection, fd, local, domain));
}

/* Those that have answered may take a moment to end. */
static bool await_room(struct monitor *monitor)
{
    unsigned most = monitor->connection->conf->lmtp_recipients_max + WORKERS_SPARE;
    for (int tries = 0; monitor->workers >= most && tries < 100; tries++) {
        wait_sleep(20);
        reap(monitor, WNOHANG);
    }
    return monitor->workers < most;
}

static bool start_worker(struct monitor *monitor, struct bytes local, struct bytes domain,
                         struct error *err)
{
    int pair[2];
    if (!await_room(monitor))
        return error_set(err, ERROR_LIMIT, "%u are at work already", monitor->workers);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return error_errno(err, errno, "making a socket pair");
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        become_worker(monitor, pair[1], local, domain);
    }
    int forked = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return error_errno(err, forked, "starting a process");
    }
    monitor->workers++;
    bool sent = privsep_send(monitor->fd, LMTP_WORKER, BYTES(""), pair[0], err);
    close(pair[0]);
    return sent;
}

/* False: the connection ends. */
static bool answer_recipient(struct monitor *monitor, struct buf *payload, struct error *err)
{
    struct error why = { 0 };
    struct bytes local, domain;
    unsigned type;
    if (privsep_receive(monitor->fd, &monitor->gate, 0, &type, payload, NULL, err) <= 0)
        return false;
    struct bytes rest = buf_view(payload);
    if (!field_get(&rest, PATH_LOCAL_MAX, &local) || !field_get(&rest, PATH_DOMAIN_MAX, &domain) ||
        !fields_end(rest) || local.len == 0 || memchr(local.data, 0, local.len))
        return error_set(err, ERROR_INVALID, "malformed message \"recipient\"");
    if (!start_worker(monitor, local, domain, &why))
        refuse(monitor, &why);
    return true;
}

static bool answer_sign(struct monitor *monitor)
{
    struct error err = { 0 };
    monitor->gate.seen[PRIVSEP_SIGN]++;
    if (!privsep_answer_sign(monitor->connection->conf, monitor->fd, &err))
        log_error("signing a TLS handshake: %s", err.text);
    return true;
}

static void answer_all(struct monitor *monitor)
{
    struct error err = { 0 };
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    unsigned type;
    int got;
    bool good = true;
    while (good && (got = privsep_wait(monitor->fd, &monitor->gate, -1, &type, &err)) > 0) {
        reap(monitor, WNOHANG);
        good = type == PRIVSEP_SIGN ? answer_sign(monitor)
                                    : answer_recipient(monitor, &payload, &err);
    }
    if (err.class != ERROR_NONE) {
        log_error("ending the connection: %s", err.text);
        kill(monitor->parser, SIGKILL);
    }
    buf_free(&payload);
}

/* So many descriptors as the parser needs for all recipients of a message. */
static void allow_descriptors(const struct conf *conf)
{
    struct rlimit limit;
    rlim_t wanted = 2 * (rlim_t)conf->lmtp_recipients_max + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* The connection is the parser's alone: it must end when the parser does. */
static void let_go(const struct connection *connection)
{
    if (connection->socket)
        close(connection->in);
    else
        connection_silence();
}

/* As a parser that crashed: the listener takes notice of such ends (serve/start.h). */
static int status_of(const struct monitor *monitor)
{
    int status = monitor->parser_status;
    if (!monitor->parser_ended || WIFEXITED(status))
        return monitor->parser_ended ? WEXITSTATUS(status) : EXIT_FAILURE;
    if (WTERMSIG(status) == SIGKILL)
        return EXIT_FAILURE;
    log_error("the process that speaks LMTP died of signal %d", WTERMSIG(status));
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
    return EXIT_FAILURE;
}

int lmtp_monitor_run(const struct connection *connection)
{
    struct error err = { 0 };
    struct monitor monitor = { .connection = connection,
                               .gate = { .rules = rules,
                                         .rules_count = sizeof(rules) / sizeof(*rules),
                                         .state = RUNNING } };
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    sandbox_private();
    allow_descriptors(connection->conf);
    monitor.parser = privsep_fork(&monitor.fd, &err);
    if (monitor.parser == 0)
        _exit(lmtp_parser_run(connection, monitor.fd));
    if (monitor.parser < 0) {
        log_error("serving a connection: %s", err.text);
        return EXIT_FAILURE;
    }
    let_go(connection);
    answer_all(&monitor);
    close(monitor.fd);
    reap(&monitor, 0);
    return status_of(&monitor);
}
