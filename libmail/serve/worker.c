#include "serve/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/wait.h"

/* The number of octets, then they: one write, which the pipe takes whole. */
static void answer_and_exit(int fd, void *answer, size_t size)
{
    struct iovec parts[2] = { { &size, sizeof(size) }, { answer, size } };
    ssize_t n;
    do
        n = writev(fd, parts, 2);
    while (n < 0 && errno == EINTR);
    _exit(n == (ssize_t)(sizeof(size) + size) ? 0 : 1);
}

/* True when the pipe can be read; false with *err when it is too late or nobody waits. */
static bool wait_for(int fd, int watch, int64_t deadline, struct error *err)
{
    struct pollfd fds[2] = { { .fd = fd, .events = POLLIN }, { .fd = watch, .events = 0 } };
    for (;;) {
        int64_t left = deadline - wait_clock();
        int ready = left <= 0 ? 0 : poll(fds, 2, (int)left);
        if (ready == 0)
            return error_set(err, ERROR_UNAVAILABLE, "the worker did not answer in time");
        if (ready > 0 && fds[0].revents)
            return true;
        if (ready > 0 && fds[1].revents)
            return error_set(err, ERROR_UNAVAILABLE, "nobody waits for the answer any more");
    }
}

/* What is still missing of the count and of the answer, which are read as one. */
static ssize_t read_more(int fd, struct worker_answer *answer, size_t *count, size_t got)
{
    size_t head = got < sizeof(*count) ? sizeof(*count) - got : 0,
           body = head ? 0 : got - sizeof(*count);
    struct iovec parts[2] = { { (char *)count + sizeof(*count) - head, head },
                              { (char *)answer->data + body, answer->size - body } };
    return readv(fd, parts, 2);
}

static bool collect(int fd, struct worker_answer *answer, int watch, int timeout_ms,
                    struct error *err)
{
    int64_t deadline = wait_clock() + timeout_ms;
    size_t count = 0, got = 0;
    while (got < sizeof(count) || got - sizeof(count) < count) {
        if (!wait_for(fd, watch, deadline, err))
            return false;
        ssize_t n = read_more(fd, answer, &count, got);
        if (n == 0 || (n < 0 && errno != EINTR))
            return error_set(err, ERROR_TEMPORARY, "the worker died");
        if (n > 0)
            got += (size_t)n;
        if (got >= sizeof(count) && (count < answer->least || count > answer->size))
            return error_set(err, ERROR_CORRUPT, "the worker's answer has %zu octets", count);
    }
    answer->got = count;
    return got - sizeof(count) == count ||
           error_set(err, ERROR_CORRUPT, "the worker says too much");
}

static bool reap(pid_t pid, bool good, struct error *err)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!good && err && WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        error_set(err, ERROR_TEMPORARY, "the worker was killed by signal %d", WTERMSIG(status));
    return good;
}

bool worker_run(size_t (*work)(void *context, int pipe, void *answer), void *context,
                struct worker_answer *answer, int watch, int timeout_ms, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_errno(err, errno, "making a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        answer_and_exit(ends[1], answer->data, work(context, ends[1], answer->data));
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return error_errno(err, errno, "starting a worker");
    }
    bool good = collect(ends[0], answer, watch, timeout_ms, err);
    if (!good)
        kill(pid, SIGKILL);
    close(ends[0]);
    return reap(pid, good, err);
}
