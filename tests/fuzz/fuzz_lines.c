/* Dot-stuffing and line ends: what is stuffed and unstuffed again is the same text, whatever it holds. */
#include <stdlib.h>
#include "base/buf.h"
#include "base/output.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf wire = BUF_INIT(1 << 22), back = BUF_INIT(1 << 22), text = BUF_INIT(1 << 22);
    struct input *source = input_crlf(input_memory(bytes_make(data, size)));
    struct output *dot = output_dot(output_buf(&wire), true), *plain = output_buf(&back),
                  *copy = output_buf(&text);
    if (!output_copy(copy, source, UINT64_MAX, NULL, NULL))
        abort();
    output_bytes(dot, buf_view(&text));
    output_finish(dot, NULL);
    struct input *parent = input_memory(buf_view(&wire)), *undot = input_dot(parent);
    if (!output_copy(plain, undot, UINT64_MAX, NULL, NULL) || input_buffered(parent).len != 0 ||
        !bytes_starts(buf_view(&back), buf_view(&text)) || back.len > text.len + 2)
        abort();
    input_close(&source), input_close(&undot), input_close(&parent);
    output_close(&dot), output_close(&plain), output_close(&copy);
    buf_free(&wire), buf_free(&back), buf_free(&text);
    return 0;
}
