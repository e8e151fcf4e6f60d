/* UTF-8 and IMAP's modified UTF-7 (RFC 3501, 5.1.3). */
#ifndef BASE_UNICODE_H
#define BASE_UNICODE_H

#include "base/buf.h"
#include "base/bytes.h"

/* Well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF); NUL is not accepted. */
bool utf8_valid(struct bytes text);
/* One code point at *at, which moves behind it; -1 (moving one octet) where it is malformed. */
int32_t utf8_next(struct bytes text, size_t *at);
/* Whether text (not empty) is the beginning of a character and no more: it may go on in the next piece. */
bool utf8_unfinished(struct bytes text);
/* What is no code point (a surrogate, more than U+10FFFF) becomes U+FFFD. */
void utf8_append(struct buf *out, uint32_t code_point);

/* Modified UTF-7 to UTF-8 appended to *out; false when name is not valid and canonical: 8-bit octets, control characters, unfinished
 * or superfluous shifts, encoded ASCII. */
bool utf7_decode(struct bytes name, struct buf *out);
/* UTF-8 to modified UTF-7, appended; false when name is not well-formed UTF-8. */
bool utf7_encode(struct bytes name, struct buf *out);

#endif
