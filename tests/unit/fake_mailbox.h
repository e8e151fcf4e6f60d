/* A mailbox in memory for what lies above: messages as octets, with counts of how often each was
 * looked into. It stands in for libmail/mailbox/ at link time, so a program that includes it may
 * call nothing else of that room. */
#ifndef FAKE_MAILBOX_H
#define FAKE_MAILBOX_H

#include <string.h>
#include "base/arena.h"
#include "mailbox/mailbox.h"
#include "message/header.h"
#include "message/sort_key.h"

struct fake_message {
    const char *octets; /* LF line ends */
    uint8_t flags;
    uint64_t keywords;
    time_t date;
    enum error_class trouble; /* what reading it gives */
};

static struct fake {
    struct fake_message *messages;
    uint32_t count;
    unsigned fields_calls, read_calls;
    struct arena *arena; /* of the views */
    struct buf packed, sort;
} fake;

uint32_t mailbox_count(const struct mailbox *mailbox)
{
    (void)mailbox;
    return fake.count;
}

bool mailbox_message(const struct mailbox *mailbox, uint32_t seq, struct message *out)
{
    (void)mailbox;
    if (!seq || seq > fake.count)
        return false;
    /* UIDs 10, 20, 30, ... */
    *out =
        (struct message){ seq * 10, fake.messages[seq - 1].flags, fake.messages[seq - 1].keywords };
    return true;
}

/* Keywords "a", "b", ...: one letter is one bit. */
int mailbox_keyword_bit(struct mailbox *mailbox, struct bytes name, bool create, struct error *err)
{
    (void)mailbox, (void)create, (void)err;
    return name.len == 1 && name.data[0] >= 'a' && name.data[0] <= 'z' ? name.data[0] - 'a' : -1;
}

static size_t fake_header(struct bytes octets)
{
    struct bytes rest = octets;
    struct header_field field;
    while (header_next(&rest, &field))
        ;
    return octets.len - rest.len;
}

static struct part *fake_parse(struct bytes octets)
{
    arena_destroy(&fake.arena);
    fake.arena = arena_create((size_t)64 << 20);
    struct part_parser *parser = part_parser_create(fake.arena, NULL);
    part_parser_feed(parser, octets);
    return part_parser_finish(parser, NULL);
}

static bool fake_trouble(uint32_t seq, struct error *err)
{
    enum error_class class = fake.messages[seq - 1].trouble;
    return class != ERROR_NONE && !error_set(err, class, "message %u is in trouble", seq);
}

bool mailbox_fields(struct mailbox *mailbox, uint32_t seq, unsigned wanted,
                    struct message_fields *out, struct error *err)
{
    (void)mailbox;
    fake.fields_calls++;
    if (fake_trouble(seq, err))
        return false;
    struct bytes octets = bytes_of(fake.messages[seq - 1].octets);
    if (wanted & FIELD_HEADER && fake_header(octets) > 1 << 20)
        return error_set(err, ERROR_TOO_BIG, "the header is too big");
    struct part *root = fake_parse(octets);
    buf_clear(&fake.packed);
    fake.packed.limit = SIZE_MAX;
    part_pack(&fake.packed, root);
    buf_clear(&fake.sort);
    fake.sort.limit = SIZE_MAX;
    sort_key_pack(&fake.sort, root->envelope);
    *out = (struct message_fields){
        .parts = buf_view(&fake.packed),
        .sort = buf_view(&fake.sort),
        .header = bytes_take(octets, fake_header(octets)),
        .size = root->header.wire_size + root->body.wire_size,
        .date = fake.messages[seq - 1].date,
    };
    return true;
}

struct input *mailbox_read(struct mailbox *mailbox, uint32_t seq, const struct part_span *span,
                           struct error *err)
{
    (void)mailbox;
    fake.read_calls++;
    if (fake_trouble(seq, err))
        return NULL;
    struct bytes octets = bytes_of(fake.messages[seq - 1].octets);
    if (span)
        octets = bytes_take(bytes_skip(octets, span->at), span->size);
    return input_crlf(input_memory(octets));
}

static inline void fake_free(void)
{
    arena_destroy(&fake.arena);
    buf_free(&fake.packed);
    buf_free(&fake.sort);
    fake = (struct fake){ 0 };
}

#endif
