/* The base subject (RFC 5256, 2.1): what a subject is without "Re:", "[list]", "(fwd)" and their
 * like. Private to this room. */
#ifndef MESSAGE_BASE_SUBJECT_H
#define MESSAGE_BASE_SUBJECT_H

#include "base/buf.h"

/* The base subject of text, which is decoded and has no white space but single spaces; a view of
 * text. *reply: it said that it answers or forwards another message. */
struct bytes base_subject(struct bytes text, bool *reply);
/* Whether text has white space other than single spaces; and it without that, appended. */
bool subject_is_loose(struct bytes text);
void subject_squeeze(struct bytes text, struct buf *out);

#endif
