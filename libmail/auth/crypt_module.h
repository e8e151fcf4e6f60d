/* The table through which password.c reaches libxcrypt and nettle (module/crypt.c). */
#ifndef AUTH_CRYPT_MODULE_H
#define AUTH_CRYPT_MODULE_H

#include "base/buf.h"
#include "base/error.h"

struct crypt_module {
    /* Any hash of crypt(5). False with *err: libxcrypt does not know it. */
    bool (*verify)(const char *hash, const char *password, bool *match, struct error *err);
    /* A new hash with crypt(5)'s prefix ("$y$"). */
    bool (*make)(const char *prefix, const char *password, struct buf *out, struct error *err);
    /* Appends the digest ("MD5", "SHA1", "SHA256", "SHA512") of a followed by b; false when it is
     * unknown. */
    bool (*digest)(const char *algorithm, struct bytes a, struct bytes b, struct buf *out);
    size_t (*digest_size)(const char *algorithm); /* octets, 0: unknown */
    bool (*base64_decode)(struct bytes text, struct buf *out);
    void (*base64_encode)(struct bytes data, struct buf *out);
    bool (*random)(void *data, size_t size);
};

#endif
