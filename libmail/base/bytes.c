#include "base/bytes.h"

static unsigned char fold(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

static bool same_nocase(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (fold((unsigned char)a[i]) != fold((unsigned char)b[i]))
            return false;
    return true;
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    return a.len == b.len && same_nocase(a.data, b.data, a.len);
}

bool bytes_starts(struct bytes b, struct bytes prefix)
{
    return prefix.len <= b.len && bytes_equal(bytes_take(b, prefix.len), prefix);
}

bool bytes_starts_nocase(struct bytes b, struct bytes prefix)
{
    return prefix.len <= b.len && same_nocase(b.data, prefix.data, prefix.len);
}

bool bytes_ends_nocase(struct bytes b, struct bytes suffix)
{
    return suffix.len <= b.len && bytes_equal_nocase(bytes_skip(b, b.len - suffix.len), suffix);
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

ssize_t bytes_find(struct bytes b, struct bytes needle)
{
    if (needle.len == 0)
        return 0;
    if (b.len < needle.len)
        return -1;
    const char *found = memmem(b.data, b.len, needle.data, needle.len);
    return found ? found - b.data : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bytes bytes_trim(struct bytes b)
{
    while (b.len > 0 && is_blank(b.data[0])) {
        b.data++;
        b.len--;
    }
    while (b.len > 0 && is_blank(b.data[b.len - 1]))
        b.len--;
    return b;
}

struct bytes bytes_skip(struct bytes b, size_t at)
{
    if (at > b.len)
        at = b.len;
    return (struct bytes){ b.data ? b.data + at : NULL, b.len - at };
}

struct bytes bytes_take(struct bytes b, size_t len)
{
    return (struct bytes){ b.data, len < b.len ? len : b.len };
}

struct bytes bytes_split(struct bytes *rest, char sep)
{
    struct bytes whole = *rest;
    const char *cut = whole.len ? memchr(whole.data, sep, whole.len) : NULL;
    if (!cut) {
        *rest = (struct bytes){ NULL, 0 };
        return whole;
    }
    size_t before = (size_t)(cut - whole.data);
    *rest = bytes_skip(whole, before + 1);
    return bytes_take(whole, before);
}

bool bytes_to_u64(struct bytes b, uint64_t *out)
{
    uint64_t n = 0;
    if (b.len == 0)
        return false;
    for (size_t i = 0; i < b.len; i++) {
        if (b.data[i] < '0' || b.data[i] > '9')
            return false;
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(b.data[i] - '0'), &n))
            return false;
    }
    *out = n;
    return true;
}

bool bytes_to_u32(struct bytes b, uint32_t *out)
{
    uint64_t n;
    if (!bytes_to_u64(b, &n) || n > UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    return true;
}

void bytes_wipe(void *data, size_t len)
{
    if (len > 0)
        explicit_bzero(data, len);
}
