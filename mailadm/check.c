#include "mailadm/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "mailadm/mailadm.h"
#include "mailbox/location.h"

__attribute__((format(printf, 2, 0))) static void say(const char *kind, const char *format,
                                                      va_list args)
{
    printf("%s: ", kind);
    vprintf(format, args);
    putchar('\n');
}

void check_error(struct check *check, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("error", format, args);
    va_end(args);
    check->errors++;
}

void check_warning(struct check *check, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("warning", format, args);
    va_end(args);
    check->warnings++;
}

void check_ok(struct check *check, const char *format, ...)
{
    va_list args;
    (void)check;
    va_start(args, format);
    say("ok", format, args);
    va_end(args);
}

/* A location read as if for some user: what is wrong with it for him is wrong for all. */
static void check_location(struct check *check, const char *name, const char *text)
{
    const struct store_user somebody = { "somebody@example.org", "/home/somebody", "check",
                                         check->conf };
    struct arena *arena = arena_create(1 << 20);
    struct location location;
    struct error err;
    if (arena && !location_parse(text, &somebody, arena, &location, &err))
        check_error(check, "%s: %s: %s", conf_source(check->conf, name), name, err.text);
    arena_destroy(&arena);
}

static void check_variables(struct check *check, const char *name, const char *text)
{
    const struct conf_vars vars = { "somebody@example.org", "/home/somebody", "check" };
    struct buf out = BUF_INIT(8192);
    struct error err;
    if (!conf_expand(text, &vars, &out, &err))
        check_error(check, "%s: %s: %s", conf_source(check->conf, name), name, err.text);
    buf_free(&out);
}

static void check_namespace(struct check *check, const struct conf_namespace *ns)
{
    char name[300];
    snprintf(name, sizeof(name), "namespace/%s/location", ns->name);
    if (ns->location[0])
        check_location(check, name, ns->location);
    snprintf(name, sizeof(name), "namespace/%s/prefix", ns->name);
    check_variables(check, name, ns->prefix);
}

static void check_durable(struct check *check)
{
    if (!check->conf->durable)
        check_warning(check, "durable = no (%s): a power cut loses mail that was acknowledged",
                      conf_source(check->conf, "durable"));
}

void check_configuration(struct check *check)
{
    const struct conf *conf = check->conf;
    unsigned before = check->errors;
    if (conf->mail[0])
        check_location(check, "mail", conf->mail);
    check_variables(check, "mail_home", conf->mail_home);
    if (conf->mail_home[0] && conf->mail_home[0] != '/')
        check_error(check, "%s: mail_home \"%s\" must begin with /", conf_source(conf, "mail_home"),
                    conf->mail_home);
    for (size_t i = 0; i < conf->namespaces_count; i++)
        check_namespace(check, &conf->namespaces[i]);
    check_durable(check);
    if (check->errors > before)
        return;
    if (access(conf_path(conf), F_OK) == 0)
        check_ok(check, "configuration %s", conf_path(conf));
    else
        check_ok(check, "no configuration file %s: defaults hold", conf_path(conf));
}

int command_check(struct conf *conf, int argc, char **argv)
{
    static void (*const checks[])(struct check *) = { check_configuration, check_tls,
                                                      check_login,         check_users,
                                                      check_programs,      check_kernel };
    struct check check = { .conf = conf, .root = geteuid() == 0 };
    if (argc > 1)
        return usage("check", "check takes no argument such as `%s'", argv[1]);
    if (!check.root)
        check_warning(&check,
                      "not started as root: what only root can read is not looked at, and the "
                      "servers are taken "
                      "to run as uid %u with one uid for all mail",
                      (unsigned)getuid());
    /* What lookups log is said by the checks, once. */
    if (!freopen("/dev/null", "w", stderr))
        return EX_OSERR;
    for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
        checks[i](&check);
    printf("%u error%s, %u warning%s\n", check.errors, check.errors == 1 ? "" : "s", check.warnings,
           check.warnings == 1 ? "" : "s");
    return check.errors > 0 ? 1 : 0;
}
