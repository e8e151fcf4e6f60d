/* A numbering over records that were written anew. */
#include "mailbox/mailbox_view.h"

#include <stdlib.h>

struct moving {
    struct view old;
    uint32_t seq, uid; /* the next numbered one of the old file; uid 0: none is left */
    bool lost;         /* the old file cannot be read */
};

static void next_old(struct moving *moving)
{
    moving->uid = 0;
    if (moving->seq >= moving->old.count)
        return;
    moving->uid = records_uid(moving->old.records, view_slot(&moving->old, ++moving->seq));
    moving->lost = moving->lost || !moving->uid || moving->old.records->mapping.torn;
}

static bool flags_differ(struct moving *moving, struct records *now, uint32_t slot, uint64_t modseq)
{
    struct index_record before, after;
    if (!records_at(moving->old.records, view_slot(&moving->old, moving->seq), &before) ||
        !records_at(now, slot, &after))
        return false;
    return before.flags != after.flags || before.keywords != after.keywords ||
           before.modseq > modseq;
}

/* A number whose message the new file does not have. */
static bool expunge_old(struct view *view, struct moving *moving)
{
    bool ok = view_add_number(&view->expunged.numbers, &view->expunged.count,
                              &view->expunged.capacity, moving->seq - view->expunged.count);
    next_old(moving);
    return ok;
}

/* Which of the first slots of the new file bear numbers: those whose UIDs did. */
static bool renumber(struct view *view, struct moving *moving, uint32_t known)
{
    bool ok = true;
    next_old(moving);
    for (uint32_t slot = 0; ok && slot < known; slot++) {
        uint32_t uid = records_uid(view->records, slot);
        while (ok && moving->uid && moving->uid < uid)
            ok = expunge_old(view, moving);
        if (!ok || moving->uid != uid)
            continue;
        view->bits[slot / 64] |= UINT64_C(1) << slot % 64;
        if (records_dead(view->records, slot / 64) >> slot % 64 & 1)
            ok = numset_add(&view->gone, uid, uid);
        else if (flags_differ(moving, view->records, slot, view->cursor.modseq))
            ok = numset_add(&view->altered, uid, uid);
        next_old(moving);
    }
    while (ok && moving->uid)
        ok = expunge_old(view, moving);
    return ok;
}

/* Without the old file: all that are there. */
static void number_all(struct view *view, uint32_t known)
{
    view->expunged.count = 0;
    numset_clear(&view->gone);
    for (uint32_t i = 0; i < view_words(known); i++)
        view->bits[i] = ~records_dead(view->records, i) &
                        (i == known / 64 ? view_mask_below(known) : UINT64_MAX);
}

static bool move_over(struct mailbox *mailbox, struct moving *moving, bool keep_numbers,
                      struct error *err)
{
    struct view *view = &mailbox->view;
    struct index_header header;
    uint32_t before = view->count;
    moving->old.records = records_hold(view->records);
    moving->old.bits = view->bits;
    moving->old.ranks = view->ranks;
    moving->old.slots = view->slots;
    moving->old.count = view->count;
    view->bits = NULL;
    view->ranks = NULL;
    view->words = 0;
    numset_clear(&view->gone);
    view_begin(view, index_records(mailbox->index));
    if (!records_header(view->records, &header))
        return error_set(err, ERROR_CORRUPT, "the index of %s is damaged", mailbox->name);
    uint32_t known = records_from(view->records, header.count, view->last_uid + 1);
    if (!view_grow_bits(view, known) || !renumber(view, moving, known))
        return error_memory(err);
    if (moving->lost)
        number_all(view, known);
    view->slots = known;
    view_count_bits(view);
    if ((moving->lost && view->count != before) || (keep_numbers && view->expunged.count))
        return error_set(
            err, ERROR_NO_SUCH,
            "the index of %s was destroyed while messages came or went: select it again",
            mailbox->name);
    index_cursor_start(mailbox->index, &header, &view->cursor);
    return true;
}

/* The index has another file: the numbering moves over. While numbers must stay, it waits. */
bool view_move(struct mailbox *mailbox, bool keep_numbers, struct error *err)
{
    struct moving moving = { 0 };
    struct view *view = &mailbox->view;
    if (keep_numbers && !view->records->mapping.torn)
        return true;
    bool ok = move_over(mailbox, &moving, keep_numbers, err);
    records_drop(&moving.old.records);
    free(moving.old.bits);
    free(moving.old.ranks);
    return ok;
}
