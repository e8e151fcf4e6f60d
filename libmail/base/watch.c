#include "base/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"

enum {
    DIRECTORY = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF |
                IN_MOVE_SELF | IN_ONLYDIR,
    /* A file that is renamed over loses its last link: IN_ATTRIB, then perhaps IN_DELETE_SELF. */
    SINGLE = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF,
    REPLACED = IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_IGNORED,
};

struct watched {
    int wd;
    char *path;
};

struct watch {
    int fd;
    struct watched *all;
    size_t count;
};

/* Once for the life of the process: every session would repeat it. */
static void say_limit(int errnum)
{
    static bool said;
    if (said)
        return;
    said = true;
    log_warning("%s: changes by other programs are polled for; raise fs.inotify.%s with sysctl",
                strerror(errnum),
                errnum == ENOSPC ? "max_user_watches" : "max_user_instances");
}

struct watch *watch_create(struct error *err)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (!watch) {
        error_memory(err);
        return NULL;
    }
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd >= 0)
        return watch;
    say_limit(errno);
    error_errno(err, errno, "asking the kernel to watch for changes");
    if (err)
        err->class = ERROR_LIMIT;
    free(watch);
    return NULL;
}

static int add_path(const struct watch *watch, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return -1;
    return inotify_add_watch(watch->fd, path, S_ISDIR(st.st_mode) ? DIRECTORY : SINGLE);
}

static bool remember(struct watch *watch, int wd, const char *path)
{
    for (size_t i = 0; i < watch->count; i++)
        if (watch->all[i].wd == wd)
            return true;
    struct watched *more = realloc(watch->all, (watch->count + 1) * sizeof(*more));
    if (!more)
        return false;
    watch->all = more;
    char *copy = strdup(path);
    if (!copy)
        return false;
    watch->all[watch->count++] = (struct watched){ wd, copy };
    return true;
}

bool watch_add(struct watch *watch, const char *path, struct error *err)
{
    int wd = add_path(watch, path);
    if (wd < 0) {
        int why = errno;
        error_errno(err, why, "watching %s", path);
        if (why != ENOSPC)
            return false;
        say_limit(why);
        return error_set(err, ERROR_LIMIT, "watching %s: no inotify watch is left", path);
    }
    return remember(watch, wd, path) || error_memory(err);
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

/* The path may lead to another file now: watch that one. */
static void follow(struct watch *watch, const struct inotify_event *event)
{
    if (!(event->mask & REPLACED))
        return;
    for (size_t i = 0; i < watch->count; i++)
        if (watch->all[i].wd == event->wd) {
            int wd = add_path(watch, watch->all[i].path);
            if (wd >= 0)
                watch->all[i].wd = wd;
        }
}

void watch_drain(struct watch *watch)
{
    _Alignas(struct inotify_event) char events[4096];
    ssize_t n;
    while ((n = read(watch->fd, events, sizeof(events))) > 0 || (n < 0 && errno == EINTR)) {
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *event = (const void *)(events + at);
            follow(watch, event);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    }
}

void watch_destroy(struct watch **watch)
{
    if (!*watch)
        return;
    for (size_t i = 0; i < (*watch)->count; i++)
        free((*watch)->all[i].path);
    free((*watch)->all);
    close((*watch)->fd);
    free(*watch);
    *watch = NULL;
}
