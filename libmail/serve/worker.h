/* A short-lived process for one task that needs a secret: it answers with a small fixed structure
 * over a pipe and exits. */
#ifndef SERVE_WORKER_H
#define SERVE_WORKER_H

#include <stddef.h>
#include "base/error.h"

/* Runs work in a forked process, which fills answer (size octets, zeroed) and ends; then it is
 * copied here. Waits at most timeout_ms; where watch (a descriptor, or -1) is hung up by its other
 * side meanwhile, nobody wants the answer any more and the worker is killed. False with *err: it
 * died, was too slow, or watch is gone. */
bool worker_run(void (*work)(void *context, int pipe, void *answer), void *context, void *answer,
                size_t size, int watch, int timeout_ms, struct error *err);

#endif
