/* Decoders: always end, always give UTF-8. The first octet chooses encoding and charset. */
#include <stdint.h>
#include <stdlib.h>
#include "base/unicode.h"
#include "message/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const CHARSETS[] = { "utf-8",  "iso-2022-jp", "utf-7", "gb2312",
                                            "koi8-r", "utf-16",      "x",     "shift_jis" };
    char piece[50];
    unsigned choice = size ? data[0] : 0;
    struct bytes text = bytes_skip(bytes_make(data, size), 1);
    struct buf out = BUF_INIT(1024 + size * 20);
    struct text_match *match = text_match_create(bytes_take(text, choice % 5));
    text_header(&out, text);
    if (buf_failed(&out) ||
        (out.len && !memchr(out.data, 0, out.len) && !utf8_valid(buf_view(&out))))
        abort();
    struct input *input = input_transfer(input_memory(text), choice & 3);
    input = input_charset(input, bytes_of(CHARSETS[choice >> 5]));
    ssize_t n;
    while ((n = input_read(input, piece, 1 + choice % 40, NULL)) > 0)
        text_match_feed(match, bytes_make(piece, (size_t)n));
    if (n < 0)
        abort();
    text_match_destroy(&match);
    input_close(&input);
    buf_free(&out);
    return 0;
}
