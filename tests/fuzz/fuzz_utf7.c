/* A mailbox name that is accepted has one form only: it encodes back to the same octets. */
#include <stdlib.h>
#include "base/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes name = bytes_make(data, size);
    struct buf text = BUF_INIT(1 << 20), back = BUF_INIT(1 << 20);
    if (utf7_decode(name, &text) &&
        (!utf8_valid(buf_view(&text)) || !utf7_encode(buf_view(&text), &back) ||
         !bytes_equal(buf_view(&back), name)))
        abort();
    buf_clear(&text);
    buf_clear(&back);
    if (utf7_encode(name, &text) && (!utf7_decode(buf_view(&text), &back) ||
                                     !bytes_equal(buf_view(&back), name)))
        abort();
    buf_free(&text);
    buf_free(&back);
    return 0;
}
