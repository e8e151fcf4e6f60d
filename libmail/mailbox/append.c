/* Appending: the way to the format's own. */
#include "mailbox/mailbox_private.h"

enum { LOCATE_MEMORY = 64 * 1024 };

struct append *append_begin(struct store *store, struct bytes mailbox, struct error *err)
{
    struct arena *arena = arena_create(LOCATE_MEMORY);
    const struct location *location;
    struct bytes inner;
    struct append *append = NULL;
    if (!arena)
        error_memory(err);
    else if (store_locate(store, mailbox, arena, &location, &inner, err))
        append = location->format->append(location, inner, err);
    arena_destroy(&arena);
    return append;
}

bool append_message(struct append *append, const struct append_info *info, struct error *err)
{
    return append->ops->message(append, info, err);
}

bool append_write(struct append *append, struct bytes piece, struct error *err)
{
    return append->ops->write(append, piece, err);
}

bool append_message_end(struct append *append, struct error *err)
{
    return append->ops->end(append, err);
}

int append_fd(struct append *append)
{
    return append->ops->fd(append);
}

bool append_written(struct append *append, uint64_t size, uint64_t wire_size, struct error *err)
{
    return append->ops->written(append, size, wire_size, err);
}

bool append_commit(struct append **append, struct append_result *out, struct error *err)
{
    struct append *ending = *append;
    *append = NULL;
    return ending->ops->commit(ending, out, err);
}

void append_abort(struct append **append)
{
    if (*append)
        (*append)->ops->abort(*append);
    *append = NULL;
}
