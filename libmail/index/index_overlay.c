#include "index/index_private.h"

#include <stdlib.h>

/* Where uid is or belongs. UIDs come in runs, so they spread well by themselves. */
static struct index_record *place(const struct overlay *overlay, uint32_t uid)
{
    size_t at = uid & (overlay->size - 1);
    while (overlay->slots[at].uid && overlay->slots[at].uid != uid)
        at = (at + 1) & (overlay->size - 1);
    return &overlay->slots[at];
}

struct index_record *overlay_find(const struct overlay *overlay, uint32_t uid)
{
    struct index_record *slot = overlay->size ? place(overlay, uid) : NULL;
    return slot && slot->uid ? slot : NULL;
}

static bool grow(struct overlay *overlay)
{
    if (overlay->size && overlay->used < overlay->size - overlay->size / 4)
        return true;
    struct overlay grown = { .size = overlay->size ? overlay->size * 2 : 64,
                             .used = overlay->used };
    grown.slots = calloc(grown.size, sizeof(*grown.slots));
    if (!grown.slots)
        return false;
    for (size_t i = 0; i < overlay->size; i++)
        if (overlay->slots[i].uid)
            *place(&grown, overlay->slots[i].uid) = overlay->slots[i];
    free(overlay->slots);
    *overlay = grown;
    return true;
}

bool overlay_set(struct overlay *overlay, const struct index_record *record)
{
    if (!record->uid || !grow(overlay))
        return false;
    struct index_record *slot = place(overlay, record->uid);
    overlay->used += !slot->uid;
    *slot = *record;
    return true;
}

void overlay_clear(struct overlay *overlay)
{
    free(overlay->slots);
    *overlay = (struct overlay){ 0 };
}
