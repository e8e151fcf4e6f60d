/* TLS by GnuTLS behind a small table (module/tls.c, loaded only where it is needed), and the
 * connection's socket as streams, plain or TLS. Certificates are public and loaded once (in a warm
 * listener before it forks); the private key is never in this process: handshakes are signed by a
 * tls_signer, which asks the monitor. TLS 1.2 and 1.3, no tickets, no renegotiation, no RSA key
 * exchange. */
#ifndef SERVE_TLS_H
#define SERVE_TLS_H

#include "base/buf.h"
#include "base/input.h"
#include "base/output.h"
#include "conf/conf.h"

struct tls;       /* certificates and priorities */
struct transport; /* one connection's socket */

/* Signs data with the server's key; algorithm is GnuTLS's gnutls_sign_algorithm_t, with
 * TLS_SIGN_HASH where data is already the hash. */
#define TLS_SIGN_HASH 0x10000U
typedef bool tls_signer(void *context, unsigned algorithm, struct bytes data, struct buf *signature,
                        struct error *err);

/* Whether conf names a certificate and key that are there (no secret is read): what a warm parent
 * checks. False with *err: ERROR_NO_SUCH: none is there (TLS simply is not offered); anything else
 * is worth a log line. */
bool tls_configured(const struct conf *conf, struct error *err);
/* Loads the module and the certificate chain. alpn: "imap", "pop3" or "" (offered leniently: a
 * client that asks for others is served). NULL with *err naming the file. Call before
 * sandbox_enter. */
struct tls *tls_load(const struct conf *conf, const char *alpn, struct error *err);
/* Whether the certificate's file is still the one that was last loaded (one stat): a renewed one is
 * picked up without a restart. */
bool tls_current(const struct conf *conf);
void tls_free(struct tls **tls);

/* fd stays the caller's. Until transport_deadline nothing bounds the waiting but timeout_ms for
 * each read or write without progress (-1 for ever). */
struct transport *transport_open(int fd, int timeout_ms);
/* From now on no read or write waits longer than to this moment: milliseconds from now, -1: take
 * the deadline away. */
void transport_deadline(struct transport *transport, int ms);
void transport_close(
    struct transport **transport); /* says goodbye in TLS; its streams must be closed before */
/* The connection's octets, whatever TLS does below; they work on across transport_starttls.
 * Timeouts are ERROR_UNAVAILABLE. */
struct input *transport_input(struct transport *transport, size_t buffer_size);
struct output *transport_output(struct transport *transport, size_t buffer_size);

/* The server's handshake. in: the transport's input, which must hold no octet (else an injection:
 * false, ERROR_INVALID), NULL for implicit TLS. */
bool transport_starttls(struct transport *transport, struct tls *tls, struct input *in,
                        tls_signer *signer, void *context, struct error *err);
/* "TLS1.3 with ECDHE-X25519, RSA-PSS, AES-256-GCM" for logs and Received; NULL while plain. Lives
 * as long as the transport. */
const char *transport_tls(const struct transport *transport);
/* "TLS1.3", "AES-256-GCM", bits of the cipher: for Received (RFC 8314, 7.4) of lmtpd. */
const char *transport_tls_version(const struct transport *transport);

/* Moves octets between the (TLS) connection and a plain stream socket until one of both ends, or the
 * client took nothing for patience_ms although something waits, with bounded memory; first what in
 * still holds goes to plain. What the plain side said before it ended is delivered. Half-closes are
 * passed on. */
void transport_shuttle(struct transport *transport, struct input *in, int plain, int patience_ms);

#endif
