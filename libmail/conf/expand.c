/* Variables as Dovecot 2.3 has them: "%", then an offset and width, then modifiers, then a letter
 * or {name}: %u   %1.1n   %-2.1n   %02n   %Lu   %2.256Hu   %256Nu   %{user}   %L{domain} The
 * results, also of the odd cases, are those of Dovecot 2.3.19 (tests/unit/test_expand.c has them
 * from there). */
#include <stdio.h>
#include "base/arena.h"
#include "conf/conf.h"
#include "conf/md5.h"

#define VALUE_MAX 4096
#define NUMBER_MAX 4096

struct spec {
    long offset, width;
    bool zero; /* pad with zeros to width */
    bool cut;  /* a width was given */
};

static const struct {
    char letter;
    const char *name;
} variables[] = {
    { 'u', "user" }, { 'n', "username" }, { 'd', "domain" }, { 'h', "home" }, { 's', "service" },
};

/* The letter of a variable at *at, which moves behind it; 0 for an unknown one. */
static char variable(struct bytes text, size_t *at)
{
    if (*at < text.len && text.data[*at] == '{') {
        struct bytes rest = bytes_skip(text, *at + 1);
        struct bytes name = bytes_split(&rest, '}');
        if (!rest.data)
            return 0;
        for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
            if (bytes_equal(name, bytes_of(variables[i].name))) {
                *at += name.len + 2;
                return variables[i].letter;
            }
        return 0;
    }
    for (size_t i = 0; *at < text.len && i < sizeof(variables) / sizeof(*variables); i++)
        if (text.data[*at] == variables[i].letter)
            return text.data[(*at)++];
    return 0;
}

static bool value_of(char letter, const struct conf_vars *vars, struct buf *out, struct error *err)
{
    struct bytes domain = bytes_of(vars->user ? vars->user : "");
    struct bytes local = bytes_split(&domain, '@');
    switch (letter) {
    case 'u':
        buf_string(out, vars->user ? vars->user : "");
        break;
    case 'n':
        buf_bytes(out, local);
        break;
    case 'd':
        buf_bytes(out, domain);
        break;
    case 's':
        buf_string(out, vars->service ? vars->service : "");
        break;
    case 'h':
        if (!vars->home || !vars->home[0])
            return error_set(err, ERROR_INVALID, "%%h is used, but user %s has no home directory",
                             vars->user ? vars->user : "?");
        buf_string(out, vars->home);
        break;
    }
    return !buf_failed(out) || error_memory(err);
}

/* The hash of %H, of the kind used for symbol names in object files (System V ABI, "Hash Table").
 */
static uint32_t symbol_hash(struct bytes text)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash << 4) + (uint32_t)(signed char)text.data[i];
        uint32_t high = hash & 0xF0000000;
        hash = (hash ^ high >> 24) & ~high;
    }
    return hash;
}

static uint64_t digest_hash(struct bytes text)
{
    unsigned char digest[16];
    uint64_t hash = 0;
    md5(text, digest);
    for (unsigned i = 0; i < 8; i++)
        hash = hash << 8 | digest[i];
    return hash;
}

/* "%2.256Hu": the hash modulo 256, at least two digits; offset and width are used up so. */
static void modify_hash(struct buf *value, struct spec *spec, uint64_t hash)
{
    char digits[24];
    if (spec->width > 0)
        hash %= (uint64_t)spec->width;
    int len = snprintf(digits, sizeof(digits), "%x", (unsigned)hash);
    buf_clear(value);
    for (long i = len; i < spec->offset; i++)
        buf_byte(value, '0');
    buf_append(value, digits, (size_t)len);
    *spec = (struct spec){ 0 };
}

static void modify_case(struct buf *value, char first, char last)
{
    for (size_t i = 0; i < value->len; i++)
        if (value->data[i] >= first && value->data[i] <= last)
            value->data[i] ^= 0x20;
}

static void modify(char how, struct buf *value, struct spec *spec)
{
    unsigned char digest[16];
    switch (how) {
    case 'L':
        modify_case(value, 'A', 'Z');
        break;
    case 'U':
        modify_case(value, 'a', 'z');
        break;
    case 'H':
        modify_hash(value, spec, symbol_hash(buf_view(value)));
        break;
    case 'N':
        modify_hash(value, spec, digest_hash(buf_view(value)));
        break;
    case 'M':
        md5(buf_view(value), digest);
        buf_clear(value);
        for (unsigned i = 0; i < sizeof(digest); i++)
            buf_printf(value, "%02x", digest[i]);
        break;
    }
}

static void put(struct bytes value, const struct spec *spec, struct buf *out)
{
    if (spec->offset > 0)
        value = bytes_skip(value, (size_t)spec->offset);
    else if (spec->offset < 0 && (size_t)-spec->offset < value.len)
        value = bytes_skip(value, value.len - (size_t)-spec->offset);
    if (spec->zero) {
        for (size_t i = value.len; i < (size_t)spec->width; i++)
            buf_byte(out, '0');
    } else if (spec->cut && spec->width < 0) {
        value.len = (size_t)-spec->width < value.len ? value.len - (size_t)-spec->width : 0;
    } else if (spec->cut && spec->width > 0) {
        value = bytes_take(value, (size_t)spec->width);
    }
    buf_bytes(out, value);
}

/* An optional sign and digits; at most NUMBER_MAX. */
static long number(struct bytes text, size_t *at)
{
    bool minus = *at < text.len && text.data[*at] == '-';
    long value = 0;
    for (*at += minus; *at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9'; (*at)++)
        value = value > NUMBER_MAX ? NUMBER_MAX : value * 10 + (text.data[*at] - '0');
    return minus ? -value : value;
}

static void read_spec(struct bytes text, size_t *at, struct spec *spec)
{
    size_t start = *at;
    long first = number(text, at);
    bool zero = start < text.len && text.data[start] == '0' && *at > start + 1;
    if (*at < text.len && text.data[*at] == '.') {
        ++*at;
        *spec = (struct spec){ .offset = first, .width = number(text, at), .cut = true };
    } else {
        *spec =
            (struct spec){ .width = first < 0 ? -first : first, .zero = zero, .cut = first != 0 };
    }
}

/* One variable behind "%" at *at. */
static bool expand_one(struct bytes text, size_t *at, const struct conf_vars *vars, struct buf *out,
                       struct error *err)
{
    struct spec spec;
    size_t start = *at;
    read_spec(text, at, &spec);
    struct bytes modifiers = bytes_skip(text, *at);
    while (*at < text.len && strchr("LUHNM", text.data[*at]) && text.data[*at])
        ++*at;
    modifiers.len -= text.len - *at;
    char letter = variable(text, at);
    if (!letter)
        return error_set(
            err, ERROR_INVALID,
            "unknown variable `%%%.*s'; there are %%u %%n %%d %%h %%s (or %%{user} ...) with "
            "the modifiers L U H N M, and %%%% for a percent sign",
            (int)(text.len - start < 12 ? text.len - start : 12), text.data + start);
    struct buf value = BUF_INIT(VALUE_MAX);
    bool good = value_of(letter, vars, &value, err);
    for (size_t i = 0; good && i < modifiers.len; i++)
        modify(modifiers.data[i], &value, &spec);
    if (good)
        put(buf_view(&value), &spec, out);
    good = good &&
           (!buf_failed(&value) || error_set(err, ERROR_TOO_BIG, "a variable's value is too long"));
    buf_free(&value);
    return good;
}

bool conf_expand(const char *text, const struct conf_vars *vars, struct buf *out, struct error *err)
{
    struct bytes all = bytes_of(text);
    for (size_t at = 0; at < all.len;) {
        char c = all.data[at++];
        if (c != '%') {
            buf_byte(out, c);
        } else if (at < all.len && all.data[at] == '%') {
            buf_byte(out, '%');
            at++;
        } else if (!expand_one(all, &at, vars, out, err)) {
            return false;
        }
    }
    return !buf_failed(out) || error_set(err, ERROR_TOO_BIG, "`%s' becomes too long", text);
}
