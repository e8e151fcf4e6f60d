#include "lmtpd/delivery.h"

#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/wait.h"
#include "lmtpd/wire.h"
#include "message/header.h"

static const struct delivery_answer
    saved = { 250, "2.0.0", "Saved" },
    unknown = { 550, "5.1.1", "There is no such user here" },
    trouble = { 451, "4.3.0", "Internal trouble, try again later" },
    busy = { 452, "4.3.1", "Too little memory or too many processes, try again later" },
    disk_full = { 452, "4.3.1", "The disk is full" },
    over_quota = { 452, "4.2.2", "The mailbox is over its quota" },
    no_access = { 451, "4.2.0", "The mailbox cannot be written" },
    damaged = { 451, "4.2.0", "The mailbox is damaged" },
    in_use = { 450, "4.2.0", "The mailbox is in use" },
    too_big = { 552, "5.3.4", "The message is too big" };

/* Only what can never work bounces: a missing user, a message over the limit. Everything else an administrator can
 * mend while the message waits in the MTA's queue. */
static const struct {
    const struct delivery_answer *lookup, *delivery;
} answers[ERROR_CLASSES] = {
    [ERROR_NONE] = { &trouble, &trouble },
    [ERROR_TEMPORARY] = { &trouble, &trouble },
    [ERROR_NO_SUCH] = { &unknown, &trouble },
    [ERROR_EXISTS] = { &trouble, &trouble },
    [ERROR_NOT_PERMITTED] = { &trouble, &no_access },
    [ERROR_OVER_QUOTA] = { &trouble, &over_quota },
    [ERROR_TOO_BIG] = { &trouble, &too_big },
    [ERROR_CORRUPT] = { &trouble, &damaged },
    [ERROR_LIMIT] = { &busy, &busy },
    [ERROR_CONFLICT] = { &trouble, &in_use },
    [ERROR_INVALID] = { &trouble, &trouble },
    [ERROR_UNAVAILABLE] = { &trouble, &trouble },
};

static enum error_class class_in(struct bytes *payload)
{
    uint32_t class;
    if (!field_get_number(payload, &class) || class >= ERROR_CLASSES)
        return ERROR_TEMPORARY;
    return (enum error_class)class;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- who ---- */

/* True when the worker is the user; else *answer. */
static bool hear_account(struct recipient *recipient, struct buf *payload,
                         const struct delivery_answer **answer)
{
    struct bytes rest;
    struct error err = { 0 };
    unsigned type;
    if (privsep_receive(recipient->worker, NULL, LMTP_PATIENCE_WHO, &type, payload, NULL, &err) <= 0 ||
        type != LMTP_ACCOUNT)
        return false;
    rest = buf_view(payload);
    enum error_class class = class_in(&rest);
    *answer = answers[class].lookup;
    return class == ERROR_NONE;
}

static bool keep_names(struct recipient *recipient, struct arena *arena, struct bytes rest)
{
    struct bytes user, detail;
    if (!field_get(&rest, LMTP_WORDS_MAX, &user) || !field_get(&rest, LMTP_WORDS_MAX, &detail))
        return false;
    recipient->user = arena_bytes(arena, user);
    recipient->detail = detail.len ? arena_bytes(arena, detail) : bytes_make(NULL, 0);
    return recipient->user.data && (detail.len == 0 || recipient->detail.data);
}

/* Sends the address, gets a worker. */
static bool get_worker(struct recipient *recipient, int monitor, struct arena *arena, struct buf *payload,
                       const struct delivery_answer **answer, bool *lost)
{
    struct error err = { 0 };
    unsigned type = 0;
    if (!privsep_send(monitor, LMTP_RECIPIENT, buf_view(payload), -1, &err) ||
        privsep_receive(monitor, NULL, LMTP_PATIENCE_WHO, &type, payload, &recipient->worker, &err) <= 0) {
        log_error("the monitor does not answer: %s", err.class ? err.text : "it is gone");
        *lost = true;
        return false;
    }
    struct bytes rest = buf_view(payload);
    if (type == LMTP_WORKER && recipient->worker >= 0)
        return keep_names(recipient, arena, rest);
    *answer = type == LMTP_UNKNOWN ? answers[class_in(&rest)].lookup : &busy;
    return false;
}

bool delivery_recipient(struct recipient *recipient, int monitor, struct bytes local,
                        struct bytes domain, struct arena *arena,
                        const struct delivery_answer **answer, bool *lost)
{
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    recipient->worker = recipient->file = -1;
    *answer = &trouble;
    *lost = false;
    field_put(&payload, local);
    field_put(&payload, domain);
    bool good = get_worker(recipient, monitor, arena, &payload, answer, lost) &&
                hear_account(recipient, &payload, answer);
    if (!good)
        close_fd(&recipient->worker);
    buf_free(&payload);
    return good;
}

void delivery_same(struct delivery *delivery, struct recipient *recipient)
{
    for (struct recipient *r = delivery->recipients; r < recipient; r++) {
        if (r->same || !bytes_equal(r->user, recipient->user) ||
            !bytes_equal(r->detail, recipient->detail))
            continue;
        recipient->same = r;
        close_fd(&recipient->worker);
        return;
    }
}

/* ---- what ---- */

/* This one is decided: its file and worker are given up, the others go on. */
static void decide(struct recipient *recipient, const struct delivery_answer *answer)
{
    recipient->answer = answer;
    close_fd(&recipient->file);
    close_fd(&recipient->worker);
}

/* The worker logs its own failures; those that show here are logged here. */
static void fail_here(struct recipient *recipient, const struct delivery_answer *answer,
                      const char *why)
{
    char to[200];
    log_quote(to, sizeof(to), recipient->address.data, recipient->address.len);
    log_error("delivery failed: to=<%s> user=%.*s: %s", to, BYTES_FMT(recipient->user), why);
    decide(recipient, answer);
}

static void write_failed(struct recipient *recipient, const struct error *err, int errnum)
{
    const struct delivery_answer *answer = answers[err->class].delivery;
    if (errnum == ENOSPC)
        answer = &disk_full;
    fail_here(recipient, answer, err->text);
}

static void put(struct recipient *recipient, struct bytes text)
{
    struct error err = { 0 };
    if (recipient->file < 0)
        return;
    errno = 0;
    if (!file_write(recipient->file, text, "the new message", &err))
        write_failed(recipient, &err, errno);
}

static int left(int64_t until)
{
    int64_t ms = until - wait_clock();
    return ms > 0 ? (int)ms : 0;
}

static void hear_opened(struct recipient *recipient, int64_t until, struct buf *payload)
{
    struct error err = { 0 };
    unsigned type;
    int got = privsep_receive(recipient->worker, NULL, left(until), &type, payload,
                              &recipient->file, &err);
    struct bytes rest = buf_view(payload);
    if (got <= 0)
        fail_here(recipient, &trouble, got < 0 ? err.text : "its process is gone");
    else if (type == LMTP_FAILED)
        decide(recipient, answers[class_in(&rest)].delivery);
    else if (type != LMTP_OPENED || recipient->file < 0)
        fail_here(recipient, &trouble, "its process gave no file");
}

static void sink(void *context, struct bytes piece)
{
    struct delivery *delivery = context;
    for (size_t i = 0; i < delivery->count; i++)
        put(&delivery->recipients[i], piece);
}

static void write_trace(struct recipient *recipient, struct bytes header)
{
    recipient->size = header.len;
    recipient->wire = header.len;
    for (size_t i = 0; i < header.len; i++)
        recipient->wire += header.data[i] == '\n';
    put(recipient, header);
}

bool delivery_open(struct delivery *delivery,
                   struct bytes (*trace)(void *context, const struct recipient *recipient),
                   void *context)
{
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    int64_t until = wait_clock() + LMTP_PATIENCE_OPEN;
    if (!body_start(&delivery->body, sink, delivery))
        return false;
    delivery->open = true;
    delivery->too_big = false;
    delivery->head_len = 0;
    for (size_t i = 0; i < delivery->count; i++) {
        struct recipient *recipient = &delivery->recipients[i];
        struct error err = { 0 };
        if (recipient->worker >= 0 &&
            !privsep_send(recipient->worker, LMTP_OPEN, BYTES(""), -1, &err))
            fail_here(recipient, &trouble, err.text);
    }
    for (size_t i = 0; i < delivery->count; i++) {
        struct recipient *recipient = &delivery->recipients[i];
        if (recipient->worker >= 0)
            hear_opened(recipient, until, &payload);
        if (recipient->file >= 0)
            write_trace(recipient, trace(context, recipient));
    }
    buf_free(&payload);
    return true;
}

static void check_size(struct delivery *delivery)
{
    if (delivery->limit == 0 || delivery->too_big || delivery->body.wire <= delivery->limit)
        return;
    delivery->too_big = true;
    for (size_t i = 0; i < delivery->count; i++)
        if (delivery->recipients[i].worker >= 0)
            fail_here(&delivery->recipients[i], &too_big, "the message is over message_size_limit");
}

void delivery_feed(struct delivery *delivery, struct bytes text)
{
    struct bytes head = bytes_take(text, sizeof(delivery->head) - delivery->head_len);
    if (head.len > 0)
        memcpy(delivery->head + delivery->head_len, head.data, head.len);
    delivery->head_len += head.len;
    body_feed(&delivery->body, text);
    check_size(delivery);
}

/* ---- the end ---- */

static struct bytes words(struct bytes text)
{
    return bytes_take(text, LMTP_WORDS_MAX);
}

static struct bytes message_id(const struct delivery *delivery)
{
    struct header_field field;
    struct bytes head = bytes_make(delivery->head, delivery->head_len);
    if (!header_find(head, BYTES("Message-ID"), &field))
        return BYTES("");
    return words(bytes_trim(field.value));
}

static void send_commit(struct delivery *delivery, struct recipient *recipient, struct buf *payload)
{
    struct error err = { 0 };
    buf_clear(payload);
    wire_put_u64(payload, recipient->size + delivery->body.size);
    wire_put_u64(payload, recipient->wire + delivery->body.wire);
    field_put(payload, words(delivery->from));
    field_put(payload, words(recipient->address));
    field_put(payload, message_id(delivery));
    close_fd(&recipient->file);
    if (!privsep_send(recipient->worker, LMTP_COMMIT, buf_view(payload), -1, &err))
        fail_here(recipient, &trouble, err.text);
}

static void hear_commit(struct recipient *recipient, int64_t until)
{
    struct error err = { 0 };
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    unsigned type;
    int got =
        privsep_receive(recipient->worker, NULL, left(until), &type, &payload, NULL, &err);
    struct bytes rest = buf_view(&payload);
    if (got <= 0)
        fail_here(recipient, &trouble, got < 0 ? err.text : "its process is gone");
    else if (type == LMTP_DONE)
        decide(recipient, &saved);
    else
        decide(recipient, answers[class_in(&rest)].delivery);
    buf_free(&payload);
}

void delivery_commit(struct delivery *delivery)
{
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    delivery->until = wait_clock() + LMTP_PATIENCE_COMMIT;
    body_end(&delivery->body);
    check_size(delivery);
    for (size_t i = 0; i < delivery->count; i++)
        if (delivery->recipients[i].worker >= 0)
            send_commit(delivery, &delivery->recipients[i], &payload);
    buf_free(&payload);
}

bool delivery_settled(const struct recipient *recipient, int ms)
{
    return recipient->worker < 0 || wait_ready(recipient->worker, POLLIN, ms);
}

const struct delivery_answer *delivery_await(struct delivery *delivery,
                                             struct recipient *recipient)
{
    if (recipient->worker >= 0)
        hear_commit(recipient, delivery->until);
    if (recipient->same)
        recipient->answer = recipient->same->answer;
    return recipient->answer;
}

void delivery_end(struct delivery *delivery)
{
    for (size_t i = 0; i < delivery->count; i++) {
        close_fd(&delivery->recipients[i].file);
        close_fd(&delivery->recipients[i].worker);
    }
    body_free(&delivery->body);
    delivery->count = 0;
    delivery->open = false;
    delivery->from = BYTES("");
}
