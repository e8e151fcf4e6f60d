/* Strict base64: what decodes encodes to the same text. */
#include <stdlib.h>
#include "base/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf plain = BUF_INIT(1 << 22), again = BUF_INIT(1 << 22);
    struct bytes text = bytes_make(data, size);
    if (base64_decode(text, &plain)) {
        base64_encode(buf_view(&plain), &again);
        if (!bytes_equal(buf_view(&again), text))
            abort();
    }
    buf_free(&plain);
    buf_free(&again);
    return 0;
}
