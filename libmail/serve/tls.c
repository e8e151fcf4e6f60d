#include "serve/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "auth/module.h"
#include "base/file.h"
#include "serve/tls_file.h"
#include "serve/tls_module.h"

#define CHAIN_FILE_MAX 262144

bool tls_path(const char *setting, char *out, size_t size, struct error *err)
{
    static const char prefix[] = "credential:";
    const char *directory = "", *name = setting;
    if (strncmp(setting, prefix, sizeof(prefix) - 1) == 0) {
        name = setting + sizeof(prefix) - 1;
        directory = getenv("CREDENTIALS_DIRECTORY");
        if (!directory)
            return error_set(err, ERROR_INVALID,
                             "%s: this program was not started by systemd with LoadCredential=%s",
                             setting, name);
        if (!*name || strchr(name, '/'))
            return error_set(err, ERROR_INVALID, "%s: not the name of a credential", setting);
    }
    int n = snprintf(out, size, "%s%s%s", directory, *directory ? "/" : "", name);
    return (n > 0 && (size_t)n < size) ||
           error_set(err, ERROR_INVALID, "%s: the path is too long", setting);
}

static bool there(const char *setting, struct error *err)
{
    char path[PATH_MAX];
    if (!setting || !*setting)
        return error_set(err, ERROR_NO_SUCH, "no certificate is configured (tls_cert, tls_key)");
    if (!tls_path(setting, path, sizeof(path), err))
        return false;
    return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0 || error_errno(err, errno, "%s", path);
}

bool tls_configured(const struct conf *conf, struct error *err)
{
    return there(conf->tls_cert, err) && there(conf->tls_key, err);
}

static const struct tls_module *module(struct error *err)
{
    static const struct tls_module *loaded;
    if (!loaded)
        loaded = module_load("tls", err);
    return loaded;
}

const struct tls_module *tls_functions(struct error *err)
{
    return module(err);
}

static struct stat loaded;

bool tls_current(const struct conf *conf)
{
    char path[PATH_MAX];
    struct stat now;
    return !tls_path(conf->tls_cert, path, sizeof(path), NULL) || stat(path, &now) != 0 ||
           (now.st_ino == loaded.st_ino && now.st_dev == loaded.st_dev &&
            now.st_size == loaded.st_size && now.st_mtim.tv_sec == loaded.st_mtim.tv_sec &&
            now.st_mtim.tv_nsec == loaded.st_mtim.tv_nsec);
}

static bool note(const char *path, struct error *err)
{
    return stat(path, &loaded) == 0 || error_errno(err, errno, "%s", path);
}

struct tls *tls_load(const struct conf *conf, const char *alpn, struct error *err)
{
    char path[PATH_MAX];
    struct buf chain = BUF_INIT(CHAIN_FILE_MAX);
    struct tls *tls = NULL;
    if (module(err) && tls_path(conf->tls_cert, path, sizeof(path), err) && note(path, err) &&
        file_read(AT_FDCWD, path, CHAIN_FILE_MAX, &chain, err)) {
        tls = module(err)->load(buf_view(&chain), conf->tls_priorities, alpn, err);
        if (!tls)
            error_prefix(err, "%s: ", path);
    }
    buf_free(&chain);
    return tls;
}

void tls_free(struct tls **tls)
{
    if (*tls)
        module(NULL)->unload(*tls);
    *tls = NULL;
}
