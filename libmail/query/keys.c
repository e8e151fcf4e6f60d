#include "query/keys.h"

#include "base/log.h"

enum { TICK_EACH = 64 };

static bool look_up(struct keys_pass *pass, struct keyed *message, struct error *err)
{
    if (!mailbox_fields(pass->mailbox, message->seq, pass->wanted, &message->fields, err))
        return false;
    return !(pass->wanted & FIELD_SORT) || sort_key_unpack(&message->key, message->fields.sort) ||
           error_set(err, ERROR_CORRUPT, "the index has a sort key of it that is none");
}

/* A message that can't be read does not hide the others. */
static void tell(struct keys_pass *pass, uint32_t seq, const struct error *trouble,
                 struct error *err)
{
    struct message message = { 0 };
    if (trouble->class == ERROR_NO_SUCH)
        return;
    mailbox_message(pass->mailbox, seq, &message);
    log_error("the sort key of UID %u: %s", message.uid, trouble->text);
    if (!pass->unreadable++ && err)
        *err = *trouble;
}

bool keys_read(struct keys_pass *pass, struct error *err)
{
    struct error trouble = { 0 };
    struct keyed message = { 0 };
    size_t cursor = 0, count = 0;
    pass->unreadable = 0;
    while (numset_next(pass->found, &cursor, &message.seq)) {
        trouble.class = ERROR_NONE;
        if (!look_up(pass, &message, &trouble))
            tell(pass, message.seq, &trouble, err);
        else if (!pass->take(pass->context, &message))
            return error_memory(err);
        if (++count % TICK_EACH == 0 && pass->tick && !pass->tick(pass->tick_context))
            return error_set(err, ERROR_UNAVAILABLE, "the command was stopped");
    }
    return true;
}
