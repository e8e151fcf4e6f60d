/* Looking at a process that is stopped: its descriptors, its memory. For crash_trace alone. */
#ifndef CRASH_PROCESS_H
#define CRASH_PROCESS_H

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static bool link_of(pid_t pid, const char *what, int fd, char *out)
{
    char name[64];
    snprintf(name, sizeof(name), fd < 0 ? "/proc/%d/%s" : "/proc/%d/%s/%d", (int)pid, what, fd);
    ssize_t len = readlink(name, out, PATH_MAX - 1);
    out[len < 0 ? 0 : len] = '\0';
    return len > 0;
}

static bool stat_fd(pid_t pid, int fd, struct stat *st)
{
    char name[64];
    snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)pid, fd);
    return stat(name, st) == 0;
}

static bool read_string(pid_t pid, uint64_t address, char out[PATH_MAX])
{
    size_t len = 0;
    while (len < PATH_MAX) {
        size_t page = 4096 - (address + len) % 4096;
        struct iovec here = { out + len, page < PATH_MAX - len ? page : PATH_MAX - len };
        struct iovec there = { (void *)(uintptr_t)(address + len), here.iov_len };
        ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);
        if (n <= 0)
            return false;
        if (memchr(out + len, '\0', (size_t)n))
            return true;
        len += (size_t)n;
    }
    return false;
}

/* "a/./b//c/../d" is "a/b/d". */
static void normalise(char *path)
{
    char *to = path;
    for (const char *from = path; *from;) {
        size_t len = strcspn(++from, "/");
        if (len == 2 && from[0] == '.' && from[1] == '.') {
            while (to > path && *--to != '/')
                ;
        } else if (len > 0 && !(len == 1 && *from == '.')) {
            *to++ = '/';
            memmove(to, from, len);
            to += len;
        }
        from += len;
    }
    *to = '\0';
}

/* Where a write without an offset of its own goes. */
static int64_t position_of(pid_t pid, int fd)
{
    char name[64], line[128];
    long long at = 0;
    unsigned flags = 0;
    struct stat st;
    snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", (int)pid, fd);
    FILE *in = fopen(name, "re");
    while (in && fgets(line, sizeof(line), in))
        if (sscanf(line, "pos: %lld", &at) == 1 || sscanf(line, "flags: %o", &flags) == 1)
            continue;
    if (in)
        fclose(in);
    return flags & O_APPEND && stat_fd(pid, fd, &st) ? st.st_size : at;
}

static pid_t group_of(pid_t tid)
{
    char name[64], line[128];
    int group = tid;
    snprintf(name, sizeof(name), "/proc/%d/status", (int)tid);
    FILE *in = fopen(name, "re");
    while (in && fgets(line, sizeof(line), in))
        if (sscanf(line, "Tgid: %d", &group) == 1)
            break;
    if (in)
        fclose(in);
    return group;
}

#endif
