#include "message/part.h"

static const struct part *child_at(const struct part *part, uint32_t number)
{
    const struct part *child = part->children;
    while (child && --number)
        child = child->next;
    return child;
}

/* Numbers count in a context: the parts of a multipart, or 1 for the body of a message that is
 * none. The number behind a message/rfc822 counts in the message that it holds. */
const struct part *part_find(const struct part *root, const uint32_t *numbers, size_t numbers_count)
{
    const struct part *context = root, *part = root;
    for (size_t i = 0; i < numbers_count; i++) {
        if (!context || !numbers[i])
            return NULL;
        if (context->is_multipart)
            part = child_at(context, numbers[i]);
        else
            part = numbers[i] == 1 ? context : NULL;
        if (!part)
            return NULL;
        if (part->is_message)
            context = part->children;
        else
            context = part->is_multipart ? part : NULL;
    }
    return part;
}
