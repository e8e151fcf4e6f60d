/* The inside of a view: its bits and ranks, and moving over to another file of records. */
#ifndef MAILBOX_MAILBOX_VIEW_H
#define MAILBOX_MAILBOX_VIEW_H

#include "mailbox/mailbox_private.h"

/* mailbox_view_bits.c */
static inline size_t view_words(uint32_t slots)
{
    return ((size_t)slots + 63) / 64;
}
static inline uint64_t view_mask_below(uint32_t slot)
{
    return (UINT64_C(1) << slot % 64) - 1;
}
/* Counts what is numbered before each group of words, and in all. */
void view_count_bits(struct view *view);
/* Room for the bits of slots, those of the view's as they are. False without memory. */
bool view_grow_bits(struct view *view, uint32_t slots);
bool view_is_numbered(const struct view *view, uint32_t slot);
/* How many slots below this one are numbered. */
uint32_t view_rank(const struct view *view, uint32_t slot);
bool view_add_number(uint32_t **numbers, size_t *count, size_t *capacity, size_t number);

/* mailbox_view.c: nothing is covered yet of these records. */
void view_begin(struct view *view, struct records *records);
/* mailbox_view_move.c: the index has another file, and the numbering moves over to it. While
 * numbers must stay, it waits. ERROR_NO_SUCH: the old file was destroyed while messages came or
 * went. */
bool view_move(struct mailbox *mailbox, bool keep_numbers, struct error *err);

#endif
