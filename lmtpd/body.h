/* A message on its way from the wire to files: CRLF becomes LF, everything else stays octet for octet, so that
 * reading with every LF as CRLF gives back what came. (Of CR CR LF nothing is taken away: it reads back as
 * itself.) Counts the size as stored and in wire form. */
#ifndef LMTPD_BODY_H
#define LMTPD_BODY_H

#include "base/bytes.h"

struct body {
    void (*sink)(void *context, struct bytes piece);
    void *context;
    char *buffer; /* owned */
    size_t len;
    bool cr;       /* a CR is kept back */
    char last;     /* the octet in front of it, or the last one */
    uint64_t size; /* octets given to sink or in buffer */
    uint64_t wire; /* the same with every LF as CRLF */
};

/* False without memory. */
bool body_start(struct body *body, void (*sink)(void *context, struct bytes piece), void *context);
void body_feed(struct body *body, struct bytes text);
void body_end(struct body *body);  /* nothing is kept back any more */
void body_free(struct body *body); /* without giving out the rest */

#endif
