/* Base64 as the SASL exchanges of IMAP, POP3 and SMTP use it (RFC 4648, 4): strict, on one line. The lenient
 * form of mail bodies is message/text.h. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"
#include "base/bytes.h"

/* Appends the encoded form, with padding. */
void base64_encode(struct bytes data, struct buf *out);
/* Appends the decoded octets. False when text is not base64 in whole groups of four with correct padding, or
 * out has failed. */
bool base64_decode(struct bytes text, struct buf *out);

#endif
