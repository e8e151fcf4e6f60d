/* Taking away what a process does not need: no new privileges, no core dumps, resource limits, an empty root directory, a system-call
 * allow-list that kills (compiled when Postern is built: filters/filters.c), Landlock where the kernel has it. */
#ifndef SERVE_SANDBOX_H
#define SERVE_SANDBOX_H

#include "auth/account.h"
#include "base/error.h"
#include "conf/conf.h"

enum sandbox_kind {
    SANDBOX_LOGIN,   /* sockets it already has, memory, time, nothing else */
    SANDBOX_PARSER,  /* lmtpd's: the same, and receiving descriptors */
    SANDBOX_SESSION, /* files, no new sockets, no exec, no way to other ids */
};

/* Drops to conf->login_user in conf->login_root (as root), closes all descriptors but keep[], installs the filter. As an ordinary user only
 * the filter and limits. */
bool sandbox_enter(enum sandbox_kind kind, const struct conf *conf, const int *keep, size_t keep_count, struct error *err);

/* Looks up conf->login_user and makes conf->login_root where it is absent (as root), once: a warm listener before it forks. Without it
 * sandbox_enter does what it needs itself. */
bool sandbox_prepare(const struct conf *conf, struct error *err);
/* Closes all descriptors but keep[], the standard ones and the log's: for a process that stays root (PAM). */
bool sandbox_close(const int *keep, size_t keep_count, struct error *err);
/* What remains of it for a process that is neither: no core dumps, not traceable by others of its uid. */
void sandbox_private(void);

#endif
