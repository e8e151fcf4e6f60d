/* A sequence set: in order, bounded, and the same when it is written and read again. */
#include <stdlib.h>
#include "base/numset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct numset set = { 0 }, again = { 0 };
    struct buf text = BUF_INIT(1 << 20);
    bool good = numset_parse(&set, bytes_make(data, size), size ? data[0] * 1000u : 0, 100);
    for (size_t i = 0; i < set.count; i++)
        if (!set.ranges[i].first || set.ranges[i].first > set.ranges[i].last ||
            (i && set.ranges[i - 1].last + 1 >= set.ranges[i].first))
            abort();
    if (good && set.count > 100)
        abort();
    numset_write(&set, &text);
    if (good && set.count &&
        (!numset_parse(&again, buf_view(&text), 1, 100) ||
         numset_size(&again) != numset_size(&set)))
        abort();
    numset_free(&set);
    numset_free(&again);
    buf_free(&text);
    return 0;
}
