/* STATUS: the mailbox opened for reading, counted, and closed. */
#include "mailbox/maildir_private.h"

static bool count(struct mailbox *mailbox, bool want_size, struct store_status *out,
                  struct error *err)
{
    *out = (struct store_status){
        .messages = mailbox_count(mailbox),
        .recent = mailbox_recent(mailbox),
        .uidnext = mailbox->uidnext,
        .uidvalidity = mailbox->uidvalidity,
    };
    for (size_t i = 0; i < mailbox->view.count; i++) {
        uint64_t size;
        struct error failure = { 0 };
        out->unseen += !(mailbox->view.messages[i].flags & FLAG_SEEN);
        if (!want_size)
            continue;
        if (mailbox_wire_size(mailbox, mailbox->view.messages[i].uid, &size, &failure)) {
            out->size += size;
        } else if (failure.class != ERROR_NO_SUCH) {
            if (err)
                *err = failure;
            return false;
        }
    }
    return true;
}

bool maildir_status(const struct location *location, struct bytes name, bool want_size,
                    struct store_status *out, struct error *err)
{
    struct mailbox *mailbox = maildir_open(location, name, false, err);
    if (!mailbox)
        return false;
    bool ok = count(mailbox, want_size, out, err);
    mailbox_close(&mailbox);
    return ok;
}
