#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include "mailadm/mailadm.h"

const struct command commands[] = {
    { "check", "check", "look for everything that would fail later", command_check },
    { "conf", "conf [-n] [NAME ...]", "show the settings, -n: those that were changed and where",
      command_conf },
    { "user", "user NAME", "explain who a user is and where his mail is", command_user },
    { "index", "index build | verify [--deep] | show | drop USER [MAILBOX ...]",
      "make, compare with the mail, show or remove the indexes of mailboxes", command_index },
    { "pw", "pw [-s SCHEME] [-t HASH]", "make a password hash, -t: test a password", command_pw },
    { "deliver", "deliver [-a ADDRESS] [-f SENDER] [-m MAILBOX] [USER]",
      "deliver the message on standard input", command_deliver },
    { "help", "help", "show this", command_help },
};
const size_t commands_count = sizeof(commands) / sizeof(*commands);

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < commands_count; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

int usage(const char *command, const char *format, ...)
{
    const struct command *known = find(command);
    va_list args;
    va_start(args, format);
    fputs("mailadm: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nusage: mailadm [-c FILE] [-o NAME=VALUE] %s\n",
            known ? known->synopsis : "COMMAND ...; see mailadm help");
    return EX_USAGE;
}

int command_help(struct conf *conf, int argc, char **argv)
{
    (void)conf, (void)argc, (void)argv;
    puts("usage: mailadm [-c FILE] [-o NAME=VALUE] COMMAND ...\n");
    for (size_t i = 0; i < commands_count; i++)
        printf("  %s\n      %s\n", commands[i].synopsis, commands[i].summary);
    puts("\nSee mailadm(8) and postern.conf(5).");
    return 0;
}

/* Mail that waits for its configuration to be mended is not sent back. */
static int failed(int argc, char **argv, const struct error *err)
{
    fprintf(stderr, "error: %s\n", err->text);
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "deliver") == 0)
            return EX_TEMPFAIL;
    return 1;
}

int main(int argc, char **argv)
{
    struct conf conf = { 0 };
    struct error err = { 0 };
    setlocale(LC_CTYPE, "");
    int first = conf_main(&conf, "mailadm", argc, argv, &err);
    if (first < 0)
        return err.class == ERROR_NONE ? 0 : failed(argc, argv, &err);
    if (first >= argc)
        return usage("", "no command");
    const struct command *command = find(argv[first]);
    int status = command ? command->run(&conf, argc - first, argv + first)
                         : usage("", "there is no command `%s'", argv[first]);
    conf_free(&conf);
    if (fflush(stdout) != 0 && status == 0)
        status = EX_IOERR;
    return status;
}
