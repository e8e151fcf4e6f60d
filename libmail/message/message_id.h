/* Message IDs as Message-ID, In-Reply-To and References hold them (RFC 5322, 3.6.4). Private to
 * this room. */
#ifndef MESSAGE_MESSAGE_ID_H
#define MESSAGE_MESSAGE_ID_H

#include "base/buf.h"

/* The next message ID of *rest (which moves behind it), without its brackets, in the form in which
 * equal ones are the same octets: white space, comments and quotes left out (RFC 5256, 3). It
 * replaces what is in *out. False: there is none any more. Octets that the grammar forbids are let
 * pass, as senders write them; but there must be an "@" with something on either side. */
bool message_id_next(struct bytes *rest, struct buf *out);
/* 64 bits of it that stand for it, never 0. */
uint64_t message_id_hash(struct bytes id);

#endif
