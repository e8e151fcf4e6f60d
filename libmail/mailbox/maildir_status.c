/* STATUS: the counts in the index while they hold, else the mailbox opened for reading, counted,
 * and closed. */
#include "mailbox/maildir_private.h"

enum { PATH_MEMORY = 64 * 1024 };

static bool count(struct mailbox *mailbox, bool want_size, struct store_status *out,
                  struct error *err)
{
    *out = (struct store_status){
        .messages = mailbox_count(mailbox),
        .recent = mailbox_recent(mailbox),
        .uidnext = mailbox->uidnext,
        .uidvalidity = mailbox->uidvalidity,
    };
    for (uint32_t seq = 1; seq <= mailbox_count(mailbox); seq++) {
        struct message message;
        struct error failure = { 0 };
        uint64_t size;
        out->unseen += mailbox_message(mailbox, seq, &message) && !(message.flags & FLAG_SEEN);
        if (!want_size)
            continue;
        if (mailbox_wire_size(mailbox, seq, &size, &failure)) {
            out->size += size;
        } else if (failure.class != ERROR_NO_SUCH) {
            if (err)
                *err = failure;
            return false;
        }
    }
    return true;
}

static bool known(const struct location *location, struct bytes name, struct store_status *out)
{
    struct maildir_paths paths;
    struct arena *arena = arena_create(PATH_MEMORY);
    bool ok = arena && maildir_layout(location, name, arena, &paths, NULL) &&
              maildir_index_status(&paths, out);
    arena_destroy(&arena);
    return ok;
}

bool maildir_status(const struct location *location, struct bytes name, bool want_size,
                    struct store_status *out, struct error *err)
{
    if (!want_size && known(location, name, out))
        return true;
    struct mailbox *mailbox = maildir_open(location, name, false, err);
    if (!mailbox)
        return false;
    bool ok = count(mailbox, want_size, out, err);
    mailbox_close(&mailbox);
    return ok;
}
