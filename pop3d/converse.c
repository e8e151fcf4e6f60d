/* Commands in, replies out. */
#include "pop3d/pop3.h"

#include <stdio.h>

#include "base/dialogue.h"
#include "base/log.h"

void pop3_ok(struct pop3 *pop3, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    output_printf(pop3->out, "+OK%s%s\r\n", *text ? " " : "", text);
}

void pop3_err(struct pop3 *pop3, const char *code, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    pop3->errors++;
    if (*code)
        output_printf(pop3->out, "-ERR [%s] %s\r\n", code, text);
    else
        output_printf(pop3->out, "-ERR %s\r\n", text);
}

void pop3_error(struct pop3 *pop3, const struct error *err, const char *what)
{
    const struct error_reply *reply = error_reply(err->class);
    log_error("%s: %s", what, err->text);
    pop3_err(pop3, reply->pop3, "%s", reply->words);
}

bool pop3_converse(struct pop3 *pop3, struct error *err)
{
    struct bytes line;
    while (!pop3->end) {
        size_t max = pop3->state == POP3_AUTHORIZATION ? POP3_SASL_MAX : POP3_LINE_MAX;
        int got = dialogue_line(pop3->in, pop3->out, max, &line, err);
        if (got < 0 && err->class == ERROR_TOO_BIG) {
            pop3_err(pop3, "", "That line is too long, goodbye");
            break;
        }
        if (got <= 0)
            return got == 0 ? error_set(err, ERROR_UNAVAILABLE, "the client closed the connection")
                            : false;
        pop3_command(pop3, line);
        if (pop3->errors >= POP3_ERRORS_MAX && !pop3->end) {
            pop3_err(pop3, "", "Too many errors, goodbye");
            break;
        }
    }
    return output_flush(pop3->out, err);
}
