/* Writing down what a call has changed: the lines that crash_trace.c describes. For crash_trace
 * alone. */
#ifndef CRASH_RECORD_H
#define CRASH_RECORD_H

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "crash_calls.h"
#include "crash_process.h"

/* A thread, and the call it is in. */
struct thread {
    pid_t tid;
    bool in_call, changes; /* changes: files below root */
    const struct call *call;
    unsigned long ordinal; /* among the calls that change files */
    uint64_t args[6];
    char path[PATH_MAX], path2[PATH_MAX];
    uint64_t ino;
    int64_t at;
};

static const char *root, *keep;
static char connection[PATH_MAX]; /* what the command's standard output is */
static FILE *record;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "crash_trace: %s: %s\n", what, strerror(errno));
    exit(125);
}

static void put_hex(const void *data, size_t len)
{
    for (const unsigned char *p = data; len > 0; len--, p++)
        fprintf(record, "%02x", *p);
}

static void put_path(const char *path)
{
    size_t len = strlen(root);
    fputc('\t', record);
    put_hex(path + len + (path[len] == '/'), strlen(path + len + (path[len] == '/')));
}

static void put_time(const struct stat *st, const char *what)
{
    fprintf(record, "%s\t%ju\t%jd\n", what, (uintmax_t)st->st_ino,
            (intmax_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec);
}

/* The directory that holds path was changed. */
static void put_stamp(const char *path)
{
    char parent[PATH_MAX];
    struct stat st;
    snprintf(parent, sizeof(parent), "%s", path);
    char *end = strrchr(parent, '/');
    if (!end)
        return;
    *end = '\0';
    if (stat(parent, &st) == 0)
        put_time(&st, "stamp");
}

static void keep_file(pid_t pid, int fd, const struct stat *st)
{
    char from[64], to[PATH_MAX];
    if (!keep)
        return;
    snprintf(from, sizeof(from), "/proc/%d/fd/%d", (int)pid, fd);
    snprintf(to, sizeof(to), "%s/%ju", keep, (uintmax_t)st->st_ino);
    if (linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) != 0)
        die(to);
}

static void put_entry(const char *what, const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        die(path);
    fprintf(record, "%s\t%ju", what, (uintmax_t)st.st_ino);
    put_path(path);
    fputc('\n', record);
    put_stamp(path);
}

/* What was written is read back: so it does not matter by which call it came. */
static void put_write(const struct thread *t, int64_t len)
{
    char name[64], chunk[65536];
    struct stat st;
    snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)t->tid, (int)t->args[t->call->fd]);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(name);
    fprintf(record, "write\t%ju\t%jd\t", (uintmax_t)t->ino, (intmax_t)t->at);
    for (int64_t done = 0; done < len;) {
        size_t ask = len - done < (int64_t)sizeof(chunk) ? (size_t)(len - done) : sizeof(chunk);
        ssize_t n = pread(fd, chunk, ask, t->at + done);
        if (n <= 0)
            die("reading back what was written");
        put_hex(chunk, (size_t)n);
        done += n;
    }
    fputc('\n', record);
    if (fstat(fd, &st) == 0)
        put_time(&st, "stamp");
    close(fd);
}

static void put_times(const struct thread *t)
{
    struct stat st;
    if (stat(t->path, &st) == 0)
        put_time(&st, "times");
}

static void put_rename(const struct thread *t)
{
    if (t->call->number == SYS_renameat2 && t->args[4] & ~(uint64_t)RENAME_NOREPLACE) {
        fputs("unmodelled\trenameat2\n", record);
        return;
    }
    fputs("rename", record);
    put_path(t->path);
    put_path(t->path2);
    fputc('\n', record);
    put_stamp(t->path);
    put_stamp(t->path2);
}

static void put_removal(const struct thread *t)
{
    bool directory = strcmp(t->call->name, "rmdir") == 0 ||
                     (t->call->number == SYS_unlinkat && t->args[2] & AT_REMOVEDIR);
    fputs(directory ? "rmdir" : "unlink", record);
    put_path(t->path);
    fputc('\n', record);
    put_stamp(t->path);
}

static void put_created(const struct thread *t, int64_t fd)
{
    struct stat st;
    put_entry("create", t->path);
    if (stat_fd(t->tid, (int)fd, &st))
        keep_file(t->tid, (int)fd, &st);
}

/* A file without a name yet: the result is its descriptor. */
static void put_nameless(const struct thread *t, int64_t fd)
{
    struct stat st;
    if (!stat_fd(t->tid, (int)fd, &st))
        die("looking at a nameless file");
    fprintf(record, "nameless\t%ju\n", (uintmax_t)st.st_ino);
    keep_file(t->tid, (int)fd, &st);
}

static void put_open(const struct thread *t, int64_t fd)
{
    if ((t->at & O_TMPFILE) == O_TMPFILE)
        put_nameless(t, fd);
    else if (t->ino == 0)
        put_created(t, fd);
    else
        fprintf(record, "truncate\t%ju\t0\n", (uintmax_t)t->ino);
}

static void put_change(const struct thread *t, int64_t result)
{
    switch (t->call->kind) {
    case OPEN:
        put_open(t, result);
        break;
    case MKDIR:
        put_entry("mkdir", t->path);
        break;
    case LINK:
        put_entry("link", t->path2);
        break;
    case RENAME:
        put_rename(t);
        break;
    case UNLINK:
        put_removal(t);
        break;
    case WRITE:
        put_write(t, result);
        break;
    case TRUNCATE:
        fprintf(record, "truncate\t%ju\t%jd\n", (uintmax_t)t->ino, (intmax_t)t->args[1]);
        break;
    case TIMES:
        put_times(t);
        break;
    case UNMODELLED:
        fprintf(record, "unmodelled\t%s\n", t->call->name);
        break;
    default:
        break;
    }
}

/* A successful call, also one that changes no file but matters to a replay. */
static void put_call(const struct thread *t, int64_t result)
{
    enum kind kind = t->call->kind;
    if (t->changes)
        put_change(t, result);
    else if (kind == SYNC && t->ino != 0)
        fprintf(record, "sync\t%ju\n", (uintmax_t)t->ino);
    else if (kind == SYNC_ALL)
        fputs("sync-all\n", record);
    else if ((kind == OUT || kind == WRITE) && strcmp(t->path, connection) == 0)
        fprintf(record, "out\t%jd\n", (intmax_t)result);
    else if (kind == MAP && t->ino != 0 && t->args[2] & PROT_WRITE && t->args[3] & MAP_SHARED)
        fputs("unmodelled\tmmap\n", record);
}

#endif
