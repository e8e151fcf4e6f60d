/* A stored password: "{SCHEME}data", Dovecot's names. Comparing takes the same time wherever the
 * difference is. */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include "base/buf.h"
#include "base/error.h"

/* *match says whether given is it: never where either is empty, or the stored one is locked ("!",
 * "*"). False with *err (ERROR_CORRUPT): the stored form makes no sense. */
bool password_verify(struct bytes stored, const char *default_scheme, struct bytes given,
                     bool *match, struct error *err);
/* Whether it is empty or locked. */
bool password_locked(struct bytes stored, const char *default_scheme);
/* The secret itself where it is stored ({PLAIN}, {CLEARTEXT}, with .b64 or .hex): appended to out,
 * which is empty before. False: it is not, or it is empty. */
bool password_plain(struct bytes stored, const char *default_scheme, struct buf *out);
/* Loads what comparing needs. */
bool password_prepare(struct error *err);
/* Appends 32 hexadecimal digits: RFC 1939's APOP digest of challenge and secret. */
bool password_apop(struct bytes challenge, struct bytes secret, struct buf *out, struct error *err);

#endif
