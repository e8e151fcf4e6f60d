#include "pop3d/number.h"

#include "base/log.h"
#include "pop3d/maildrop.h"

bool number_message(struct pop3 *pop3, struct bytes text, uint32_t *number)
{
    if (!bytes_to_u32(text, number)) {
        pop3_err(pop3, "", "That is not a message number");
        return false;
    }
    if (maildrop_has(pop3->drop, *number))
        return true;
    bool known = *number >= 1 && *number <= pop3->drop->count;
    uint8_t marks = known ? pop3->drop->marks[*number - 1] : 0;
    if (marks & MARK_GONE)
        pop3_err(pop3, "", "Message %u is no longer there", *number);
    else if (marks & MARK_DELETED)
        pop3_err(pop3, "", "Message %u is deleted", *number);
    else
        pop3_err(pop3, "", "There is no message %u, only %u", *number, pop3->drop->count);
    return false;
}

void number_lose(struct pop3 *pop3, uint32_t number, const struct error *err, const char *command)
{
    if (err->class == ERROR_NO_SUCH)
        log_debug("%s %u: %s", command, number, err->text);
    else
        log_warning("%s %u: %s", command, number, err->text);
    pop3->drop->marks[number - 1] |= MARK_GONE;
}

void number_lost(struct pop3 *pop3, uint32_t number, const struct error *err, const char *command)
{
    number_lose(pop3, number, err, command);
    if (err->class == ERROR_NO_SUCH)
        pop3_err(pop3, "", "Message %u is no longer there", number);
    else
        pop3_err(pop3, error_reply(err->class)->pop3, "Message %u cannot be read: %s", number,
                 error_reply(err->class)->words);
}
