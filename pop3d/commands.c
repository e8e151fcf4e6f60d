/* Every command with the states in which it is allowed, and the way from a line to its handler. */
#include "pop3d/pop3.h"

#include <stdio.h>

const struct pop3_command pop3_commands[] = {
    /* name, handler, states, argument needed, none allowed, readable password */
    { "CAPA", pop3_capa, POP3_ANY, false, true, false },
    { "NOOP", pop3_noop, POP3_TRANSACTION, false, true, false },
    { "STAT", pop3_stat, POP3_TRANSACTION, false, true, false },
    { "LIST", pop3_list, POP3_TRANSACTION, false, false, false },
    { "UIDL", pop3_uidl, POP3_TRANSACTION, false, false, false },
    { "RETR", pop3_retr, POP3_TRANSACTION, true, false, false },
    { "TOP", pop3_top, POP3_TRANSACTION, true, false, false },
    { "DELE", pop3_dele, POP3_TRANSACTION, true, false, false },
    { "RSET", pop3_rset, POP3_TRANSACTION, false, true, false },
    { "QUIT", pop3_quit, POP3_ANY, false, true, false },
    { "USER", pop3_user, POP3_AUTHORIZATION, true, false, true },
    { "PASS", pop3_pass, POP3_AUTHORIZATION, false, false, true },
    { "APOP", pop3_apop, POP3_AUTHORIZATION, true, false, false },
    { "AUTH", pop3_auth, POP3_AUTHORIZATION, false, false, false },
    { "STLS", pop3_stls, POP3_AUTHORIZATION, false, true, false },
    { "UTF8", pop3_utf8, POP3_AUTHORIZATION, false, true, false },
    { "LANG", pop3_lang, POP3_ANY, false, false, false },
    { .name = NULL },
};

static const struct pop3_command *find(struct bytes name)
{
    const struct pop3_command *command = pop3_commands;
    while (command->name && !bytes_equal_nocase(bytes_of(command->name), name))
        command++;
    return command->name ? command : NULL;
}

/* Why the command cannot run now, or NULL. */
static const char *objection(const struct pop3 *pop3, const struct pop3_command *command,
                             struct bytes argument)
{
    if (!(command->states & pop3->state))
        return pop3->state == POP3_AUTHORIZATION ? "Log in first" : "You are logged in already";
    if (command->plaintext && !pop3->login->plaintext_ok)
        return pop3->login->tls_possible ? "Passwords are taken only over TLS: use STLS first"
                                         : "Passwords are not taken on this connection";
    if (command->argument && argument.len == 0)
        return "This command needs an argument";
    if (command->bare && argument.len > 0)
        return "This command has no argument";
    return NULL;
}

void pop3_command(struct pop3 *pop3, struct bytes line)
{
    struct bytes argument = line;
    struct bytes name = bytes_split(&argument, ' ');
    const struct pop3_command *command = find(name);
    unsigned before = pop3->errors;
    if (!command) {
        pop3_err(pop3, "", "Unknown command");
    } else {
        const char *why = objection(pop3, command, argument);
        if (why)
            pop3_err(pop3, "", "%s", why);
        else
            command->run(pop3, argument);
    }
    if (pop3->errors == before)
        pop3->errors = 0;
}
