/* The numbering that the client was told, and how it follows the index.
 *
 * A view covers the first slots of the records; all of them are numbered unless it has bits, one
 * for each slot, that say which are. So a session owns nothing for each message of a mailbox from
 * which nothing was removed. Numbers change in view_follow() only. */
#include "mailbox/mailbox_view.h"

#include <stdlib.h>
#include "base/log.h"

enum { TRIES = 8 };

void view_free(struct view *view)
{
    records_drop(&view->records);
    index_cursor_stop(&view->cursor);
    free(view->bits);
    free(view->ranks);
    free(view->expunged.numbers);
    free(view->changed.numbers);
    numset_free(&view->gone);
    numset_free(&view->altered);
    numset_free(&view->recent);
    *view = (struct view){ 0 };
}

/* ---- following */

/* Takes the header's slots in, all that is there beyond the view's. False: the bits make no sense.
 */
static bool cover(struct view *view, const struct index_header *header, bool *memory)
{
    uint32_t from = view->slots;
    uint64_t dead = 0;
    for (uint32_t i = from / 64; header->dead && i < view_words(header->count); i++)
        dead |=
            records_dead(view->records, i) & (i == from / 64 ? ~view_mask_below(from) : UINT64_MAX);
    if (!view->bits && !dead) {
        view->slots = view->count = header->count;
        return true;
    }
    *memory = view_grow_bits(view, header->count);
    if (!*memory)
        return false;
    for (uint32_t i = from / 64; i < view_words(header->count); i++) {
        uint64_t there = ~records_dead(view->records, i);
        if (i == from / 64)
            there &= ~view_mask_below(from);
        if (i == header->count / 64)
            there &= view_mask_below(header->count);
        view->bits[i] |= there;
    }
    view->slots = header->count;
    view->hint_seq = 0;
    view_count_bits(view);
    return true;
}

void view_begin(struct view *view, struct records *records)
{
    records_hold(records);
    records_drop(&view->records);
    view->records = records;
    view->slots = view->count = 0;
    view->hint_seq = 0;
    free(view->bits);
    view->bits = NULL;
}

/* What the index says of a removed message's bit and what of its number must agree, or one of them
 * is damaged. */
static bool start(struct mailbox *mailbox, struct error *err)
{
    struct view *view = &mailbox->view;
    struct index_header header;
    bool memory = true;
    for (int i = 0; i < TRIES; i++) {
        /* Somebody is in the middle of a change, or was killed there: with the lock it is
         * completed. */
        if (i == TRIES - 1 && index_begin(mailbox->index, INDEX_WAIT_MS, NULL))
            index_cancel(mailbox->index);
        view_begin(view, index_records(mailbox->index));
        if (!view->records || !records_header(view->records, &header))
            break;
        if (!cover(view, &header, &memory))
            return error_memory(err);
        if (view->count == header.count - header.dead) {
            view->last_uid = header.count ? records_uid(view->records, header.count - 1) : 0;
            index_cursor_start(mailbox->index, &header, &view->cursor);
            return true;
        }
    }
    records_drop(&view->records);
    view->slots = view->count = 0;
    index_damaged(mailbox->index, "it does not say which messages were removed");
    return error_set(err, ERROR_CORRUPT, "the index of %s is damaged", mailbox->name);
}

static bool note_change(void *context, enum index_change_type type, uint32_t uid)
{
    struct mailbox *mailbox = context;
    struct view *view = &mailbox->view;
    if (!mailbox_seq(mailbox, uid))
        return true;
    return numset_add(type == INDEX_REMOVED ? &view->gone : &view->altered, uid, uid);
}

/* Where the log does not reach back to: each record says when it was changed. */
static bool compare_all(struct mailbox *mailbox, const struct index_header *header)
{
    struct view *view = &mailbox->view;
    struct index_record record;
    for (uint32_t seq = 1; seq <= view->count; seq++) {
        if (!records_at(view->records, view_slot(view, seq), &record)) {
            index_damaged(mailbox->index, "a record is damaged");
            return true;
        }
        if (record.modseq <= view->cursor.modseq)
            continue;
        if (!numset_add(record.place & INDEX_DEAD ? &view->gone : &view->altered, record.uid,
                        record.uid))
            return false;
    }
    index_cursor_start(mailbox->index, header, &view->cursor);
    return true;
}

/* The numbers of what is gone leave, counted as they are sent: each after the ones before it. */
static bool drop_gone(struct mailbox *mailbox)
{
    struct view *view = &mailbox->view;
    size_t cursor = 0, dropped = 0;
    uint32_t uid = 0;
    if (!view->gone.count)
        return true;
    if (!view->bits && !view_grow_bits(view, view->slots))
        return false;
    view_count_bits(view);
    while (numset_next(&view->gone, &cursor, &uid)) {
        uint32_t slot = records_from(view->records, view->slots, uid);
        if (!view_is_numbered(view, slot) || records_uid(view->records, slot) != uid)
            continue;
        if (!view_add_number(&view->expunged.numbers, &view->expunged.count,
                             &view->expunged.capacity, view_rank(view, slot) + 1 - dropped++))
            return false;
    }
    cursor = uid = 0;
    while (numset_next(&view->gone, &cursor, &uid)) {
        uint32_t slot = records_from(view->records, view->slots, uid);
        if (view_is_numbered(view, slot) && records_uid(view->records, slot) == uid)
            view->bits[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    }
    numset_clear(&view->gone);
    view->hint_seq = 0;
    view_count_bits(view);
    return true;
}

static bool list_altered(struct mailbox *mailbox)
{
    struct view *view = &mailbox->view;
    size_t cursor = 0;
    uint32_t uid = 0;
    if (view->records != index_records(mailbox->index))
        return true; /* it waits: see look_ahead() */
    while (numset_next(&view->altered, &cursor, &uid)) {
        uint32_t seq = mailbox_seq(mailbox, uid);
        if (seq && !numset_has(&view->gone, uid) &&
            !view_add_number(&view->changed.numbers, &view->changed.count, &view->changed.capacity,
                             seq))
            return false;
    }
    numset_clear(&view->altered);
    return true;
}

static bool follow_log(struct mailbox *mailbox, const struct index_header *header,
                       struct error *err)
{
    struct view *view = &mailbox->view;
    if (index_follow(mailbox->index, header, &view->cursor, note_change, mailbox))
        return true;
    return compare_all(mailbox, header) || error_memory(err);
}

/* What is new behind the last number. */
static bool follow_new(struct mailbox *mailbox, const struct index_header *header,
                       struct error *err)
{
    struct view *view = &mailbox->view;
    bool memory = true;
    if (header->count <= view->slots)
        return true;
    if (!cover(view, header, &memory))
        return error_memory(err);
    view->last_uid = records_uid(view->records, header->count - 1);
    return true;
}

static bool follow(struct mailbox *mailbox, bool keep_numbers, struct error *err)
{
    struct view *view = &mailbox->view;
    struct index_header header;
    if (!view->records)
        return start(mailbox, err);
    if (view->records != index_records(mailbox->index)) {
        if (!view_move(mailbox, keep_numbers, err))
            return false;
        if (view->records != index_records(mailbox->index))
            return true;
    }
    if (!records_header(view->records, &header)) {
        index_damaged(mailbox->index, "has a damaged header");
        return error_set(err, ERROR_CORRUPT, "the index of %s is damaged", mailbox->name);
    }
    if (!follow_log(mailbox, &header, err) || (!keep_numbers && !drop_gone(mailbox)))
        return error_memory(err);
    return follow_new(mailbox, &header, err);
}

bool view_follow(struct mailbox *mailbox, bool keep_numbers, struct mailbox_changes *out,
                 struct error *err)
{
    struct view *view = &mailbox->view;
    uint32_t last = view->last_uid;
    view->expunged.count = view->changed.count = 0;
    if (!follow(mailbox, keep_numbers, err))
        return false;
    if (!list_altered(mailbox))
        return error_memory(err);
    const struct numset *recent = &view->recent;
    if (out)
        *out = (struct mailbox_changes){
            .expunged = view->expunged.numbers,
            .expunged_count = view->expunged.count,
            .changed = view->changed.numbers,
            .changed_count = view->changed.count,
            .exists = view->last_uid != last,
            .recent = view->last_uid != last && recent->count &&
                      recent->ranges[recent->count - 1].last > last,
            .keywords = mailbox->keywords_changed,
        };
    mailbox->keywords_changed = false;
    return true;
}

/* ---- what is asked of a view */

uint32_t mailbox_seq_from(const struct mailbox *mailbox, uint32_t uid)
{
    const struct view *view = &mailbox->view;
    if (!view->records || uid > view->last_uid)
        return view->count + 1;
    return view_rank(view, records_from(view->records, view->slots, uid)) + 1;
}

uint32_t mailbox_seq(const struct mailbox *mailbox, uint32_t uid)
{
    const struct view *view = &mailbox->view;
    if (!view->records || uid > view->last_uid)
        return 0;
    uint32_t slot = records_from(view->records, view->slots, uid);
    return view_is_numbered(view, slot) && records_uid(view->records, slot) == uid
               ? view_rank(view, slot) + 1
               : 0;
}

uint32_t view_uid(const struct view *view, uint32_t seq)
{
    return records_uid(view->records, view_slot(view, seq));
}

bool mailbox_seqs(const struct mailbox *mailbox, const struct numset *uids, struct numset *seqs)
{
    for (size_t i = 0; i < uids->count; i++) {
        uint32_t first = mailbox_seq_from(mailbox, uids->ranges[i].first);
        uint32_t end = uids->ranges[i].last == UINT32_MAX
                           ? mailbox->view.count + 1
                           : mailbox_seq_from(mailbox, uids->ranges[i].last + 1);
        if (first < end && !numset_add(seqs, first, end - 1))
            return false;
    }
    return true;
}

uint32_t mailbox_count(const struct mailbox *mailbox)
{
    return mailbox->view.count;
}

/* While numbers must stay the view's file may not be the index's any more: what this session
 * changes stands in the other one. What was told of that is told once more when the view has moved
 * over. */
static void look_ahead(struct mailbox *mailbox, struct index_record *record)
{
    struct records *now = index_records(mailbox->index);
    struct index_header header;
    struct index_record newer;
    if (now == mailbox->view.records || !now || !records_header(now, &header))
        return;
    uint32_t slot = records_from(now, header.count, record->uid);
    if (slot < header.count && records_at(now, slot, &newer) && newer.uid == record->uid &&
        (newer.flags != record->flags || newer.keywords != record->keywords) &&
        numset_add(&mailbox->view.altered, record->uid, record->uid))
        *record = newer;
}

bool mailbox_message(const struct mailbox *mailbox, uint32_t seq, struct message *out)
{
    const struct view *view = &mailbox->view;
    struct index_record record;
    if (!seq || seq > view->count)
        return false;
    bool known = records_at(view->records, view_slot(view, seq), &record);
    if (known)
        look_ahead((struct mailbox *)(uintptr_t)mailbox, &record);
    if (!known) {
        index_damaged(mailbox->index, "a record is damaged");
        return false;
    }
    *out = (struct message){ record.uid, record.flags, record.keywords & mailbox->keywords_named };
    if (view->recent.count && numset_has(&view->recent, record.uid))
        out->flags |= FLAG_RECENT;
    return true;
}

uint32_t mailbox_recent(const struct mailbox *mailbox)
{
    const struct numset *recent = &mailbox->view.recent;
    uint32_t count = 0;
    for (size_t i = 0; i < recent->count; i++)
        count += mailbox_seq_from(mailbox, recent->ranges[i].last + 1) -
                 mailbox_seq_from(mailbox, recent->ranges[i].first);
    return count;
}

uint32_t mailbox_first_unseen(const struct mailbox *mailbox)
{
    const struct view *view = &mailbox->view;
    struct index_header header;
    struct index_record record;
    if (!view->records || !records_header(view->records, &header) || !header.unseen)
        return 0;
    for (uint32_t slot = header.first_unseen; slot < view->slots; slot++)
        if (view_is_numbered(view, slot) && records_at(view->records, slot, &record) &&
            !(record.flags & FLAG_SEEN))
            return view_rank(view, slot) + 1;
    return 0;
}
