/* Which octets of a message BODY[...] names: its grammar, where they stand in the structure, and
 * the subset of header fields (RFC 3501, 6.4.5 and 9; RFC 9051, 6.4.5.1). */
#ifndef IMAPD_SECTION_H
#define IMAPD_SECTION_H

#include "imapd/parser.h"
#include "message/part.h"

enum section_kind {
    SECTION_WHOLE,      /* [] or [1.2] */
    SECTION_HEADER,     /* [HEADER], [1.HEADER] */
    SECTION_FIELDS,     /* [HEADER.FIELDS (...)] */
    SECTION_FIELDS_NOT, /* [HEADER.FIELDS.NOT (...)] */
    SECTION_TEXT,
    SECTION_MIME,
};

struct section {
    enum section_kind kind;
    uint32_t *numbers; /* of the part, outermost first; in the command's arena */
    size_t numbers_count;
    struct bytes *fields; /* as the client wrote them */
    size_t fields_count;
};

/* Reads what stands between "[" and "]", and the "]". False: the parser failed. */
bool section_parse(struct parser *parser, struct section *section);
/* Where it stands in the message; of the FIELDS kinds, the header that they are taken from. False
 * when the message has no such part, or the part has no header or text of its own (only messages
 * have). */
bool section_span(const struct section *section, const struct part *root, struct part_span *span);
/* Appends the fields of header (LF or CRLF) that section asks for, in wire form, with the empty
 * line where header has one. */
void section_fields(const struct section *section, struct bytes header, struct buf *out);
/* Whether name (in any case) is among its fields. */
bool section_names(const struct section *section, struct bytes name);
/* The same as section_fields from a header in wire form of any size, in the memory of a buffer.
 * Owns header, also where it fails (NULL); a NULL header gives NULL. */
struct input *section_input(struct input *header, const struct section *section);
/* Appends text with each LF that has no CR before it as CRLF. */
void section_wire(struct bytes text, struct buf *out);

#endif
