#include "lmtpd/worker.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "lmtpd/wire.h"
#include "mailbox/append.h"
#include "mailbox/store.h"
#include "serve/sandbox.h"

enum {
    FOUND = 1 << 0,
    OPEN = 1 << 1,
    ARENA_MAX = 1 << 20,
    TRACE_ROOM = 16384, /* octets of trace fields, which message_size_limit does not count */
};

/* A conversation is one message. */
static const struct privsep_rule rules[] = {
    { "open", LMTP_OPEN, FOUND, 1, 0, 0 },
    { "commit", LMTP_COMMIT, OPEN, 1, 28, 28 + 3 * LMTP_WORDS_MAX },
};

struct worker {
    const struct connection *connection;
    int control;      /* from the monitor, which has the orders */
    int fd;           /* to the parser; -1: no conversation */
    bool idle;        /* the monitor knows that the message is done */
    bool become;      /* it is somebody */
    struct conf conf; /* with the user's settings */
    struct account account;
    struct arena *arena; /* of the account */
    struct buf order;
    struct bytes detail; /* in order; data NULL: none */
    struct store *store; /* stays open for the account's next message */
    struct bytes mailbox;
    struct append *append;
    struct privsep_gate gate;
};

static bool tell(const struct worker *worker, unsigned type, struct bytes payload, int pass)
{
    struct error err = { 0 };
    bool sent = privsep_send(worker->fd, type, payload, pass, &err);
    if (!sent)
        log_debug("%s", err.text);
    return sent;
}

static bool tell_class(const struct worker *worker, unsigned type, const struct error *err)
{
    uint32_t class = err->class;
    return tell(worker, type, bytes_make(&class, sizeof(class)), -1);
}

/* Before the parser has the answer that leads to the next message: the monitor gives that one to
 * this process then. */
static void be_idle(struct worker *worker)
{
    if (!worker->idle)
        privsep_send(worker->control, LMTP_IDLE, BYTES(""), -1, NULL);
    worker->idle = true;
}

/* ---- who it is ---- */

/* From here on the process is the user and can touch nobody else's mail. */
static bool become(struct worker *worker, struct error *err)
{
    const int keep[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, worker->control, worker->fd };
    const struct conf *conf = worker->connection->conf;
    worker->conf = *conf;
    if (!account_become(&worker->account, err) ||
        !account_apply(&worker->account, &worker->conf, err))
        return false;
    if (!worker->become && !sandbox_enter(SANDBOX_SESSION, conf, keep, 5, err))
        return false;
    return worker->become = true;
}

/* Nothing of the one before is left open. */
static bool change_account(struct worker *worker, struct bytes packed, struct error *err)
{
    if (worker->store)
        store_close(&worker->store);
    arena_clear(worker->arena);
    if (!account_unpack(packed, &worker->account, worker->arena, err))
        return false;
    log_field("MAIL_USER", worker->account.name);
    return become(worker, err);
}

/* What the monitor orders, in worker->order. False: this process cannot go on. */
static bool take_order(struct worker *worker)
{
    struct error err = { 0 };
    struct bytes rest = buf_view(&worker->order), detail, packed;
    worker->idle = false;
    if (!field_get(&rest, LMTP_WORDS_MAX, &detail) ||
        !field_get(&rest, ACCOUNT_PACKED_MAX, &packed) || !fields_end(rest) ||
        (packed.len == 0 && !worker->become))
        error_set(&err, ERROR_INVALID, "malformed order");
    else if (packed.len == 0 || change_account(worker, packed, &err))
        worker->detail = detail.len ? detail : bytes_make(NULL, 0);
    if (err.class != ERROR_NONE)
        log_error("delivery: %s", err.text);
    tell_class(worker, LMTP_ACCOUNT, &err);
    return err.class == ERROR_NONE;
}

/* ---- the message ---- */

/* The detail's mailbox if it is there (or may be made), else INBOX. What cannot be a mailbox name
 * is no mailbox. */
static bool choose_mailbox(struct worker *worker, struct error *err)
{
    struct error trouble = { 0 };
    bool there = false;
    worker->mailbox = BYTES("INBOX");
    if (!worker->detail.data)
        return true;
    if (!store_exists(worker->store, worker->detail, &there, &trouble) &&
        trouble.class != ERROR_INVALID && trouble.class != ERROR_NO_SUCH) {
        *err = trouble;
        return false;
    }
    if (!there && worker->conf.lmtp_detail_create) {
        there = store_create(worker->store, worker->detail, BYTES(""), &trouble) ||
                trouble.class == ERROR_EXISTS;
        if (!there)
            log_info("mailbox for a detail cannot be made, INBOX gets the message: %s",
                     trouble.text);
    }
    if (there)
        worker->mailbox = worker->detail;
    return true;
}

static bool choose(struct worker *worker, struct error *err)
{
    const struct store_user user = { .name = worker->account.name,
                                     .home = worker->account.home,
                                     .service = "lmtp",
                                     .conf = &worker->conf };
    if (!worker->store)
        worker->store = store_open(&user, err);
    if (!worker->store || !choose_mailbox(worker, err))
        return false;
    worker->append = append_begin(worker->store, worker->mailbox, err);
    return worker->append != NULL;
}

/* A store that was open already may have lost its INBOX since: opening makes it. */
static bool choose_again(struct worker *worker, struct error *err)
{
    bool kept = worker->store;
    if (choose(worker, err))
        return true;
    if (!kept || err->class != ERROR_NO_SUCH)
        return false;
    store_close(&worker->store);
    *err = (struct error){ 0 };
    return choose(worker, err);
}

static bool open_message(struct worker *worker, int *file, struct error *err)
{
    const struct append_info info = { .flags = 0 };
    if (!choose_again(worker, err) || !append_message(worker->append, &info, err))
        return false;
    *file = append_fd(worker->append);
    return *file >= 0 ||
           error_set(err, ERROR_UNAVAILABLE, "this mailbox format takes no delivery by a file");
}

static bool answer_open(struct worker *worker)
{
    struct error err = { 0 };
    int file = -1;
    if (open_message(worker, &file, &err)) {
        worker->gate.state = OPEN;
        return tell(worker, LMTP_OPENED, worker->mailbox, file);
    }
    log_error("delivery failed: %s", err.text);
    tell_class(worker, LMTP_FAILED, &err);
    return false;
}

struct commit {
    uint64_t size, wire_size;
    struct bytes from, to, id;
};

static bool read_commit(struct bytes rest, struct commit *commit)
{
    return wire_get_u64(&rest, &commit->size) && wire_get_u64(&rest, &commit->wire_size) &&
           field_get(&rest, LMTP_WORDS_MAX, &commit->from) &&
           field_get(&rest, LMTP_WORDS_MAX, &commit->to) &&
           field_get(&rest, LMTP_WORDS_MAX, &commit->id) && fields_end(rest);
}

/* The parser keeps the limit; one that was taken over might not. */
static bool within_limit(const struct worker *worker, uint64_t size, struct error *err)
{
    uint64_t limit = worker->conf.message_size_limit;
    return limit == 0 || (size > TRACE_ROOM ? size - TRACE_ROOM : 0) <= limit ||
           error_set(err, ERROR_TOO_BIG, "the message is over message_size_limit");
}

static void log_delivery(const struct worker *worker, const struct commit *commit,
                         const struct error *failure)
{
    char from[200], to[200], id[200], mailbox[200];
    log_quote(from, sizeof(from), commit->from.data, commit->from.len);
    log_quote(to, sizeof(to), commit->to.data, commit->to.len);
    log_quote(id, sizeof(id), commit->id.data, commit->id.len);
    log_quote(mailbox, sizeof(mailbox), worker->mailbox.data, worker->mailbox.len);
    log_write(failure ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
              "%s: msgid=%s mailbox=%s size=%llu from=<%s> to=<%s>%s%s",
              failure ? "delivery failed" : "delivered", id, mailbox,
              (unsigned long long)commit->wire_size, from, to, failure ? ": " : "",
              failure ? failure->text : "");
}

static void answer_commit(struct worker *worker, struct bytes payload)
{
    struct error err = { 0 };
    struct append_result result;
    struct commit commit = { 0 };
    bool good = read_commit(payload, &commit);
    if (!good)
        error_set(&err, ERROR_INVALID, "malformed message \"commit\"");
    good = good && within_limit(worker, commit.size, &err) &&
           append_written(worker->append, commit.size, commit.wire_size, &err) &&
           append_message_end(worker->append, &err) &&
           append_commit(&worker->append, &result, &err);
    log_delivery(worker, &commit, good ? NULL : &err);
    be_idle(worker);
    if (good)
        tell(worker, LMTP_DONE, BYTES(""), -1);
    else
        tell_class(worker, LMTP_FAILED, &err);
}

/* One conversation, to its end. */
static void converse(struct worker *worker)
{
    struct error err = { 0 };
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    unsigned type;
    bool more = true;
    worker->gate = (struct privsep_gate){ .rules = rules,
                                          .rules_count = sizeof(rules) / sizeof(*rules),
                                          .state = FOUND };
    while (more &&
           privsep_receive(worker->fd, &worker->gate, -1, &type, &payload, NULL, &err) > 0) {
        if (type == LMTP_COMMIT)
            answer_commit(worker, buf_view(&payload));
        more = type == LMTP_OPEN && answer_open(worker);
    }
    if (err.class != ERROR_NONE)
        log_error("delivery broken off: %s", err.text);
    buf_free(&payload);
    append_abort(&worker->append);
    close(worker->fd);
    worker->fd = -1;
    be_idle(worker);
}

/* False: the monitor lets this process go. */
static bool next_order(struct worker *worker)
{
    unsigned type;
    return privsep_receive(worker->control, NULL, -1, &type, &worker->order, &worker->fd, NULL) >
               0 &&
           type == LMTP_ORDER && worker->fd >= 0;
}

int lmtp_worker_run(const struct connection *connection, int control, int fd, struct bytes order)
{
    struct worker worker = { .connection = connection, .control = control, .fd = fd };
    worker.order = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    worker.arena = arena_create(ARENA_MAX);
    buf_bytes(&worker.order, order);
    bool good = worker.arena && !buf_failed(&worker.order);
    while (good && (good = take_order(&worker))) {
        converse(&worker);
        if (!next_order(&worker))
            break;
    }
    if (worker.store)
        store_close(&worker.store);
    arena_destroy(&worker.arena);
    buf_free(&worker.order);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
