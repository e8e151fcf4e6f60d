#include "serve/privsep.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/wait.h"

#define PRIVSEP_SEND_PATIENCE 30000

pid_t privsep_fork(int *fd, struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        error_errno(err, errno, "making a socket pair");
        return -1;
    }
    pid_t pid = fork();
    if (pid < 0) {
        error_errno(err, errno, "starting a process");
        close(pair[0]);
        close(pair[1]);
        return -1;
    }
    *fd = pair[pid == 0];
    close(pair[pid != 0]);
    return pid;
}

bool privsep_send(int fd, unsigned type, struct bytes payload, int pass, struct error *err)
{
    uint32_t head = type;
    struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)payload.data, payload.len } };
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    if (pass >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control.space);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.head), &pass, sizeof(int));
    }
    for (;;) {
        if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return true;
        if (errno != EAGAIN && errno != EINTR)
            return error_errno(err, errno, "telling the other process");
        if (!wait_ready(fd, POLLOUT, PRIVSEP_SEND_PATIENCE))
            return error_set(err, ERROR_UNAVAILABLE, "the other process does not listen");
    }
}

/* ---- the gate ---- */

static const struct privsep_rule *rule_of(const struct privsep_gate *gate, unsigned type)
{
    for (size_t i = 0; i < gate->rules_count; i++)
        if (gate->rules[i].type == type)
            return &gate->rules[i];
    return NULL;
}

static bool admit(struct privsep_gate *gate, unsigned type, size_t size, struct error *err)
{
    const struct privsep_rule *rule = rule_of(gate, type);
    if (!rule || type >= PRIVSEP_TYPES_MAX)
        return error_set(err, ERROR_INVALID, "message of unknown type %u", type);
    if (!(rule->states & gate->state))
        return error_set(err, ERROR_INVALID, "message \"%s\" out of order", rule->name);
    if (rule->count > 0 && gate->seen[type] >= rule->count)
        return error_set(err, ERROR_INVALID, "message \"%s\" more than %u times", rule->name,
                         rule->count);
    if (size < rule->least || size > rule->most || size > PRIVSEP_MESSAGE_MAX)
        return error_set(err, ERROR_INVALID, "message \"%s\" of %zu octets", rule->name, size);
    gate->seen[type]++;
    return true;
}

/* 1 when a message waits, its type and payload size told; 0 at the end; -1. */
static int look(int fd, int timeout_ms, unsigned *type, size_t *size, struct error *err)
{
    uint32_t head = 0;
    if (!wait_ready(fd, POLLIN, timeout_ms)) {
        error_set(err, ERROR_UNAVAILABLE, "no message came in time");
        return -1;
    }
    ssize_t n = recv(fd, &head, sizeof(head), MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return 0;
    if (n < (ssize_t)sizeof(head)) {
        error_set(err, ERROR_INVALID, "message without a type");
        return -1;
    }
    *type = head;
    *size = (size_t)n - sizeof(head);
    return 1;
}

int privsep_wait(int fd, struct privsep_gate *gate, int timeout_ms, unsigned *type,
                 struct error *err)
{
    size_t size;
    int got = look(fd, timeout_ms, type, &size, err);
    return got > 0 && !admit(gate, *type, size, err) ? -1 : got;
}

void privsep_discard(int fd)
{
    uint32_t head;
    (void)!recv(fd, &head, sizeof(head), MSG_DONTWAIT);
}

/* The descriptor in a received message, or -1; no other control message can come on such a socket.
 */
static int passed_descriptor(struct msghdr *message)
{
    int fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
            memcpy(&fd, CMSG_DATA(c), sizeof(int));
    return fd;
}

static bool take(int fd, size_t size, struct buf *payload, int *passed, struct error *err)
{
    uint32_t head;
    buf_clear(payload);
    char *into = size > PRIVSEP_MESSAGE_MAX ? NULL : buf_reserve(payload, size + 1);
    struct iovec parts[2] = { { &head, sizeof(head) }, { into, size } };
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = { 0 };
    if (!into)
        return error_set(err, ERROR_LIMIT, "message of %zu octets", size);
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    if (passed) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control.space);
    }
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n != (ssize_t)(size + sizeof(head)))
        return error_set(err, ERROR_INVALID, "a message was torn");
    payload->len = size;
    if (passed)
        *passed = passed_descriptor(&message);
    return true;
}

int privsep_receive(int fd, struct privsep_gate *gate, int timeout_ms, unsigned *type,
                    struct buf *payload, int *passed, struct error *err)
{
    size_t size;
    if (passed)
        *passed = -1;
    int got = look(fd, timeout_ms, type, &size, err);
    if (got <= 0)
        return got;
    if ((gate && !admit(gate, *type, size, err)) || !take(fd, size, payload, passed, err))
        return -1;
    return 1;
}
