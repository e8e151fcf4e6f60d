/* Any line of a password file is an entry, a comment or refused in a sentence; its extra fields
 * stay within their bounds. */
#include <stdlib.h>
#include "auth/passwd_extra.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct passwd_entry entry;
    struct account account = { 0 };
    struct error err = { 0 };
    struct arena *arena = arena_create(65536);
    if (!arena)
        return 0;
    bool good = passwd_parse(bytes_make(data, size), &entry, &err);
    if (!good && (err.class == ERROR_NONE || !err.text[0]))
        abort();
    if (good && entry.user.len > 0 && passwd_extra(&entry, &account, arena, &err))
        for (size_t i = 0; i < account.settings_count; i++)
            if (!account.settings[i].name || !account.settings[i].value)
                abort();
    arena_destroy(&arena);
    return 0;
}
