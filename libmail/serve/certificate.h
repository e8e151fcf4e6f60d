/* What a certificate and its key are worth: for `mailadm check`, which looks before a client does.
 * GnuTLS sits behind module/certificate.c. */
#ifndef SERVE_CERTIFICATE_H
#define SERVE_CERTIFICATE_H

#include <stdbool.h>
#include <time.h>
#include "base/bytes.h"
#include "base/error.h"

struct certificate_facts {
    time_t from, until; /* validity of the server's own certificate, the first of the chain */
    unsigned bits;      /* of an RSA key; 0 for others */
    size_t chain;       /* certificates in the file */
    bool self_signed;
    bool for_host; /* it is for the hostname that was asked for */
    bool key_matches;
    char subject[300];
};

struct certificate_module {
    /* chain and key: PEM; key.data NULL: only the certificate. False with *err: what cannot be
     * read, and why. */
    bool (*inspect)(struct bytes chain, struct bytes key, const char *hostname,
                    struct certificate_facts *out, struct error *err);
    /* Whether GnuTLS understands a priority string; *err quotes the place. */
    bool (*priorities)(const char *text, struct error *err);
};

#endif
