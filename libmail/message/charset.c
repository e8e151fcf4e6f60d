#include "message/charset.h"

#include <errno.h>
#include "base/unicode.h"
#include "message/text.h"

static const iconv_t UTF8 = (iconv_t)-1;

/* Names that mail uses and iconv doesn't know, or takes more narrowly than senders do. */
static const struct {
    struct bytes name;
    const char *iconv;
} ALIASES[] = {
    { { "gb2312", 6 }, "GB18030" },
    { { "gbk", 3 }, "GB18030" },
    { { "x-gbk", 5 }, "GB18030" },
    { { "ks_c_5601-1987", 14 }, "CP949" },
    { { "ks_c_5601", 9 }, "CP949" },
    { { "euc-kr", 6 }, "CP949" },
    { { "shift_jis", 9 }, "CP932" },
    { { "shift-jis", 9 }, "CP932" },
    { { "x-sjis", 6 }, "CP932" },
    { { "big5", 4 }, "BIG5-HKSCS" },
    { { "iso-8859-8-i", 12 }, "ISO-8859-8" },
    { { "iso-8859-8-e", 12 }, "ISO-8859-8" },
    { { "unicode-1-1-utf-7", 17 }, "UTF-7" },
    { { "x-mac-cyrillic", 14 }, "MAC-CYRILLIC" },
};

static bool is_utf8(struct bytes name)
{
    return bytes_equal_nocase(name, BYTES("utf-8")) || bytes_equal_nocase(name, BYTES("utf8"));
}

static bool is_ascii(struct bytes name)
{
    return !name.len || bytes_equal_nocase(name, BYTES("us-ascii")) ||
           bytes_equal_nocase(name, BYTES("ascii")) ||
           bytes_equal_nocase(name, BYTES("ansi_x3.4-1968"));
}

bool text_charset_is_utf8(struct bytes name)
{
    name = bytes_trim(name);
    return is_ascii(name) || is_utf8(name);
}

/* A name for iconv_open: nothing that it gives a meaning, such as "//IGNORE". */
static bool plain_name(struct bytes name, char *out, size_t size)
{
    if (!name.len || name.len >= size)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !(c && strchr("-_.:+()", c)))
            return false;
        out[i] = c;
    }
    out[name.len] = '\0';
    return true;
}

bool charset_open(struct charset *charset, struct bytes name)
{
    char plain[64];
    const char *from = plain;
    *charset = (struct charset){ .iconv = UTF8 };
    name = bytes_trim(name);
    charset->strict_ascii = is_ascii(name);
    if (charset->strict_ascii || is_utf8(name))
        return true;
    if (!plain_name(name, plain, sizeof plain))
        return false;
    for (size_t i = 0; i < sizeof ALIASES / sizeof *ALIASES; i++) {
        if (bytes_equal_nocase(name, ALIASES[i].name))
            from = ALIASES[i].iconv;
    }
    charset->iconv = iconv_open("UTF-8", from);
    return charset->iconv != UTF8;
}

static void replacement(struct charset *charset, struct buf *out)
{
    charset->damaged = true;
    buf_string(out, "\xEF\xBF\xBD");
}

/* ---- UTF-8 ---- */

/* Copies what is well-formed. How many octets of text were used: all but the beginning of a
 * character. */
static size_t utf8_copy(struct charset *charset, struct bytes text, struct buf *out)
{
    size_t at = 0, start = 0; /* what is well-formed: from start to at */
    while (at < text.len) {
        if ((unsigned char)text.data[at] < 0x80) {
            at++;
            continue;
        }
        if (text.len - at < 4 && utf8_unfinished(bytes_skip(text, at)))
            break;
        size_t next = at;
        if (utf8_next(text, &next) < 0) {
            buf_append(out, text.data + start, at - start);
            replacement(charset, out);
            start = next;
        }
        at = next;
    }
    if (at > start)
        buf_append(out, text.data + start, at - start);
    return at;
}

/* ---- iconv ---- */

/* Converts; how many octets of text were used: all but the beginning of a character. */
static size_t iconv_copy(struct charset *charset, struct bytes text, struct buf *out)
{
    char *in = (char *)(uintptr_t)text.data, result[4096];
    size_t left = text.len;
    while (left) {
        char *to = result;
        size_t room = sizeof result;
        size_t done = iconv(charset->iconv, &in, &left, &to, &room);
        int problem = done == (size_t)-1 ? errno : 0;
        buf_append(out, result, sizeof result - room);
        if (problem == EINVAL)
            break;
        if (problem && problem != E2BIG) {
            replacement(charset, out);
            in++;
            left--;
        }
    }
    return text.len - left;
}

static size_t convert(struct charset *charset, struct bytes text, struct buf *out)
{
    return charset->iconv == UTF8 ? utf8_copy(charset, text, out) : iconv_copy(charset, text, out);
}

/* Completes the kept beginning octet by octet, as far as it takes. How many octets of piece. */
static size_t complete(struct charset *charset, struct bytes piece, struct buf *out)
{
    size_t taken = 0;
    while (charset->kept_len && taken < piece.len) {
        if (charset->kept_len == sizeof charset->kept) { /* no character is so long */
            replacement(charset, out);
            charset->kept_len = 0;
            break;
        }
        charset->kept[charset->kept_len++] = piece.data[taken++];
        size_t used = convert(charset, bytes_make(charset->kept, charset->kept_len), out);
        charset->kept_len -= used;
        memmove(charset->kept, charset->kept + used, charset->kept_len);
    }
    return taken;
}

void charset_feed(struct charset *charset, struct bytes piece, struct buf *out)
{
    piece = bytes_skip(piece, complete(charset, piece, out));
    if (!piece.len)
        return;
    struct bytes rest = bytes_skip(piece, convert(charset, piece, out));
    while (rest.len > sizeof charset->kept) {
        replacement(charset, out);
        rest = bytes_skip(rest, 1);
        rest = bytes_skip(rest, convert(charset, rest, out));
    }
    memcpy(charset->kept, rest.data, rest.len);
    charset->kept_len = rest.len;
}

void charset_end(struct charset *charset, struct buf *out)
{
    char result[64], *to = result;
    size_t room = sizeof result;
    if (charset->kept_len)
        replacement(charset, out);
    charset->kept_len = 0;
    if (charset->iconv == UTF8)
        return;
    /* What it keeps back, e.g. a letter before a combining mark. */
    iconv(charset->iconv, NULL, NULL, &to, &room);
    buf_append(out, result, sizeof result - room);
}

void charset_close(struct charset *charset)
{
    if (charset->iconv != UTF8)
        iconv_close(charset->iconv);
    charset->iconv = UTF8;
}
