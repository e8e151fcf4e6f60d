/* MAIL FROM:<reverse-path> [SIZE= BODY= SMTPUTF8] and RCPT TO:<forward-path> (RFC 5321, 4.1.1.2 and 3; RFC 1870, 6152,
 * 6531). */
#include "lmtpd/lmtp.h"

#include <stdlib.h>

#include "lmtpd/path.h"

/* "FROM:<...>": the path; argument moves to the parameters. Spaces behind the colon are forgiven. */
static bool take_path(struct bytes *argument, struct bytes keyword, struct path *path)
{
    if (!bytes_starts_nocase(*argument, keyword))
        return false;
    *argument = bytes_skip(*argument, keyword.len);
    while (argument->len > 0 && argument->data[0] == ' ')
        *argument = bytes_skip(*argument, 1);
    return path_parse(argument, path);
}

/* ---- MAIL ---- */

/* True: fine; else answered. */
typedef bool parameter(struct lmtp *lmtp, struct bytes value);

static bool size_parameter(struct lmtp *lmtp, struct bytes value)
{
    uint64_t size, limit = lmtp->conf->message_size_limit;
    if (!bytes_to_u64(value, &size) || value.len > 20) {
        lmtp_reply(lmtp, 501, "5.5.4", "SIZE wants a number");
        return false;
    }
    if (limit == 0 || size <= limit)
        return true;
    lmtp_reply(lmtp, 552, "5.3.4", "The message is too big: the limit is %llu octets",
               (unsigned long long)limit);
    return false;
}

static bool body_parameter(struct lmtp *lmtp, struct bytes value)
{
    if (bytes_equal_nocase(value, BYTES("7BIT")) || bytes_equal_nocase(value, BYTES("8BITMIME")))
        return true;
    lmtp_reply(lmtp, 501, "5.5.4", "BODY is 7BIT or 8BITMIME here");
    return false;
}

static bool smtputf8_parameter(struct lmtp *lmtp, struct bytes value)
{
    if (value.data) {
        lmtp_reply(lmtp, 501, "5.5.4", "SMTPUTF8 has no value");
        return false;
    }
    lmtp->smtputf8 = true;
    return true;
}

static const struct {
    const char *name;
    parameter *take;
} mail_parameters[] = {
    { "SIZE", size_parameter },
    { "BODY", body_parameter },
    { "SMTPUTF8", smtputf8_parameter },
};

static parameter *mail_parameter(struct bytes key)
{
    for (size_t i = 0; i < sizeof(mail_parameters) / sizeof(*mail_parameters); i++)
        if (bytes_equal_nocase(bytes_of(mail_parameters[i].name), key))
            return mail_parameters[i].take;
    return NULL;
}

static bool unknown_parameter(struct lmtp *lmtp)
{
    lmtp_reply(lmtp, 555, "5.5.4", "That parameter is not known here");
    return false;
}

static bool mail_options(struct lmtp *lmtp, struct bytes rest)
{
    struct bytes key, value;
    int got;
    while ((got = path_parameter(&rest, &key, &value)) > 0) {
        parameter *take = mail_parameter(key);
        if (!take)
            return unknown_parameter(lmtp);
        if (!take(lmtp, value))
            return false;
    }
    if (got < 0)
        lmtp_reply(lmtp, 501, "5.5.4", "Malformed parameters");
    return got == 0;
}

static bool utf8_allowed(struct lmtp *lmtp, const struct path *path)
{
    if (!path->utf8 || lmtp->smtputf8)
        return true;
    lmtp_reply(lmtp, 553, "5.6.7", "An address that is not ASCII needs SMTPUTF8");
    return false;
}

/* Room for all recipients of a transaction, made once for the connection's life. */
static bool begin(struct lmtp *lmtp, struct bytes from)
{
    struct delivery *delivery = &lmtp->delivery;
    arena_clear(lmtp->arena);
    delivery->recipients = arena_array(lmtp->arena, delivery->max, sizeof(*delivery->recipients));
    delivery->from = arena_bytes(lmtp->arena, from);
    delivery->count = 0;
    delivery->limit = lmtp->conf->message_size_limit;
    return delivery->recipients && delivery->from.data;
}

void lmtp_mail(struct lmtp *lmtp, struct bytes argument)
{
    struct path path;
    lmtp->smtputf8 = false;
    if (!take_path(&argument, BYTES("FROM:"), &path)) {
        lmtp_reply(lmtp, 501, "5.1.7", "MAIL wants FROM:<address>");
        return;
    }
    if (!mail_options(lmtp, argument) || !utf8_allowed(lmtp, &path))
        return;
    if (!begin(lmtp, path.text)) {
        lmtp_reply(lmtp, 452, "4.3.1", "Too little memory, try again later");
        return;
    }
    lmtp->transactions++;
    lmtp->state = LMTP_MAIL;
    lmtp_reply(lmtp, 250, "2.1.0", "OK");
}

/* ---- RCPT ---- */

static bool rcpt_options(struct lmtp *lmtp, struct bytes rest)
{
    struct bytes key, value;
    int got = path_parameter(&rest, &key, &value);
    if (got > 0)
        return unknown_parameter(lmtp);
    if (got < 0)
        lmtp_reply(lmtp, 501, "5.5.4", "Malformed parameters");
    return got == 0;
}

static void look_up(struct lmtp *lmtp, const struct path *path)
{
    struct delivery *delivery = &lmtp->delivery;
    struct recipient *recipient = &delivery->recipients[delivery->count];
    const struct delivery_answer *answer;
    bool lost;
    *recipient = (struct recipient){ .address = arena_bytes(lmtp->arena, path->text) };
    if (delivery_recipient(recipient, lmtp->monitor, bytes_make(path->local, path->local_len),
                           path->domain, lmtp->arena, &answer, &lost)) {
        delivery_same(delivery, recipient);
        delivery->count++;
        lmtp_reply(lmtp, 250, "2.1.5", "OK");
    } else if (lost) {
        lmtp_reply(lmtp, 421, "4.3.0", "Internal trouble, goodbye");
        lmtp->end = true;
    } else {
        lmtp_reply(lmtp, answer->code, answer->enhanced, "<%.*s> %s", (int)path->text.len,
                   path->text.data, answer->words);
    }
}

void lmtp_rcpt(struct lmtp *lmtp, struct bytes argument)
{
    struct path path;
    if (!take_path(&argument, BYTES("TO:"), &path) || path.text.len == 0) {
        lmtp_reply(lmtp, 501, "5.1.3", "RCPT wants TO:<address>");
        return;
    }
    if (!rcpt_options(lmtp, argument) || !utf8_allowed(lmtp, &path))
        return;
    if (lmtp->delivery.count >= lmtp->delivery.max) {
        lmtp_reply(lmtp, 452, "4.5.3", "Too many recipients for one message");
        return;
    }
    look_up(lmtp, &path);
}
