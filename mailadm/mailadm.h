/* mailadm: the administrator's program. A subcommand a file; main.c has their table. */
#ifndef MAILADM_MAILADM_H
#define MAILADM_MAILADM_H

#include "conf/conf.h"

struct command {
    const char *name, *synopsis, *summary;
    /* argv[0] is the command's name. Returns the exit status. */
    int (*run)(struct conf *conf, int argc, char **argv);
};
extern const struct command commands[];
extern const size_t commands_count;

int command_check(struct conf *conf, int argc, char **argv);
int command_conf(struct conf *conf, int argc, char **argv);
int command_deliver(struct conf *conf, int argc, char **argv);
int command_help(struct conf *conf, int argc, char **argv);
int command_index(struct conf *conf, int argc, char **argv);
int command_pw(struct conf *conf, int argc, char **argv);
int command_user(struct conf *conf, int argc, char **argv);

/* Says "mailadm: ..." on standard error, and how the command is used; returns EX_USAGE. */
int usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
