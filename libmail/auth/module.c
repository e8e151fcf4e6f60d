#include "auth/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "auth/module_export.h"

/* The directory of the running executable; LIBEXECDIR where /proc does not say. */
static void own_directory(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    char *slash;
    if (n > 0) {
        out[n] = '\0';
        slash = strrchr(out, '/');
        if (slash && slash != out) {
            *slash = '\0';
            return;
        }
    }
    snprintf(out, size, "%s", LIBEXECDIR);
}

static bool module_path(char *out, size_t size, const char *directory, const char *name)
{
    int n = snprintf(out, size, "%s/%s.so", directory, name);
    return n > 0 && (size_t)n < size && access(out, F_OK) == 0;
}

static bool same_build(void *handle, const char *path, const char *name, struct error *err)
{
    char symbol[64];
    snprintf(symbol, sizeof(symbol), "%s_module_build", name);
    const char *build = dlsym(handle, symbol);
    return (build && strcmp(build, MODULE_BUILD) == 0) ||
           error_set(err, ERROR_UNAVAILABLE,
                     "%s is of another build than this program: install both together", path);
}

const void *module_load(const char *name, struct error *err)
{
    char directory[PATH_MAX], path[PATH_MAX + 64], symbol[64];
    own_directory(directory, sizeof(directory));
    if (!module_path(path, sizeof(path), directory, name) &&
        !module_path(path, sizeof(path), LIBEXECDIR, name)) {
        error_set(err, ERROR_UNAVAILABLE, "the module %s.so is neither in %s nor in %s", name,
                  directory, LIBEXECDIR);
        return NULL;
    }
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        error_set(err, ERROR_UNAVAILABLE, "loading %s: %s", path, dlerror());
        return NULL;
    }
    if (!same_build(handle, path, name, err))
        return NULL;
    snprintf(symbol, sizeof(symbol), "%s_module", name);
    const void *table = dlsym(handle, symbol);
    if (!table)
        error_set(err, ERROR_UNAVAILABLE, "%s has no %s: it is no module of this program", path,
                  symbol);
    return table;
}
