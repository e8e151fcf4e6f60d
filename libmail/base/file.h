/* Files that must not be lost or seen half-done: durable writes, directories, locks. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/stat.h>
#include <sys/types.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

/* "yes" (default) or "no": whether fsync is called at all (setting `durable`). */
void file_durable(bool on);

/* fsync of an open file or directory, or of the directory at dirfd/path. */
bool file_sync(int fd, const char *path_for_error, struct error *err);
/* The same for the octets of a file alone: that it got another name or link in the meantime does not matter. */
bool file_sync_data(int fd, const char *path_for_error, struct error *err);
/* syncfs: all of the file system that fd is on, where syncing many files each would cost a flush of the disk each. */
bool file_sync_all(int fd, const char *path_for_error, struct error *err);
bool file_sync_dir(int dirfd, const char *path, struct error *err);

/* Writes all of data at the file's position. */
bool file_write(int fd, struct bytes data, const char *path_for_error, struct error *err);
/* All of a file of at most max octets into *out (appended). ERROR_NO_SUCH, ERROR_TOO_BIG, ... */
bool file_read(int dirfd, const char *path, size_t max, struct buf *out, struct error *err);
/* Replaces path by data: written aside (path + ".new.PID"), synced, renamed, directory synced. */
bool file_replace(int dirfd, const char *path, struct bytes data, mode_t mode, struct error *err);
/* Creates a directory (parents too when parents), each synced into its parent. *created (may be NULL): the last one is new. */
bool file_mkdir(int dirfd, const char *path, mode_t mode, bool parents, bool *created, struct error *err);
/* Removes a directory tree below dirfd/path; symbolic links are removed, never followed. */
bool file_remove_tree(int dirfd, const char *path, struct error *err);

/* Open-file-description lock on a whole file (fcntl F_OFD_SETLKW), waiting at most timeout_ms: ERROR_CONFLICT
 * when it is held longer. Released by closing fd. */
bool file_lock(int fd, bool exclusive, int timeout_ms, const char *path_for_error, struct error *err);

/* A dotlock as Dovecot makes it: path + ".lock", holding "PID:HOST"; it appears whole, and is locked (F_OFD_SETLK) too while
 * its holder lives. A lock is stale at once when it is ours and not locked any more, or its process on this host is gone;
 * where it names none of this host, when its and path's times are older than stale_ms. Not waiting is timeout_ms 0;
 * ERROR_CONFLICT when it is held longer. */
struct dotlock {
    int fd, dirfd;
    char path[512]; /* of the lock file, relative to dirfd */
};
bool dotlock_take(struct dotlock *lock, int dirfd, const char *path, int timeout_ms, int stale_ms, struct error *err);
/* Whether a living process has it that took it with dotlock_take(). */
bool dotlock_held(int dirfd, const char *path);
void dotlock_release(struct dotlock *lock); /* removes the file if it is still ours */

/* An unpredictable and unique name part: "1763778000.M123456P4321Q7R0123456789abcdef.host" (maildir(5) rules: "/" and ":" in the
 * host name become \057 and \072). At most size - 1 octets into out; returns out. */
const char *file_unique(char *out, size_t size);

#endif
