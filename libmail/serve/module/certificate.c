#include "auth/module_export.h"
#include "serve/certificate.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define CHAIN_MAX 32

extern const struct certificate_module certificate_module;
MODULE_EXPORT(certificate);

static bool failed(struct error *err, const char *what, int code)
{
    return error_set(err, ERROR_CORRUPT, "%s: %s", what, gnutls_strerror(code));
}

static void describe(gnutls_x509_crt_t certificate, const char *hostname,
                     struct certificate_facts *out)
{
    unsigned bits = 0;
    size_t size = sizeof(out->subject);
    out->from = gnutls_x509_crt_get_activation_time(certificate);
    out->until = gnutls_x509_crt_get_expiration_time(certificate);
    if (gnutls_x509_crt_get_pk_algorithm(certificate, &bits) == GNUTLS_PK_RSA)
        out->bits = bits;
    if (gnutls_x509_crt_get_dn(certificate, out->subject, &size) < 0)
        out->subject[0] = '\0';
    out->self_signed = gnutls_x509_crt_check_issuer(certificate, certificate) != 0;
    out->for_host = gnutls_x509_crt_check_hostname(certificate, hostname) != 0;
}

static bool compare(gnutls_x509_crt_t certificate, struct bytes text, struct certificate_facts *out,
                    struct error *err)
{
    unsigned char of_key[64], of_certificate[64];
    size_t key_size = sizeof(of_key), size = sizeof(of_certificate);
    const gnutls_datum_t datum = { (unsigned char *)(uintptr_t)text.data, (unsigned)text.len };
    gnutls_x509_privkey_t key;
    int code = gnutls_x509_privkey_init(&key);
    if (code < 0)
        return failed(err, "the key", code);
    code = gnutls_x509_privkey_import2(key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code >= 0)
        code = gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, of_key, &key_size);
    if (code >= 0)
        code =
            gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256, of_certificate, &size);
    gnutls_x509_privkey_deinit(key);
    if (code < 0)
        return failed(err, "the key is no private key without a passphrase", code);
    out->key_matches = size == key_size && memcmp(of_key, of_certificate, size) == 0;
    return true;
}

static bool inspect(struct bytes chain, struct bytes key, const char *hostname,
                    struct certificate_facts *out, struct error *err)
{
    const gnutls_datum_t datum = { (unsigned char *)(uintptr_t)chain.data, (unsigned)chain.len };
    gnutls_x509_crt_t certificates[CHAIN_MAX];
    unsigned count = CHAIN_MAX;
    *out = (struct certificate_facts){ 0 };
    int code = gnutls_x509_crt_list_import(certificates, &count, &datum, GNUTLS_X509_FMT_PEM, 0);
    if (code < 0)
        return failed(err, "no certificate in PEM form", code);
    out->chain = (size_t)code;
    describe(certificates[0], hostname, out);
    bool good = !key.data || compare(certificates[0], key, out, err);
    for (int i = 0; i < code; i++)
        gnutls_x509_crt_deinit(certificates[i]);
    return good;
}

static bool priorities(const char *text, struct error *err)
{
    gnutls_priority_t cache;
    const char *place = NULL;
    int code = gnutls_priority_init(&cache, text, &place);
    if (code < 0)
        return error_set(err, ERROR_INVALID, "%s at \"%s\"", gnutls_strerror(code),
                         place ? place : "");
    gnutls_priority_deinit(cache);
    return true;
}

const struct certificate_module certificate_module = { .inspect = inspect,
                                                       .priorities = priorities };
