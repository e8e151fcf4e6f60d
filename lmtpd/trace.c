#include "lmtpd/trace.h"

#include <time.h>

#include "message/date.h"

enum { TRACE_MAX = 4096 };

/* RFC 3848, 2 and RFC 6531, 4.3. */
static const char *protocol(const struct lmtp *lmtp)
{
    bool tls = lmtp->transport && transport_tls(lmtp->transport);
    if (lmtp->smtputf8)
        return tls ? "UTF8LMTPS" : "UTF8LMTP";
    return tls ? "LMTPS" : "LMTP";
}

static void received(const struct lmtp *lmtp, const struct recipient *recipient, struct buf *out)
{
    const char *tls = lmtp->transport ? transport_tls(lmtp->transport) : NULL;
    const char *address = lmtp->connection->peer.address;
    bool literal = strcmp(address, "local") != 0;
    buf_printf(out, "Received: from %s", lmtp->client);
    if (literal)
        buf_printf(out, " ([%s%s])", strchr(address, ':') ? "IPv6:" : "", address);
    if (tls)
        buf_printf(out, "\n\t(using %s)", tls);
    buf_printf(out, "\n\tby %s with %s (Postern) id %s.%u", lmtp->hostname, protocol(lmtp),
               lmtp->connection->id, lmtp->transactions);
    if (lmtp->delivery.count == 1) /* others must not learn who else got it */
        buf_printf(out, "\n\tfor <%.*s>", BYTES_FMT(recipient->address));
    buf_string(out, "; ");
    date_write_rfc5322(out, time(NULL));
    buf_string(out, "\n");
}

struct bytes trace_header(void *context, const struct recipient *recipient)
{
    struct lmtp *lmtp = context;
    struct buf out = BUF_INIT(TRACE_MAX);
    if (lmtp->conf->lmtp_return_path)
        buf_printf(&out, "Return-Path: <%.*s>\n", BYTES_FMT(lmtp->delivery.from));
    buf_printf(&out, "Delivered-To: %.*s\n", BYTES_FMT(recipient->address));
    received(lmtp, recipient, &out);
    struct bytes copy = buf_failed(&out) ? BYTES("") : arena_bytes(lmtp->arena, buf_view(&out));
    buf_free(&out);
    return copy.data ? copy : BYTES("");
}
