/* The mailbox interface: what is common to the formats, and the way to them. */
#include "mailbox/mailbox_private.h"

#include <stdlib.h>
#include "index/index.h"
#include "mailbox/store_private.h"

enum { LOCATE_MEMORY = 64 * 1024, FOLLOW_TRIES = 3 };

bool mailbox_init(struct mailbox *mailbox, const struct mailbox_ops *ops,
                  const struct location *location, struct bytes name, bool write, struct error *err)
{
    mailbox->ops = ops;
    mailbox->location = location;
    mailbox->write = mailbox->asked = write;
    mailbox->fields = mailbox->header = BUF_INIT(256 * 1024 * 1024);
    mailbox->name = strndup(name.data ? name.data : "", name.len);
    return mailbox->name || error_memory(err);
}

void mailbox_release(struct mailbox *mailbox)
{
    index_close(&mailbox->index);
    for (unsigned i = 0; i < MAILBOX_KEYWORDS; i++)
        free(mailbox->keywords[i]);
    view_free(&mailbox->view);
    buf_free(&mailbox->fields);
    buf_free(&mailbox->header);
    free(mailbox->name);
}

/* The one that was left, if it is what is asked for. In any case none stays behind. */
static struct mailbox *take_parked(struct store *store, const struct location *location,
                                   struct bytes name, bool write)
{
    struct mailbox *mailbox = store->parked;
    store->parked = NULL;
    if (mailbox && mailbox->location == location && mailbox->asked == write &&
        mailbox->write == write && bytes_equal(bytes_of(mailbox->name), name) &&
        mailbox->ops->unpark(mailbox))
        return mailbox;
    mailbox_close(&mailbox);
    return NULL;
}

static struct mailbox *open_located(struct store *store, const struct location *location,
                                    struct bytes name, bool write, struct error *err)
{
    struct mailbox *mailbox = take_parked(store, location, name, write);
    return mailbox ? mailbox : location->format->open(location, name, write, err);
}

struct mailbox *mailbox_open(struct store *store, struct bytes name, bool write, struct error *err)
{
    struct arena *arena = arena_create(LOCATE_MEMORY);
    const struct location *location;
    struct bytes inner;
    struct mailbox *mailbox = NULL;
    if (!arena)
        error_memory(err);
    else if (store_locate(store, name, arena, &location, &inner, err))
        mailbox = open_located(store, location, inner, write, err);
    if (mailbox)
        mailbox->store = store;
    arena_destroy(&arena);
    return mailbox;
}

void mailbox_close(struct mailbox **mailbox)
{
    if (*mailbox)
        (*mailbox)->ops->close(*mailbox);
    *mailbox = NULL;
}

void mailbox_leave(struct mailbox **mailbox)
{
    struct mailbox *left = *mailbox;
    if (!left || !left->store || !left->ops->park || !left->ops->park(left)) {
        mailbox_close(mailbox);
        return;
    }
    mailbox_close(&left->store->parked);
    left->store->parked = left;
    *mailbox = NULL;
}

uint32_t mailbox_uidvalidity(const struct mailbox *mailbox)
{
    return mailbox->uidvalidity;
}

uint32_t mailbox_uidnext(const struct mailbox *mailbox)
{
    return mailbox->uidnext;
}

bool mailbox_writable(const struct mailbox *mailbox)
{
    return mailbox->write;
}

bool mailbox_follow(struct mailbox *mailbox, bool keep_numbers, struct mailbox_changes *out,
                    struct error *err)
{
    struct error failure = { 0 };
    for (int i = 0; i < FOLLOW_TRIES; i++) {
        failure.class = ERROR_NONE;
        if (!mailbox->ops->sync(mailbox, err))
            return false;
        if (view_follow(mailbox, keep_numbers, out, &failure))
            return true;
        if (failure.class != ERROR_CORRUPT)
            break;
    }
    if (err)
        *err = failure;
    return false;
}

bool mailbox_sync(struct mailbox *mailbox, bool keep_numbers, struct mailbox_changes *out,
                  struct error *err)
{
    return mailbox_follow(mailbox, keep_numbers, out, err);
}

static bool may_write(const struct mailbox *mailbox, struct error *err)
{
    return mailbox->write || error_set(err, ERROR_NOT_PERMITTED,
                                       "the mailbox %s is open for reading only", mailbox->name);
}

bool mailbox_store(struct mailbox *mailbox, const struct numset *seqs, enum store_mode mode,
                   uint8_t flags, uint64_t keywords, struct numset *gone, struct error *err)
{
    return may_write(mailbox, err) &&
           mailbox->ops->store(mailbox, seqs, mode, flags, keywords, gone, err);
}

bool mailbox_expunge(struct mailbox *mailbox, const struct numset *seqs, struct error *err)
{
    return may_write(mailbox, err) && mailbox->ops->expunge(mailbox, seqs, false, err);
}

/* The messages that were copied, as this mailbox numbers them. */
static bool copied_seqs(const struct mailbox *mailbox, const struct copy_result *result,
                        struct numset *seqs)
{
    for (size_t i = 0; i < result->count; i++) {
        uint32_t seq = mailbox_seq(mailbox, result->from[i]);
        if (seq && !numset_add(seqs, seq, seq))
            return false;
    }
    return true;
}

static bool remove_copied(struct mailbox *mailbox, const struct copy_result *result,
                          struct error *err)
{
    struct numset seqs = { 0 };
    bool ok = copied_seqs(mailbox, result, &seqs) ? mailbox->ops->expunge(mailbox, &seqs, true, err)
                                                  : error_memory(err);
    numset_free(&seqs);
    return ok && mailbox->ops->checkpoint(mailbox, err);
}

static bool copy_located(struct mailbox *mailbox, const struct numset *seqs, struct bytes to,
                         struct arena *arena, struct copy_result *out, struct error *err)
{
    const struct location *location;
    struct bytes inner;
    return store_locate(mailbox->store, to, arena, &location, &inner, err) &&
           mailbox->ops->copy(mailbox, seqs, location, inner, out, err);
}

bool mailbox_copy(struct mailbox *mailbox, const struct numset *seqs, struct bytes to, bool move,
                  struct copy_result *out, struct error *err)
{
    *out = (struct copy_result){ 0 };
    if (move && !may_write(mailbox, err))
        return false;
    struct arena *arena = arena_create(LOCATE_MEMORY);
    bool ok = arena ? copy_located(mailbox, seqs, to, arena, out, err) : error_memory(err);
    arena_destroy(&arena);
    if (ok && move)
        ok = remove_copied(mailbox, out, err);
    if (!ok) {
        free(out->from);
        free(out->to);
        *out = (struct copy_result){ 0 };
    }
    return ok;
}

int mailbox_watch(struct mailbox *mailbox, struct error *err)
{
    return mailbox->ops->watch(mailbox, err);
}

int mailbox_look_again(struct mailbox *mailbox)
{
    return mailbox->ops->look_again(mailbox);
}

bool mailbox_checkpoint(struct mailbox *mailbox, struct error *err)
{
    return mailbox->ops->checkpoint(mailbox, err);
}

bool mailbox_lock_session(struct mailbox *mailbox, struct error *err)
{
    return mailbox->ops->lock_session(mailbox, err);
}
