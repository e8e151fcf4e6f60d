/* The table through which sandbox.c reaches libseccomp (module/seccomp.c): it only compiles;
 * installing needs no library. */
#ifndef SERVE_SECCOMP_MODULE_H
#define SERVE_SECCOMP_MODULE_H

#include <linux/filter.h>
#include "base/error.h"
#include "serve/sandbox.h"

struct seccomp_module {
    /* The filter as BPF; program->filter is the caller's to free(). */
    bool (*compile)(enum sandbox_kind kind, struct sock_fprog *program, struct error *err);
};

#endif
