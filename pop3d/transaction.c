/* TRANSACTION state: STAT, LIST, UIDL, DELE, RSET, NOOP (RFC 1939, 5 and 7). */
#include "pop3d/number.h"
#include "pop3d/pop3.h"

#include "pop3d/maildrop.h"

void pop3_stat(struct pop3 *pop3, struct bytes argument)
{
    struct error err = { 0 };
    uint32_t count;
    uint64_t octets;
    (void)argument;
    if (!maildrop_measure(pop3->drop, &err)) {
        pop3_error(pop3, &err, "STAT");
        return;
    }
    maildrop_total(pop3->drop, &count, &octets);
    pop3_ok(pop3, "%u %llu", count, (unsigned long long)octets);
}

static void list_all(struct pop3 *pop3)
{
    struct error err = { 0 };
    uint32_t count;
    uint64_t octets;
    if (!maildrop_measure(pop3->drop, &err)) {
        pop3_error(pop3, &err, "LIST");
        return;
    }
    maildrop_total(pop3->drop, &count, &octets);
    pop3_ok(pop3, "%u messages (%llu octets)", count, (unsigned long long)octets);
    for (uint32_t i = 1; i <= pop3->drop->count; i++)
        if (maildrop_has(pop3->drop, i))
            output_printf(pop3->out, "%u %llu\r\n", i,
                          (unsigned long long)pop3->drop->sizes[i - 1]);
    output_string(pop3->out, ".\r\n");
}

void pop3_list(struct pop3 *pop3, struct bytes argument)
{
    struct error err = { 0 };
    uint32_t number;
    uint64_t size;
    if (argument.len == 0) {
        list_all(pop3);
        return;
    }
    if (!number_message(pop3, argument, &number))
        return;
    if (maildrop_size(pop3->drop, number, &size, &err))
        pop3_ok(pop3, "%u %llu", number, (unsigned long long)size);
    else
        number_lost(pop3, number, &err, "LIST");
}

/* Appends one message's unique id. RFC 1939, 7: 1 to 70 octets from 0x21 to 0x7E. */
static bool unique_id(struct pop3 *pop3, uint32_t number, struct buf *id, struct error *err)
{
    buf_clear(id);
    if (!mailbox_uidl(pop3->drop->mailbox, number, pop3->conf->pop3_uidl_format, id, err))
        return false;
    if (buf_failed(id) || id->len == 0)
        return error_set(err, ERROR_LIMIT, "pop3_uidl_format makes an id of other than 1 to 70 octets");
    return true;
}

/* Once "+OK" is out a message can only be left out: it is gone then, for LIST too. */
static void uidl_all(struct pop3 *pop3, struct buf *id)
{
    pop3_ok(pop3, "Unique ids follow");
    for (uint32_t i = 1; i <= pop3->drop->count; i++) {
        struct error err = { 0 };
        if (!maildrop_has(pop3->drop, i))
            continue;
        if (unique_id(pop3, i, id, &err))
            output_printf(pop3->out, "%u %.*s\r\n", i, BYTES_FMT(buf_view(id)));
        else
            number_lose(pop3, i, &err, "UIDL");
    }
    output_string(pop3->out, ".\r\n");
}

void pop3_uidl(struct pop3 *pop3, struct bytes argument)
{
    struct error err = { 0 };
    struct buf id = BUF_INIT(70);
    uint32_t number;
    if (argument.len == 0)
        uidl_all(pop3, &id);
    else if (number_message(pop3, argument, &number)) {
        if (unique_id(pop3, number, &id, &err))
            pop3_ok(pop3, "%u %.*s", number, BYTES_FMT(buf_view(&id)));
        else
            number_lost(pop3, number, &err, "UIDL");
    }
    buf_free(&id);
}

void pop3_dele(struct pop3 *pop3, struct bytes argument)
{
    uint32_t number;
    if (!number_message(pop3, argument, &number))
        return;
    pop3->drop->marks[number - 1] |= MARK_DELETED;
    pop3_ok(pop3, "Message %u deleted", number);
}

void pop3_rset(struct pop3 *pop3, struct bytes argument)
{
    struct error err = { 0 };
    uint32_t count;
    uint64_t octets;
    (void)argument;
    for (uint32_t i = 0; i < pop3->drop->count; i++)
        pop3->drop->marks[i] &= (uint8_t)~MARK_DELETED;
    if (!maildrop_measure(pop3->drop, &err)) {
        pop3_error(pop3, &err, "RSET");
        return;
    }
    maildrop_total(pop3->drop, &count, &octets);
    pop3_ok(pop3, "Maildrop has %u messages (%llu octets)", count, (unsigned long long)octets);
}

void pop3_noop(struct pop3 *pop3, struct bytes argument)
{
    (void)argument;
    pop3_ok(pop3, "%s", "");
}
