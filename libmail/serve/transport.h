/* Inside of struct transport, for transport.c and shuttle.c: one attempt at a time, never blocking.
 */
#ifndef SERVE_TRANSPORT_H
#define SERVE_TRANSPORT_H

#include "serve/tls.h"

struct transport {
    int fd, timeout_ms;
    int64_t deadline; /* of wait_clock(); -1: none */
    struct tls_connection *tls;
    bool said_goodbye;
    char description[160];
};

/* Octets moved, 0 at the end (receive), TLS_WANT_READ, TLS_WANT_WRITE, or TLS_FAILED with *err. */
ssize_t transport_receive(struct transport *transport, void *data, size_t size, struct error *err);
ssize_t transport_send(struct transport *transport, const void *data, size_t size,
                       struct error *err);
/* Says goodbye in TLS, once; the socket stays. */
void transport_goodbye(struct transport *transport);

#endif
