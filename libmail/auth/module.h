/* What costs at exec (GnuTLS, PAM, libcrypt) sits in small modules of ours, opened only
 * by the process that needs them: NAME.so beside the running executable, else in LIBEXECDIR. A
 * module exports one table, named after it: struct tls_module tls_module; and what build it is of
 * (auth/module_export.h). */
#ifndef AUTH_MODULE_H
#define AUTH_MODULE_H

#include "base/error.h"

/* The table of module name ("tls"); NULL with *err (ERROR_UNAVAILABLE, naming the file; also when it is of another build than the program). Loaded
 * once, never unloaded. */
const void *module_load(const char *name, struct error *err);

#endif
