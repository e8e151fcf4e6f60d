/* crash_trace: runs a command, watches every system call of it and its children that changes files
 * below a directory, and kills them at one of these calls, or writes down what was done. ptrace(2)
 * stops a process exactly at the entry and at the exit of a call.
 *
 *     crash_trace --root DIR [--user UID] [--report FD]
 *                 [--kill N [--after] [--alone] | --record FILE [--keep DIR]] COMMAND...
 *
 * Calls are counted from 1. --kill ends all processes before call N does anything, with --after
 * when it has returned; with --alone only the process that makes it, and the others go on. --report
 * gets "calls reached NAME PATH" at the end.
 *
 * --record writes a line a successful call, fields set off by TAB, octets of paths and data in hex:
 *     create INO PATH       mkdir INO PATH      link INO PATH       nameless INO
 *     rename PATH PATH      unlink PATH         rmdir PATH
 *     write INO AT DATA     truncate INO LENGTH times INO NS        sync INO    sync-all
 *     stamp INO NS          modification time of what the call before has changed
 *     out COUNT             so many octets went to standard output's socket
 *     unmodelled NAME       something that a replay cannot do
 * --keep gives each new file a second link DIR/INO, so that no inode number is used twice and a
 * replay has them all. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "crash_calls.h"
#include "crash_process.h"
#include "crash_record.h"

#define SYSCALL_STOP (SIGTRAP | 0x80)

enum { THREADS = 512 };

static struct thread threads[THREADS];
static unsigned long count, kill_at;
static bool kill_after, kill_alone, reached;
static char reached_where[PATH_MAX + 64];

static bool below_root(const char *path)
{
    size_t len = strlen(root);
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
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
    return t->call->kind != SYNC && t->call->kind != SYNC_ALL;
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

/* ---- the processes ---- */

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
