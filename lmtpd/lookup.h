/* Who an address is, found out by a short-lived process of its own: it reads the password file, so
 * that the process which then becomes one user never had the passwords of the others in its memory.
 */
#ifndef LMTPD_LOOKUP_H
#define LMTPD_LOOKUP_H

#include "lmtpd/recipient.h"

/* As recipient_lookup; *detail is a view into local. watch: nobody wants the answer any more when
 * its other side is closed. ERROR_UNAVAILABLE: no answer came in time. */
bool lookup_recipient(const struct conf *conf, struct bytes local, struct bytes domain, int watch,
                      struct account *account, struct bytes *detail, struct arena *arena,
                      struct error *err);

#endif
