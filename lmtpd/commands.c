/* Every command with the states in which it is allowed, and the way from a line to its handler. */
#include "lmtpd/lmtp.h"

const struct lmtp_command lmtp_commands[] = {
    { "LHLO", lmtp_lhlo, LMTP_ANY, false },
    { "MAIL", lmtp_mail, LMTP_READY, false },
    { "RCPT", lmtp_rcpt, LMTP_MAIL, false },
    { "DATA", lmtp_data, LMTP_MAIL, true },
    { "BDAT", lmtp_bdat, LMTP_ANY, false }, /* its octets follow whatever the answer is */
    { "RSET", lmtp_rset, LMTP_ANY, true },
    { "NOOP", lmtp_noop, LMTP_ANY, false },
    { "VRFY", lmtp_vrfy, LMTP_ANY, false },
    { "HELP", lmtp_help, LMTP_ANY, false },
    { "STARTTLS", lmtp_starttls, LMTP_GREETED | LMTP_READY, true },
    { "QUIT", lmtp_quit, LMTP_ANY, true },
    { .name = NULL },
};

static const struct lmtp_command *find(struct bytes name)
{
    const struct lmtp_command *command = lmtp_commands;
    while (command->name && !bytes_equal_nocase(bytes_of(command->name), name))
        command++;
    return command->name ? command : NULL;
}

static const char *out_of_order(const struct lmtp *lmtp)
{
    switch (lmtp->state) {
    case LMTP_GREETED:
        return "Say LHLO first";
    case LMTP_READY:
        return "Say MAIL first";
    case LMTP_MAIL:
        return "A message is begun already";
    default:
        return "Go on with BDAT, or say RSET";
    }
}

static void run(struct lmtp *lmtp, struct bytes line)
{
    struct bytes argument = line;
    struct bytes name = bytes_split(&argument, ' ');
    const struct lmtp_command *command = find(name);
    argument = bytes_trim(argument);
    if (!command && (bytes_equal_nocase(name, BYTES("HELO")) || bytes_equal_nocase(name, BYTES("EHLO"))))
        lmtp_reply(lmtp, 500, "5.5.1", "This is LMTP: say LHLO");
    else if (!command)
        lmtp_reply(lmtp, 500, "5.5.1", "Unknown command");
    else if (!(command->states & lmtp->state))
        lmtp_reply(lmtp, 503, "5.5.1", "%s", out_of_order(lmtp));
    else if (command->bare && argument.len > 0)
        lmtp_reply(lmtp, 501, "5.5.4", "%s has no argument", command->name);
    else
        command->run(lmtp, argument);
}

void lmtp_command(struct lmtp *lmtp, struct bytes line)
{
    unsigned before = lmtp->errors;
    run(lmtp, line);
    if (lmtp->errors == before)
        lmtp->errors = 0;
    lmtp->commands++;
    if (lmtp->end)
        return;
    if (lmtp->errors < LMTP_ERRORS_MAX && lmtp->commands < LMTP_COMMANDS_MAX)
        return;
    lmtp_reply(lmtp, 421, "4.7.0", lmtp->errors >= LMTP_ERRORS_MAX
                                       ? "Too many errors, goodbye"
                                       : "Too many commands without a message, goodbye");
    lmtp->end = true;
}
