/* The ENVELOPE of a header (RFC 9051, 7.5.2). Private to this room; see part.h for what it holds.
 */
#ifndef MESSAGE_ENVELOPE_H
#define MESSAGE_ENVELOPE_H

#include "message/header.h"
#include "message/part.h"

/* Allocated in arena, at most about *budget octets (which goes down); NULL without memory. */
struct envelope *envelope_read(struct bytes header, struct arena *arena, size_t *budget);

#endif
