/* The TLS end's whole work after login: octets from one side to the other. Each direction is a pipe
 * with one buffer: while that holds octets nothing more is read, so memory is bounded and pressure
 * is passed on. poll is asked only for what a direction can use, so nothing spins. */
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/memory.h"
#include "base/wait.h"
#include "serve/tls_file.h"
#include "serve/tls_module.h"
#include "serve/transport.h"

#define SHUTTLE_BUFFER 16384 /* a TLS record's most */
#define SHUTTLE_FLUSH 30000  /* milliseconds without progress once the session has gone */
#define SHUTTLE_LINGER                                                                             \
    300 /* for the client's end, so that unread octets do not reset what we sent */

struct lane {
    size_t at, filled;
    size_t touched; /* of data, since its pages were given back */
    bool ended;     /* the source said end */
    bool closed;    /* the sink was told, or is broken */
    char *data;     /* SHUTTLE_BUFFER octets */
};

struct shuttle {
    struct transport *transport;
    int plain;
    struct lane up, down;          /* client to session; session to client */
    short want_plain, want_client; /* what the last attempts wait for */
    int patience;                  /* milliseconds that the client may leave octets waiting */
    int64_t taken;                 /* when it last took some, or none waited */
};

static void note(short *events, ssize_t want)
{
    *events |= want == TLS_WANT_WRITE ? POLLOUT : POLLIN;
}

static ssize_t plain_result(ssize_t n, int want)
{
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? want : TLS_FAILED;
}

static bool lane_empty(const struct lane *lane)
{
    return lane->at == lane->filled;
}

/* One attempt at reading; true on progress. */
static bool lane_fill(struct lane *lane, ssize_t n, short *events)
{
    if (n > 0) {
        lane->at = 0;
        lane->filled = (size_t)n;
        if (lane->touched < lane->filled)
            lane->touched = lane->filled;
        return true;
    }
    if (n == 0 || n == TLS_FAILED) {
        lane->ended = true;
        return true;
    }
    note(events, n);
    return false;
}

static bool lane_drain(struct lane *lane, ssize_t n, short *events)
{
    if (n == TLS_FAILED) {
        lane->closed = lane->ended = true;
        lane->at = lane->filled = 0;
        return true;
    }
    if (n < 0) {
        note(events, n);
        return false;
    }
    lane->at += (size_t)n;
    return n > 0;
}

static bool move_up(struct shuttle *s)
{
    struct lane *lane = &s->up;
    if (lane->closed)
        return false;
    if (!lane_empty(lane)) {
        ssize_t n = send(s->plain, lane->data + lane->at, lane->filled - lane->at,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        return lane_drain(lane, plain_result(n, TLS_WANT_WRITE), &s->want_plain);
    }
    if (lane->ended) {
        shutdown(s->plain, SHUT_WR);
        return lane->closed = true;
    }
    return lane_fill(lane, transport_receive(s->transport, lane->data, SHUTTLE_BUFFER, NULL),
                     &s->want_client);
}

static bool move_down(struct shuttle *s)
{
    struct lane *lane = &s->down;
    if (lane->closed)
        return false;
    if (!lane_empty(lane)) {
        ssize_t n =
            transport_send(s->transport, lane->data + lane->at, lane->filled - lane->at, NULL);
        if (n > 0)
            s->taken = wait_clock();
        return lane_drain(lane, n, &s->want_client);
    }
    if (lane->ended)
        return lane->closed = true;
    s->taken = wait_clock();
    ssize_t n = recv(s->plain, lane->data, SHUTTLE_BUFFER, MSG_DONTWAIT);
    return lane_fill(lane, plain_result(n, TLS_WANT_READ), &s->want_plain);
}

/* Milliseconds to wait. A client that takes nothing is not served for ever: the session may be gone
 * long since, and what it said is still on the way. */
static int patience(const struct shuttle *s)
{
    if (lane_empty(&s->down) && !s->down.ended)
        return -1;
    int64_t left = s->taken + (s->down.ended ? SHUTTLE_FLUSH : s->patience) - wait_clock();
    return left > 0 ? (int)left : 0;
}

static void lane_rest(struct lane *lane)
{
    memory_drop(lane->data, lane->touched);
    lane->touched = 0;
}

/* Most connections do nothing most of the time. */
static void release(struct shuttle *s)
{
    lane_rest(&s->up);
    lane_rest(&s->down);
    tls_functions(NULL)->rest(s->transport->tls);
    memory_release();
}

/* poll(), which gives memory back when it lasts longer. */
static int wait_long(struct shuttle *s, struct pollfd fds[2])
{
    int most = patience(s);
    bool idle = most < 0 && lane_empty(&s->up);
    int ready = poll(fds, 2, idle ? MEMORY_IDLE : most);
    if (ready != 0 || !idle)
        return ready;
    release(s);
    return poll(fds, 2, -1);
}

/* False when nothing came within the time that the state allows. */
static bool rest(struct shuttle *s)
{
    struct pollfd fds[2] = { { .fd = s->transport->fd, .events = s->want_client },
                             { .fd = s->plain, .events = s->want_plain } };
    /* A side of which nothing is wanted must not wake us with a hangup. */
    for (size_t i = 0; i < 2; i++)
        if (!fds[i].events)
            fds[i].fd = -1;
    int ready;
    do
        ready = wait_long(s, fds);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* What in still holds came from the client before the session was there. */
static bool hand_over(int plain, struct input *in)
{
    struct bytes left = input_buffered(in);
    while (left.len > 0) {
        ssize_t n = send(plain, left.data, left.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN && wait_ready(plain, POLLOUT, SHUTTLE_FLUSH))
            continue;
        if (n < 0)
            return false;
        input_consume(in, (size_t)n);
        left = bytes_skip(left, (size_t)n);
    }
    return true;
}

static void linger(struct transport *transport)
{
    char waste[1024];
    shutdown(transport->fd, SHUT_WR);
    for (int64_t end = wait_clock() + SHUTTLE_LINGER, now; (now = wait_clock()) < end;)
        if (!wait_ready(transport->fd, POLLIN, (int)(end - now)) ||
            recv(transport->fd, waste, sizeof(waste), MSG_DONTWAIT) <= 0)
            break;
}

void transport_shuttle(struct transport *transport, struct input *in, int plain, int patience_ms)
{
    static char up[SHUTTLE_BUFFER], down[SHUTTLE_BUFFER];
    struct shuttle s = { .transport = transport, .plain = plain, .patience = patience_ms };
    s.up.data = up;
    s.down.data = down;
    if (!hand_over(plain, in))
        return;
    input_rest(in);
    /* The session's end ends all; the client's end is passed on, and its answers still travel. */
    while (!s.down.closed) {
        s.want_plain = s.want_client = 0;
        bool moved = move_up(&s);
        moved |= move_down(&s);
        if (!moved && !rest(&s))
            return;
    }
    transport_goodbye(transport);
    linger(transport);
}
