/* Text for people and for SEARCH: encoded words (RFC 2047), transfer encodings (RFC 2045, 6),
 * charsets to UTF-8, case folding. Never fails on bad input: what can't be decoded passes through
 * or becomes U+FFFD. */
#ifndef MESSAGE_TEXT_H
#define MESSAGE_TEXT_H

#include "base/buf.h"
#include "base/input.h"
#include "message/part.h"

/* A header field's value as UTF-8: unfolded, encoded words decoded (space between two of them
 * dropped). */
void text_header(struct buf *out, struct bytes value);

enum text_encoding {
    TEXT_IDENTITY,
    TEXT_BASE64,
    TEXT_QUOTED_PRINTABLE,
    TEXT_UUENCODE,
    TEXT_UNKNOWN
};
enum text_encoding text_encoding(struct bytes name); /* "base64" ..., absent: identity */
/* Decodes a transfer encoding; owns its parent. Bad octets are skipped as RFC 2045, 6.8 says. */
struct input *input_transfer(struct input *parent, enum text_encoding encoding);
/* Charset to UTF-8; owns its parent. Absent, us-ascii and unknown charsets are read as UTF-8: what
 * isn't becomes U+FFFD. */
struct input *input_charset(struct input *parent, struct bytes charset);
/* Absent, us-ascii or UTF-8: who takes malformed octets for U+FFFD anyway needs no input_charset. */
bool text_charset_is_utf8(struct bytes charset);
/* Whether this machine can convert from charset (for SEARCH CHARSET). */
bool text_charset_known(struct bytes charset);
/* Converts a short string (a search argument) to UTF-8; false when charset is unknown or text isn't
 * valid in it. */
bool text_to_utf8(struct buf *out, struct bytes text, struct bytes charset);

/* A search string prepared once: title case, then compatibility decomposition (i;unicode-casemap,
 * RFC 5051). Then fed UTF-8 in pieces of any size; says
 * whether the string has occurred. */
struct text_match;
struct text_match *text_match_create(struct bytes utf8);
void text_match_reset(struct text_match *match);
/* True once found; stays true until reset. */
bool text_match_feed(struct text_match *match, struct bytes utf8);
void text_match_destroy(struct text_match **match);
/* The prepared string, to be looked for in text that is mapped already (sort_key.h). */
struct bytes text_match_mapped(const struct text_match *match);

#endif
