#include "lmtpd/parser.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "lmtpd/lmtp.h"
#include "serve/privsep.h"
#include "serve/sandbox.h"

enum {
    IN_BUFFER = 65536,
    OUT_BUFFER = 8192,
    RECIPIENT_MEMORY = 8192, /* of the arena, for each recipient: address, user, detail, trace */
};

static int timeout_ms(const struct conf *conf)
{
    unsigned seconds = conf->idle_timeout && conf->idle_timeout < LMTP_TIMEOUT ? conf->idle_timeout
                                                                               : LMTP_TIMEOUT;
    return (int)seconds * 1000;
}

static bool open_streams(struct lmtp *lmtp, const struct connection *connection, struct error *err)
{
    int timeout = timeout_ms(connection->conf);
    if (connection->socket) {
        lmtp->transport = transport_open(connection->in, timeout);
        if (!lmtp->transport)
            return error_memory(err);
        lmtp->in = transport_input(lmtp->transport, IN_BUFFER);
        lmtp->out = transport_output(lmtp->transport, OUT_BUFFER);
    } else {
        lmtp->in = input_fd(connection->in, IN_BUFFER, timeout, false);
        lmtp->out = output_fd(connection->out, OUT_BUFFER, timeout, false);
    }
    return (lmtp->in && lmtp->out) || error_memory(err);
}

static bool start(struct lmtp *lmtp, const struct connection *connection, int monitor,
                  char *hostname, size_t size, struct error *err)
{
    const struct conf *conf = connection->conf;
    const int keep[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, connection->in,
                         connection->out, monitor };
    if (gethostname(hostname, size) != 0)
        return error_set(err, ERROR_TEMPORARY, "the host has no name: set hostname");
    hostname[size - 1] = '\0';
    lmtp->hostname = *conf->hostname ? conf->hostname : hostname;
    lmtp->delivery.max = conf->lmtp_recipients_max;
    lmtp->arena = arena_create((size_t)conf->lmtp_recipients_max * RECIPIENT_MEMORY + 65536);
    if (!lmtp->arena)
        return error_memory(err);
    return open_streams(lmtp, connection, err) &&
           sandbox_enter(SANDBOX_PARSER, conf, keep, sizeof(keep) / sizeof(*keep), err);
}

static bool implicit_tls(struct lmtp *lmtp, struct error *err)
{
    if (lmtp->conf->tls != CONF_TLS_IMPLICIT)
        return true;
    if (!lmtp->transport || !lmtp->connection->tls)
        return error_set(err, ERROR_UNAVAILABLE, "tls = implicit, but there is no certificate");
    return transport_starttls(lmtp->transport, lmtp->connection->tls, NULL, privsep_sign,
                              &lmtp->monitor, err);
}

static void converse(struct lmtp *lmtp)
{
    struct error err = { 0 }, quiet;
    lmtp_patience(lmtp);
    bool good = implicit_tls(lmtp, &err);
    if (good) {
        lmtp_patience(lmtp);
        lmtp_reply(lmtp, 220, "", "%s Postern LMTP ready", lmtp->hostname);
        good = lmtp_converse(lmtp, &err);
    }
    lmtp_reset(lmtp);
    if (!good && err.class == ERROR_UNAVAILABLE && !output_failed(lmtp->out)) {
        lmtp_reply(lmtp, 421, "4.4.2", "Closing the connection");
        output_flush(lmtp->out, &quiet);
    }
    log_info("session ends: %s: messages=%u delivered=%u failed=%u in=%llu out=%llu",
             good ? "goodbye" : err.text, lmtp->counts.messages, lmtp->counts.delivered,
             lmtp->counts.failed, (unsigned long long)lmtp->in->offset,
             (unsigned long long)lmtp->out->total);
}

int lmtp_parser_run(const struct connection *connection, int monitor)
{
    struct error err = { 0 };
    char hostname[256];
    struct lmtp lmtp = { .connection = connection,
                         .conf = connection->conf,
                         .monitor = monitor,
                         .state = LMTP_GREETED };
    bool good = start(&lmtp, connection, monitor, hostname, sizeof(hostname), &err);
    if (good)
        converse(&lmtp);
    else
        log_error("serving a connection: %s", err.text);
    input_close(&lmtp.in);
    output_close(&lmtp.out);
    if (lmtp.transport)
        transport_close(&lmtp.transport);
    arena_destroy(&lmtp.arena);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
