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

enum { LONGEST_PAUSE_MS = 100, SHORT_PAUSE_MS = 32 };

static int64_t newest_ms(const struct stat *st)
{
    int64_t m = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    int64_t c = (int64_t)st->st_ctim.tv_sec * 1000 + st->st_ctim.tv_nsec / 1000000;
    return m > c ? m : c;
}

/* Behind "PID:HOST" and a zero octet, where other programs do not read: the writer of this file
 * keeps it locked (F_OFD_SETLK) while it lives. A number alone may be given out again, stays with a
 * dead process that nobody waits for, and means another process in another container. */
static const char MARK[] = "postern";

/* Whom a lock file names. */
struct holder {
    pid_t pid;   /* of this host; 0: none, or one elsewhere */
    bool marked; /* it would have the file locked if it lived */
};

/* From "PID:HOST" or "PID" alone. */
static struct holder read_holder(int fd)
{
    char text[320], host[256] = "";
    ssize_t n = pread(fd, text, sizeof(text), 0);
    if (n <= 0 || gethostname(host, sizeof(host) - 1) != 0)
        return (struct holder){ 0 };
    struct bytes mark = bytes_make(text, (size_t)n);
    struct bytes rest = bytes_trim(bytes_split(&mark, '\0'));
    uint32_t pid;
    if (!bytes_to_u32(bytes_split(&rest, ':'), &pid) || pid == 0 || pid > INT32_MAX)
        return (struct holder){ 0 };
    if (rest.data && !bytes_equal(rest, bytes_of(host)))
        return (struct holder){ 0 };
    return (struct holder){ (pid_t)pid, mark.data && bytes_equal(mark, bytes_of(MARK)) };
}

/* Whether the lock file open at fd, which nobody has locked, lost its owner. A file that bears our
 * own number is left over from before: we would not wait for ourselves. */
static bool is_stale(int fd, const struct stat *lock, int dirfd, const char *path, int stale_ms)
{
    struct holder holder = read_holder(fd);
    if (holder.pid > 0)
        return holder.marked || holder.pid == getpid() ||
               (kill(holder.pid, 0) != 0 && errno == ESRCH);
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

/* Whether a living holder has the lock file locked. If not, we have: so only one of those who wait
 * judges it, and none removes the lock that another made meanwhile. (Without the right to write, we
 * look only.) */
static bool is_locked(int fd)
{
    struct error err;
    int mode = fcntl(fd, F_GETFL);
    return !file_lock(fd, (mode & O_ACCMODE) == O_RDWR, 0, "", &err) && err.class == ERROR_CONFLICT;
}

/* Removes the lock file when it is stale. Its inode is compared once more just before, since
 * another process may have come to the same judgement and made its own lock meanwhile. */
static void remove_stale(const struct dotlock *lock, const char *path, int stale_ms)
{
    struct stat judged, present;
    int fd = openat(lock->dirfd, lock->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == EACCES)
        fd = openat(lock->dirfd, lock->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    if (!is_locked(fd) && fstat(fd, &judged) == 0 &&
        is_stale(fd, &judged, lock->dirfd, path, stale_ms) &&
        fstatat(lock->dirfd, lock->path, &present, AT_SYMLINK_NOFOLLOW) == 0 &&
        present.st_ino == judged.st_ino && present.st_dev == judged.st_dev &&
        newest_ms(&present) == newest_ms(&judged))
        unlinkat(lock->dirfd, lock->path, 0);
    close(fd);
}

/* Locks the new file at fd and writes who we are into it. */
static bool write_holder(int fd, const char *path, struct error *err)
{
    char host[256] = "", text[320];
    bool locked = file_lock(fd, true, 0, path, NULL);
    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    int len = snprintf(text, sizeof(text), "%ld:%s%c%s", (long)getpid(), host, 0, MARK);
    size_t unmarked = (size_t)len - sizeof(MARK);
    return file_write(fd, bytes_make(text, locked ? (size_t)len : unmarked), path, err);
}

/* A file without a name in the directory of the lock, locked and written: -1 where there are no
 * such files, or no room. */
static int nameless_file(const struct dotlock *lock)
{
    char directory[sizeof(lock->path)] = ".";
    const char *slash = strrchr(lock->path, '/');
    if (slash)
        snprintf(directory, sizeof(directory), "%.*s", (int)(slash + 1 - lock->path), lock->path);
    int fd = openat(lock->dirfd, directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);
    if (fd < 0 || write_holder(fd, lock->path, NULL))
        return fd;
    close(fd);
    return -1;
}

/* Makes the lock file: from a nameless one, so that it appears whole or not at all. Else a process
 * that is killed before it has written leaves an empty file, which is in the way until it is old:
 * Dovecot's are empty while they are held. False with errno EEXIST when there is one. */
static bool make_lock(struct dotlock *lock, int *nameless)
{
    if (*nameless >= 0) {
        char from[32];
        snprintf(from, sizeof(from), "/proc/self/fd/%d", *nameless);
        if (linkat(AT_FDCWD, from, lock->dirfd, lock->path, AT_SYMLINK_FOLLOW) == 0) {
            lock->fd = *nameless;
            *nameless = -1;
            return true;
        }
        if (errno == EEXIST)
            return false;
    }
    lock->fd = openat(lock->dirfd, lock->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (lock->fd < 0 || write_holder(lock->fd, lock->path, NULL))
        return lock->fd >= 0;
    int error = errno;
    dotlock_release(lock);
    errno = error;
    return false;
}

/* Most locks are held while something is synced, and whoever shows the change waits for the end: a
 * short pause is over within a millisecond of it. */
static void pause_for(const struct dotlock *lock, int ms)
{
    if (ms > SHORT_PAUSE_MS)
        wait_sleep(ms);
    else
        for (; ms > 0 && faccessat(lock->dirfd, lock->path, F_OK, AT_SYMLINK_NOFOLLOW) == 0; ms--)
            wait_sleep(1);
}

/* Waits until the lock file is ours. */
static bool wait_for_lock(struct dotlock *lock, int *nameless, const char *path, int timeout_ms,
                          int stale_ms, struct error *err)
{
    int64_t deadline = wait_clock() + timeout_ms;
    for (int pause = 2;; pause = pause < LONGEST_PAUSE_MS ? pause * 2 : pause) {
        if (make_lock(lock, nameless))
            return true;
        if (errno != EEXIST && errno != EINTR)
            return error_errno(err, errno, "creating the lock %s", lock->path);
        if (errno == EEXIST)
            remove_stale(lock, path, stale_ms);
        int64_t left = deadline - wait_clock();
        if (left <= 0 && timeout_ms >= 0 && pause > 2)
            return error_set(err, ERROR_CONFLICT, "%s is held by another process", lock->path);
        if (pause > 2)
            pause_for(lock, timeout_ms >= 0 && left < pause ? (int)left : pause);
    }
}

bool dotlock_take(struct dotlock *lock, int dirfd, const char *path, int timeout_ms, int stale_ms,
                  struct error *err)
{
    int len = snprintf(lock->path, sizeof(lock->path), "%s.lock", path);
    lock->fd = -1;
    lock->dirfd = dirfd;
    if (len < 0 || (size_t)len >= sizeof(lock->path))
        return error_set(err, ERROR_INVALID, "the path %.100s... is too long to lock", path);
    int nameless = nameless_file(lock);
    bool ok = wait_for_lock(lock, &nameless, path, timeout_ms, stale_ms, err);
    if (nameless >= 0)
        close(nameless);
    return ok;
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

bool dotlock_held(int dirfd, const char *path)
{
    char name[sizeof(((struct dotlock *)0)->path)];
    struct flock held = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int len = snprintf(name, sizeof(name), "%s.lock", path);
    int fd = len > 0 && (size_t)len < sizeof(name)
                 ? openat(dirfd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
                 : -1;
    if (fd < 0)
        return false;
    bool locked = fcntl(fd, F_OFD_GETLK, &held) == 0 && held.l_type != F_UNLCK;
    close(fd);
    return locked;
}
