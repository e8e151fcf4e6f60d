/* A message in pieces: what is stored does not depend on where they are cut (the first octet says), and it
 * reads back as it came, with bare LF as CRLF. */
#include <stdlib.h>
#include "base/buf.h"
#include "base/input.h"
#include "lmtpd/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void collect(void *context, struct bytes piece)
{
    buf_bytes(context, piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf stored = BUF_INIT(1 << 22);
    struct bytes wire = bytes_make(data, size), view, rest = wire;
    size_t step = size ? data[0] % 16 + 1 : 1;
    struct body body;
    if (!body_start(&body, collect, &stored))
        return 0;
    for (; rest.len > 0; rest = bytes_skip(rest, step))
        body_feed(&body, bytes_take(rest, step));
    body_end(&body);
    struct input *stored_back = input_crlf(input_memory(buf_view(&stored)));
    struct input *wanted = input_crlf(input_memory(wire));
    uint64_t total = 0;
    char ours[64], theirs[64];
    while (input_next(wanted, &view, NULL) > 0) {
        size_t n = view.len < sizeof(ours) ? view.len : sizeof(ours);
        memcpy(theirs, view.data, n);
        input_consume(wanted, n);
        if (!input_read_all(stored_back, ours, n, NULL) || memcmp(ours, theirs, n) != 0)
            abort();
        total += n;
    }
    if (total != body.wire || stored.len != body.size || input_next(stored_back, &view, NULL) != 0)
        abort();
    input_close(&stored_back);
    input_close(&wanted);
    body_free(&body);
    buf_free(&stored);
    return 0;
}
