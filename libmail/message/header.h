/* The header of a message or part: its fields, one after the other, unfolded on request
 * (RFC 5322, 2.2). Works on a header held in memory; line ends may be LF or CRLF, mixed. */
#ifndef MESSAGE_HEADER_H
#define MESSAGE_HEADER_H

#include "base/arena.h"
#include "base/buf.h"

struct header_field {
    struct bytes name;  /* without the colon and white space before it */
    struct bytes value; /* as stored: folds and line ends included, without the last line end;
                           leading white space kept off */
    struct bytes whole; /* name to last line end */
    bool broken;        /* a line without a colon: name is empty */
};

/* The next field of *rest (which moves behind it); false at the empty line or the end. */
bool header_next(struct bytes *rest, struct header_field *field);
/* The first field called name (case-insensitive). False when there is none. */
bool header_find(struct bytes header, struct bytes name, struct header_field *field);
/* Appends value with each line end that is followed by white space removed (RFC 5322, 2.2.3). */
void header_unfold(struct bytes value, struct buf *out);

#endif
