/* Addresses: memory stays in proportion, and what is written holds no line end outside a literal.
 */
#include <stdint.h>
#include <stdlib.h>
#include "message/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1024 * 1024 + size * 200);
    struct buf out = BUF_INIT(1024 + size * 200);
    size_t count = 0;
    struct address *list = address_parse(arena, bytes_make(data, size));
    for (struct address *address = list; address; address = address->next)
        count++;
    address_write(&out, list);
    if (count > 2 * size || buf_failed(&out) || out.len < 3)
        abort();
    buf_free(&out);
    arena_destroy(&arena);
    return 0;
}
