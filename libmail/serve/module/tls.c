/* GnuTLS behind the table of serve/tls_module.h. The key of a server's certificate is an external
 * one: it has a sign function that asks the connection's signer, and no decrypt function, so that
 * RSA key exchange cannot happen. */
#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "auth/module_export.h"
#include "base/memory.h"
#include "serve/tls_module.h"

extern const struct tls_module tls_module;
MODULE_EXPORT(tls);

#define CHAIN_MAX 16
#define TLS_AHEAD 17408 /* the longest record */
/* TLS 1.2 with forward secrecy and authenticated encryption, and all of TLS 1.3. */
#define PRIORITIES                                                                                 \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-SHA1:-SHA256:-"   \
    "SHA384:"                                                                                      \
    "-AES-128-CBC:-AES-256-CBC:-AES-128-CCM:-AES-256-CCM:"                                         \
    "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:+GROUP-X448:"     \
    "-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:%SERVER_PRECEDENCE"

struct tls {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    gnutls_datum_t alpn;
    gnutls_pk_algorithm_t algorithm;
    unsigned bits;
};

struct tls_connection {
    gnutls_session_t session;
    tls_signer *signer;
    void *context;
    int fd;
    unsigned renegotiations;
    size_t touched;    /* of ahead, since its pages were given back */
    size_t at, filled; /* GnuTLS reads a record's head and body apart: one system call for both */
    char ahead[TLS_AHEAD];
    struct error trouble;
};

/* The external key belongs to the credentials, which all connections of a warm listener share; a
 * process serves one connection. */
static struct tls_connection *current;

static int ask_signer(unsigned algorithm, const gnutls_datum_t *data, gnutls_datum_t *signature)
{
    struct buf out = BUF_INIT(2048);
    if (!current || !current->signer(current->context, algorithm,
                                     bytes_make(data->data, data->size), &out, &current->trouble)) {
        buf_free(&out);
        return GNUTLS_E_PK_SIGN_FAILED;
    }
    signature->data = gnutls_malloc(out.len);
    if (signature->data)
        memcpy(signature->data, out.data, out.len);
    signature->size = (unsigned)out.len;
    buf_free(&out);
    return signature->data ? 0 : GNUTLS_E_MEMORY_ERROR;
}

/* GnuTLS hands over the text itself for Ed25519 and Ed448, a hash for ECDSA and RSA-PSS, and a
 * DigestInfo (as GNUTLS_SIGN_RSA_RAW) for RSA's old padding. */
static int sign_data(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *userdata,
                     unsigned flags, const gnutls_datum_t *data, gnutls_datum_t *signature)
{
    (void)key, (void)userdata, (void)flags;
    return ask_signer(algorithm, data, signature);
}

static int sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *userdata,
                     unsigned flags, const gnutls_datum_t *hash, gnutls_datum_t *signature)
{
    (void)key, (void)userdata, (void)flags;
    return ask_signer(algorithm | TLS_SIGN_HASH, hash, signature);
}

static int key_info(gnutls_privkey_t key, unsigned flags, void *userdata)
{
    const struct tls *tls = userdata;
    (void)key;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
        return (int)tls->algorithm;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
        return (int)tls->bits;
    if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO)
        return (int)gnutls_sign_supports_pk_algorithm(GNUTLS_FLAGS_TO_SIGN_ALGO(flags),
                                                      tls->algorithm);
    return -1;
}

static bool gnutls_error(struct error *err, int code, const char *what)
{
    return error_set(err, ERROR_UNAVAILABLE, "%s: %s", what, gnutls_strerror(code));
}

static bool load_chain(struct tls *tls, struct bytes pem, struct error *err)
{
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned count = CHAIN_MAX;
    gnutls_datum_t datum = { (unsigned char *)pem.data, (unsigned)pem.len };
    int code = gnutls_pcert_list_import_x509_raw(chain, &count, &datum, GNUTLS_X509_FMT_PEM, 0);
    if (code < 0)
        return gnutls_error(err, code, "no usable certificate chain in PEM");
    tls->algorithm =
        (gnutls_pk_algorithm_t)gnutls_pubkey_get_pk_algorithm(chain[0].pubkey, &tls->bits);
    gnutls_privkey_t key;
    code = gnutls_privkey_init(&key);
    if (code >= 0)
        code = gnutls_privkey_import_ext4(key, tls, sign_data, sign_hash, NULL, NULL, key_info, 0);
    /* The test signature of GnuTLS would need the signer: mailadm check compares the two. */
    gnutls_certificate_set_flags(tls->credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
    if (code >= 0)
        code = gnutls_certificate_set_key(tls->credentials, NULL, 0, chain, (int)count, key);
    return code >= 0 || gnutls_error(err, code, "the certificate cannot be used");
}

static void tls_unload(struct tls *tls)
{
    if (tls->credentials)
        gnutls_certificate_free_credentials(tls->credentials);
    if (tls->priorities)
        gnutls_priority_deinit(tls->priorities);
    free(tls->alpn.data);
    free(tls);
}

static bool load_priorities(struct tls *tls, const char *priorities, struct error *err)
{
    const char *at = NULL;
    char all[1024];
    bool own = !priorities || !*priorities;
    int n = snprintf(all, sizeof(all), "%s:-RSA", own ? PRIORITIES : priorities);
    int code = n < (int)sizeof(all) ? gnutls_priority_init(&tls->priorities, all, &at)
                                    : GNUTLS_E_INVALID_REQUEST;
    if (code < 0) {
        tls->priorities = NULL;
        return error_set(err, ERROR_INVALID, "tls_priorities is not understood at \"%.60s\"",
                         at ? at : "");
    }
    return true;
}

static struct tls *tls_module_load(struct bytes chain, const char *priorities, const char *alpn,
                                   struct error *err)
{
    struct tls *tls = calloc(1, sizeof(*tls));
    if (!tls || gnutls_certificate_allocate_credentials(&tls->credentials) < 0) {
        free(tls);
        error_memory(err);
        return NULL;
    }
    if (!load_priorities(tls, priorities, err) || !load_chain(tls, chain, err)) {
        tls_unload(tls);
        return NULL;
    }
    tls->alpn.data = (unsigned char *)strdup(alpn);
    tls->alpn.size = tls->alpn.data ? (unsigned)strlen(alpn) : 0;
    return tls;
}

static ssize_t push(gnutls_transport_ptr_t context, const giovec_t *parts, int count)
{
    struct tls_connection *connection = context;
    struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };
    ssize_t n = sendmsg(connection->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        gnutls_transport_set_errno(connection->session, errno);
    return n;
}

static ssize_t pull(gnutls_transport_ptr_t context, void *data, size_t size)
{
    struct tls_connection *connection = context;
    if (connection->at == connection->filled) {
        ssize_t n =
            recv(connection->fd, connection->ahead, sizeof(connection->ahead), MSG_DONTWAIT);
        if (n <= 0) {
            gnutls_transport_set_errno(connection->session, errno);
            return n;
        }
        connection->at = 0;
        connection->filled = (size_t)n;
        if (connection->touched < connection->filled)
            connection->touched = connection->filled;
    }
    if (size > connection->filled - connection->at)
        size = connection->filled - connection->at;
    memcpy(data, connection->ahead + connection->at, size);
    connection->at += size;
    return (ssize_t)size;
}

static int pull_timeout(gnutls_transport_ptr_t context, unsigned ms)
{
    struct tls_connection *connection = context;
    if (connection->at < connection->filled)
        return 1;
    return gnutls_system_recv_timeout((gnutls_transport_ptr_t)(intptr_t)connection->fd, ms);
}

static struct tls_connection *tls_open(struct tls *tls, int fd, tls_signer *signer, void *context,
                                       struct error *err)
{
    struct tls_connection *connection = calloc(1, sizeof(*connection));
    int code = connection ? gnutls_init(&connection->session,
                                        GNUTLS_SERVER | GNUTLS_NO_TICKETS | GNUTLS_NONBLOCK)
                          : GNUTLS_E_MEMORY_ERROR;
    if (code < 0) {
        free(connection);
        gnutls_error(err, code, "starting TLS");
        return NULL;
    }
    gnutls_session_t session = connection->session;
    connection->fd = fd;
    connection->signer = signer;
    connection->context = context;
    gnutls_priority_set(session, tls->priorities);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_IGNORE);
    if (tls->alpn.size > 0)
        gnutls_alpn_set_protocols(session, &tls->alpn, 1, 0);
    gnutls_transport_set_ptr(session, connection);
    gnutls_transport_set_vec_push_function(session, push);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_pull_timeout_function(session, pull_timeout);
    current = connection;
    return connection;
}

static int want(const struct tls_connection *connection)
{
    return gnutls_record_get_direction(connection->session) ? TLS_WANT_WRITE : TLS_WANT_READ;
}

/* The code of a failed call as ours; false words for the log in *err. */
static int failed(struct tls_connection *connection, int code, const char *what, struct error *err)
{
    if (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED)
        return want(connection);
    if (connection->trouble.class != ERROR_NONE)
        error_set(err, connection->trouble.class, "%s: %s", what, connection->trouble.text);
    else if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
        error_set(err, ERROR_UNAVAILABLE, "%s: the client says \"%s\"", what,
                  gnutls_alert_get_name(gnutls_alert_get(connection->session)));
    else
        gnutls_error(err, code, what);
    return TLS_FAILED;
}

static int tls_handshake(struct tls_connection *connection, struct error *err)
{
    int code;
    do
        code = gnutls_handshake(connection->session);
    while (code < 0 && !gnutls_error_is_fatal(code) && code != GNUTLS_E_AGAIN &&
           code != GNUTLS_E_INTERRUPTED);
    if (code < 0 && gnutls_error_is_fatal(code))
        gnutls_alert_send_appropriate(connection->session, code);
    return code >= 0 ? 0 : failed(connection, code, "TLS handshake", err);
}

static ssize_t tls_receive(struct tls_connection *connection, void *data, size_t size,
                           struct error *err)
{
    for (;;) {
        ssize_t n = gnutls_record_recv(connection->session, data, size);
        if (n >= 0)
            return n;
        if (n == GNUTLS_E_PREMATURE_TERMINATION || n == GNUTLS_E_PULL_ERROR)
            return 0;
        if (n == GNUTLS_E_REHANDSHAKE && connection->renegotiations++ < 3)
            gnutls_alert_send(connection->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
        else if (n != GNUTLS_E_WARNING_ALERT_RECEIVED)
            return failed(connection, (int)n, "receiving over TLS", err);
    }
}

static ssize_t tls_send(struct tls_connection *connection, const void *data, size_t size,
                        struct error *err)
{
    ssize_t n = gnutls_record_send(connection->session, data, size);
    return n >= 0 ? n : failed(connection, (int)n, "sending over TLS", err);
}

static void tls_rest(struct tls_connection *connection)
{
    if (connection->at == connection->filled)
        memory_drop(connection->ahead, connection->touched);
    connection->touched = 0;
}

static int tls_goodbye(struct tls_connection *connection)
{
    int code = gnutls_bye(connection->session, GNUTLS_SHUT_WR);
    return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED ? want(connection) : 0;
}

static void tls_close(struct tls_connection *connection)
{
    if (current == connection)
        current = NULL;
    gnutls_deinit(connection->session);
    explicit_bzero(connection, sizeof(*connection));
    free(connection);
}

static const char *tls_version(struct tls_connection *connection)
{
    return gnutls_protocol_get_name(gnutls_protocol_get_version(connection->session));
}

static const char *tls_describe(struct tls_connection *connection, char *out, size_t size)
{
    gnutls_session_t session = connection->session;
    const char *group = gnutls_group_get_name(gnutls_group_get(session));
    const char *sign =
        gnutls_sign_get_name((gnutls_sign_algorithm_t)gnutls_sign_algorithm_get(session));
    snprintf(out, size, "%s with %s, %s, %s", tls_version(connection), group ? group : "no group",
             sign ? sign : "no signature", gnutls_cipher_get_name(gnutls_cipher_get(session)));
    return out;
}

static int sign_with(gnutls_privkey_t key, unsigned algorithm, const gnutls_datum_t *text,
                     gnutls_datum_t *made)
{
    gnutls_sign_algorithm_t sign = (gnutls_sign_algorithm_t)(algorithm & ~TLS_SIGN_HASH);
    if (!(algorithm & TLS_SIGN_HASH))
        return gnutls_privkey_sign_data2(key, sign, 0, text, made);
    if (sign == GNUTLS_SIGN_RSA_RAW)
        return gnutls_privkey_sign_hash2(key, GNUTLS_SIGN_UNKNOWN,
                                         GNUTLS_PRIVKEY_SIGN_FLAG_TLS1_RSA, text, made);
    return gnutls_privkey_sign_hash2(key, sign, 0, text, made);
}

static bool tls_sign(struct bytes pem, unsigned algorithm, struct bytes data, struct buf *signature,
                     struct error *err)
{
    gnutls_x509_privkey_t parsed = NULL;
    gnutls_privkey_t key = NULL;
    gnutls_datum_t datum = { (unsigned char *)pem.data, (unsigned)pem.len };
    gnutls_datum_t text = { (unsigned char *)data.data, (unsigned)data.len }, made = { 0 };
    int code = gnutls_x509_privkey_init(&parsed);
    if (code >= 0)
        code = gnutls_x509_privkey_import2(parsed, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code >= 0)
        code = gnutls_privkey_init(&key);
    if (code >= 0)
        code = gnutls_privkey_import_x509(key, parsed, 0);
    if (code >= 0)
        code = sign_with(key, algorithm, &text, &made);
    if (code >= 0)
        buf_append(signature, made.data, made.size);
    gnutls_free(made.data);
    if (key)
        gnutls_privkey_deinit(key);
    if (parsed)
        gnutls_x509_privkey_deinit(parsed);
    return code >= 0 || gnutls_error(err, code, "signing with the private key");
}

const struct tls_module tls_module = {
    .load = tls_module_load,
    .unload = tls_unload,
    .open = tls_open,
    .handshake = tls_handshake,
    .receive = tls_receive,
    .send = tls_send,
    .rest = tls_rest,
    .goodbye = tls_goodbye,
    .close = tls_close,
    .describe = tls_describe,
    .version = tls_version,
    .sign = tls_sign,
};
