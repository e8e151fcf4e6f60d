/* The table through which serve/tls.c and the signing worker reach GnuTLS (module/tls.c). Only
 * file-local use: see serve/tls.h. */
#ifndef SERVE_TLS_MODULE_H
#define SERVE_TLS_MODULE_H

#include "serve/tls.h"

struct tls_connection;

/* What a call that cannot go on waits for; never blocks itself. */
enum { TLS_FAILED = -1, TLS_WANT_READ = -2, TLS_WANT_WRITE = -3 };

struct tls_module {
    /* chain: PEM, the server's certificate first. */
    struct tls *(*load)(struct bytes chain, const char *priorities, const char *alpn,
                        struct error *err);
    void (*unload)(struct tls *tls);
    struct tls_connection *(*open)(struct tls *tls, int fd, tls_signer *signer, void *context,
                                   struct error *err);
    /* 0, or what it waits for, or TLS_FAILED with *err. */
    int (*handshake)(struct tls_connection *connection, struct error *err);
    /* Octets, 0 at the end (also one without goodbye), or as above. After a want the same call is
     * repeated. Octets may wait inside: before poll, receive until it wants. */
    ssize_t (*receive)(struct tls_connection *connection, void *data, size_t size,
                       struct error *err);
    ssize_t (*send)(struct tls_connection *connection, const void *data, size_t size,
                    struct error *err);
    /* Before a long wait: gives back memory that only a record on its way needs. */
    void (*rest)(struct tls_connection *connection);
    int (*goodbye)(struct tls_connection *connection); /* 0 or what it waits for */
    void (*close)(struct tls_connection *connection);
    const char *(*describe)(struct tls_connection *connection, char *out, size_t size);
    const char *(*version)(struct tls_connection *connection);
    /* The signing worker's: key is PEM (wiped by the caller). */
    bool (*sign)(struct bytes key, unsigned algorithm, struct bytes data, struct buf *signature,
                 struct error *err);
};

#endif
