/* STATUS without opening: the format answers from what it keeps. */
#include "mailbox/format.h"

enum { LOCATE_MEMORY = 64 * 1024 };

bool store_status(struct store *store, struct bytes name, bool want_size, struct store_status *out, struct error *err)
{
    struct arena *arena = arena_create(LOCATE_MEMORY);
    const struct location *location;
    struct bytes inner;
    bool ok = false;
    if (!arena)
        error_memory(err);
    else
        ok = store_locate(store, name, arena, &location, &inner, err) && location->format->status(location, inner, want_size, out, err);
    arena_destroy(&arena);
    return ok;
}
