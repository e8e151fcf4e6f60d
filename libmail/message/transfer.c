#include "message/transfer.h"

/* ---- base64 ---- */

enum { NONE = 64 };

/* The value of each octet; NONE for those outside the alphabet. */
static const unsigned char SEXTETS[256] = {
    64, 64, 64,
    64, 64, 64,
    64, 64, 64,
    64, 64, 64,
    64, 64, 64,
    64, 64, 64,
    64, 64, 64,
    64, 64, 64,
    64, 64, 64,
    64, 64, 64,
    64, 64, 64,
    64, 64, 64,
    64, 64, 64,
    64, 64, 64,
    64, 62, 64,
    64, 64, 63,
    52, 53, 54,
    55, 56, 57,
    58, 59, 60,
    61, 64, 64,
    64, 64, 64,
    64, 64, 0,
    1,  2,  3,
    4,  5,  6,
    7,  8,  9,
    10, 11, 12,
    13, 14, 15,
    16, 17, 18,
    19, 20, 21,
    22, 23, 24,
    25, 64, 64,
    64, 64, 64,
    64, 26, 27,
    28, 29, 30,
    31, 32, 33,
    34, 35, 36,
    37, 38, 39,
    40, 41, 42,
    43, 44, 45,
    46, 47, 48,
    49, 50, 51,
    64, 64, 64,
    64, 64, [128 ... 255] = 64,
};

static unsigned sextet(char c)
{
    return SEXTETS[(unsigned char)c];
}

/* What less than four sextets hold in whole octets. */
static void base64_rest(struct transfer *t, struct buf *out)
{
    if (t->sextets == 3)
        buf_byte(out, (char)(t->bits >> 10));
    if (t->sextets >= 2)
        buf_byte(out, (char)(t->sextets == 3 ? t->bits >> 2 : t->bits >> 4));
    t->bits = 0;
    t->sextets = 0;
}

/* Whole groups of four at the start of piece, written to out, which has room. How many octets of
 * piece. */
static size_t base64_groups(struct bytes piece, struct buf *out)
{
    const char *at = piece.data, *end = at + piece.len;
    char *to = out->data + out->len;
    for (; end - at >= 4; at += 4) {
        unsigned a = sextet(at[0]), b = sextet(at[1]), c = sextet(at[2]), d = sextet(at[3]);
        if ((a | b | c | d) & NONE)
            break;
        *to++ = (char)(a << 2 | b >> 4);
        *to++ = (char)(b << 4 | c >> 2);
        *to++ = (char)(c << 6 | d);
    }
    out->len = (size_t)(to - out->data);
    return (size_t)(at - piece.data);
}

static void base64_feed(struct transfer *t, struct bytes piece, struct buf *out)
{
    if (!buf_reserve(out, piece.len + 3))
        return;
    while (piece.len) {
        if (!t->sextets)
            piece = bytes_skip(piece, base64_groups(piece, out));
        if (!piece.len)
            return;
        unsigned value = sextet(piece.data[0]);
        if (value != NONE) {
            t->bits = t->bits << 6 | value;
            if (++t->sextets == 4) {
                char octets[] = { (char)(t->bits >> 16), (char)(t->bits >> 8), (char)t->bits };
                buf_append(out, octets, sizeof octets);
                t->bits = 0;
                t->sextets = 0;
            }
        } else if (piece.data[0] == '=') {
            base64_rest(t, out);
        }
        piece = bytes_skip(piece, 1);
    }
}

/* ---- quoted-printable ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; /* lower case is accepted */
}

static void qp_release(struct transfer *t, struct buf *out)
{
    buf_append(out, t->held, t->held_len);
    t->held_len = 0;
}

static void qp_hold(struct transfer *t, char c, struct buf *out)
{
    if (t->held_len == TRANSFER_HELD)
        qp_release(t, out);
    t->held[t->held_len++] = c;
}

static void qp_text(struct transfer *t, char c, struct buf *out)
{
    if (c == ' ' || c == '\t' || c == '\r') {
        qp_hold(t, c, out);
    } else if (c == '\n') {
        bool cr = t->held_len && t->held[t->held_len - 1] == '\r';
        t->held_len = 0; /* added on the way (RFC 2045, 6.7 (3)) */
        buf_string(out, cr ? "\r\n" : "\n");
    } else {
        qp_release(t, out);
        if (c == '=')
            t->qp = QP_EQUALS;
        else
            buf_byte(out, c);
    }
}

/* Behind "=": two digits or, after white space, a line end that doesn't count. */
static void qp_equals(struct transfer *t, char c, struct buf *out)
{
    bool white = c == ' ' || c == '\t' || c == '\r';
    if (c == '\n') {
        t->held_len = 0;
        t->qp = QP_TEXT;
    } else if (white && t->held_len < TRANSFER_HELD) {
        t->held[t->held_len++] = c;
    } else if (!t->held_len && hex_value(c) >= 0) {
        t->hex = c;
        t->qp = QP_HEX;
    } else {
        t->qp = QP_TEXT;
        buf_byte(out, '=');
        qp_text(t, c, out);
    }
}

static void qp_hex(struct transfer *t, char c, struct buf *out)
{
    t->qp = QP_TEXT;
    if (hex_value(c) >= 0) {
        buf_byte(out, (char)(hex_value(t->hex) << 4 | hex_value(c)));
    } else {
        buf_byte(out, '=');
        buf_byte(out, t->hex);
        qp_text(t, c, out);
    }
}

/* Text up to the next "=", line end or white space that may stand before one. How many octets. */
static size_t qp_run(struct transfer *t, struct bytes piece, struct buf *out)
{
    const char *lf = memchr(piece.data, '\n', piece.len);
    size_t len = lf ? (size_t)(lf - piece.data) : piece.len;
    const char *equals = memchr(piece.data, '=', len);
    if (equals)
        len = (size_t)(equals - piece.data);
    while (len && (piece.data[len - 1] == ' ' || piece.data[len - 1] == '\t' ||
                   piece.data[len - 1] == '\r'))
        len--;
    if (len)
        qp_release(t, out);
    buf_append(out, piece.data, len);
    return len;
}

static void qp_feed(struct transfer *t, struct bytes piece, struct buf *out)
{
    for (size_t i = 0; i < piece.len; i++) {
        if (t->qp == QP_TEXT)
            i += qp_run(t, bytes_skip(piece, i), out);
        if (i == piece.len)
            return;
        char c = piece.data[i];
        if (t->qp == QP_TEXT)
            qp_text(t, c, out);
        else if (t->qp == QP_EQUALS)
            qp_equals(t, c, out);
        else
            qp_hex(t, c, out);
    }
}

static void qp_end(struct transfer *t, struct buf *out)
{
    if (t->qp == QP_HEX) {
        buf_byte(out, '=');
        buf_byte(out, t->hex);
    }
    t->qp = QP_TEXT;
    t->held_len = 0;
}

/* ---- uuencode: between "begin 644 name" and "end", lines of a length and sextets ---- */

static unsigned uu_value(struct bytes line, size_t at)
{
    return at < line.len ? ((unsigned char)line.data[at] - 32u) & 63 : 0;
}

static void uu_line(struct transfer *t, struct buf *out)
{
    struct bytes line = bytes_trim(bytes_make(t->held, t->held_len));
    if (t->held_len && t->held[0] == ' ') /* a space is a zero */
        line = bytes_make(t->held, t->held_len);
    t->held_len = 0;
    if (!t->uu_data) {
        t->uu_data = bytes_starts(line, BYTES("begin ")) && line.len > 8;
        return;
    }
    if (bytes_equal(line, BYTES("end"))) {
        t->uu_data = false;
        return;
    }
    size_t left = uu_value(line, 0);
    for (size_t at = 1; left && at < line.len; at += 4) {
        uint32_t bits = uu_value(line, at) << 18 | uu_value(line, at + 1) << 12 |
                        uu_value(line, at + 2) << 6 | uu_value(line, at + 3);
        for (unsigned i = 0; i < 3 && left; i++, left--)
            buf_byte(out, (char)(bits >> (16 - 8 * i)));
    }
}

static void uu_feed(struct transfer *t, struct bytes piece, struct buf *out)
{
    for (size_t i = 0; i < piece.len; i++) {
        if (piece.data[i] == '\n')
            uu_line(t, out);
        else if (t->held_len < TRANSFER_LINE)
            t->held[t->held_len++] = piece.data[i];
    }
}

void transfer_feed(struct transfer *t, struct bytes piece, struct buf *out)
{
    switch (t->encoding) {
    case TEXT_BASE64:
        base64_feed(t, piece, out);
        break;
    case TEXT_QUOTED_PRINTABLE:
        qp_feed(t, piece, out);
        break;
    case TEXT_UUENCODE:
        uu_feed(t, piece, out);
        break;
    case TEXT_IDENTITY:
    case TEXT_UNKNOWN:
        buf_bytes(out, piece);
    }
}

void transfer_end(struct transfer *t, struct buf *out)
{
    if (t->encoding == TEXT_BASE64)
        base64_rest(t, out);
    else if (t->encoding == TEXT_QUOTED_PRINTABLE)
        qp_end(t, out);
    else if (t->encoding == TEXT_UUENCODE && t->held_len)
        uu_line(t, out);
}

enum text_encoding text_encoding(struct bytes name)
{
    static const struct {
        struct bytes name;
        enum text_encoding encoding;
    } NAMES[] = {
        { { "7bit", 4 }, TEXT_IDENTITY },
        { { "8bit", 4 }, TEXT_IDENTITY },
        { { "binary", 6 }, TEXT_IDENTITY },
        { { "base64", 6 }, TEXT_BASE64 },
        { { "quoted-printable", 16 }, TEXT_QUOTED_PRINTABLE },
        { { "x-uuencode", 10 }, TEXT_UUENCODE },
        { { "x-uue", 5 }, TEXT_UUENCODE },
        { { "uuencode", 8 }, TEXT_UUENCODE },
    };
    struct bytes word = bytes_trim(name);
    if (!word.len)
        return TEXT_IDENTITY;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (bytes_equal_nocase(word, NAMES[i].name))
            return NAMES[i].encoding;
    }
    return TEXT_UNKNOWN;
}
