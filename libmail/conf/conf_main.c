/* What every program's command line has in common. */
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "conf/setting.h"

#define OVERRIDES_MAX 256

struct line {
    const char *path;
    const char *overrides[OVERRIDES_MAX];
    size_t count;
    bool version;
};

/* The value of option argv[*at]: "-cFILE" or "-c FILE". */
static const char *value(int argc, char **argv, int *at, struct error *err)
{
    if (argv[*at][2])
        return argv[*at] + 2;
    if (*at + 1 < argc)
        return argv[++*at];
    error_set(err, ERROR_INVALID, "option %s needs a value", argv[*at]);
    return NULL;
}

/* Index of the first argument that is not ours, or -1. */
static int scan(struct line *line, int argc, char **argv, struct error *err)
{
    int at;
    for (at = 1; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
        const char *text = NULL;
        char letter = argv[at][1];
        if (strcmp(argv[at], "--") == 0)
            return at + 1;
        if (strcmp(argv[at], "-V") == 0 || strcmp(argv[at], "--version") == 0) {
            line->version = true;
            continue;
        }
        if (letter != 'c' && letter != 'o')
            return at;
        if (!(text = value(argc, argv, &at, err)))
            return -1;
        if (letter == 'c') {
            line->path = text;
        } else if (line->count == OVERRIDES_MAX) {
            error_set(err, ERROR_LIMIT, "more than %d options -o", OVERRIDES_MAX);
            return -1;
        } else {
            line->overrides[line->count++] = text;
        }
    }
    return at;
}

static unsigned word_index(const char *const *words, const char *word)
{
    unsigned i = 0;
    while (words[i] && strcmp(words[i], word) != 0)
        i++;
    return i;
}

static void open_log(const struct conf *conf, const char *program)
{
    const struct setting *target = setting_find(settings, settings_count, "log");
    const struct setting *level = setting_find(settings, settings_count, "log_level");
    /* The words stand in the order of the enums. */
    log_open(program, (enum log_target)word_index(target->words, conf->log),
             (enum log_level)word_index(level->words, conf->log_level));
}

int conf_main(struct conf *conf, const char *program, int argc, char **argv, struct error *err)
{
    struct line line = { 0 };
    log_open(program, LOG_TARGET_AUTO,
             LOG_LEVEL_INFO); /* for what goes wrong until the file is read */
    int first = scan(&line, argc, argv, err);
    if (first < 0)
        return -1;
    if (line.version) {
        printf("%s (Postern) %s\n", program, CONF_VERSION);
        fflush(stdout);
        error_set(err, ERROR_NONE, "%s", "");
        return -1;
    }
    if (!conf_load(conf, line.path, line.overrides, line.count, err))
        return -1;
    open_log(conf, program);
    file_durable(conf->durable);
    return first;
}
