#include "auth/password.h"

#include <strings.h>
#include "auth/auth.h"
#include "auth/crypt_module.h"
#include "auth/module.h"

#define PASSWORD_DATA_MAX 4096

enum kind { KIND_PLAIN, KIND_CRYPT, KIND_DIGEST, KIND_SALTED };
enum encoding { ENCODING_NONE, ENCODING_HEX, ENCODING_BASE64, ENCODING_GUESS };

struct scheme {
    const char *name;
    enum kind kind;
    const char *argument;   /* prefix of crypt(5), or digest */
    enum encoding encoding; /* of a digest that is made */
};

static const struct scheme schemes[] = {
    { "CRYPT", KIND_CRYPT, "$y$", ENCODING_NONE },
    { "YESCRYPT", KIND_CRYPT, "$y$", ENCODING_NONE },
    { "SHA512-CRYPT", KIND_CRYPT, "$6$", ENCODING_NONE },
    { "SHA256-CRYPT", KIND_CRYPT, "$5$", ENCODING_NONE },
    { "BLF-CRYPT", KIND_CRYPT, "$2b$", ENCODING_NONE },
    { "MD5-CRYPT", KIND_CRYPT, "$1$", ENCODING_NONE },
    { "DES-CRYPT", KIND_CRYPT, "", ENCODING_NONE },
    { "PLAIN", KIND_PLAIN, NULL, ENCODING_NONE },
    { "CLEARTEXT", KIND_PLAIN, NULL, ENCODING_NONE },
    { "CLEAR", KIND_PLAIN, NULL, ENCODING_NONE },
    { "PLAIN-MD5", KIND_DIGEST, "MD5", ENCODING_HEX },
    { "LDAP-MD5", KIND_DIGEST, "MD5", ENCODING_BASE64 },
    { "SHA", KIND_DIGEST, "SHA1", ENCODING_BASE64 },
    { "SHA1", KIND_DIGEST, "SHA1", ENCODING_BASE64 },
    { "SHA256", KIND_DIGEST, "SHA256", ENCODING_BASE64 },
    { "SHA512", KIND_DIGEST, "SHA512", ENCODING_BASE64 },
    { "SMD5", KIND_SALTED, "MD5", ENCODING_BASE64 },
    { "SSHA", KIND_SALTED, "SHA1", ENCODING_BASE64 },
    { "SSHA256", KIND_SALTED, "SHA256", ENCODING_BASE64 },
    { "SSHA512", KIND_SALTED, "SHA512", ENCODING_BASE64 },
};

static const struct scheme *scheme_of(struct bytes name)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (bytes_equal_nocase(name, bytes_of(schemes[i].name)))
            return &schemes[i];
    return NULL;
}

static const struct crypt_module *module(struct error *err)
{
    static const struct crypt_module *loaded;
    if (!loaded)
        loaded = module_load("crypt", err);
    return loaded;
}

bool password_prepare(struct error *err)
{
    return module(err) != NULL;
}

struct stored {
    const struct scheme *scheme;
    enum encoding encoding;
    struct bytes data;
};

static bool encoding_of(struct bytes suffix, enum encoding *encoding)
{
    if (!suffix.data)
        return true;
    if (bytes_equal_nocase(suffix, BYTES("hex")))
        *encoding = ENCODING_HEX;
    else if (bytes_equal_nocase(suffix, BYTES("b64")) ||
             bytes_equal_nocase(suffix, BYTES("base64")))
        *encoding = ENCODING_BASE64;
    else
        return false;
    return true;
}

static bool parse(struct bytes text, const char *default_scheme, struct stored *stored,
                  struct error *err)
{
    struct bytes name = bytes_of(default_scheme && *default_scheme ? default_scheme : "CRYPT");
    stored->data = text;
    if (text.len > 0 && text.data[0] == '{' && memchr(text.data, '}', text.len)) {
        stored->data = bytes_skip(text, 1);
        name = bytes_split(&stored->data, '}');
        if (!stored->data.data)
            stored->data = bytes_make("", 0);
    }
    struct bytes suffix = name, base = bytes_split(&suffix, '.');
    stored->scheme = scheme_of(base);
    stored->encoding = !stored->scheme || stored->scheme->encoding == ENCODING_NONE
                           ? ENCODING_NONE
                           : ENCODING_GUESS;
    if (!stored->scheme || !encoding_of(suffix, &stored->encoding))
        return error_set(err, ERROR_CORRUPT, "password scheme {%.*s} is not known",
                         BYTES_FMT(bytes_take(name, 40)));
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_decode(struct bytes text, struct buf *out)
{
    for (size_t i = 0; i + 1 < text.len; i += 2) {
        int high = hex_value(text.data[i]), low = hex_value(text.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        buf_byte(out, (char)(high << 4 | low));
    }
    return text.len % 2 == 0;
}

/* A digest without a suffix: hexadecimal when it is twice as long as the digest, as Dovecot
 * guesses. */
static bool decode(const struct stored *stored, size_t digest_size, struct buf *out)
{
    enum encoding encoding = stored->encoding;
    if (encoding == ENCODING_GUESS)
        encoding = stored->scheme->kind == KIND_DIGEST && stored->data.len == digest_size * 2
                       ? ENCODING_HEX
                       : ENCODING_BASE64;
    if (encoding == ENCODING_HEX)
        return hex_decode(stored->data, out);
    if (encoding == ENCODING_BASE64)
        return module(NULL) && module(NULL)->base64_decode(stored->data, out);
    buf_bytes(out, stored->data);
    return true;
}

static bool same(struct bytes a, struct bytes b)
{
    unsigned char difference = a.len != b.len;
    for (size_t i = 0; i < b.len; i++)
        difference |= (unsigned char)((a.len > 0 ? a.data[i % a.len] : 0) ^ b.data[i]);
    return difference == 0;
}

static bool verify_crypt(struct bytes hash, struct bytes given, bool *match, struct error *err)
{
    struct buf h = BUF_INIT(PASSWORD_DATA_MAX), g = BUF_INIT(PASSWORD_DATA_MAX);
    buf_bytes(&h, hash);
    buf_bytes(&g, given);
    bool good = true;
    if (!buf_failed(&h) && !buf_failed(&g) && !(given.len && memchr(given.data, 0, given.len)))
        good = module(err)->verify(buf_cstr(&h), buf_cstr(&g), match, err);
    /* Else no password at all: a NUL would end it early. */
    buf_wipe(&g);
    buf_wipe(&h);
    return good;
}

static bool verify_digest(const struct scheme *scheme, struct bytes data, struct bytes given,
                          bool *match, struct error *err)
{
    size_t size = module(err)->digest_size(scheme->argument);
    if (scheme->kind == KIND_SALTED ? data.len <= size : data.len != size)
        return error_set(err, ERROR_CORRUPT, "a {%s} hash of %zu octets", scheme->name, data.len);
    struct buf made = BUF_INIT(64);
    bool good = module(err)->digest(scheme->argument, given, bytes_skip(data, size), &made) ||
                error_memory(err);
    *match = good && same(bytes_take(data, size), buf_view(&made));
    buf_wipe(&made);
    return good;
}

/* An empty field, and what usermod -L and vipw put before or in place of a hash: nobody's password
 * is right, least of all an empty one. */
static bool is_locked(const struct stored *stored)
{
    return stored->data.len == 0 || (stored->scheme->kind == KIND_CRYPT &&
                                     (stored->data.data[0] == '!' || stored->data.data[0] == '*'));
}

bool password_locked(struct bytes text, const char *default_scheme)
{
    struct stored stored;
    return parse(text, default_scheme, &stored, NULL) && is_locked(&stored);
}

/* What comparing would have cost, so that the time does not tell. */
static void spend(struct bytes given)
{
    struct buf text = BUF_INIT(PASSWORD_DATA_MAX), made = BUF_INIT(PASSWORD_DATA_MAX);
    buf_bytes(&text, given);
    (void)module(NULL)->make("$y$", buf_cstr(&text), &made, NULL);
    buf_wipe(&made);
    buf_wipe(&text);
}

bool password_verify(struct bytes text, const char *default_scheme, struct bytes given, bool *match,
                     struct error *err)
{
    struct stored stored;
    struct buf data = BUF_INIT(PASSWORD_DATA_MAX);
    *match = false;
    if (!module(err) || !parse(text, default_scheme, &stored, err))
        return false;
    if (is_locked(&stored)) {
        spend(given);
        return true;
    }
    const struct scheme *scheme = stored.scheme;
    size_t size = scheme->kind >= KIND_DIGEST ? module(err)->digest_size(scheme->argument) : 0;
    bool good = (decode(&stored, size, &data) && !buf_failed(&data)) ||
                error_set(err, ERROR_CORRUPT,
                          "the data of a {%s} password is not what it should be", scheme->name);
    if (good && scheme->kind == KIND_PLAIN)
        *match = same(buf_view(&data), given);
    else if (good && scheme->kind == KIND_CRYPT)
        good = verify_crypt(buf_view(&data), given, match, err);
    else if (good)
        good = verify_digest(scheme, buf_view(&data), given, match, err);
    *match = *match && given.len > 0;
    buf_wipe(&data);
    return good;
}

bool password_plain(struct bytes text, const char *default_scheme, struct buf *out)
{
    struct stored stored;
    return parse(text, default_scheme, &stored, NULL) && !is_locked(&stored) &&
           stored.scheme->kind == KIND_PLAIN && decode(&stored, 0, out) && !buf_failed(out) &&
           out->len > 0;
}

static void hex_encode(struct bytes data, struct buf *out)
{
    for (size_t i = 0; i < data.len; i++)
        buf_printf(out, "%02x", (unsigned char)data.data[i]);
}

bool password_apop(struct bytes challenge, struct bytes secret, struct buf *out, struct error *err)
{
    struct buf digest = BUF_INIT(64);
    bool good = module(err) &&
                (module(err)->digest("MD5", challenge, secret, &digest) || error_memory(err));
    if (good)
        hex_encode(buf_view(&digest), out);
    buf_wipe(&digest);
    return good;
}

static bool make_digest(const struct scheme *scheme, struct bytes password, struct buf *out,
                        struct error *err)
{
    char octets[8];
    struct buf digest = BUF_INIT(128);
    struct bytes salt = bytes_make(octets, scheme->kind == KIND_SALTED ? sizeof(octets) : 0);
    if (!module(err)->random(octets, sizeof(octets)))
        return error_set(err, ERROR_UNAVAILABLE, "the kernel gives no random octets");
    bool good = module(err)->digest(scheme->argument, password, salt, &digest) || error_memory(err);
    buf_bytes(&digest, salt);
    if (good && scheme->encoding == ENCODING_HEX)
        hex_encode(buf_view(&digest), out);
    else if (good)
        module(err)->base64_encode(buf_view(&digest), out);
    buf_wipe(&digest);
    return good;
}

bool auth_hash(const char *name, struct bytes password, struct buf *out, struct error *err)
{
    const struct scheme *scheme = scheme_of(bytes_of(name && *name ? name : "CRYPT"));
    struct buf text = BUF_INIT(PASSWORD_DATA_MAX);
    if (!scheme)
        return error_set(err, ERROR_INVALID, "password scheme {%s} is not known", name);
    if (password.len > 0 && memchr(password.data, 0, password.len))
        return error_set(err, ERROR_INVALID, "a password cannot hold a NUL octet");
    if (!module(err))
        return false;
    buf_bytes(&text, password);
    buf_printf(out, "{%s}", scheme->name);
    bool good = true;
    if (scheme->kind == KIND_PLAIN)
        buf_bytes(out, password);
    else if (scheme->kind == KIND_CRYPT)
        good = module(err)->make(scheme->argument, buf_cstr(&text), out, err);
    else
        good = make_digest(scheme, password, out, err);
    buf_wipe(&text);
    return good && (!buf_failed(out) || error_memory(err));
}
