/* What costs at exec (GnuTLS, PAM, libcrypt, libseccomp) sits in small modules of ours, opened only
 * by the process that needs them: NAME.so beside the running executable, else in LIBEXECDIR. A
 * module exports one table, named after it: struct tls_module tls_module. */
#ifndef AUTH_MODULE_H
#define AUTH_MODULE_H

#include "base/error.h"

/* The table of module name ("tls"); NULL with *err (ERROR_UNAVAILABLE, naming the file). Loaded
 * once, never unloaded. */
const void *module_load(const char *name, struct error *err);

#endif
