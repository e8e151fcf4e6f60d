/* Header fields: each is a part of what was read, and reading ends. */
#include <stdint.h>
#include <stdlib.h>
#include "message/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_make(data, size);
    struct header_field field;
    struct buf unfolded = BUF_INIT(size);
    size_t total = 0;
    while (header_next(&rest, &field)) {
        total += field.whole.len;
        buf_clear(&unfolded);
        header_unfold(field.value, &unfolded);
        if (!field.whole.len || field.broken != !field.name.len || unfolded.len > field.value.len)
            abort();
    }
    if (total + rest.len > size || total + rest.len + 2 < size)
        abort();
    header_find(bytes_make(data, size), BYTES("subject"), &field);
    buf_free(&unfolded);
    return 0;
}
