/* Which slots of the records bear a number, and which number. */
#include "mailbox/mailbox_view.h"

#include <stdlib.h>

enum { GROUP = 8 }; /* words of bits for each rank */

bool view_add_number(uint32_t **numbers, size_t *count, size_t *capacity, size_t number)
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
/* How many are numbered before each group of words; and in all. */
void view_count_bits(struct view *view)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < view_words(view->slots); i++) {
        if (i % GROUP == 0)
            view->ranks[i / GROUP] = sum;
        sum += (uint32_t)__builtin_popcountll(view->bits[i]);
    }
    view->count = sum;
}

/* Bits for slots, those up to the view's set as they are. */
bool view_grow_bits(struct view *view, uint32_t slots)
{
    size_t words = view_words(slots);
    if (!view->bits || words > view->words) {
        size_t more = words + words / 8 + GROUP;
        uint64_t *bits = reallocarray(view->bits, more, sizeof(*bits));
        uint32_t *ranks = bits ? reallocarray(view->ranks, more / GROUP + 1, sizeof(*ranks)) : NULL;
        if (bits && !view->bits)
            for (size_t i = 0; i < view_words(view->slots); i++)
                bits[i] = UINT64_MAX;
        if (bits && !view->bits && view->slots % 64)
            bits[view->slots / 64] = view_mask_below(view->slots);
        view->bits = bits ? bits : view->bits;
        view->ranks = ranks ? ranks : view->ranks;
        if (!bits || !ranks)
            return false;
        view->words = more;
    }
    for (size_t i = view_words(view->slots); i < words; i++)
        view->bits[i] = 0;
    return true;
}

bool view_is_numbered(const struct view *view, uint32_t slot)
{
    return slot < view->slots && (!view->bits || view->bits[slot / 64] >> slot % 64 & 1);
}

/* How many slots below this one are numbered. */
uint32_t view_rank(const struct view *view, uint32_t slot)
{
    if (slot >= view->slots)
        return view->count;
    if (!view->bits)
        return slot;
    size_t word = slot / 64;
    uint32_t sum = view->ranks[word / GROUP];
    for (size_t i = word / GROUP * GROUP; i < word; i++)
        sum += (uint32_t)__builtin_popcountll(view->bits[i]);
    return sum + (uint32_t)__builtin_popcountll(view->bits[word] & view_mask_below(slot));
}

static uint32_t next_numbered(const struct view *view, uint32_t slot)
{
    size_t word = slot / 64;
    uint64_t bits = view->bits[word] & ~view_mask_below(slot);
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
        size_t low = 0, high = (view_words(view->slots) - 1) / GROUP;
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
