/* Addresses and parameters of MAIL and RCPT (RFC 5321, 4.1.2; RFC 6531, 3.3 for UTF-8). */
#ifndef LMTPD_PATH_H
#define LMTPD_PATH_H

#include "base/bytes.h"

enum { PATH_LOCAL_MAX = 255, PATH_DOMAIN_MAX = 255 };

struct path {
    char local[PATH_LOCAL_MAX + 1]; /* without quotes and backslashes */
    size_t local_len;
    struct bytes domain; /* as written, without brackets cut off; empty when there is none */
    struct bytes text;   /* as written, without angle brackets and source route; empty for <> */
    bool utf8;           /* something is not ASCII */
};

/* Takes "<...>" from the front of *rest. The local part has no control characters or NUL. Views into *rest. False
 * when malformed. */
bool path_parse(struct bytes *rest, struct path *path);

/* The next " KEY" or " KEY=value" of *rest: 1, 0 at the end, -1 when malformed. */
int path_parameter(struct bytes *rest, struct bytes *key, struct bytes *value);

#endif
