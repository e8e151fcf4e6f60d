#include "serve/start.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/output.h"

#define LISTEN_FDS_START 3

/* ---- what is what ---- */

static bool is_socket(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static bool is_listening(int fd)
{
    int value = 0;
    socklen_t len = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 && value;
}

/* Neither end has a name: socketpair(2), as mbsync makes for its tunnel. An accepted UNIX socket
 * has its listener's name. */
static bool is_unnamed_pair(int fd)
{
    struct sockaddr_storage own, peer;
    socklen_t own_len = sizeof(own), peer_len = sizeof(peer);
    return getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 && own.ss_family == AF_UNIX &&
           getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 &&
           own_len <= sizeof(sa_family_t) && peer_len <= sizeof(sa_family_t);
}

static enum start_kind kind_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return START_TERMINAL;
    if (S_ISFIFO(st.st_mode))
        return START_PIPE;
    if (!S_ISSOCK(st.st_mode))
        return START_TERMINAL;
    if (is_listening(fd))
        return START_LISTENING;
    return is_unnamed_pair(fd) ? START_PIPE : START_CONNECTED;
}

/* ---- sd_listen_fds(3), without the library ---- */

static size_t passed_count(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    char own[32];
    uint32_t n = 0;
    snprintf(own, sizeof(own), "%ld", (long)getpid());
    bool ours = pid && count && strcmp(pid, own) == 0 && bytes_to_u32(bytes_of(count), &n);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return !ours ? 0 : n < 1024 ? n : 1024;
}

static void take_listeners(struct start *start, size_t passed)
{
    const size_t most = sizeof(start->listen_fds) / sizeof(start->listen_fds[0]);
    for (size_t i = 0; i < passed; i++) {
        int fd = LISTEN_FDS_START + (int)i;
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        if (is_socket(fd) && is_listening(fd) && start->listen_count < most)
            start->listen_fds[start->listen_count++] = fd;
    }
}

static void replace(int fd, int flags)
{
    int null = open("/dev/null", flags);
    if (null >= 0 && null != fd) {
        dup2(null, fd);
        close(null);
    }
}

/* inetd gives the client's socket as standard error too: nothing of ours may ever be written there.
 */
static void save_stderr(int connection)
{
    struct stat client, log;
    if (fstat(2, &log) != 0 || (fstat(connection, &client) == 0 && log.st_dev == client.st_dev &&
                                log.st_ino == client.st_ino))
        replace(2, O_WRONLY);
}

/* What the starter ignores or blocks stays so across exec. Without SIGCHLD a listener would never
 * learn that a connection has ended; a listener that executes itself anew has good reasons to block
 * the others until it can take them. */
static void usual_signals(enum start_kind kind)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGCHLD, SIG_DFL);
    if (kind != START_LISTENING)
        sigprocmask(SIG_SETMASK, &none, NULL);
}

void start_detect(struct start *start)
{
    size_t passed = passed_count();
    *start = (struct start){ .in = 0, .out = 1 };
    take_listeners(start, passed);
    if (start->listen_count > 0) {
        start->kind = START_LISTENING;
        usual_signals(start->kind);
        save_stderr(start->listen_fds[0]);
        return;
    }
    start->kind = kind_of(0);
    if (start->kind == START_TERMINAL && passed > 0 &&
        kind_of(LISTEN_FDS_START) == START_CONNECTED) {
        start->kind = START_CONNECTED;
        start->in = LISTEN_FDS_START;
    }
    if (start->kind == START_CONNECTED)
        start->out = start->in;
    if (start->kind == START_LISTENING)
        start->listen_fds[start->listen_count++] = 0;
    usual_signals(start->kind);
    if (start->kind != START_TERMINAL)
        save_stderr(start->in);
}

void start_release_standard(void)
{
    replace(0, O_RDONLY);
    replace(1, O_WRONLY);
}

int start_socket(const struct start *start)
{
    int fd = fcntl(start->in, F_DUPFD_CLOEXEC, LISTEN_FDS_START);
    if (fd < 0)
        return -1;
    if (start->in > 2)
        close(start->in);
    start_release_standard();
    return fd;
}

/* ---- refusing ---- */

static void say(int fd, const char *line)
{
    struct output *out = output_fd(fd, 1024, 1000, false);
    if (!out)
        return;
    output_printf(out, "%s\r\n", line);
    (void)output_flush(out, NULL);
    output_close(&out);
    shutdown(fd, SHUT_WR);
}

static void say_to_queue(int listening, const char *line)
{
    struct pollfd waiting = { .fd = listening, .events = POLLIN };
    while (poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN)) {
        int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            return;
        say(fd, line);
        close(fd);
    }
}

void start_refuse(const struct start *start, char **argv, const char *line)
{
    for (char **word = argv; *word; word++)
        if (strcmp(*word, "tls=implicit") == 0 || strcmp(*word, "-otls=implicit") == 0)
            return;
    for (size_t i = 0; i < start->listen_count; i++)
        say_to_queue(start->listen_fds[i], line);
    if (start->kind == START_CONNECTED || start->kind == START_PIPE)
        say(start->out, line);
}

/* ---- addresses ---- */

/* An IPv4 address mapped into IPv6 is written as what it is. Returns the address's octets, NULL for
 * "local". */
static const void *write_address(const struct sockaddr_storage *address, char out[64],
                                 size_t *octets)
{
    const struct sockaddr_in *in4 = (const void *)address;
    const struct sockaddr_in6 *in6 = (const void *)address;
    snprintf(out, 64, "local");
    if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        *octets = 4;
        return inet_ntop(AF_INET, in6->sin6_addr.s6_addr + 12, out, 64)
                   ? in6->sin6_addr.s6_addr + 12
                   : NULL;
    }
    if (address->ss_family == AF_INET6) {
        *octets = 16;
        return inet_ntop(AF_INET6, &in6->sin6_addr, out, 64) ? &in6->sin6_addr : NULL;
    }
    *octets = 4;
    return address->ss_family == AF_INET && inet_ntop(AF_INET, &in4->sin_addr, out, 64)
               ? &in4->sin_addr
               : NULL;
}

static bool is_loopback(const void *octets, size_t count)
{
    const unsigned char *o = octets;
    return count == 4 ? o[0] == 127 : IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)octets);
}

void start_peer(int fd, struct auth_peer *peer, bool *local)
{
    struct sockaddr_storage own = { 0 }, other = { 0 };
    socklen_t own_len = sizeof(own), other_len = sizeof(other);
    char text[64];
    size_t own_octets, octets;
    *local = false;
    if (getpeername(fd, (struct sockaddr *)&other, &other_len) != 0) {
        /* A pipe, or a client that has gone already. */
        snprintf(peer->address, sizeof(peer->address), "%s", is_socket(fd) ? "gone" : "local");
        *local = !is_socket(fd);
        return;
    }
    const void *address = write_address(&other, peer->address, &octets);
    getsockname(fd, (struct sockaddr *)&own, &own_len);
    const void *ours = write_address(&own, text, &own_octets);
    *local = !address || is_loopback(address, octets) ||
             (ours && own_octets == octets && memcmp(ours, address, octets) == 0);
}

void start_local(int fd, char out[64])
{
    struct sockaddr_storage own = { 0 };
    socklen_t len = sizeof(own);
    size_t octets;
    getsockname(fd, (struct sockaddr *)&own, &len);
    write_address(&own, out, &octets);
}

void start_tune(int fd)
{
    const int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0)
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}
