/* crash_trace: runs a command, watches every system call of it and its children that changes files
 * below a directory, and kills them at one of these calls, or writes down what was done. ptrace(2)
 * stops a process exactly at the entry and at the exit of a call.
 *
 *     crash_trace --root DIR [--user UID] [--kill N [--after] [--alone]] [--record FILE --keep DIR]
 * [--report FD] COMMAND...
 *
 * Calls are counted from 1. --kill ends all processes before call N does anything, with --after
 * when it has returned; with --alone only the process that makes it, and the others go on. --report
 * gets "calls reached NAME PATH" at the end.
 *
 * --record writes a line a successful call, fields set off by TAB, octets of paths and data in hex:
 *     create INO PATH    mkdir INO PATH    link INO PATH    rename PATH PATH    unlink PATH rmdir
 * PATH write INO AT DATA  truncate INO LENGTH                sync INO            times INO NS stamp
 * INO NS       the directory's modification time after the call before out COUNT          so many
 * octets went to standard output's socket unmodelled NAME    something that a replay cannot do
 * --keep gives each new file a second link DIR/INO, so that no inode number is used twice and a
 * replay has them all. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSCALL_STOP (SIGTRAP | 0x80)

enum { THREADS = 512, CWD = 9, NONE = -1 };
enum kind {
    OPEN,
    MKDIR,
    RENAME,
    LINK,
    UNLINK,
    WRITE,
    TRUNCATE,
    SYNC,
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
    ON_FD(syncfs, UNMODELLED, 0),
    ON_FD(mmap, MAP, 4),
    ON_FD(sendto, OUT, 0),
    ON_FD(sendmsg, OUT, 0),
};

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

static struct thread threads[THREADS];
static const char *root, *keep;
static char connection[PATH_MAX]; /* what the command's standard output is */
static FILE *record;
static unsigned long count, kill_at;
static bool kill_after, kill_alone, reached;
static char reached_where[PATH_MAX + 64];

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "crash_trace: %s: %s\n", what, strerror(errno));
    exit(125);
}

/* ---- looking at a stopped process ---- */

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

static bool below_root(const char *path)
{
    size_t len = strlen(root);
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
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

/* The absolute path of a call's path argument. */
static bool path_of(const struct thread *t, int dir, int path, char out[PATH_MAX])
{
    char name[PATH_MAX], base[PATH_MAX] = "";
    int fd = dir == CWD ? AT_FDCWD : (int)t->args[dir];
    if (t->args[path] == 0) /* utimensat(fd, NULL) */
        return link_of(t->tid, "fd", fd, out);
    if (!read_string(t->tid, t->args[path], name))
        return false;
    if (name[0] != '/' &&
        !(fd == AT_FDCWD ? link_of(t->tid, "cwd", -1, base) : link_of(t->tid, "fd", fd, base)))
        return false;
    if (snprintf(out, PATH_MAX, "%s/%s", base, name) >= PATH_MAX)
        return false;
    normalise(out);
    return true;
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

/* ---- what a call will change ---- */

static bool open_changes(struct thread *t)
{
    struct stat st;
    int flags = (int)t->args[t->call->path + 1];
    bool there = lstat(t->path, &st) == 0;
    t->ino = there ? st.st_ino : 0;
    t->at = flags;
    return (flags & O_TMPFILE) == O_TMPFILE || (flags & O_CREAT && !there) ||
           (flags & O_TRUNC && there);
}

static bool fd_changes(struct thread *t)
{
    struct stat st;
    int fd = (int)t->args[t->call->fd];
    if (!link_of(t->tid, "fd", fd, t->path))
        return false;
    if (t->call->kind == OUT || strcmp(t->path, connection) == 0)
        return false;
    if (!below_root(t->path) || !stat_fd(t->tid, fd, &st))
        return false;
    t->ino = st.st_ino;
    if (t->call->kind == MAP)
        return false;
    if (t->call->kind == WRITE)
        t->at = t->call->number == SYS_pwrite64 || t->call->number == SYS_pwritev
                    ? (int64_t)t->args[3]
                    : position_of(t->tid, fd);
    return t->call->kind != SYNC;
}

static bool path_changes(struct thread *t)
{
    if (!path_of(t, t->call->dir, t->call->path, t->path))
        return false;
    if (t->call->path2 != NONE && !path_of(t, t->call->dir2, t->call->path2, t->path2))
        return false;
    if (!below_root(t->path) && !below_root(t->path2))
        return false;
    return t->call->kind != OPEN || open_changes(t);
}

static void enter(struct thread *t, const struct __ptrace_syscall_info *info)
{
    t->call = NULL;
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
        if ((uint64_t)calls[i].number == info->entry.nr)
            t->call = &calls[i];
    t->in_call = true;
    t->changes = false;
    t->path[0] = t->path2[0] = '\0';
    t->ino = 0;
    if (!t->call)
        return;
    for (int i = 0; i < 6; i++)
        t->args[i] = info->entry.args[i];
    t->changes = t->call->fd != NONE ? fd_changes(t) : path_changes(t);
}

/* ---- writing down what it has changed ---- */

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

static void put_entry(const char *what, const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        die(path);
    fprintf(record, "%s\t%ju", what, (uintmax_t)st.st_ino);
    put_path(path);
    fputc('\n', record);
    put_stamp(path);
    if (keep && strcmp(what, "create") == 0) {
        char name[PATH_MAX];
        snprintf(name, sizeof(name), "%s/%ju", keep, (uintmax_t)st.st_ino);
        if (link(path, name) != 0)
            die(name);
    }
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

static void put_open(const struct thread *t)
{
    if ((t->at & O_TMPFILE) == O_TMPFILE)
        fputs("unmodelled\tO_TMPFILE\n", record);
    else if (t->ino == 0)
        put_entry("create", t->path);
    else
        fprintf(record, "truncate\t%ju\t0\n", (uintmax_t)t->ino);
}

static void put_change(const struct thread *t, int64_t result)
{
    switch (t->call->kind) {
    case OPEN:
        put_open(t);
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
    else if ((kind == OUT || kind == WRITE) && strcmp(t->path, connection) == 0)
        fprintf(record, "out\t%jd\n", (intmax_t)result);
    else if (kind == MAP && t->ino != 0 && t->args[2] & PROT_WRITE && t->args[3] & MAP_SHARED)
        fputs("unmodelled\tmmap\n", record);
}

/* ---- the processes ---- */

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

static void kill_now(const struct thread *t)
{
    reached = true;
    snprintf(reached_where, sizeof(reached_where), "%s\t%s", t->call->name,
             t->path2[0] ? t->path2 : t->path);
    for (size_t i = 0; i < THREADS; i++)
        if (threads[i].tid && (!kill_alone || &threads[i] == t))
            kill(group_of(threads[i].tid), SIGKILL);
}

static struct thread *thread_of(pid_t tid)
{
    struct thread *empty = NULL;
    for (size_t i = 0; i < THREADS; i++) {
        if (threads[i].tid == tid)
            return &threads[i];
        if (!threads[i].tid && !empty)
            empty = &threads[i];
    }
    if (!empty) {
        fprintf(stderr, "crash_trace: more than %d threads\n", THREADS);
        exit(125);
    }
    *empty = (struct thread){ .tid = tid };
    return empty;
}

static void on_syscall(struct thread *t)
{
    struct __ptrace_syscall_info info = { 0 };
    if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(info), &info) < 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        enter(t, &info);
        t->ordinal = t->changes ? ++count : 0;
        /* Killed here, the call is not made. */
        if (t->changes && t->ordinal == kill_at && !kill_after)
            kill_now(t);
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->in_call) {
        t->in_call = false;
        if (record && t->call && !info.exit.is_error)
            put_call(t, info.exit.rval);
        if (t->changes && t->ordinal == kill_at && kill_after)
            kill_now(t);
    }
}

/* Until no process is left. */
static void watch(void)
{
    int status;
    pid_t tid;
    while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (tid < 0)
            continue;
        struct thread *t = thread_of(tid);
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            t->tid = 0;
            continue;
        }
        int sig = WSTOPSIG(status), event = status >> 16;
        if (sig == SYSCALL_STOP) {
            on_syscall(t);
            sig = 0;
        } else if (event != 0) {
            sig = 0;
        }
        ptrace(PTRACE_SYSCALL, tid, 0, sig);
    }
}

static void become(const char *user)
{
    unsigned long id = user ? strtoul(user, NULL, 10) : 0;
    if (user && geteuid() == 0 &&
        (setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0))
        die("becoming the user");
}

static void start(const char *user, char **command)
{
    int go[2];
    char byte;
    if (pipe2(go, O_CLOEXEC) != 0)
        die("pipe");
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        close(go[1]);
        if (read(go[0], &byte, 1) != 1)
            _exit(125);
        become(user);
        execvp(command[0], command);
        die(command[0]);
    }
    if (!link_of(pid, "fd", 1, connection) ||
        ptrace(PTRACE_SEIZE, pid, 0,
               PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
                   PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC) != 0 ||
        ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0 || write(go[1], "x", 1) != 1)
        die("tracing");
    close(go[0]);
    close(go[1]);
    /* The connection ends when the command's processes do. */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
        die("/dev/null");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "root", required_argument, NULL, 'r' },
        { "user", required_argument, NULL, 'u' },
        { "kill", required_argument, NULL, 'k' },
        { "after", no_argument, NULL, 'a' },
        { "alone", no_argument, NULL, 'l' },
        { "record", required_argument, NULL, 'o' },
        { "keep", required_argument, NULL, 'e' },
        { "report", required_argument, NULL, 'f' },
        { 0 },
    };
    const char *user = NULL, *recorded = NULL;
    int report = -1, option;
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (option) {
        case 'r':
            root = optarg;
            break;
        case 'u':
            user = optarg;
            break;
        case 'k':
            kill_at = strtoul(optarg, NULL, 10);
            break;
        case 'a':
            kill_after = true;
            break;
        case 'l':
            kill_alone = true;
            break;
        case 'o':
            recorded = optarg;
            break;
        case 'e':
            keep = optarg;
            break;
        case 'f':
            report = atoi(optarg);
            break;
        default:
            return 2;
        }
    }
    if (!root || optind == argc) {
        fputs("usage: crash_trace --root DIR [option]... COMMAND...\n", stderr);
        return 2;
    }
    if (recorded && !(record = fopen(recorded, "we")))
        die(recorded);
    if (report >= 0)
        fcntl(report, F_SETFD, FD_CLOEXEC);
    start(user, argv + optind);
    watch();
    if (report >= 0)
        dprintf(report, "%lu\t%d\t%s\n", count, reached, reached_where);
    return record && fclose(record) != 0 ? 125 : 0;
}
