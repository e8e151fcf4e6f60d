#include "serve/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/wait.h"

static void answer_and_exit(int fd, const char *answer, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, answer, size);
        if (n < 0 && errno != EINTR)
            _exit(1);
        if (n > 0) {
            answer += n;
            size -= (size_t)n;
        }
    }
    _exit(0);
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

static bool collect(int fd, char *answer, size_t size, int watch, int timeout_ms, struct error *err)
{
    int64_t deadline = wait_clock() + timeout_ms;
    while (size > 0) {
        if (!wait_for(fd, watch, deadline, err))
            return false;
        ssize_t n = read(fd, answer, size);
        if (n == 0 || (n < 0 && errno != EINTR))
            return error_set(err, ERROR_TEMPORARY, "the worker died");
        if (n > 0) {
            answer += n;
            size -= (size_t)n;
        }
    }
    return true;
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

bool worker_run(void (*work)(void *context, int pipe, void *answer), void *context, void *answer,
                size_t size, int watch, int timeout_ms, struct error *err)
{
    int ends[2];
    memset(answer, 0, size);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_errno(err, errno, "making a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        work(context, ends[1], answer);
        answer_and_exit(ends[1], answer, size);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return error_errno(err, errno, "starting a worker");
    }
    bool good = collect(ends[0], answer, size, watch, timeout_ms, err);
    if (!good)
        kill(pid, SIGKILL);
    close(ends[0]);
    return reap(pid, good, err);
}
