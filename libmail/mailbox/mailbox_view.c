/* The numbering that the client was told, and how it follows the index.
 *
 * A view covers the first slots of the records; all of them are numbered unless it has bits, one
 * for each slot, that say which are. So a session owns nothing for each message of a mailbox from
 * which nothing was removed. Numbers change in view_follow() only. */
#include "mailbox/mailbox_private.h"

#include <stdlib.h>
#include "base/log.h"

enum { GROUP = 8 /* words of bits for each rank */, TRIES = 8 };

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

/* ---- bits and ranks */

static size_t words_of(uint32_t slots)
{
    return ((size_t)slots + 63) / 64;
}

static uint64_t mask_below(uint32_t slot)
{
    return (UINT64_C(1) << slot % 64) - 1;
}

/* How many are numbered before each group of words; and in all. */
static void rank_bits(struct view *view)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < words_of(view->slots); i++) {
        if (i % GROUP == 0)
            view->ranks[i / GROUP] = sum;
        sum += (uint32_t)__builtin_popcountll(view->bits[i]);
    }
    view->count = sum;
}

/* Bits for slots, those up to the view's set as they are. */
static bool grow_bits(struct view *view, uint32_t slots)
{
    size_t words = words_of(slots);
    if (!view->bits || words > view->words) {
        size_t more = words + words / 8 + GROUP;
        uint64_t *bits = reallocarray(view->bits, more, sizeof(*bits));
        uint32_t *ranks = bits ? reallocarray(view->ranks, more / GROUP + 1, sizeof(*ranks)) : NULL;
        if (bits && !view->bits)
            for (size_t i = 0; i < words_of(view->slots); i++)
                bits[i] = UINT64_MAX;
        if (bits && !view->bits && view->slots % 64)
            bits[view->slots / 64] = mask_below(view->slots);
        view->bits = bits ? bits : view->bits;
        view->ranks = ranks ? ranks : view->ranks;
        if (!bits || !ranks)
            return false;
        view->words = more;
    }
    for (size_t i = words_of(view->slots); i < words; i++)
        view->bits[i] = 0;
    return true;
}

static bool is_numbered(const struct view *view, uint32_t slot)
{
    return slot < view->slots && (!view->bits || view->bits[slot / 64] >> slot % 64 & 1);
}

/* How many slots below this one are numbered. */
static uint32_t rank(const struct view *view, uint32_t slot)
{
    if (slot >= view->slots)
        return view->count;
    if (!view->bits)
        return slot;
    size_t word = slot / 64;
    uint32_t sum = view->ranks[word / GROUP];
    for (size_t i = word / GROUP * GROUP; i < word; i++)
        sum += (uint32_t)__builtin_popcountll(view->bits[i]);
    return sum + (uint32_t)__builtin_popcountll(view->bits[word] & mask_below(slot));
}

static uint32_t next_numbered(const struct view *view, uint32_t slot)
{
    size_t word = slot / 64;
    uint64_t bits = view->bits[word] & ~mask_below(slot);
    while (!bits)
        bits = view->bits[++word];
    return (uint32_t)(word * 64 + (size_t)__builtin_ctzll(bits));
}

uint32_t view_slot(const struct view *view, uint32_t seq)
{
    struct view *hints = (struct view *)(uintptr_t)view;
    if (!view->bits)
        return seq - 1;
    if (seq == view->hint_seq + 1 && view->hint_seq) {
        hints->hint_slot = next_numbered(view, view->hint_slot + 1);
    } else if (seq != view->hint_seq) {
        size_t low = 0, high = (words_of(view->slots) - 1) / GROUP;
        while (low < high) {
            size_t middle = (low + high + 1) / 2;
            if (view->ranks[middle] < seq)
                low = middle;
            else
                high = middle - 1;
        }
        uint32_t left = seq - view->ranks[low];
        size_t word = low * GROUP;
        for (uint32_t n; (n = (uint32_t)__builtin_popcountll(view->bits[word])) < left; word++)
            left -= n;
        uint64_t bits = view->bits[word];
        while (--left)
            bits &= bits - 1;
        hints->hint_slot = (uint32_t)(word * 64 + (size_t)__builtin_ctzll(bits));
    }
    hints->hint_seq = seq;
    return view->hint_slot;
}

/* ---- following */

/* Takes the header's slots in, all that is there beyond the view's. False: the bits make no sense.
 */
static bool cover(struct view *view, const struct index_header *header, bool *memory)
{
    uint32_t from = view->slots;
    uint64_t dead = 0;
    for (uint32_t i = from / 64; header->dead && i < words_of(header->count); i++)
        dead |= records_dead(view->records, i) & (i == from / 64 ? ~mask_below(from) : UINT64_MAX);
    if (!view->bits && !dead) {
        view->slots = view->count = header->count;
        return true;
    }
    *memory = grow_bits(view, header->count);
    if (!*memory)
        return false;
    for (uint32_t i = from / 64; i < words_of(header->count); i++) {
        uint64_t there = ~records_dead(view->records, i);
        if (i == from / 64)
            there &= ~mask_below(from);
        if (i == header->count / 64)
            there &= mask_below(header->count);
        view->bits[i] |= there;
    }
    view->slots = header->count;
    view->hint_seq = 0;
    rank_bits(view);
    return true;
}

static void begin_view(struct view *view, struct records *records)
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
        begin_view(view, index_records(mailbox->index));
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
    if (!view->bits && !grow_bits(view, view->slots))
        return false;
    rank_bits(view);
    while (numset_next(&view->gone, &cursor, &uid)) {
        uint32_t slot = records_from(view->records, view->slots, uid);
        if (!is_numbered(view, slot) || records_uid(view->records, slot) != uid)
            continue;
        if (!add_number(&view->expunged.numbers, &view->expunged.count, &view->expunged.capacity,
                        rank(view, slot) + 1 - dropped++))
            return false;
    }
    cursor = uid = 0;
    while (numset_next(&view->gone, &cursor, &uid)) {
        uint32_t slot = records_from(view->records, view->slots, uid);
        if (is_numbered(view, slot) && records_uid(view->records, slot) == uid)
            view->bits[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    }
    numset_clear(&view->gone);
    view->hint_seq = 0;
    rank_bits(view);
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
            !add_number(&view->changed.numbers, &view->changed.count, &view->changed.capacity, seq))
            return false;
    }
    numset_clear(&view->altered);
    return true;
}

/* ---- another file */

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
    bool ok = add_number(&view->expunged.numbers, &view->expunged.count, &view->expunged.capacity,
                         moving->seq - view->expunged.count);
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
    for (uint32_t i = 0; i < words_of(known); i++)
        view->bits[i] =
            ~records_dead(view->records, i) & (i == known / 64 ? mask_below(known) : UINT64_MAX);
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
    begin_view(view, index_records(mailbox->index));
    if (!records_header(view->records, &header))
        return error_set(err, ERROR_CORRUPT, "the index of %s is damaged", mailbox->name);
    uint32_t known = records_from(view->records, header.count, view->last_uid + 1);
    if (!grow_bits(view, known) || !renumber(view, moving, known))
        return error_memory(err);
    if (moving->lost)
        number_all(view, known);
    view->slots = known;
    rank_bits(view);
    if ((moving->lost && view->count != before) || (keep_numbers && view->expunged.count))
        return error_set(
            err, ERROR_NO_SUCH,
            "the index of %s was destroyed while messages came or went: select it again",
            mailbox->name);
    index_cursor_start(mailbox->index, &header, &view->cursor);
    return true;
}

/* The index has another file: the numbering moves over. While numbers must stay, it waits. */
static bool follow_file(struct mailbox *mailbox, bool keep_numbers, struct error *err)
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
        if (!follow_file(mailbox, keep_numbers, err))
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
    return rank(view, records_from(view->records, view->slots, uid)) + 1;
}

uint32_t mailbox_seq(const struct mailbox *mailbox, uint32_t uid)
{
    const struct view *view = &mailbox->view;
    if (!view->records || uid > view->last_uid)
        return 0;
    uint32_t slot = records_from(view->records, view->slots, uid);
    return is_numbered(view, slot) && records_uid(view->records, slot) == uid ? rank(view, slot) + 1
                                                                              : 0;
}

uint32_t view_uid(const struct view *view, uint32_t seq)
{
    return records_uid(view->records, view_slot(view, seq));
}

bool view_record(struct mailbox *mailbox, uint32_t seq, struct index_record *out)
{
    const struct view *view = &mailbox->view;
    if (!seq || seq > view->count)
        return false;
    if (records_at(view->records, view_slot(view, seq), out))
        return true;
    index_damaged(mailbox->index, "a record is damaged");
    return false;
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
        if (is_numbered(view, slot) && records_at(view->records, slot, &record) &&
            !(record.flags & FLAG_SEEN))
            return rank(view, slot) + 1;
    return 0;
}
