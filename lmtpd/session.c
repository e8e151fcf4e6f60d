/* Commands about the session: LHLO (RFC 2033, 4.1), STARTTLS (RFC 3207), NOOP, RSET, VRFY, HELP, QUIT. */
#include "lmtpd/lmtp.h"

#include "base/log.h"
#include "serve/privsep.h"

/* A domain or an address literal; leniently: anything printable. It only goes into Received. */
static bool acceptable(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] <= ' ' || name.data[i] == 0x7f || strchr("()<>\\\"", name.data[i]))
            return false;
    return name.len > 0;
}

static bool tls_offered(const struct lmtp *lmtp)
{
    return lmtp->connection->tls && lmtp->transport && !transport_tls(lmtp->transport);
}

void lmtp_lhlo(struct lmtp *lmtp, struct bytes argument)
{
    if (!acceptable(argument) || argument.len >= sizeof(lmtp->client)) {
        lmtp_reply(lmtp, 501, "5.5.4", "LHLO wants the name of the client");
        return;
    }
    memcpy(lmtp->client, argument.data, argument.len);
    lmtp->client[argument.len] = '\0';
    lmtp->state = LMTP_READY;
    lmtp_patience(lmtp);
    lmtp_reset(lmtp);
    output_printf(lmtp->out, "250-%s\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n", lmtp->hostname);
    output_string(lmtp->out, "250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n");
    if (tls_offered(lmtp))
        output_string(lmtp->out, "250-STARTTLS\r\n");
    if (lmtp->conf->message_size_limit)
        output_printf(lmtp->out, "250 SIZE %llu\r\n",
                      (unsigned long long)lmtp->conf->message_size_limit);
    else
        output_string(lmtp->out, "250 SIZE\r\n");
}

void lmtp_starttls(struct lmtp *lmtp, struct bytes argument)
{
    struct error err = { 0 };
    (void)argument;
    if (!tls_offered(lmtp)) {
        lmtp_reply(lmtp, 502, "5.5.1", "TLS is not available");
        return;
    }
    lmtp_reply(lmtp, 220, "2.0.0", "Begin TLS negotiation");
    lmtp->client[0] = '\0'; /* nothing said in plain counts afterwards */
    lmtp->state = LMTP_GREETED;
    if (!output_flush(lmtp->out, &err)) {
        lmtp->end = true;
        return;
    }
    lmtp_patience(lmtp);
    if (!transport_starttls(lmtp->transport, lmtp->connection->tls, lmtp->in, privsep_sign,
                            &lmtp->monitor, &err)) {
        log_info("STARTTLS failed: %s", err.text);
        lmtp->end = true;
    }
}

void lmtp_noop(struct lmtp *lmtp, struct bytes argument)
{
    (void)argument;
    lmtp_reply(lmtp, 250, "2.0.0", "OK");
}

void lmtp_rset(struct lmtp *lmtp, struct bytes argument)
{
    (void)argument;
    lmtp_reset(lmtp);
    lmtp_reply(lmtp, 250, "2.0.0", "OK");
}

void lmtp_vrfy(struct lmtp *lmtp, struct bytes argument)
{
    if (argument.len == 0)
        lmtp_reply(lmtp, 501, "5.5.4", "VRFY wants an address");
    else
        lmtp_reply(lmtp, 252, "2.5.0", "RCPT tells whether there is such a user");
}

void lmtp_help(struct lmtp *lmtp, struct bytes argument)
{
    (void)argument;
    output_string(lmtp->out, "214-2.0.0 Commands:\r\n214 2.0.0");
    for (const struct lmtp_command *command = lmtp_commands; command->name; command++)
        output_printf(lmtp->out, " %s", command->name);
    output_string(lmtp->out, "\r\n");
}

void lmtp_quit(struct lmtp *lmtp, struct bytes argument)
{
    (void)argument;
    lmtp_reply(lmtp, 221, "2.0.0", "Goodbye");
    lmtp->end = true;
}
