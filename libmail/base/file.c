#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "base/wait.h"

static bool durable = true;

void file_durable(bool on)
{
    durable = on;
}

static bool sync_by(int (*call)(int fd), int fd, const char *path, struct error *err)
{
    if (!durable)
        return true;
    while (call(fd) != 0) {
        /* Some file systems cannot sync a directory at all, and need not. */
        if (errno == EINVAL || errno == ENOTSUP)
            return true;
        if (errno != EINTR)
            return error_errno(err, errno, "syncing %s to disk", path);
    }
    return true;
}

bool file_sync(int fd, const char *path, struct error *err)
{
    return sync_by(fsync, fd, path, err);
}

bool file_sync_data(int fd, const char *path, struct error *err)
{
    return sync_by(fdatasync, fd, path, err);
}

bool file_sync_all(int fd, const char *path, struct error *err)
{
    return sync_by(syncfs, fd, path, err);
}

bool file_sync_dir(int dirfd, const char *path, struct error *err)
{
    if (!durable)
        return true;
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "opening directory %s to sync it", path);
    bool good = file_sync(fd, path, err);
    close(fd);
    return good;
}

bool file_write(int fd, struct bytes data, const char *path, struct error *err)
{
    while (data.len > 0) {
        ssize_t n = write(fd, data.data, data.len);
        if (n >= 0)
            data = bytes_skip(data, (size_t)n);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            wait_ready(fd, POLLOUT, -1);
        else if (errno != EINTR)
            return error_errno(err, errno, "writing %s", path);
    }
    return true;
}

/* One octet more than max is asked for, to see that there is none. */
static bool read_whole(int fd, const char *path, size_t max, struct buf *out, struct error *err)
{
    char piece[8192];
    size_t total = 0;
    for (;;) {
        size_t ask = max - total < sizeof(piece) ? max - total + 1 : sizeof(piece);
        ssize_t n = read(fd, piece, ask);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, errno, "reading %s", path);
        if (n == 0)
            return true;
        if ((size_t)n > max - total)
            return error_set(err, ERROR_TOO_BIG, "%s is larger than %zu octets", path, max);
        total += (size_t)n;
        buf_append(out, piece, (size_t)n);
        if (buf_failed(out))
            return error_memory(err);
    }
}

bool file_read(int dirfd, const char *path, size_t max, struct buf *out, struct error *err)
{
    size_t before = out->len;
    int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_errno(err, errno, "opening %s", path);
    bool good = read_whole(fd, path, max, out, err);
    if (!good)
        out->len = before;
    close(fd);
    return good;
}

/* The directory part of path: "." where there is none. */
static const char *parent_of(const char *path, char *out, size_t size)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len == 0)
        return ".";
    snprintf(out, size, "%.*s", (int)len, path);
    return out;
}

static bool sync_parent(int dirfd, const char *path, struct error *err)
{
    char parent[4096];
    return file_sync_dir(dirfd, parent_of(path, parent, sizeof(parent)), err);
}

/* A left-over of a process that had our number is in nobody's use. */
static int create_aside(int dirfd, const char *aside, mode_t mode)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(dirfd, aside, flags, mode);
    if (fd >= 0 || errno != EEXIST || unlinkat(dirfd, aside, 0) != 0)
        return fd;
    return openat(dirfd, aside, flags, mode);
}

static bool write_aside(int fd, const char *aside, struct bytes data, mode_t mode,
                        struct error *err)
{
    if (fchmod(fd, mode) != 0)
        return error_errno(err, errno, "setting the mode of %s", aside);
    return file_write(fd, data, aside, err) && file_sync(fd, aside, err);
}

bool file_replace(int dirfd, const char *path, struct bytes data, mode_t mode, struct error *err)
{
    char aside[4096];
    int len = snprintf(aside, sizeof(aside), "%s.new.%ld", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof(aside))
        return error_set(err, ERROR_INVALID, "the path %.100s... is too long", path);
    int fd = create_aside(dirfd, aside, mode);
    if (fd < 0)
        return error_errno(err, errno, "creating %s", aside);
    bool good = write_aside(fd, aside, data, mode, err);
    if (close(fd) != 0 && good)
        good = error_errno(err, errno, "closing %s", aside);
    if (good && renameat(dirfd, aside, dirfd, path) != 0)
        good = error_errno(err, errno, "renaming %s to %s", aside, path);
    if (!good) {
        unlinkat(dirfd, aside, 0);
        return false;
    }
    return sync_parent(dirfd, path, err);
}

static bool make_one(int dirfd, const char *path, mode_t mode, bool *created, struct error *err)
{
    struct stat st;
    *created = mkdirat(dirfd, path, mode) == 0;
    if (*created)
        return sync_parent(dirfd, path, err);
    int why = errno;
    if (why == EEXIST && fstatat(dirfd, path, &st, 0) == 0 && S_ISDIR(st.st_mode))
        return true;
    return error_errno(err, why, "creating directory %s", path);
}

bool file_mkdir(int dirfd, const char *path, mode_t mode, bool parents, bool *created,
                struct error *err)
{
    char part[4096];
    bool is_new = false;
    size_t len = strlen(path);
    if (len >= sizeof(part))
        return error_set(err, ERROR_INVALID, "the path %.100s... is too long", path);
    if (created)
        *created = false;
    for (size_t i = 1; parents && i < len; i++) {
        struct stat st;
        if (path[i] != '/' || path[i - 1] == '/')
            continue;
        snprintf(part, sizeof(part), "%.*s", (int)i, path);
        /* A parent that is there may lie where we could make nothing. */
        if (fstatat(dirfd, part, &st, 0) != 0 && !make_one(dirfd, part, mode, &is_new, err))
            return false;
    }
    bool good = make_one(dirfd, path, mode, &is_new, err);
    if (created)
        *created = good && is_new;
    return good;
}

bool file_lock(int fd, bool exclusive, int timeout_ms, const char *path, struct error *err)
{
    struct flock lock = { .l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };
    int64_t deadline = wait_clock() + timeout_ms;
    for (int pause = 1;; pause = pause < 32 ? pause * 2 : pause) {
        if (fcntl(fd, timeout_ms < 0 ? F_OFD_SETLKW : F_OFD_SETLK, &lock) == 0)
            return true;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EACCES)
            return error_errno(err, errno, "locking %s", path);
        int64_t left = deadline - wait_clock();
        if (left <= 0)
            return error_set(err, ERROR_CONFLICT, "%s is locked by another process", path);
        wait_sleep(left < pause ? (int)left : pause);
    }
}

static size_t host_name(char *out, size_t size)
{
    char host[256] = "";
    size_t n = 0;
    if (gethostname(host, sizeof(host) - 1) != 0 || !host[0])
        strcpy(host, "localhost");
    for (const char *p = host; *p && n + 5 < size; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '/' || c == ':' || c <= ' ' || c >= 0x7F)
            n += (size_t)snprintf(out + n, size - n, "\\%03o", c);
        else
            out[n++] = *p;
    }
    out[n] = '\0';
    return n;
}

const char *file_unique(char *out, size_t size)
{
    static unsigned deliveries;
    struct timespec now;
    uint64_t random = 0;
    char host[300];
    clock_gettime(CLOCK_REALTIME, &now);
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        random = (uint64_t)now.tv_nsec << 32 | deliveries;
    host_name(host, sizeof(host));
    snprintf(out, size, "%lld.M%06ldP%ldQ%uR%016llx.%s", (long long)now.tv_sec, now.tv_nsec / 1000,
             (long)getpid(), deliveries++, (unsigned long long)random, host);
    return out;
}
