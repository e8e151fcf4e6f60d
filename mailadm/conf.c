/* mailadm conf [-n] [NAME ...]: the settings as a file that can be read again; -n: only what was
 * changed, with where. */
#include <stdio.h>
#include <string.h>
#include "mailadm/mailadm.h"

static int print_one(struct conf *conf, const char *name, bool with_source)
{
    struct buf value = BUF_INIT(65536);
    bool known = conf_get(conf, name, &value);
    if (!known)
        fprintf(stderr, "mailadm: there is no setting `%s'; see postern.conf(5), or mailadm conf\n",
                name);
    else if (with_source)
        printf("%s = %s  # %s\n", name, buf_cstr(&value), conf_source(conf, name));
    else
        printf("%s = %s\n", name, buf_cstr(&value));
    buf_free(&value);
    return known ? 0 : 1;
}

int command_conf(struct conf *conf, int argc, char **argv)
{
    bool changed = argc > 1 && strcmp(argv[1], "-n") == 0;
    int first = changed ? 2 : 1, status = 0;
    if (first < argc && argv[first][0] == '-')
        return usage("conf", "unknown option %s", argv[first]);
    if (first == argc)
        conf_print(conf, stdout, changed);
    for (int i = first; i < argc; i++)
        status |= print_one(conf, argv[i], changed);
    return status;
}
