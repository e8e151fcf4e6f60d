/* Stored messages that claim to be compressed: any of it is text or an error, in bounded memory. */
#include "base/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { ENOUGH = 1 << 20 };
    struct error err;
    struct bytes view;
    struct input *input = input_memory(bytes_make(data, size));
    if (input)
        input = input_decompress(input, &err);
    while (input && input->offset < ENOUGH && input_next(input, &view, &err) > 0)
        input_consume(input, view.len);
    if (input)
        input_close(&input);
    return 0;
}
