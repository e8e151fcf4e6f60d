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
#include "lmtpd/crew.h"
#include "lmtpd/finder.h"
#include "lmtpd/parser.h"
#include "lmtpd/path.h"
#include "lmtpd/wire.h"
#include "lmtpd/worker.h"
#include "serve/sandbox.h"

enum { RUNNING = 1, WORKERS_SPARE = 16, ARENA_MAX = 65536, TIDY = 5000 /* milliseconds */ };

static const struct privsep_rule rules[] = {
    PRIVSEP_RULE_SIGN(RUNNING),
    { "recipient", LMTP_RECIPIENT, RUNNING, 0, 8, 8 + PATH_LOCAL_MAX + PATH_DOMAIN_MAX },
};

struct monitor {
    const struct connection *connection;
    int fd; /* to the parser */
    pid_t parser;
    int parser_status;
    bool parser_ended;
    struct arena *arena; /* of one recipient */
    struct finder finder;
    struct crew crew;
    struct privsep_gate gate;
};

static void note_end(struct monitor *monitor, pid_t pid, int status)
{
    if (pid == monitor->parser) {
        monitor->parser_status = status;
        monitor->parser_ended = true;
        return;
    }
    bool worker = crew_reaped(&monitor->crew, pid);
    if (pid == monitor->finder.pid)
        monitor->finder.pid = 0;
    if (WIFSIGNALED(status))
        log_error("the process %s died of signal %d",
                  worker ? "of a delivery" : "that looks recipients up", WTERMSIG(status));
}

static void reap(struct monitor *monitor, int options)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, options)) > 0)
        note_end(monitor, pid, status);
}

/* ---- who ---- */

/* Over a pipe there is only one. */
static bool find_only(const struct connection *connection, struct bytes local, struct bytes domain,
                      struct found *found, struct error *err)
{
    struct recipient_names names;
    recipient_names(connection->conf, local, domain, &names);
    for (size_t i = 0; i < names.count; i++) {
        if (strcmp(names.names[i], connection->only->name) != 0)
            continue;
        found->detail = names.cut[i] ? (uint32_t)names.detail.len : 0;
        return account_pack(connection->only, &found->packed, err);
    }
    return error_set(err, ERROR_NO_SUCH, "over a pipe only %s gets mail", connection->only->name);
}

static bool find(struct monitor *monitor, struct bytes local, struct bytes domain,
                 struct found *found, struct error *err)
{
    const struct connection *connection = monitor->connection;
    arena_clear(monitor->arena);
    if (!(connection->only ? find_only(connection, local, domain, found, err)
                           : finder_ask(&monitor->finder, found->address, monitor->fd,
                                        &found->packed, &found->detail, err)))
        return false;
    found->when = wait_clock();
    if (found->detail >= local.len)
        found->detail = 0;
    return account_unpack(buf_view(&found->packed), &found->account, monitor->arena, err);
}

/* ---- a worker for him ---- */

/* In the new process: everything of the monitor's is closed but the log. */
static void become_worker(struct monitor *monitor, int control, int fd, struct bytes order)
{
    close(monitor->fd);
    finder_end(&monitor->finder);
    crew_dismiss_all(&monitor->crew);
    _exit(lmtp_worker_run(monitor->connection, control, fd, order));
}

/* Those that have answered may take a moment to end. */
static struct hand *await_place(struct monitor *monitor)
{
    struct hand *place;
    for (int tries = 0; !(place = crew_place(&monitor->crew)) && tries < 100; tries++) {
        wait_sleep(20);
        reap(monitor, WNOHANG);
    }
    return place;
}

static struct hand *start_worker(struct monitor *monitor, const struct found *found, int fd,
                                 struct error *err)
{
    int control;
    struct hand *hand = await_place(monitor);
    if (!hand) {
        error_set(err, ERROR_LIMIT, "%zu are at work already", monitor->crew.alive);
        return NULL;
    }
    struct buf order = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    crew_order(&(struct hand){ 0 }, found, &order);
    pid_t pid = privsep_fork(&control, err);
    if (pid == 0)
        become_worker(monitor, control, fd, buf_view(&order));
    buf_free(&order);
    if (pid < 0)
        return NULL;
    crew_start(&monitor->crew, hand, pid, control);
    crew_busy(hand, found);
    return hand;
}

/* Gives one that is there its end of a conversation. False: it has died. */
static bool give_order(struct hand *hand, const struct found *found, int fd)
{
    struct buf order = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    crew_order(hand, found, &order);
    bool sent = privsep_send(hand->control, LMTP_ORDER, buf_view(&order), fd, NULL);
    buf_free(&order);
    if (sent)
        crew_busy(hand, found);
    else
        crew_dismiss(hand);
    return sent;
}

static struct hand *employ(struct monitor *monitor, const struct found *found, int fd,
                           struct error *err)
{
    struct hand *hand;
    while ((hand = crew_fit(&monitor->crew, found)))
        if (give_order(hand, found, fd))
            return hand;
    return start_worker(monitor, found, fd, err);
}

static bool tell_worker(const struct monitor *monitor, const struct hand *hand, int fd)
{
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX), order = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    struct bytes detail = BYTES(""), rest;
    crew_order(hand, NULL, &order);
    rest = buf_view(&order);
    field_get(&rest, PATH_LOCAL_MAX, &detail);
    field_put(&payload, bytes_of(hand->name));
    field_put(&payload, detail);
    bool sent = privsep_send(monitor->fd, LMTP_WORKER, buf_view(&payload), fd, NULL);
    buf_free(&payload);
    buf_free(&order);
    return sent;
}

/* Starts a conversation between the parser and hand, who is the same as before, or (NULL) whoever
 * fits. */
static bool introduce(struct monitor *monitor, struct hand *hand, const struct found *found,
                      struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return error_errno(err, errno, "making a socket pair");
    if (!hand)
        hand = employ(monitor, found, pair[1], err);
    else if (!give_order(hand, NULL, pair[1]))
        hand = NULL;
    close(pair[1]);
    bool good = hand && (tell_worker(monitor, hand, pair[0]) ||
                         error_set(err, ERROR_UNAVAILABLE, "the parser does not listen"));
    close(pair[0]);
    return good;
}

/* ---- the parser's questions ---- */

static void tell_class(const struct monitor *monitor, unsigned type, const struct error *why)
{
    uint32_t class = why->class;
    privsep_send(monitor->fd, type, bytes_make(&class, sizeof(class)), -1, NULL);
}

static void unknown(const struct monitor *monitor, struct bytes local, struct bytes domain,
                    const struct error *why)
{
    char who[256], where[256];
    log_quote(who, sizeof(who), local.data, local.len);
    log_quote(where, sizeof(where), domain.data, domain.len);
    if (why->class == ERROR_NO_SUCH)
        log_info("unknown recipient %s%s%s: %s", who, domain.len ? "@" : "", where, why->text);
    else
        log_error("recipient %s%s%s: %s", who, domain.len ? "@" : "", where, why->text);
    tell_class(monitor, LMTP_UNKNOWN, why);
}

static void serve_recipient(struct monitor *monitor, struct bytes address, struct bytes local,
                            struct bytes domain)
{
    struct error why = { 0 };
    struct found found = { .address = address, .packed = BUF_INIT(ACCOUNT_PACKED_MAX) };
    struct hand *hand = crew_same(&monitor->crew, address);
    if (hand && introduce(monitor, hand, NULL, NULL))
        return;
    if (!find(monitor, local, domain, &found, &why)) {
        unknown(monitor, local, domain, &why);
    } else if (!introduce(monitor, NULL, &found, &why)) {
        log_error("no process for a delivery: %s", why.text);
        tell_class(monitor, LMTP_REFUSED, &why);
    }
    buf_free(&found.packed);
}

/* False: the connection ends. */
static bool answer_recipient(struct monitor *monitor, struct buf *payload, struct error *err)
{
    struct bytes local, domain;
    unsigned type;
    if (privsep_receive(monitor->fd, &monitor->gate, 0, &type, payload, NULL, err) <= 0)
        return false;
    struct bytes rest = buf_view(payload);
    if (!field_get(&rest, PATH_LOCAL_MAX, &local) || !field_get(&rest, PATH_DOMAIN_MAX, &domain) ||
        !fields_end(rest) || local.len == 0 || memchr(local.data, 0, local.len))
        return error_set(err, ERROR_INVALID, "malformed message \"recipient\"");
    serve_recipient(monitor, buf_view(payload), local, domain);
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

/* Waits for a question, and lets go meanwhile what is not used: 1; 0 at the parser's end; -1 with
 * *err. */
static int await_question(struct monitor *monitor, unsigned *type, struct error *err)
{
    for (;;) {
        bool none = crew_tidy(&monitor->crew);
        none = finder_tidy(&monitor->finder) && none;
        reap(monitor, WNOHANG);
        if (wait_ready(monitor->fd, POLLIN, none ? -1 : TIDY))
            return privsep_wait(monitor->fd, &monitor->gate, 0, type, err);
    }
}

static void answer_all(struct monitor *monitor)
{
    struct error err = { 0 };
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    unsigned type;
    bool good = true;
    while (good && await_question(monitor, &type, &err) > 0)
        good =
            type == PRIVSEP_SIGN ? answer_sign(monitor) : answer_recipient(monitor, &payload, &err);
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

/* Memory for what a connection needs, and its parser. */
static bool begin(struct monitor *monitor, struct error *err)
{
    const struct connection *connection = monitor->connection;
    monitor->arena = arena_create(ARENA_MAX);
    if (!monitor->arena)
        return error_memory(err);
    if (!crew_open(&monitor->crew, connection->conf->lmtp_recipients_max + WORKERS_SPARE, err))
        return false;
    monitor->parser = privsep_fork(&monitor->fd, err);
    if (monitor->parser == 0)
        _exit(lmtp_parser_run(connection, monitor->fd));
    return monitor->parser > 0;
}

int lmtp_monitor_run(const struct connection *connection)
{
    struct error err = { 0 };
    struct monitor monitor = {
        .connection = connection,
        .finder = FINDER_INIT(connection->conf),
        .gate = { .rules = rules, .rules_count = sizeof(rules) / sizeof(*rules), .state = RUNNING }
    };
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    sandbox_private();
    allow_descriptors(connection->conf);
    if (!begin(&monitor, &err)) {
        log_error("serving a connection: %s", err.text);
        return EXIT_FAILURE;
    }
    let_go(connection);
    answer_all(&monitor);
    close(monitor.fd);
    finder_end(&monitor.finder);
    crew_dismiss_all(&monitor.crew);
    reap(&monitor, 0);
    crew_free(&monitor.crew);
    arena_destroy(&monitor.arena);
    return status_of(&monitor);
}
