/* The one pass over the messages that SORT or THREAD is about: their fields from the index. Private
 * to this room. */
#ifndef QUERY_KEYS_H
#define QUERY_KEYS_H

#include "mailbox/mailbox.h"
#include "message/sort_key.h"

struct keyed {
    uint32_t seq;
    struct message_fields fields;
    struct sort_key key; /* where FIELD_SORT is wanted */
};

/* Gives each message of found, rising, to take(), which fails only for want of memory. Messages
 * that another session expunged are left out; so is, with a line in the log, what can't be read,
 * and then the result is false in the end (*unreadable: how many). tick as in search_run(). */
struct keys_pass {
    struct mailbox *mailbox;
    const struct numset *found;
    unsigned wanted; /* FIELD_* */
    bool (*take)(void *context, const struct keyed *message);
    void *context;
    bool (*tick)(void *context);
    void *tick_context;
    uint64_t unreadable;
};
bool keys_read(struct keys_pass *pass, struct error *err);
/* RFC 5256, 2.2: the Date field's moment, else INTERNALDATE. */
static inline int64_t keys_sent(const struct keyed *message)
{
    return message->key.has_date ? message->key.date : message->fields.date;
}

#endif
