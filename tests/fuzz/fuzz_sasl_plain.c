/* RFC 4616: a message splits into parts that join to the same message, or is malformed. */
#include <stdlib.h>
#include "auth/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes authzid, authcid, password;
    if (!auth_plain_split(bytes_make(data, size), &authzid, &authcid, &password))
        return 0;
    if (authzid.len + authcid.len + password.len + 2 != size || authcid.len == 0 ||
        password.len == 0)
        abort();
    if (memchr(authcid.data, 0, authcid.len) || memchr(password.data, 0, password.len))
        abort();
    return 0;
}
