#include "message/casemap.h"

#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>
#include "base/unicode.h"

enum { REMEMBERED = 256, SHORT = 11 };

/* Mapping a character takes long and mail repeats few: what was mapped last is remembered. */
static struct remembered {
    uint32_t character; /* 0: none */
    unsigned char len;
    char mapped[SHORT];
} remembered[REMEMBERED]; /* by the low bits of the character */

static size_t map(ucs4_t c, char *out)
{
    ucs4_t title = uc_totitle(c), decomposed[CASEMAP_MOST];
    size_t count = sizeof decomposed / sizeof *decomposed, len = CASEMAP_MOST;
    uint32_t *all = u32_normalize(UNINORM_NFKD, &title, 1, decomposed, &count);
    if (!all)
        return 0;
    uint8_t *utf8 = u32_to_u8(all, count, (uint8_t *)out, &len);
    if (all != decomposed)
        free(all);
    if (utf8 && utf8 != (uint8_t *)out) {
        free(utf8);
        return 0;
    }
    return utf8 ? len : 0;
}

size_t casemap_character(int32_t character, char out[CASEMAP_MOST])
{
    uint32_t c = character < 0 ? 0xFFFD : (uint32_t)character;
    struct remembered *last = &remembered[c % REMEMBERED];
    if (c && last->character == c) {
        memcpy(out, last->mapped, SHORT);
        return last->len;
    }
    size_t len = map(c, out);
    if (len <= SHORT) {
        *last = (struct remembered){ c, (unsigned char)len, { 0 } };
        memcpy(last->mapped, out, len);
    }
    return len;
}

/* How many octets at the beginning are ASCII. */
static size_t ascii_run(struct bytes text)
{
    size_t n = 0;
    while (n < text.len && (unsigned char)text.data[n] < 0x80)
        n++;
    return n;
}

void casemap(struct buf *out, struct bytes utf8)
{
    char mapped[CASEMAP_MOST];
    while (utf8.len) {
        size_t run = ascii_run(utf8), at = 0;
        char *room = run ? buf_reserve(out, run) : NULL;
        if (room) {
            casemap_ascii(room, utf8.data, run);
            out->len += run;
        }
        utf8 = bytes_skip(utf8, run);
        if (utf8.len) {
            int32_t character = utf8_next(utf8, &at);
            buf_append(out, mapped, casemap_character(character, mapped));
        }
        utf8 = bytes_skip(utf8, at);
    }
}
