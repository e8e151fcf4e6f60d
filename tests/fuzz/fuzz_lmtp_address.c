/* Addresses and parameters of MAIL and RCPT: whatever is accepted keeps its promises. */
#include <stdlib.h>
#include "base/unicode.h"
#include "lmtpd/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_make(data, size), key, value;
    struct path path;
    if (!path_parse(&rest, &path))
        return 0;
    if (path.local_len > PATH_LOCAL_MAX || memchr(path.local, 0, path.local_len) ||
        (path.utf8 && !utf8_valid(path.text)) || (path.text.len > 0 && path.local_len == 0))
        abort();
    for (size_t i = 0; i < path.text.len; i++)
        if ((unsigned char)path.text.data[i] < ' ')
            abort();
    for (size_t left = rest.len + 1; path_parameter(&rest, &key, &value) > 0; left = rest.len)
        if (key.len == 0 || rest.len >= left)
            abort();
    return 0;
}
