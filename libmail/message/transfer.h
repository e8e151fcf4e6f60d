/* Transfer decoders fed in pieces of any size (RFC 2045, 6.7 and 6.8; uuencode). Private to this
 * room. */
#ifndef MESSAGE_TRANSFER_H
#define MESSAGE_TRANSFER_H

#include "message/text.h"

enum { TRANSFER_HELD = 256, TRANSFER_LINE = 96 };

struct transfer { /* all zero but encoding: ready to begin */
    enum text_encoding encoding;
    uint32_t bits; /* base64: those not yet given, and how many sextets they are */
    unsigned sextets;
    enum { QP_TEXT, QP_EQUALS, QP_HEX } qp;
    char hex; /* the first of two digits */
    bool uu_data;
    char held[TRANSFER_HELD]; /* white space that may end the line; uuencode: the line */
    size_t held_len;
};

/* Appends what piece decodes to; end gives what was kept back. */
void transfer_feed(struct transfer *transfer, struct bytes piece, struct buf *out);
void transfer_end(struct transfer *transfer, struct buf *out);

#endif
