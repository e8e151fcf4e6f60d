/* DATA (RFC 5321, 4.1.1.4) and BDAT (RFC 3030, 2): the message, then a reply for each recipient (RFC 2033, 4.2). */
#include "lmtpd/lmtp.h"

#include "base/log.h"
#include "lmtpd/trace.h"

enum { GATHERING = 50 }; /* milliseconds that answers wait for each other, to leave together */

/* Feeds all of text. False: the client is gone or silent; the transaction's message is given up. */
static bool feed(struct lmtp *lmtp, struct input *text, struct error *err)
{
    struct bytes piece;
    int got;
    while ((got = input_next(text, &piece, err)) > 0) {
        if (lmtp->delivery.open)
            delivery_feed(&lmtp->delivery, piece);
        input_consume(text, piece.len);
    }
    return got == 0;
}

static void broken_off(struct lmtp *lmtp, const struct error *err)
{
    if (lmtp->delivery.open)
        log_info("message broken off: %s", err->text);
    lmtp_reset(lmtp);
    lmtp->end = true;
    if (err->class == ERROR_UNAVAILABLE)
        lmtp_reply(lmtp, 421, "4.4.2", "The message broke off, goodbye");
}

static void answer_all(struct lmtp *lmtp)
{
    struct delivery *delivery = &lmtp->delivery;
    delivery_commit(delivery);
    for (size_t i = 0; i < delivery->count; i++) {
        struct recipient *recipient = &delivery->recipients[i];
        /* What is known already does not wait for a mailbox that somebody holds locked. */
        if (!delivery_settled(recipient, GATHERING))
            (void)output_flush(lmtp->out, NULL);
        const struct delivery_answer *answer = delivery_await(delivery, recipient);
        lmtp_reply(lmtp, answer->code, answer->enhanced, "<%.*s> %s",
                   BYTES_FMT(recipient->address), answer->words);
        if (answer->code == 250)
            lmtp->counts.delivered++;
        else
            lmtp->counts.failed++;
    }
    lmtp->errors = lmtp->commands = 0;
    lmtp->counts.messages++;
    lmtp_reset(lmtp);
}

/* False: answered. */
static bool begin(struct lmtp *lmtp)
{
    if (lmtp->delivery.count == 0) {
        lmtp_reply(lmtp, 503, "5.5.1", "No valid recipients");
        return false;
    }
    if (delivery_open(&lmtp->delivery, trace_header, lmtp))
        return true;
    lmtp_reply(lmtp, 452, "4.3.1", "Too little memory, try again later");
    lmtp_reset(lmtp);
    return false;
}

void lmtp_data(struct lmtp *lmtp, struct bytes argument)
{
    struct error err = { 0 };
    (void)argument;
    struct input *text = input_dot(lmtp->in);
    if (!text) {
        lmtp_reply(lmtp, 452, "4.3.1", "Too little memory, try again later");
        return;
    }
    if (begin(lmtp)) {
        lmtp_reply(lmtp, 354, "", "Send the message, end it with a line of a single dot");
        if (output_flush(lmtp->out, &err) && feed(lmtp, text, &err))
            answer_all(lmtp);
        else
            broken_off(lmtp, &err);
    }
    input_close(&text);
}

/* ---- BDAT size [LAST] ---- */

static bool chunk_arguments(struct bytes argument, uint64_t *size, bool *last)
{
    struct bytes rest = argument;
    struct bytes number = bytes_split(&rest, ' ');
    *last = rest.data != NULL;
    return bytes_to_u64(number, size) && (!rest.data || bytes_equal_nocase(rest, BYTES("LAST")));
}

/* Why this chunk cannot be taken now; NULL: it can. Its octets follow in either case. */
static const char *objection(const struct lmtp *lmtp)
{
    if (lmtp->state == LMTP_CHUNKS)
        return NULL;
    if (lmtp->state != LMTP_MAIL)
        return "Say MAIL and RCPT first";
    return lmtp->delivery.count == 0 ? "No valid recipients" : NULL;
}

static void chunk_done(struct lmtp *lmtp, uint64_t size, bool last)
{
    if (last)
        answer_all(lmtp);
    else
        lmtp_reply(lmtp, 250, "2.0.0", "%llu octets", (unsigned long long)size);
}

static void take_chunk(struct lmtp *lmtp, struct input *chunk, uint64_t size, bool last)
{
    struct error err = { 0 };
    const char *why = objection(lmtp);
    bool fresh = !why && lmtp->state == LMTP_MAIL;
    bool begun = !why && (!fresh || begin(lmtp));
    if (begun)
        lmtp->state = LMTP_CHUNKS;
    if (!feed(lmtp, chunk, &err))
        broken_off(lmtp, &err);
    else if (why)
        lmtp_reply(lmtp, 503, "5.5.1", "%s", why);
    else if (begun)
        chunk_done(lmtp, size, last);
}

void lmtp_bdat(struct lmtp *lmtp, struct bytes argument)
{
    uint64_t size;
    bool last;
    if (!chunk_arguments(argument, &size, &last)) {
        /* How much follows is not known: what comes next cannot be told from a command. */
        lmtp_reply(lmtp, 501, "5.5.4", "BDAT wants a size and perhaps LAST; goodbye");
        lmtp->end = true;
        return;
    }
    struct input *chunk = input_part(lmtp->in, size);
    if (!chunk) {
        lmtp_reply(lmtp, 421, "4.3.1", "Too little memory, goodbye");
        lmtp->end = true;
        return;
    }
    take_chunk(lmtp, chunk, size, last);
    input_close(&chunk);
}
