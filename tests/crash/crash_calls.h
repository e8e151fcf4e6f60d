/* The system calls that change files, or that matter to what a power cut leaves of them. For
 * crash_trace alone. */
#ifndef CRASH_CALLS_H
#define CRASH_CALLS_H

#include <sys/syscall.h>

enum { CWD = 9, NONE = -1 };
enum kind {
    OPEN,
    MKDIR,
    RENAME,
    LINK,
    UNLINK,
    WRITE,
    TRUNCATE,
    SYNC,
    SYNC_ALL,
    TIMES,
    META,
    UNMODELLED,
    MAP,
    OUT
};

/* The arguments in which a call has its directories (CWD: it has none), paths and descriptor. */
struct call {
    const char *name;
    long number;
    enum kind kind;
    signed char dir, path, dir2, path2, fd;
};

#define ON_PATH(name, kind, dir, path)                                                             \
    {                                                                                              \
#name, SYS_##name, kind, dir, path, NONE, NONE, NONE                                       \
    }
#define ON_TWO(name, kind, dir, path, dir2, path2)                                                 \
    {                                                                                              \
#name, SYS_##name, kind, dir, path, dir2, path2, NONE                                      \
    }
#define ON_FD(name, kind, fd)                                                                      \
    {                                                                                              \
#name, SYS_##name, kind, NONE, NONE, NONE, NONE, fd                                        \
    }

static const struct call calls[] = {
    ON_PATH(openat, OPEN, 0, 1),
    ON_PATH(openat2, UNMODELLED, 0, 1),
    ON_PATH(mkdirat, MKDIR, 0, 1),
    ON_PATH(mknodat, UNMODELLED, 0, 1),
    ON_PATH(unlinkat, UNLINK, 0, 1),
    ON_PATH(truncate, UNMODELLED, CWD, 0),
    ON_PATH(fchmodat, META, 0, 1),
    ON_PATH(fchownat, META, 0, 1),
    ON_PATH(utimensat, TIMES, 0, 1),
    ON_PATH(setxattr, UNMODELLED, CWD, 0),
    ON_PATH(removexattr, UNMODELLED, CWD, 0),
    { "symlinkat", SYS_symlinkat, UNMODELLED, 1, 2, NONE, NONE, NONE },
    ON_TWO(renameat, RENAME, 0, 1, 2, 3),
    ON_TWO(renameat2, RENAME, 0, 1, 2, 3),
    ON_TWO(linkat, LINK, 0, 1, 2, 3),
#ifdef SYS_open
    ON_PATH(open, OPEN, CWD, 0),
    ON_PATH(creat, UNMODELLED, CWD, 0),
    ON_PATH(mkdir, MKDIR, CWD, 0),
    ON_PATH(mknod, UNMODELLED, CWD, 0),
    ON_PATH(unlink, UNLINK, CWD, 0),
    ON_PATH(rmdir, UNLINK, CWD, 0),
    ON_PATH(chmod, META, CWD, 0),
    ON_PATH(chown, META, CWD, 0),
    { "symlink", SYS_symlink, UNMODELLED, CWD, 1, NONE, NONE, NONE },
    ON_TWO(rename, RENAME, CWD, 0, CWD, 1),
    ON_TWO(link, LINK, CWD, 0, CWD, 1),
#endif
    ON_FD(write, WRITE, 0),
    ON_FD(pwrite64, WRITE, 0),
    ON_FD(writev, WRITE, 0),
    ON_FD(pwritev, WRITE, 0),
    ON_FD(pwritev2, UNMODELLED, 0),
    ON_FD(sendfile, WRITE, 0),
    ON_FD(copy_file_range, UNMODELLED, 2),
    ON_FD(splice, UNMODELLED, 2),
    ON_FD(ftruncate, TRUNCATE, 0),
    ON_FD(fallocate, UNMODELLED, 0),
    ON_FD(fchmod, META, 0),
    ON_FD(fchown, META, 0),
    ON_FD(fsetxattr, UNMODELLED, 0),
    ON_FD(fremovexattr, UNMODELLED, 0),
    ON_FD(fsync, SYNC, 0),
    ON_FD(fdatasync, SYNC, 0),
    ON_FD(syncfs, SYNC_ALL, 0),
    ON_FD(mmap, MAP, 4),
    ON_FD(sendto, OUT, 0),
    ON_FD(sendmsg, OUT, 0),
};

#endif
