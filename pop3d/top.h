/* The header of a message and the first lines of its body (RFC 1939, 7, TOP). */
#ifndef POP3D_TOP_H
#define POP3D_TOP_H

#include "base/input.h"
#include "base/output.h"

/* Copies from message (CRLF lines) its header, the empty line and lines lines of the body; how many octets in
 * *copied. False with *err on an input error; output errors stay in out. */
bool top_copy(struct output *out, struct input *message, uint32_t lines, uint64_t *copied,
              struct error *err);

#endif
