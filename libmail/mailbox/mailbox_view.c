/* The numbering that the client was told, and how it follows what is there. */
#include "mailbox/mailbox_private.h"

#include <stdlib.h>

void view_free(struct view *view)
{
    free(view->messages);
    free(view->expunged.numbers);
    free(view->changed.numbers);
    *view = (struct view){ 0 };
}

static bool add_message(struct view *view, const struct view_message *message)
{
    if (view->count == view->capacity) {
        size_t capacity = view->capacity ? view->capacity + view->capacity / 2 : 64;
        struct view_message *grown = reallocarray(view->messages, capacity, sizeof(*grown));
        if (!grown || capacity > UINT32_MAX)
            return false;
        view->messages = grown;
        view->capacity = capacity;
    }
    view->messages[view->count++] = *message;
    return true;
}

static bool add_number(uint32_t **numbers, size_t *count, size_t *capacity, size_t number)
{
    if (*count == *capacity) {
        size_t more = *capacity ? *capacity * 2 : 16;
        uint32_t *grown = reallocarray(*numbers, more, sizeof(*grown));
        if (!grown)
            return false;
        *numbers = grown;
        *capacity = more;
    }
    (*numbers)[(*count)++] = (uint32_t)number;
    return true;
}

/* \Recent was told once: it is kept as it was. */
static bool take_change(struct view_message *shown, const struct view_message *now)
{
    uint8_t flags = (now->flags & (uint8_t)~FLAG_RECENT) | (shown->flags & FLAG_RECENT);
    bool changed = shown->flags != flags || shown->keywords != now->keywords;
    shown->flags = flags;
    shown->keywords = now->keywords;
    return changed;
}

/* Walks view and state together, both in UID order; *next is the first state message behind the
 * view's last. */
static bool follow_known(struct mailbox *mailbox, bool keep_numbers, size_t *cursor,
                         struct view_message *next, bool *more)
{
    struct view *view = &mailbox->view;
    size_t kept = 0;
    *more = mailbox->ops->live(mailbox, cursor, next);
    for (size_t i = 0; i < view->count; i++) {
        struct view_message *shown = &view->messages[i];
        while (*more && next->uid < shown->uid) /* cannot be numbered any more */
            *more = mailbox->ops->live(mailbox, cursor, next);
        bool there = *more && next->uid == shown->uid, ok = true;
        if (!there && !keep_numbers) {
            if (!add_number(&view->expunged.numbers, &view->expunged.count,
                            &view->expunged.capacity, kept + 1))
                return false;
            continue;
        }
        if (there && take_change(shown, next))
            ok = add_number(&view->changed.numbers, &view->changed.count, &view->changed.capacity,
                            kept + 1);
        if (there)
            *more = mailbox->ops->live(mailbox, cursor, next);
        if (!ok)
            return false;
        view->messages[kept++] = *shown;
    }
    view->count = kept;
    return true;
}

bool view_follow(struct mailbox *mailbox, bool keep_numbers, struct mailbox_changes *out,
                 struct error *err)
{
    struct view *view = &mailbox->view;
    struct view_message next;
    size_t cursor = 0;
    bool more = false, recent = false;
    view->expunged.count = view->changed.count = 0;
    if (!follow_known(mailbox, keep_numbers, &cursor, &next, &more))
        return error_memory(err);
    size_t before = view->count;
    for (; more; more = mailbox->ops->live(mailbox, &cursor, &next)) {
        if (!add_message(view, &next))
            return error_memory(err);
        recent |= next.flags & FLAG_RECENT;
    }
    if (out)
        *out = (struct mailbox_changes){
            .expunged = view->expunged.numbers,
            .expunged_count = view->expunged.count,
            .changed = view->changed.numbers,
            .changed_count = view->changed.count,
            .exists = view->count != before,
            .recent = recent,
            .keywords = mailbox->keywords_changed,
        };
    mailbox->keywords_changed = false;
    return true;
}

uint32_t mailbox_seq_from(const struct mailbox *mailbox, uint32_t uid)
{
    size_t low = 0, high = mailbox->view.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mailbox->view.messages[middle].uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t)low + 1;
}

uint32_t mailbox_seq(const struct mailbox *mailbox, uint32_t uid)
{
    uint32_t seq = mailbox_seq_from(mailbox, uid);
    return seq <= mailbox->view.count && mailbox->view.messages[seq - 1].uid == uid ? seq : 0;
}

struct view_message *view_find(const struct mailbox *mailbox, uint32_t uid)
{
    uint32_t seq = mailbox_seq(mailbox, uid);
    return seq ? &mailbox->view.messages[seq - 1] : NULL;
}

bool mailbox_seqs(const struct mailbox *mailbox, const struct numset *uids, struct numset *seqs)
{
    for (size_t i = 0; i < uids->count; i++) {
        uint32_t first = mailbox_seq_from(mailbox, uids->ranges[i].first);
        uint32_t last = mailbox_seq_from(mailbox, uids->ranges[i].last);
        if (last > mailbox->view.count ||
            mailbox->view.messages[last - 1].uid != uids->ranges[i].last)
            last--;
        if (first <= last && !numset_add(seqs, first, last))
            return false;
    }
    return true;
}

uint32_t mailbox_count(const struct mailbox *mailbox)
{
    return (uint32_t)mailbox->view.count;
}

bool mailbox_message(const struct mailbox *mailbox, uint32_t seq, struct message *out)
{
    if (!seq || seq > mailbox->view.count)
        return false;
    const struct view_message *message = &mailbox->view.messages[seq - 1];
    *out = (struct message){ message->uid, message->flags, message->keywords };
    return true;
}

uint32_t mailbox_recent(const struct mailbox *mailbox)
{
    uint32_t recent = 0;
    for (size_t i = 0; i < mailbox->view.count; i++)
        recent += !!(mailbox->view.messages[i].flags & FLAG_RECENT);
    return recent;
}

uint32_t mailbox_first_unseen(const struct mailbox *mailbox)
{
    for (size_t i = 0; i < mailbox->view.count; i++)
        if (!(mailbox->view.messages[i].flags & FLAG_SEEN))
            return (uint32_t)i + 1;
    return 0;
}
