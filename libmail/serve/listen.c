/* The listener: a warm parent that accepts and forks. It knows of its children only who they serve.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "base/memory.h"
#include "base/wait.h"
#include "serve/start.h"

#define LISTEN_MAX 16
#define LISTEN_BACKOFF                                                                             \
    200 /* milliseconds without accepting, after the machine had no descriptor, memory or process  \
           left */
#define LISTEN_SILENCE 60000
#define LISTEN_CHILDREN "POSTERN_CHILDREN" /* how many a parent has that executes itself anew */

struct child {
    pid_t pid;
    char address[64];
};

struct listener {
    const struct start *start;
    const struct conf *conf;
    char **argv;
    int (*serve)(void *context, int fd);
    void *context;
    struct child *children;
    size_t count, capacity;
    int signals;
    int fds[LISTEN_MAX]; /* the listening sockets, all above 2 */
    bool was_stdin;
    bool stopping, anew, was_full;
    int64_t backoff_until, complained, warned;
};

/* ---- children ---- */

static void address_of(int fd, char address[64])
{
    struct auth_peer peer = { 0 };
    bool local;
    start_peer(fd, &peer, &local);
    memcpy(address, peer.address, sizeof(peer.address));
}

static bool remember(struct listener *l, pid_t pid, const char *address)
{
    if (l->count == l->capacity) {
        size_t more = l->capacity ? l->capacity * 2 : 16;
        struct child *larger = reallocarray(l->children, more, sizeof(*larger));
        if (!larger)
            return false;
        l->children = larger;
        l->capacity = more;
    }
    struct child *child = &l->children[l->count++];
    child->pid = pid;
    snprintf(child->address, sizeof(child->address), "%s", address);
    return true;
}

static bool is_crash(int signal)
{
    return signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS || signal == SIGSYS;
}

/* Children of before an execution anew have no known pid: any unknown one stands for one of them.
 */
static void forget(struct listener *l, pid_t pid, int status)
{
    size_t i = 0;
    while (i < l->count && l->children[i].pid != pid)
        i++;
    for (size_t j = 0; i == l->count && j < l->count; j++)
        if (l->children[j].pid == 0)
            i = j;
    if (i == l->count)
        return;
    if (WIFSIGNALED(status) && is_crash(WTERMSIG(status))) {
        log_error("the process of a connection from %s died of signal %d (%s); starting anew with "
                  "other addresses",
                  l->children[i].address, WTERMSIG(status), strsignal(WTERMSIG(status)));
        l->anew = true;
    }
    l->children[i] = l->children[--l->count];
}

static void read_signals(struct listener *l)
{
    struct signalfd_siginfo info;
    while (read(l->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            l->anew = true;
        else if (info.ssi_signo != SIGCHLD)
            l->stopping = true;
    }
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        forget(l, pid, status);
}

/* ---- connections ---- */

static void complain(struct listener *l, const char *what, int errnum)
{
    int64_t now = wait_clock();
    l->backoff_until = now + LISTEN_BACKOFF;
    if (l->complained == 0 || now - l->complained > LISTEN_SILENCE)
        log_error("%s: %s; connections wait", what, strerror(errnum));
    l->complained = now;
}

static void unblock(int signals)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close(signals);
}

/* One stranger shall not take everybody's place. */
static bool is_greedy(struct listener *l, const char *address)
{
    size_t most = l->conf->listener_max_per_address, count = 0;
    if (most == 0 || strcmp(address, "local") == 0)
        return false;
    for (size_t i = 0; i < l->count; i++)
        count += strcmp(l->children[i].address, address) == 0;
    if (count < most)
        return false;
    int64_t now = wait_clock();
    if (l->warned == 0 || now - l->warned > LISTEN_SILENCE) {
        log_warning("%s has %zu connections open (listener_max_per_address); more are closed",
                    address, count);
        l->warned = now;
    }
    return true;
}

static void serve_one(struct listener *l, int fd)
{
    char address[64];
    address_of(fd, address);
    if (is_greedy(l, address)) {
        close(fd);
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        unblock(l->signals);
        for (size_t i = 0; i < l->start->listen_count; i++)
            close(l->fds[i]);
        /* No exit handlers: this process shares them with its parent, and its filter may forbid
         * what they do. */
        _exit(l->serve(l->context, fd));
    }
    if (pid < 0)
        complain(l, "starting a process for a connection", errno);
    else if (!remember(l, pid, address))
        complain(l, "remembering a connection", ENOMEM);
    close(fd);
}

static void accept_one(struct listener *l, int listening)
{
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        serve_one(l, fd);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        complain(l, "accepting a connection", errno);
    else if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) {
        log_error("accepting a connection: %s; the listener ends", strerror(errno));
        l->stopping = true;
    }
    /* Anything else is that connection's own trouble (accept(2)). */
}

/* Milliseconds that poll may sleep. */
static int patience(const struct listener *l)
{
    int64_t left = l->backoff_until - wait_clock();
    if (left > 0)
        return (int)left;
    if (l->count > 0 || l->conf->listener_idle == 0)
        return -1;
    return l->conf->listener_idle < INT_MAX / 1000 ? (int)l->conf->listener_idle * 1000 : INT_MAX;
}

static bool may_accept(struct listener *l)
{
    bool full = l->count >= l->conf->listener_max;
    if (full && !l->was_full)
        log_warning("%zu connections are open (listener_max); more wait until one ends", l->count);
    l->was_full = full;
    return !full && wait_clock() >= l->backoff_until;
}

/* False when nothing happened for the idle time. */
static bool turn(struct listener *l)
{
    struct pollfd fds[LISTEN_MAX + 1] = { { .fd = l->signals, .events = POLLIN } };
    size_t count = may_accept(l) ? l->start->listen_count : 0;
    for (size_t i = 0; i < count; i++)
        fds[i + 1] = (struct pollfd){ .fd = l->fds[i], .events = POLLIN };
    bool backing_off = wait_clock() < l->backoff_until;
    int ready = poll(fds, count + 1, patience(l));
    if (ready == 0)
        return l->count > 0 || backing_off;
    if (ready < 0)
        return true;
    if (fds[0].revents)
        read_signals(l);
    for (size_t i = 0; i < count && !l->stopping && !l->anew; i++)
        if (fds[i + 1].revents)
            accept_one(l, l->fds[i]);
    return true;
}

/* ---- beginning and end ---- */

/* Standard input moves up, so that no child has a listening socket among its standard descriptors.
 */
static bool take_sockets(struct listener *l)
{
    for (size_t i = 0; i < l->start->listen_count; i++) {
        int fd = l->start->listen_fds[i];
        if (fd <= 2) {
            l->was_stdin = true;
            l->fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
            start_release_standard();
        } else {
            l->fds[i] = fd;
        }
        int flags = l->fds[i] < 0 ? -1 : fcntl(l->fds[i], F_GETFL);
        if (flags < 0 || fcntl(l->fds[i], F_SETFL, flags | O_NONBLOCK) != 0) {
            log_error("preparing the listening socket: %s", strerror(errno));
            return false;
        }
    }
    return true;
}

static bool begin(struct listener *l)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_SETMASK, &set, NULL);
    l->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (!take_sockets(l))
        return false;
    uint32_t before = 0;
    const char *inherited = getenv(LISTEN_CHILDREN);
    if (inherited && bytes_to_u32(bytes_of(inherited), &before))
        for (; before > 0 && l->count < l->conf->listener_max; before--)
            remember(l, 0, "");
    unsetenv(LISTEN_CHILDREN);
    if (l->signals < 0)
        log_error("signalfd: %s", strerror(errno));
    else
        read_signals(l);
    return l->signals >= 0;
}

/* Descriptors, process id and children stay; the memory is a new one. Returns only when that
 * failed. */
static void execute_anew(struct listener *l)
{
    char path[PATH_MAX], number[32];
    static const char deleted[] = " (deleted)";
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    /* Replaced by an upgrade: what has its name now is meant. */
    if (n > (ssize_t)sizeof(deleted) && strcmp(path + n - (sizeof(deleted) - 1), deleted) == 0)
        path[n - (ssize_t)(sizeof(deleted) - 1)] = '\0';
    if (l->was_stdin) {
        dup2(l->fds[0], 0);
    } else {
        snprintf(number, sizeof(number), "%zu", l->start->listen_count);
        setenv("LISTEN_FDS", number, 1);
        snprintf(number, sizeof(number), "%ld", (long)getpid());
        setenv("LISTEN_PID", number, 1);
        for (size_t i = 0; i < l->start->listen_count; i++)
            fcntl(l->fds[i], F_SETFD, 0);
    }
    snprintf(number, sizeof(number), "%zu", l->count);
    setenv(LISTEN_CHILDREN, number, 1);
    execv(path, l->argv);
    log_error("%s: %s", path, strerror(errno));
}

int start_listen(const struct start *start, const struct conf *conf, char **argv,
                 int (*serve)(void *context, int fd), void *context)
{
    struct listener l = {
        .start = start,
        .conf = conf,
        .argv = argv,
        .serve = serve,
        .context = context,
    };
    if (!begin(&l))
        return 71; /* EX_OSERR */
    memory_settle();
    while (!l.stopping && !l.anew && turn(&l))
        ;
    if (l.anew && !l.stopping)
        execute_anew(&l);
    if (l.signals >= 0)
        close(l.signals);
    free(l.children);
    return l.anew && !l.stopping ? 71 : 0;
}
