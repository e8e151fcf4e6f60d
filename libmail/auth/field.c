#include "auth/field.h"

void field_put(struct buf *buf, struct bytes value)
{
    field_put_number(buf, (uint32_t)value.len);
    buf_append(buf, value.data, value.len);
}

void field_put_number(struct buf *buf, uint32_t value)
{
    buf_append(buf, &value, sizeof(value));
}

bool field_get_number(struct bytes *rest, uint32_t *value)
{
    if (rest->len < sizeof(*value))
        return false;
    memcpy(value, rest->data, sizeof(*value));
    *rest = bytes_skip(*rest, sizeof(*value));
    return true;
}

bool field_get(struct bytes *rest, size_t most, struct bytes *value)
{
    uint32_t len;
    if (!field_get_number(rest, &len) || len > most || len > rest->len)
        return false;
    *value = bytes_take(*rest, len);
    *rest = bytes_skip(*rest, len);
    return true;
}
