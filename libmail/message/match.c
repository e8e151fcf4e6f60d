/* Search without regard to case: what is searched and what is looked for are mapped (casemap.h);
 * then it is a search of octets (Knuth, Morris, Pratt), which needs no look back and so works over
 * pieces. */
#include <stdlib.h>
#include "base/unicode.h"
#include "message/casemap.h"
#include "message/text.h"

enum { MOST_NEEDLE = 1024 * 1024, BLOCK = 1024 };

struct text_match {
    size_t len, state; /* octets of the needle; how many of them have matched */
    bool found;
    char kept[4]; /* the beginning of a character whose rest is in the next piece */
    size_t kept_len;
    size_t *border; /* [i]: how many octets still match when the octet after i ones doesn't */
    char needle[];
};

static char fold_ascii(char c)
{
    casemap_ascii(&c, &c, 1);
    return c;
}

static void find_borders(struct text_match *match)
{
    size_t border = 0;
    for (size_t i = 1; i < match->len; i++) {
        match->border[i] = border;
        while (border && match->needle[i] != match->needle[border])
            border = match->border[border];
        border += match->needle[i] == match->needle[border];
    }
    match->border[match->len] = border;
}

struct text_match *text_match_create(struct bytes utf8)
{
    struct buf needle = BUF_INIT(MOST_NEEDLE);
    casemap(&needle, utf8);
    struct text_match *match = NULL;
    if (!buf_failed(&needle))
        match = calloc(1, sizeof *match + needle.len + 1);
    if (match) {
        match->len = needle.len;
        if (needle.len)
            memcpy(match->needle, needle.data, needle.len);
        match->border = calloc(needle.len + 1, sizeof *match->border);
        if (match->border)
            find_borders(match);
        else
            text_match_destroy(&match);
    }
    buf_free(&needle);
    if (match)
        text_match_reset(match);
    return match;
}

void text_match_reset(struct text_match *match)
{
    match->state = match->kept_len = 0;
    match->found = !match->len;
}

static void step(struct text_match *match, char c)
{
    while (match->state && match->needle[match->state] != c)
        match->state = match->border[match->state];
    match->state += match->needle[match->state] == c;
    match->found = match->state == match->len;
}

static void step_character(struct text_match *match, int32_t character)
{
    char mapped[CASEMAP_MOST];
    size_t len = casemap_character(character, mapped);
    for (size_t i = 0; i < len && !match->found; i++)
        step(match, mapped[i]);
}

static size_t ascii_run(struct bytes text)
{
    size_t n = 0;
    uint64_t eight;
    for (; text.len - n >= sizeof(eight); n += sizeof(eight)) {
        memcpy(&eight, text.data + n, sizeof(eight));
        if (eight & UINT64_C(0x8080808080808080))
            break;
    }
    while (n < text.len && (unsigned char)text.data[n] < 0x80)
        n++;
    return n;
}

static void step_all(struct text_match *match, struct bytes ascii)
{
    for (size_t i = 0; i < ascii.len && !match->found; i++)
        step(match, fold_ascii(ascii.data[i]));
}

/* ASCII, in blocks that overlap by what a match may hang over. Where nothing has matched so far, a
 * block is searched as a whole; then only its end can be the beginning of a match. */
static void feed_ascii(struct text_match *match, struct bytes text)
{
    char folded[BLOCK];
    while (text.len && match->state && !match->found) {
        step_all(match, bytes_take(text, 1));
        text = bytes_skip(text, 1);
    }
    while (text.len >= match->len && match->len <= BLOCK / 2 && !match->found) {
        size_t len = text.len < BLOCK ? text.len : BLOCK;
        casemap_ascii(folded, text.data, len);
        match->found = memmem(folded, len, match->needle, match->len) != NULL;
        text = bytes_skip(text, len - match->len + 1);
    }
    step_all(match, text);
}

/* Feeds text up to an unfinished character at its end. How many octets. */
static size_t feed_whole(struct text_match *match, struct bytes text)
{
    size_t at = 0;
    while (at < text.len && !match->found) {
        size_t run = ascii_run(bytes_skip(text, at));
        feed_ascii(match, bytes_make(text.data + at, run));
        at += run;
        if (at == text.len || match->found || utf8_unfinished(bytes_skip(text, at)))
            break;
        step_character(match, utf8_next(text, &at));
    }
    return at;
}

bool text_match_feed(struct text_match *match, struct bytes utf8)
{
    while (match->kept_len && utf8.len && !match->found) {
        match->kept[match->kept_len++] = utf8.data[0];
        utf8 = bytes_skip(utf8, 1);
        size_t used = feed_whole(match, bytes_make(match->kept, match->kept_len));
        match->kept_len -= used;
        memmove(match->kept, match->kept + used, match->kept_len);
    }
    if (match->found || !utf8.len)
        return match->found;
    struct bytes rest = bytes_skip(utf8, feed_whole(match, utf8));
    if (match->found)
        return true;
    memcpy(match->kept, rest.data, rest.len);
    match->kept_len = rest.len;
    return false;
}

void text_match_destroy(struct text_match **match)
{
    if (*match)
        free((*match)->border);
    free(*match);
    *match = NULL;
}

struct bytes text_match_mapped(const struct text_match *match)
{
    return bytes_make(match->needle, match->len);
}
