/* A taken-over login process: what it sends passes the gate only in its state, size and number. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "serve/privsep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct privsep_rule rules[] = { { "text", 9, 1, 2, 4, 64 }, { "end", 10, 2, 1, 0, 8 } };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    unsigned type, texts = 0;
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    struct privsep_gate gate = { rules, 2, 1, { 0 } };
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
        abort();
    for (size_t at = 0, len; at < size && size < 4096; at += len + 1) {
        len = data[at] < size - at - 1 ? data[at] : size - at - 1;
        if (send(pair[0], data + at + 1, len, MSG_DONTWAIT) < 0 ||
            privsep_receive(pair[1], &gate, 0, &type, &payload, NULL, NULL) <= 0)
            break;
        if (type != 9 || ++texts > 2 || payload.len > 64 || payload.len + 4 != len)
            abort();
    }
    close(pair[0]), close(pair[1]);
    buf_free(&payload);
    return 0;
}
