/* A short-lived process for one task that needs a secret: it answers with a small fixed structure
 * over a pipe and exits. */
#ifndef SERVE_WORKER_H
#define SERVE_WORKER_H

#include <stddef.h>
#include "base/error.h"

struct worker_answer {
    void *data;         /* where work fills it in, and where it is copied to here */
    size_t least, size; /* octets that there must be, and may be */
    size_t got;         /* out: what lies behind them is whatever it was */
};

/* Runs work in a forked process, which fills answer from its start, returns how many octets count
 * and ends. Waits at most timeout_ms; where watch (a descriptor, or -1) is hung up by its other
 * side meanwhile, nobody wants the answer any more and the worker is killed. False with *err: it
 * died, was too slow, answered too little or too much, or watch is gone. */
bool worker_run(size_t (*work)(void *context, int pipe, void *answer), void *context,
                struct worker_answer *answer, int watch, int timeout_ms, struct error *err);

#endif
