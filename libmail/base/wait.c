#include "base/wait.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

int64_t wait_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void wait_sleep(int ms)
{
    struct timespec left = { ms / 1000, (long)(ms % 1000) * 1000000 };
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

bool wait_ready(int fd, short events, int timeout_ms)
{
    struct pollfd pfd = { .fd = fd, .events = events };
    int64_t deadline = timeout_ms < 0 ? -1 : wait_clock() + timeout_ms;
    for (;;) {
        int64_t left = timeout_ms < 0 ? -1 : deadline - wait_clock();
        int wait = timeout_ms < 0 ? -1 : left <= 0 ? 0 : (int)(left < INT_MAX ? left : INT_MAX);
        int ready = poll(&pfd, 1, wait);
        if (ready > 0)
            return true;
        if (ready == 0 && wait == 0)
            return false;
        if (ready < 0 && errno != EINTR && errno != EAGAIN)
            return true;
    }
}
