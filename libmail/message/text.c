/* Encoded words (RFC 2047, with the language of RFC 2231, 5) and short strings in a charset. */
#include "message/text.h"

#include "message/charset.h"
#include "message/header.h"
#include "message/transfer.h"

struct word {
    struct bytes charset, text;
    bool base64;
    size_t len; /* from "=?" to "?=" */
};

/* The encoded word at the beginning of text. Octets that RFC 2047 forbids in it are let pass, save
 * line ends. */
static bool word_read(struct bytes text, struct word *word)
{
    struct bytes rest = bytes_skip(text, 2);
    ssize_t mark = bytes_starts(text, BYTES("=?")) ? bytes_find(rest, BYTES("?")) : -1;
    if (mark <= 0 || mark > 63)
        return false;
    word->charset = bytes_take(rest, (size_t)mark);
    ssize_t star = bytes_find(word->charset, BYTES("*"));
    if (star >= 0)
        word->charset.len = (size_t)star;
    rest = bytes_skip(rest, (size_t)mark + 1);
    if (rest.len < 2 || rest.data[1] != '?' || !strchr("bBqQ", rest.data[0] ? rest.data[0] : '.'))
        return false;
    word->base64 = rest.data[0] == 'b' || rest.data[0] == 'B';
    rest = bytes_skip(rest, 2);
    ssize_t end = bytes_find(rest, BYTES("?="));
    if (end < 0)
        return false;
    word->text = bytes_take(rest, (size_t)end);
    word->len = (size_t)(rest.data - text.data) + (size_t)end + 2;
    return true;
}

/* RFC 2047, 4.2: "_" is a space, whatever the charset. */
static void word_decode(const struct word *word, struct buf *out)
{
    struct transfer transfer = { .encoding = word->base64 ? TEXT_BASE64 : TEXT_QUOTED_PRINTABLE };
    for (size_t i = 0; i < word->text.len; i++) {
        bool space = !word->base64 && (word->text.data[i] == '_' || word->text.data[i] == ' ');
        transfer_feed(&transfer, space ? BYTES("=20") : bytes_make(word->text.data + i, 1), out);
    }
    transfer_end(&transfer, out);
}

/* Neighbours of one charset are converted together: senders cut characters in two. */
struct pending {
    struct bytes charset;
    struct buf octets;
};

static void pending_flush(struct pending *pending, struct buf *out)
{
    struct charset charset;
    if (!pending->charset.data)
        return;
    charset_open(&charset, pending->charset);
    charset_feed(&charset, buf_view(&pending->octets), out);
    charset_end(&charset, out);
    charset_close(&charset);
    buf_clear(&pending->octets);
    pending->charset = bytes_make(NULL, 0);
}

static void plain(struct buf *out, struct bytes text)
{
    struct charset charset;
    charset_open(&charset, BYTES("utf-8"));
    charset_feed(&charset, text, out);
    charset_end(&charset, out);
}

static bool is_white(struct bytes text)
{
    return !bytes_trim(text).len;
}

static void decode_words(struct buf *out, struct bytes text)
{
    struct pending pending = { { NULL, 0 }, BUF_INIT(text.len + 1) };
    while (text.len) {
        ssize_t at = bytes_find(text, BYTES("=?"));
        struct word word = { 0 };
        while (at >= 0 && !word_read(bytes_skip(text, (size_t)at), &word)) {
            ssize_t next = bytes_find(bytes_skip(text, (size_t)at + 2), BYTES("=?"));
            at = next < 0 ? -1 : at + 2 + next;
        }
        struct bytes before = at < 0 ? text : bytes_take(text, (size_t)at);
        bool between = pending.charset.data && at >= 0 && is_white(before);
        if (!between) {
            pending_flush(&pending, out);
            plain(out, before);
        }
        if (at < 0)
            break;
        if (pending.charset.data && !bytes_equal_nocase(pending.charset, word.charset))
            pending_flush(&pending, out);
        pending.charset = word.charset;
        word_decode(&word, &pending.octets);
        text = bytes_skip(text, (size_t)at + word.len);
    }
    pending_flush(&pending, out);
    buf_free(&pending.octets);
}

void text_header(struct buf *out, struct bytes value)
{
    struct buf text = BUF_INIT(value.len);
    header_unfold(value, &text);
    decode_words(out, buf_view(&text));
    buf_free(&text);
}

bool text_charset_known(struct bytes name)
{
    struct charset charset;
    bool known = charset_open(&charset, name);
    charset_close(&charset);
    return known;
}

static bool all_ascii(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] > 127)
            return false;
    }
    return true;
}

bool text_to_utf8(struct buf *out, struct bytes text, struct bytes name)
{
    struct charset charset;
    bool well = charset_open(&charset, name);
    size_t before = out->len;
    if (well) {
        charset_feed(&charset, text, out);
        charset_end(&charset, out);
        well = !charset.damaged && (!charset.strict_ascii || all_ascii(text)) && !buf_failed(out);
    }
    if (!well && !buf_failed(out))
        out->len = before;
    charset_close(&charset);
    return well;
}
