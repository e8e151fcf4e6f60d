/* The line-by-line protocols (POP3, LMTP): commands in, replies out. */
#ifndef BASE_DIALOGUE_H
#define BASE_DIALOGUE_H

#include "base/input.h"
#include "base/output.h"

/* The next command, without its CRLF or LF. Replies to commands that came together (RFC 2449, 6.6; RFC 2920) leave in one
 * write: out is flushed only when no whole line waits. 1; 0 at the end, also within a line: half a command is never run; -1 with *err,
 * ERROR_TOO_BIG when the line has more than max octets. The view lives until the next call. */
int dialogue_line(struct input *in, struct output *out, size_t max, struct bytes *line, struct error *err);

#endif
