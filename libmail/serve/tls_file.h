/* Where certificate and key lie, and the module's table: for serve/tls.c, transport.c and the
 * signing worker only. */
#ifndef SERVE_TLS_FILE_H
#define SERVE_TLS_FILE_H

#include "base/error.h"

struct tls_module;

/* The path behind a setting: itself, or for "credential:NAME" the file in systemd's
 * $CREDENTIALS_DIRECTORY. */
bool tls_path(const char *setting, char *out, size_t size, struct error *err);
/* Loaded on the first call; NULL with *err. */
const struct tls_module *tls_functions(struct error *err);

#endif
