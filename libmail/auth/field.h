/* Values between our own processes: a sequence of fields, each a 32-bit length and octets, or a
 * 32-bit number. Who reads trusts nothing: a reader gives each field's bound and ends with
 * fields_end, since leftover octets are an error. */
#ifndef AUTH_FIELD_H
#define AUTH_FIELD_H

#include "base/buf.h"
#include "base/bytes.h"

void field_put(struct buf *buf, struct bytes value);
void field_put_number(struct buf *buf, uint32_t value);
/* Cuts a field off *rest (a view into it). False: torn, or more than most octets. */
bool field_get(struct bytes *rest, size_t most, struct bytes *value);
bool field_get_number(struct bytes *rest, uint32_t *value);
static inline bool fields_end(struct bytes rest)
{
    return rest.len == 0;
}

#endif
