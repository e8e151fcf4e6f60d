#include "lmtpd/worker.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "lmtpd/lookup.h"
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

static const struct privsep_rule rules[] = {
    { "open", LMTP_OPEN, FOUND, 1, 0, 0 },
    { "commit", LMTP_COMMIT, OPEN, 1, 28, 28 + 3 * LMTP_WORDS_MAX },
};

struct worker {
    int fd;
    struct conf conf; /* with the user's settings */
    struct account account;
    struct bytes detail;
    struct arena *arena;
    struct store *store;
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

/* ---- who it is ---- */

static bool find(struct worker *worker, const struct connection *connection, struct bytes local,
                 struct bytes domain, struct error *err)
{
    struct recipient_names names;
    if (!connection->only)
        return lookup_recipient(connection->conf, local, domain, worker->fd, &worker->account,
                                &worker->detail, worker->arena, err);
    recipient_names(connection->conf, local, domain, &names);
    for (size_t i = 0; i < names.count; i++) {
        if (strcmp(names.names[i], connection->only->name) != 0)
            continue;
        worker->account = *connection->only;
        if (names.cut[i] && names.detail.len > 0)
            worker->detail = names.detail;
        return true;
    }
    return error_set(err, ERROR_NO_SUCH, "over a pipe only %s gets mail", connection->only->name);
}

/* From here on the process is the user and can touch nobody else's mail. */
static bool become(struct worker *worker, const struct connection *connection, struct error *err)
{
    const int keep[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, worker->fd };
    worker->conf = *connection->conf;
    return account_become(&worker->account, err) &&
           account_apply(&worker->account, &worker->conf, err) &&
           sandbox_enter(SANDBOX_SESSION, connection->conf, keep, 4, err);
}

static bool tell_account(const struct worker *worker)
{
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    field_put_number(&payload, ERROR_NONE);
    field_put(&payload, bytes_of(worker->account.name));
    field_put(&payload, worker->detail);
    bool sent = !buf_failed(&payload) && tell(worker, LMTP_ACCOUNT, buf_view(&payload), -1);
    buf_free(&payload);
    return sent;
}

static bool introduce(struct worker *worker, const struct connection *connection,
                      struct bytes local, struct bytes domain)
{
    struct error err = { 0 };
    worker->arena = arena_create(ARENA_MAX);
    if (!worker->arena)
        error_memory(&err);
    if (worker->arena && find(worker, connection, local, domain, &err)) {
        log_field("MAIL_USER", worker->account.name);
        if (become(worker, connection, &err))
            return tell_account(worker);
    }
    char who[256], where[256];
    log_quote(who, sizeof(who), local.data, local.len);
    log_quote(where, sizeof(where), domain.data, domain.len);
    if (err.class == ERROR_NO_SUCH)
        log_info("unknown recipient %s%s%s: %s", who, domain.len ? "@" : "", where, err.text);
    else
        log_error("recipient %s%s%s: %s", who, domain.len ? "@" : "", where, err.text);
    tell_class(worker, LMTP_ACCOUNT, &err);
    return false;
}

/* ---- the message ---- */

/* The detail's mailbox if it is there (or may be made), else INBOX. What cannot be a mailbox name is no mailbox. */
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

static bool open_message(struct worker *worker, int *file, struct error *err)
{
    const struct store_user user = { .name = worker->account.name,
                                     .home = worker->account.home,
                                     .service = "lmtp",
                                     .conf = &worker->conf };
    const struct append_info info = { .flags = 0 };
    worker->store = store_open(&user, err);
    if (!worker->store || !choose_mailbox(worker, err))
        return false;
    worker->append = append_begin(worker->store, worker->mailbox, err);
    if (!worker->append || !append_message(worker->append, &info, err))
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
    if (good)
        tell(worker, LMTP_DONE, BYTES(""), -1);
    else
        tell_class(worker, LMTP_FAILED, &err);
}

static void serve(struct worker *worker)
{
    struct error err = { 0 };
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    unsigned type;
    int got;
    bool more = true;
    worker->gate = (struct privsep_gate){ .rules = rules,
                                          .rules_count = sizeof(rules) / sizeof(*rules),
                                          .state = FOUND };
    while (more && (got = privsep_receive(worker->fd, &worker->gate, -1, &type, &payload, NULL,
                                          &err)) > 0) {
        if (type == LMTP_COMMIT)
            answer_commit(worker, buf_view(&payload));
        more = type == LMTP_OPEN && answer_open(worker);
    }
    if (err.class != ERROR_NONE)
        log_error("delivery broken off: %s", err.text);
    buf_free(&payload);
}

int lmtp_worker_run(const struct connection *connection, int fd, struct bytes local,
                    struct bytes domain)
{
    struct worker worker = { .fd = fd };
    bool known = introduce(&worker, connection, local, domain);
    if (known)
        serve(&worker);
    append_abort(&worker.append);
    if (worker.store)
        store_close(&worker.store);
    arena_destroy(&worker.arena);
    return known ? EXIT_SUCCESS : EXIT_FAILURE;
}
