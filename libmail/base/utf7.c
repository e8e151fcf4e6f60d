/* Modified UTF-7 of RFC 3501, 5.1.3: "&" starts a run of UTF-16 in base64 with "," for "/", "-" ends
 * it, "&-" is "&" itself. Only the one shortest form of a name is accepted, so that no two names
 * mean the same mailbox. */
#include "base/unicode.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static bool is_direct(uint32_t code)
{
    return code >= 0x20 && code <= 0x7E;
}

struct run {
    uint32_t bits;  /* not yet a whole UTF-16 unit */
    unsigned count; /* how many bits they are */
    uint32_t high;  /* a high surrogate that waits for its low one, or 0 */
};

static bool take_unit(struct run *run, uint32_t unit, struct buf *out)
{
    bool is_low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (is_low != (run->high != 0))
        return false;
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        run->high = unit;
        return true;
    }
    if (is_low)
        unit = 0x10000 + ((run->high - 0xD800) << 10) + (unit - 0xDC00);
    run->high = 0;
    if (unit == 0 || is_direct(unit))
        return false;
    utf8_append(out, unit);
    return true;
}

/* The run behind "&" up to and with its "-": how many octets, or 0 when it is not right. */
static size_t decode_run(struct bytes name, struct buf *out)
{
    struct run run = { 0 };
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '-') {
            /* Left-over bits are padding: fewer than a digit's, and zero. */
            bool clean = run.high == 0 && run.count < 6 && (run.bits & ((1U << run.count) - 1)) == 0;
            return clean ? i + 1 : 0;
        }
        const char *digit = name.data[i] ? strchr(alphabet, name.data[i]) : NULL;
        if (!digit)
            return 0;
        run.bits = run.bits << 6 | (uint32_t)(digit - alphabet);
        run.count += 6;
        if (run.count < 16)
            continue;
        run.count -= 16;
        if (!take_unit(&run, run.bits >> run.count & 0xFFFF, out))
            return 0;
    }
    return 0;
}

static bool decode_name(struct bytes name, struct buf *out)
{
    bool behind_run = false;
    for (size_t at = 0; at < name.len;) {
        char c = name.data[at++];
        if (!is_direct((unsigned char)c))
            return false;
        if (c != '&') {
            buf_byte(out, c);
            behind_run = false;
        } else if (at < name.len && name.data[at] == '-') {
            buf_byte(out, '&');
            at++;
            behind_run = false;
        } else {
            /* Two runs side by side are one run badly written. */
            size_t used = behind_run ? 0 : decode_run(bytes_skip(name, at), out);
            if (used == 0)
                return false;
            at += used;
            behind_run = true;
        }
    }
    return !buf_failed(out);
}

bool utf7_decode(struct bytes name, struct buf *out)
{
    size_t before = out->len;
    bool good = decode_name(name, out);
    if (!good)
        out->len = before;
    return good;
}

static void put_unit(struct run *run, uint32_t unit, struct buf *out)
{
    run->bits = run->bits << 16 | unit;
    run->count += 16;
    while (run->count >= 6) {
        run->count -= 6;
        buf_byte(out, alphabet[run->bits >> run->count & 0x3F]);
    }
}

static void put_code(struct run *run, uint32_t code, struct buf *out)
{
    if (code < 0x10000) {
        put_unit(run, code, out);
        return;
    }
    put_unit(run, 0xD800 + ((code - 0x10000) >> 10), out);
    put_unit(run, 0xDC00 + ((code - 0x10000) & 0x3FF), out);
}

static void end_run(struct run *run, struct buf *out)
{
    if (run->count > 0)
        buf_byte(out, alphabet[run->bits << (6 - run->count) & 0x3F]);
    buf_byte(out, '-');
    *run = (struct run){ 0 };
}

bool utf7_encode(struct bytes name, struct buf *out)
{
    struct run run = { 0 };
    bool inside = false;
    if (!utf8_valid(name))
        return false;
    for (size_t at = 0; at < name.len;) {
        uint32_t code = (uint32_t)utf8_next(name, &at);
        if (is_direct(code) == inside) {
            if (inside)
                end_run(&run, out);
            else
                buf_byte(out, '&');
            inside = !inside;
        }
        if (inside)
            put_code(&run, code, out);
        else
            buf_byte(out, (char)code);
        if (code == '&')
            buf_byte(out, '-');
    }
    if (inside)
        end_run(&run, out);
    return !buf_failed(out);
}
