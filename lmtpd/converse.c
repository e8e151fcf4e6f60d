/* Commands in, replies out. */
#include "lmtpd/lmtp.h"

#include <stdio.h>

#include "base/dialogue.h"

void lmtp_reply(struct lmtp *lmtp, int code, const char *enhanced, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (code >= 500)
        lmtp->errors++;
    output_printf(lmtp->out, "%d %s%s%s\r\n", code, enhanced, *enhanced ? " " : "", text);
}

void lmtp_reset(struct lmtp *lmtp)
{
    delivery_end(&lmtp->delivery);
    lmtp->smtputf8 = false;
    if (lmtp->state != LMTP_GREETED)
        lmtp->state = LMTP_READY;
}

void lmtp_patience(struct lmtp *lmtp)
{
    unsigned seconds = lmtp->conf->login_timeout;
    if (!lmtp->transport)
        return;
    bool bounded = lmtp->state == LMTP_GREETED && seconds > 0;
    transport_deadline(lmtp->transport, !bounded                     ? -1
                                        : seconds < INT32_MAX / 1000 ? (int)seconds * 1000
                                                                     : INT32_MAX);
}

bool lmtp_converse(struct lmtp *lmtp, struct error *err)
{
    struct bytes line;
    while (!lmtp->end) {
        int got = dialogue_line(lmtp->in, lmtp->out, LMTP_LINE_MAX, &line, err);
        if (got == 0)
            return error_set(err, ERROR_UNAVAILABLE, "the client closed the connection");
        if (got < 0 && err->class == ERROR_TOO_BIG) {
            lmtp_reply(lmtp, 500, "5.5.2", "That line is too long, goodbye");
            break;
        }
        if (got < 0)
            return false;
        lmtp_command(lmtp, line);
    }
    return output_flush(lmtp->out, err);
}
