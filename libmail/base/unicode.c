#include "base/unicode.h"

/* The code point that starts text, and its length in octets; -1 where it is malformed. Table 3-7 of
 * the Unicode standard: the second octet's range shuts out overlong forms and surrogates. */
static int32_t decode(struct bytes text, size_t *len)
{
    const unsigned char *p = (const unsigned char *)text.data;
    *len = 1;
    if (p[0] < 0x80)
        return p[0];
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return -1;
    size_t needs = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (text.len < needs)
        return -1;
    unsigned char low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high)
        return -1;
    int32_t code = p[0] & (0x7F >> needs);
    for (size_t i = 1; i < needs; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return -1;
        code = (code << 6) | (p[i] & 0x3F);
    }
    *len = needs;
    return code;
}

int32_t utf8_next(struct bytes text, size_t *at)
{
    size_t len;
    if (*at >= text.len)
        return -1;
    int32_t code = decode(bytes_skip(text, *at), &len);
    *at += len;
    return code;
}

bool utf8_valid(struct bytes text)
{
    for (size_t at = 0; at < text.len;)
        if (utf8_next(text, &at) <= 0)
            return false;
    return true;
}

bool utf8_unfinished(struct bytes text)
{
    unsigned char c = (unsigned char)text.data[0];
    size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || text.len >= need)
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (((unsigned char)text.data[i] & 0xC0) != 0x80)
            return false;
    return true;
}

void utf8_append(struct buf *out, uint32_t code)
{
    char octets[4];
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        code = 0xFFFD;
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; code >>= 6)
        octets[i] = (char)(0x80 | (code & 0x3F));
    octets[0] = (char)(len == 1 ? code : (0xF00U >> len & 0xFF) | code);
    buf_append(out, octets, len);
}
