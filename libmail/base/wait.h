/* Waiting for a descriptor with a deadline that interrupting signals do not move. */
#ifndef BASE_WAIT_H
#define BASE_WAIT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/* Milliseconds of a clock that is never set. */
int64_t wait_clock(void);
/* Sleeps, at least so long. */
void wait_sleep(int ms);
/* True when fd is ready for events (POLLIN, POLLOUT) or broken, so that the next call tells how; false
 * after timeout_ms (-1: never). */
bool wait_ready(int fd, short events, int timeout_ms);

#endif
