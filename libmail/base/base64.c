#include "base/base64.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct bytes data, struct buf *out)
{
    while (data.len > 0) {
        unsigned char in[3] = { 0 };
        char group[4];
        struct bytes three = bytes_take(data, 3);
        memcpy(in, three.data, three.len);
        group[0] = ALPHABET[in[0] >> 2];
        group[1] = ALPHABET[(in[0] & 3) << 4 | in[1] >> 4];
        group[2] = three.len > 1 ? ALPHABET[(in[1] & 15) << 2 | in[2] >> 6] : '=';
        group[3] = three.len > 2 ? ALPHABET[in[2] & 63] : '=';
        buf_append(out, group, sizeof(group));
        data = bytes_skip(data, 3);
    }
}

/* 0..63, or -1. */
static int value(char c)
{
    const char *at = c ? strchr(ALPHABET, c) : NULL;
    return at ? (int)(at - ALPHABET) : -1;
}

/* One group of four into 1 to 3 octets; 0: malformed. Padding is allowed only when last. */
static size_t decode_group(const char *group, bool last, char *out)
{
    size_t pad = !last ? 0 : group[2] == '=' && group[3] == '=' ? 2 : group[3] == '=';
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int v = i >= 4 - pad ? 0 : value(group[i]);
        if (v < 0)
            return 0;
        bits = bits << 6 | (uint32_t)v;
    }
    /* Bits that belong to no octet must be zero: one text has one meaning. */
    if ((pad == 1 && (bits & 0xff)) || (pad == 2 && (bits & 0xffff)))
        return 0;
    out[0] = (char)(bits >> 16);
    out[1] = (char)(bits >> 8);
    out[2] = (char)bits;
    return 3 - pad;
}

bool base64_decode(struct bytes text, struct buf *out)
{
    if (text.len % 4)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        char octets[3];
        size_t n = decode_group(text.data + i, i + 4 == text.len, octets);
        if (n == 0)
            return false;
        buf_append(out, octets, n);
    }
    return !buf_failed(out);
}
