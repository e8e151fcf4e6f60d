/* RETR msg and TOP msg n (RFC 1939, 5 and 7): messages stream through a fixed buffer. What fails before the
 * first octet is a plain -ERR; behind it only the end of the connection is honest, since a final dot would
 * call half a message whole. */
#include "pop3d/pop3.h"

#include "base/log.h"
#include "pop3d/maildrop.h"
#include "pop3d/number.h"
#include "pop3d/top.h"

/* Opens the message and has its first octets, so that the usual errors come before "+OK". */
static struct input *open_message(struct pop3 *pop3, uint32_t number, struct error *err)
{
    struct bytes first;
    struct input *message = mailbox_read(pop3->drop->mailbox, number, NULL, err);
    if (message && input_next(message, &first, err) < 0)
        input_close(&message);
    return message;
}

static bool copy_text(struct output *out, struct input *message, const uint32_t *lines,
                      uint64_t *copied, struct error *err)
{
    return lines ? top_copy(out, message, *lines, copied, err)
                 : output_copy(out, message, UINT64_MAX, copied, err);
}

/* The text and its final dot; lines NULL: all of it. */
static bool send_text(struct pop3 *pop3, struct input *message, const uint32_t *lines,
                      uint64_t *copied, struct error *err)
{
    struct output *dotted = output_dot(pop3->out, false);
    if (!dotted)
        return error_memory(err);
    bool good = copy_text(dotted, message, lines, copied, err) && output_finish(dotted, err);
    output_close(&dotted);
    return good;
}

static void broken_off(struct pop3 *pop3, uint32_t number, const struct error *err)
{
    log_warning("message %u broke off while it was sent: %s", number, err->text);
    pop3->end = true;
}

void pop3_retr(struct pop3 *pop3, struct bytes argument)
{
    struct error err = { 0 };
    uint32_t number;
    uint64_t size, copied = 0;
    if (!number_message(pop3, argument, &number))
        return;
    struct input *message = NULL;
    if (maildrop_size(pop3->drop, number, &size, &err))
        message = open_message(pop3, number, &err);
    if (!message) {
        number_lost(pop3, number, &err, "RETR");
        return;
    }
    pop3_ok(pop3, "%llu octets", (unsigned long long)size);
    if (send_text(pop3, message, NULL, &copied, &err)) {
        pop3->drop->marks[number - 1] |= MARK_SEEN;
        pop3->counts.retr++;
    } else {
        broken_off(pop3, number, &err);
    }
    pop3->counts.retr_octets += copied;
    input_close(&message);
}

void pop3_top(struct pop3 *pop3, struct bytes argument)
{
    struct error err = { 0 };
    uint32_t number, lines;
    uint64_t copied = 0;
    struct bytes rest = argument;
    struct bytes first = bytes_split(&rest, ' ');
    if (!bytes_to_u32(rest, &lines)) {
        pop3_err(pop3, "", "TOP wants a message number and a number of lines");
        return;
    }
    if (!number_message(pop3, first, &number))
        return;
    struct input *message = open_message(pop3, number, &err);
    if (!message) {
        number_lost(pop3, number, &err, "TOP");
        return;
    }
    pop3_ok(pop3, "Top of message follows");
    if (send_text(pop3, message, &lines, &copied, &err))
        pop3->counts.top++;
    else
        broken_off(pop3, number, &err);
    pop3->counts.top_octets += copied;
    input_close(&message);
}
