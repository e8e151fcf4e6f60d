/* Password hashes by libxcrypt, plain digests and base64 by nettle. Only in the short-lived worker,
 * and in mailadm pw. */
#include <crypt.h>
#include <nettle/base64.h>
#include <nettle/nettle-meta.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "auth/crypt_module.h"
#include "auth/module_export.h"

extern const struct crypt_module crypt_module;
MODULE_EXPORT(crypt);

static bool same(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned char difference = n != m;
    for (size_t i = 0; i < n && i < m; i++)
        difference |= (unsigned char)(a[i] ^ b[i]);
    return difference == 0;
}

static bool verify(const char *hash, const char *password, bool *match, struct error *err)
{
    void *data = NULL;
    int size = 0;
    const char *made = crypt_ra(password, hash, &data, &size);
    bool known = made && *made != '*'; /* its failure tokens */
    if (known)
        *match = same(made, hash);
    else
        error_set(err, ERROR_CORRUPT, "crypt(5) does not know this hash");
    if (data)
        explicit_bzero(data, (size_t)size);
    free(data);
    return known;
}

static bool make(const char *prefix, const char *password, struct buf *out, struct error *err)
{
    void *data = NULL;
    int size = 0;
    char *setting = crypt_gensalt_ra(prefix, 0, NULL, 0);
    const char *made = setting ? crypt_ra(password, setting, &data, &size) : NULL;
    bool good = made && *made != '*';
    if (good)
        buf_string(out, made);
    else
        error_set(err, ERROR_INVALID,
                  "libxcrypt makes no hash of this kind (%s), or the password is too long", prefix);
    free(setting);
    if (data)
        explicit_bzero(data, (size_t)size);
    free(data);
    return good;
}

static const struct nettle_hash *hash_of(const char *algorithm)
{
    static const struct {
        const char *name;
        const struct nettle_hash *hash;
    } hashes[] = { { "MD5", &nettle_md5 },
                   { "SHA1", &nettle_sha1 },
                   { "SHA256", &nettle_sha256 },
                   { "SHA512", &nettle_sha512 } };
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
        if (strcmp(hashes[i].name, algorithm) == 0)
            return hashes[i].hash;
    return NULL;
}

static size_t digest_size(const char *algorithm)
{
    const struct nettle_hash *hash = hash_of(algorithm);
    return hash ? hash->digest_size : 0;
}

static bool digest(const char *algorithm, struct bytes a, struct bytes b, struct buf *out)
{
    const struct nettle_hash *hash = hash_of(algorithm);
    void *context = hash ? malloc(hash->context_size) : NULL;
    char *into = hash ? buf_reserve(out, hash->digest_size) : NULL;
    if (context && into) {
        hash->init(context);
        hash->update(context, a.len, (const uint8_t *)a.data);
        hash->update(context, b.len, (const uint8_t *)b.data);
        hash->digest(context, hash->digest_size, (uint8_t *)into);
        out->len += hash->digest_size;
        explicit_bzero(context, hash->context_size);
    }
    free(context);
    return into != NULL;
}

static bool base64_decode(struct bytes text, struct buf *out)
{
    struct base64_decode_ctx context;
    size_t size = BASE64_DECODE_LENGTH(text.len);
    char *into = buf_reserve(out, size + 1);
    base64_decode_init(&context);
    if (!into || !base64_decode_update(&context, &size, (uint8_t *)into, text.len, text.data) ||
        !base64_decode_final(&context))
        return false;
    out->len += size;
    return true;
}

static void base64_encode(struct bytes data, struct buf *out)
{
    char *into = buf_reserve(out, BASE64_ENCODE_RAW_LENGTH(data.len) + 1);
    if (!into)
        return;
    base64_encode_raw(into, data.len, (const uint8_t *)data.data);
    out->len += BASE64_ENCODE_RAW_LENGTH(data.len);
}

static bool fill_random(void *data, size_t size)
{
    return getrandom(data, size, 0) == (ssize_t)size;
}

const struct crypt_module crypt_module = {
    .verify = verify,
    .make = make,
    .digest = digest,
    .digest_size = digest_size,
    .base64_decode = base64_decode,
    .base64_encode = base64_encode,
    .random = fill_random,
};
