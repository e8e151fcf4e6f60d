#include "serve/transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/wait.h"
#include "serve/tls_file.h"
#include "serve/tls_module.h"

struct transport *transport_open(int fd, int timeout_ms)
{
    struct transport *transport = calloc(1, sizeof(*transport));
    if (!transport)
        return NULL;
    transport->fd = fd;
    transport->timeout_ms = timeout_ms;
    transport->deadline = -1;
    return transport;
}

void transport_deadline(struct transport *transport, int ms)
{
    transport->deadline = ms < 0 ? -1 : wait_clock() + ms;
}

/* Milliseconds that the next wait may last. */
static int patience(const struct transport *transport)
{
    if (transport->deadline < 0)
        return transport->timeout_ms;
    int64_t left = transport->deadline - wait_clock();
    if (left < 0)
        left = 0;
    return transport->timeout_ms >= 0 && left > transport->timeout_ms ? transport->timeout_ms
                                                                      : (int)left;
}

/* Waits for what a call wanted; false with *err when it was TLS_FAILED or the time is over. */
static bool wanted(struct transport *transport, ssize_t want, struct error *err)
{
    if (want == TLS_FAILED)
        return false;
    return wait_ready(transport->fd, want == TLS_WANT_WRITE ? POLLOUT : POLLIN,
                      patience(transport)) ||
           error_set(err, ERROR_UNAVAILABLE, "the client was silent for too long");
}

static ssize_t socket_result(ssize_t n, int want, struct error *err)
{
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return want;
    if (want == TLS_WANT_READ && errno == ECONNRESET)
        return 0;
    error_errno(err, errno, want == TLS_WANT_READ ? "receiving" : "sending");
    return TLS_FAILED;
}

ssize_t transport_receive(struct transport *transport, void *data, size_t size, struct error *err)
{
    if (transport->tls)
        return tls_functions(NULL)->receive(transport->tls, data, size, err);
    return socket_result(recv(transport->fd, data, size, MSG_DONTWAIT), TLS_WANT_READ, err);
}

ssize_t transport_send(struct transport *transport, const void *data, size_t size,
                       struct error *err)
{
    if (transport->tls)
        return tls_functions(NULL)->send(transport->tls, data, size, err);
    return socket_result(send(transport->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL),
                         TLS_WANT_WRITE, err);
}

void transport_goodbye(struct transport *transport)
{
    if (transport->tls && !transport->said_goodbye)
        tls_functions(NULL)->goodbye(transport->tls);
    transport->said_goodbye = true;
}

void transport_close(struct transport **transport)
{
    struct transport *gone = *transport;
    if (!gone)
        return;
    if (gone->tls) {
        transport_goodbye(gone);
        tls_functions(NULL)->close(gone->tls);
    }
    free(gone);
    *transport = NULL;
}

struct transport_input {
    struct input input;
    struct transport *transport;
};

/* Who never lets us wait must not escape the deadline either. */
static bool in_time(const struct transport *transport, struct error *err)
{
    return transport->deadline < 0 || wait_clock() <= transport->deadline ||
           error_set(err, ERROR_UNAVAILABLE, "the client took too long");
}

static ssize_t read_octets(struct input *input, void *data, size_t size, struct error *err)
{
    struct transport *transport = ((struct transport_input *)input)->transport;
    if (!in_time(transport, err))
        return -1;
    for (;;) {
        ssize_t n = transport_receive(transport, data, size, err);
        if (n >= 0)
            return n;
        if (!wanted(transport, n, err))
            return -1;
    }
}

static const struct input_ops input_ops = { .read = read_octets };

struct input *transport_input(struct transport *transport, size_t buffer_size)
{
    struct input *input = input_create(&input_ops, sizeof(struct transport_input), buffer_size);
    if (input)
        ((struct transport_input *)input)->transport = transport;
    return input;
}

struct transport_output {
    struct output output;
    struct transport *transport;
};

static bool write_octets(struct output *output, const char *data, size_t len, struct error *err)
{
    struct transport *transport = ((struct transport_output *)output)->transport;
    while (len > 0) {
        ssize_t n = transport_send(transport, data, len, err);
        if (n < 0 && !wanted(transport, n, err))
            return false;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return true;
}

static const struct output_ops output_ops = { .write = write_octets };

struct output *transport_output(struct transport *transport, size_t buffer_size)
{
    struct output *output =
        output_create(&output_ops, sizeof(struct transport_output), buffer_size);
    if (output)
        ((struct transport_output *)output)->transport = transport;
    return output;
}

bool transport_starttls(struct transport *transport, struct tls *tls, struct input *in,
                        tls_signer *signer, void *context, struct error *err)
{
    const struct tls_module *functions = tls_functions(err);
    const int on = 1;
    if (in && input_buffered(in).len > 0)
        return error_set(err, ERROR_INVALID,
                         "the client sent %zu octets in plain behind its request for TLS",
                         input_buffered(in).len);
    if (!functions)
        return false;
    struct tls_connection *connection = functions->open(tls, transport->fd, signer, context, err);
    if (!connection)
        return false;
    int n;
    while ((n = functions->handshake(connection, err)) != 0)
        if (!wanted(transport, n, err)) {
            functions->close(connection);
            return false;
        }
    transport->tls = connection;
    /* The client's last handshake message has no answer; a client with Nagle's algorithm holds its
     * first command back until it is acknowledged. */
    (void)setsockopt(transport->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
    functions->describe(connection, transport->description, sizeof(transport->description));
    return true;
}

const char *transport_tls(const struct transport *transport)
{
    return transport->tls ? transport->description : NULL;
}

const char *transport_tls_version(const struct transport *transport)
{
    return transport->tls ? tls_functions(NULL)->version(transport->tls) : NULL;
}
