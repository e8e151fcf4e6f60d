/* Charsets to UTF-8, fed in pieces of any size. Private to this room. */
#ifndef MESSAGE_CHARSET_H
#define MESSAGE_CHARSET_H

#include <iconv.h>
#include "base/buf.h"

struct charset {
    iconv_t iconv; /* (iconv_t)-1: the input is taken for UTF-8 */
    char kept[16]; /* the beginning of a character whose rest is in the next piece */
    size_t kept_len;
    bool strict_ascii; /* only for text_to_utf8 */
    bool damaged;      /* something became U+FFFD */
};

/* False when this machine can't convert from name; charset is usable then, too, as UTF-8. An absent
 * name and us-ascii are taken for UTF-8, which they are when they are true. */
bool charset_open(struct charset *charset, struct bytes name);
void charset_feed(struct charset *charset, struct bytes piece, struct buf *out);
/* An unfinished character becomes U+FFFD. */
void charset_end(struct charset *charset, struct buf *out);
void charset_close(struct charset *charset);

#endif
