/* Names of keyword bits, as the format keeps them. */
#include "mailbox/mailbox_private.h"

#include <stdlib.h>

bool mailbox_keyword_set(struct mailbox *mailbox, unsigned bit, struct bytes name)
{
    if (bit >= MAILBOX_KEYWORDS)
        return true;
    if (mailbox->keywords[bit] && bytes_equal(bytes_of(mailbox->keywords[bit]), name))
        return true;
    char *copy = name.len ? strndup(name.data, name.len) : NULL;
    if (name.len && !copy)
        return false;
    free(mailbox->keywords[bit]);
    mailbox->keywords[bit] = copy;
    if (copy)
        mailbox->keywords_named |= UINT64_C(1) << bit;
    else
        mailbox->keywords_named &= ~(UINT64_C(1) << bit);
    if (copy && bit >= mailbox->keywords_count)
        mailbox->keywords_count = bit + 1;
    mailbox->keywords_changed = true;
    return true;
}

unsigned mailbox_keywords(const struct mailbox *mailbox)
{
    return mailbox->keywords_count;
}

struct bytes mailbox_keyword(const struct mailbox *mailbox, unsigned bit)
{
    return bit < mailbox->keywords_count ? bytes_of(mailbox->keywords[bit]) : (struct bytes){ 0 };
}

int mailbox_keyword_bit(struct mailbox *mailbox, struct bytes name, bool create, struct error *err)
{
    int bit = -1;
    for (unsigned i = 0; i < mailbox->keywords_count; i++)
        if (mailbox->keywords[i] && bytes_equal_nocase(bytes_of(mailbox->keywords[i]), name))
            return (int)i;
    if (!create)
        return -1;
    if (!mailbox->write) {
        error_set(err, ERROR_NOT_PERMITTED, "the mailbox is open for reading only");
        return -1;
    }
    return mailbox->ops->keyword_create(mailbox, name, &bit, err) ? bit : -1;
}

bool mailbox_keywords_full(const struct mailbox *mailbox)
{
    unsigned used = 0;
    for (unsigned i = 0; i < mailbox->keywords_count; i++)
        used += mailbox->keywords[i] != NULL;
    return used >= mailbox->keywords_max;
}
