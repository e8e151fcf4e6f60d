/* Content-* fields of a part: type, disposition, language and their parameters (RFC 2045, 2183,
 * 2231, 3282). Private to this room. */
#ifndef MESSAGE_CONTENT_H
#define MESSAGE_CONTENT_H

#include "message/header.h"
#include "message/part.h"

/* Reads the fields of header into part; what it keeps is copied to arena, at most *budget octets in
 * all (which goes down), then fields are left absent. Fills in the defaults of RFC 2045, 5.2 and
 * RFC 2046, 5.1.5. */
void content_read(struct part *part, struct bytes header, struct arena *arena, size_t *budget);
/* The parameter called name, or absent. */
struct bytes content_param(const struct part_param *params, struct bytes name);

/* "; name=value..." as content_read does; the list is in the order found. */
struct part_param *param_parse(struct bytes text, struct arena *arena, size_t *budget);
/* A copy in arena with its cost taken from the budget; absent when there is not enough. */
struct bytes content_keep(struct bytes text, struct arena *arena, size_t *budget);
/* The same for size octets, zeroed. */
void *content_alloc(size_t size, struct arena *arena, size_t *budget);

#endif
