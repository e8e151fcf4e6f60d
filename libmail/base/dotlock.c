/* Dotlocks as Dovecot makes and judges them, so that both keep each other out. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/wait.h"

enum { LONGEST_PAUSE_MS = 100 };

static int64_t newest_ms(const struct stat *st)
{
    int64_t m = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    int64_t c = (int64_t)st->st_ctim.tv_sec * 1000 + st->st_ctim.tv_nsec / 1000000;
    return m > c ? m : c;
}

/* The process of this host that the lock file names, or 0: "PID:HOST", or "PID" alone. */
static pid_t local_holder(int fd)
{
    char text[300], host[256] = "";
    ssize_t n = pread(fd, text, sizeof(text), 0);
    if (n <= 0 || gethostname(host, sizeof(host) - 1) != 0)
        return 0;
    struct bytes rest = bytes_trim(bytes_make(text, (size_t)n));
    uint32_t pid;
    if (!bytes_to_u32(bytes_split(&rest, ':'), &pid) || pid == 0 || pid > INT32_MAX)
        return 0;
    if (rest.data && !bytes_equal(rest, bytes_of(host)))
        return 0;
    return (pid_t)pid;
}

/* Whether the lock file open at fd lost its owner. A file that bears our own number is left over
 * from before: we would not wait for ourselves. */
static bool is_stale(int fd, const struct stat *lock, int dirfd, const char *path, int stale_ms)
{
    pid_t holder = local_holder(fd);
    if (holder > 0)
        return holder == getpid() || (kill(holder, 0) != 0 && errno == ESRCH);
    struct timespec now;
    struct stat guarded;
    int64_t changed = newest_ms(lock);
    if (stale_ms <= 0)
        return false;
    if (fstatat(dirfd, path, &guarded, 0) == 0 && newest_ms(&guarded) > changed)
        changed = newest_ms(&guarded);
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - changed > stale_ms;
}

/* Removes the lock file when it is stale. Its inode is compared once more just before, since another
 * process may have come to the same judgement and made its own lock meanwhile. */
static void remove_stale(const struct dotlock *lock, const char *path, int stale_ms)
{
    struct stat judged, present;
    int fd = openat(lock->dirfd, lock->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    if (fstat(fd, &judged) == 0 && is_stale(fd, &judged, lock->dirfd, path, stale_ms) &&
        fstatat(lock->dirfd, lock->path, &present, AT_SYMLINK_NOFOLLOW) == 0 &&
        present.st_ino == judged.st_ino && present.st_dev == judged.st_dev &&
        newest_ms(&present) == newest_ms(&judged))
        unlinkat(lock->dirfd, lock->path, 0);
    close(fd);
}

static bool write_holder(struct dotlock *lock, struct error *err)
{
    char host[256] = "", text[300];
    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    int len = snprintf(text, sizeof(text), "%ld:%s", (long)getpid(), host);
    if (file_write(lock->fd, bytes_make(text, (size_t)len), lock->path, err))
        return true;
    dotlock_release(lock);
    return false;
}

bool dotlock_take(struct dotlock *lock, int dirfd, const char *path, int timeout_ms, int stale_ms,
                  struct error *err)
{
    int len = snprintf(lock->path, sizeof(lock->path), "%s.lock", path);
    lock->fd = -1;
    lock->dirfd = dirfd;
    if (len < 0 || (size_t)len >= sizeof(lock->path))
        return error_set(err, ERROR_INVALID, "the path %.100s... is too long to lock", path);
    int64_t deadline = wait_clock() + timeout_ms;
    for (int pause = 2;; pause = pause < LONGEST_PAUSE_MS ? pause * 2 : pause) {
        lock->fd = openat(dirfd, lock->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (lock->fd >= 0)
            return write_holder(lock, err);
        if (errno != EEXIST && errno != EINTR)
            return error_errno(err, errno, "creating the lock %s", lock->path);
        if (errno == EEXIST)
            remove_stale(lock, path, stale_ms);
        int64_t left = deadline - wait_clock();
        if (left <= 0 && timeout_ms >= 0 && pause > 2)
            return error_set(err, ERROR_CONFLICT, "%s is held by another process", lock->path);
        if (pause > 2)
            wait_sleep(timeout_ms >= 0 && left < pause ? (int)left : pause);
    }
}

void dotlock_release(struct dotlock *lock)
{
    struct stat ours, present;
    if (lock->fd < 0)
        return;
    if (fstat(lock->fd, &ours) == 0 &&
        fstatat(lock->dirfd, lock->path, &present, AT_SYMLINK_NOFOLLOW) == 0 &&
        ours.st_ino == present.st_ino && ours.st_dev == present.st_dev)
        unlinkat(lock->dirfd, lock->path, 0);
    close(lock->fd);
    lock->fd = -1;
}
