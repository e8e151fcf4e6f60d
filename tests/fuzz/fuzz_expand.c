/* Variables in any text: expanded within bounds, or refused. */
#include <stdlib.h>
#include <string.h>
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct conf_vars vars = { "Alice.Smith@Example.ORG", "/home/alice", "imap" };
    struct buf out = BUF_INIT(100000);
    struct error err;
    char *text = strndup((const char *)data, size);
    if (text && !conf_expand(text, &vars, &out, &err) && err.class != ERROR_INVALID &&
        err.class != ERROR_TOO_BIG)
        abort();
    free(text);
    buf_free(&out);
    return 0;
}
