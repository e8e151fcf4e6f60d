/* subject         = *subj-leader [subj-middle] *subj-trailer
 * subj-leader     = (*subj-blob subj-refwd) / WSP
 * subj-refwd      = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
 * subj-blob       = "[" *BLOBCHAR "]" *WSP
 * subj-trailer    = "(fwd)" / WSP
 * subj-fwd        = "[fwd:" subject "]"
 *
 * Nothing is scanned twice: a blob ends at the next bracket, and what was looked at and is no
 * leader ends the leaders. */
#include "message/base_subject.h"

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool subject_is_loose(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c <= ' ' && is_white(c) &&
            (c != ' ' || (i + 1 < text.len && is_white(text.data[i + 1]))))
            return true;
    }
    return false;
}

void subject_squeeze(struct bytes text, struct buf *out)
{
    bool white = false;
    for (size_t i = 0; i < text.len; i++) {
        bool now = is_white(text.data[i]);
        if (!now || !white)
            buf_byte(out, now ? ' ' : text.data[i]);
        white = now;
    }
}

static struct bytes skip_spaces(struct bytes text)
{
    while (text.len && text.data[0] == ' ')
        text = bytes_skip(text, 1);
    return text;
}

static bool take(struct bytes *text, struct bytes prefix)
{
    bool there = bytes_starts_nocase(*text, prefix);
    if (there)
        *text = bytes_skip(*text, prefix.len);
    return there;
}

static bool take_blob(struct bytes *text)
{
    size_t i = 1;
    if (!text->len || text->data[0] != '[')
        return false;
    while (i < text->len && text->data[i] != '[' && text->data[i] != ']')
        i++;
    if (i == text->len || text->data[i] != ']')
        return false;
    *text = skip_spaces(bytes_skip(*text, i + 1));
    return true;
}

static bool take_leader(struct bytes *text)
{
    struct bytes rest = *text;
    while (take_blob(&rest))
        ;
    if (!take(&rest, BYTES("re")) && !take(&rest, BYTES("fwd")) && !take(&rest, BYTES("fw")))
        return false;
    rest = skip_spaces(rest);
    take_blob(&rest);
    if (!take(&rest, BYTES(":")))
        return false;
    *text = rest;
    return true;
}

static struct bytes without_trailers(struct bytes text, bool *reply)
{
    for (;;) {
        if (text.len && text.data[text.len - 1] == ' ') {
            text.len--;
        } else if (bytes_ends_nocase(text, BYTES("(fwd)"))) {
            text.len -= 5;
            *reply = true;
        } else {
            return text;
        }
    }
}

/* Blobs are taken as long as something is left: the last one may be the subject itself. */
static struct bytes without_leaders(struct bytes text, bool *reply)
{
    for (text = skip_spaces(text); take_leader(&text); text = skip_spaces(text))
        *reply = true;
    struct bytes rest = text;
    while (take_blob(&rest) && rest.len)
        text = rest;
    return text;
}

static bool unwrap_forward(struct bytes *text)
{
    struct bytes inside = *text;
    if (!take(&inside, BYTES("[fwd:")) || !inside.len || inside.data[inside.len - 1] != ']')
        return false;
    *text = bytes_take(inside, inside.len - 1);
    return true;
}

struct bytes base_subject(struct bytes text, bool *reply)
{
    *reply = false;
    for (;;) {
        text = without_trailers(text, reply);
        text = without_leaders(text, reply);
        if (!unwrap_forward(&text))
            return text;
        *reply = true;
    }
}
