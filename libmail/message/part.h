/* The MIME structure of a message (RFC 2045-2049, 2231, 2183) and where each part stands. The
 * parser is fed octets in pieces of any size and needs memory for headers and parts only; limits
 * keep it bounded whatever comes: beyond them the rest is one opaque part, never an error. */
#ifndef MESSAGE_PART_H
#define MESSAGE_PART_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "message/address.h"

/* Position and size as stored and in wire form (every line end as CRLF). */
struct part_span {
    uint64_t at, size;           /* octets as fed: where it starts in the message, how long it is */
    uint64_t wire_at, wire_size; /* the same, counted with CRLF line ends (RFC822.SIZE counts so) */
};

/* Attribute and value; RFC 2231's pieces are joined (see param.c). */
struct part_param {
    struct part_param *next;
    struct bytes name, value;
};

struct part {
    struct part *parent, *next;
    struct part *children; /* of a multipart, or the one message of message/rfc822 */
    unsigned children_count;
    struct part_span header; /* with the empty line behind it */
    struct part_span body;
    uint32_t body_lines;
    bool has_nul; /* NUL octets somewhere in the body */
    bool is_multipart;
    bool is_message; /* message/rfc822, message/global: its one child is the message in it */
    bool in_digest;  /* default type is message/rfc822 */
    struct bytes type, subtype; /* as written; defaults filled in ("text", "plain") */
    struct part_param *params;
    struct bytes id, description, encoding; /* encoding absent: 7bit */
    struct bytes disposition;
    struct part_param *disposition_params;
    struct part_language {
        struct part_language *next;
        struct bytes tag;
    } * languages;
    struct bytes location, md5;
    struct envelope *envelope; /* of a whole message (the root, and the child of message/rfc822) */
};

/* RFC 9051, 7.5.2 ENVELOPE, and References; fields absent where the header has none. */
struct envelope {
    struct bytes date, subject, in_reply_to, message_id, references; /* unfolded, as in the header */
    struct address *from, *sender, *reply_to, *to, *cc, *bcc; /* sender, reply_to default to from */
};

struct part_limits {
    size_t header_size; /* octets of one header that are kept for parsing; 0: 256 KiB */
    unsigned depth;     /* nesting; 0: 100 */
    unsigned parts;     /* in all; 0: 10,000 */
};

struct part_parser;
/* All it makes lives in arena. NULL when there is no memory. */
struct part_parser *part_parser_create(struct arena *arena, const struct part_limits *limits);
void part_parser_feed(struct part_parser *parser, struct bytes piece);
/* The root part; NULL only when memory ran out (*err). Afterwards the parser is finished. */
struct part *part_parser_finish(struct part_parser *parser, struct error *err);

/* The part that IMAP names by its numbers ("1.2"; counted from 1), RFC 9051, 6.4.5.1; numbers_count
 * 0: root. NULL when there is none. */
const struct part *part_find(const struct part *root, const uint32_t *numbers,
                             size_t numbers_count);

/* In wire form, as FETCH sends it: "(...)". 8-bit or control octets become literals {n}. */
void envelope_write(struct buf *out, const struct envelope *envelope);
/* BODY (extended false) or BODYSTRUCTURE. */
void bodystructure_write(struct buf *out, const struct part *root, bool extended);
/* A nstring: NIL when absent, quoted, or a literal. */
void nstring_write(struct buf *out, struct bytes text);

/* Just positions, sizes, lines, types and encodings in a compact binary form for the cache, and
 * back. Reading trusts nothing: false with ERROR_CORRUPT. */
void part_pack(struct buf *out, const struct part *root);
struct part *part_unpack(struct arena *arena, struct bytes packed, struct error *err);

#endif
