/* A whole LMTP conversation over memory, without a monitor: the first recipient ends it. */
#include "lmtpd/lmtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct connection connection = { .id = "0" };
    static const struct conf conf = { .message_size_limit = 1000, .recipient_delimiter = "+" };
    struct error err = { 0 };
    struct buf said = BUF_INIT(1 << 22);
    struct lmtp lmtp = { .connection = &connection, .conf = &conf, .monitor = -1, .state = LMTP_GREETED };
    lmtp.in = input_memory(bytes_make(data, size));
    lmtp.out = output_buf(&said);
    lmtp.arena = arena_create(65536);
    lmtp.hostname = "x";
    lmtp.delivery.max = 2;
    lmtp_converse(&lmtp, &err);
    lmtp_reset(&lmtp);
    input_close(&lmtp.in);
    output_close(&lmtp.out);
    arena_destroy(&lmtp.arena);
    buf_free(&said);
    return 0;
}
