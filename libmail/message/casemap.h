/* i;unicode-casemap (RFC 5051): each character is mapped to title case, then decomposed
 * (compatibility mapping), and written as UTF-8. Texts are then compared octet by octet. Searching,
 * sorting and threading all see text in this form. */
#ifndef MESSAGE_CASEMAP_H
#define MESSAGE_CASEMAP_H

#include "base/buf.h"

enum { CASEMAP_MOST = 128 }; /* octets that one character can become */

/* Appends the mapped form of utf8; malformed octets are taken for U+FFFD. Applied to pieces (cut
 * between characters) it gives the pieces of the whole. */
void casemap(struct buf *out, struct bytes utf8);
/* One character (negative: U+FFFD); its length in octets. */
size_t casemap_character(int32_t character, char out[CASEMAP_MOST]);
/* len octets, all of them ASCII; in may be out. */
static inline void casemap_ascii(char *out, const char *in, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(in[i] - (in[i] >= 'a' && in[i] <= 'z' ? 'a' - 'A' : 0));
}

#endif
