/* One password, one worker: it alone reads the message with the secret and the files with the
 * hashes, and answers with a verdict and the account. */
#include "serve/connection.h"
#include "serve/sandbox.h"
#include "serve/worker.h"

#define AUTH_PATIENCE 60000
#define AUTH_ARENA 65536
#define ANSWER_HEAD offsetof(struct auth_answer, account)

struct auth_task {
    const struct connection *connection;
    int fd;
};

struct question {
    bool apop;
    struct bytes method, authzid, user, secret;
};

static bool parse(struct bytes payload, struct question *q)
{
    struct bytes rest = payload;
    return field_get(&rest, sizeof(((struct auth_answer *)0)->method) - 1, &q->method) &&
           field_get(&rest, ACCOUNT_NAME_MAX, &q->authzid) &&
           field_get(&rest, ACCOUNT_NAME_MAX, &q->user) &&
           field_get(&rest, LOGIN_PASSWORD_MAX, &q->secret) && fields_end(rest) &&
           !(q->user.len && memchr(q->user.data, 0, q->user.len)) &&
           !(q->method.len && memchr(q->method.data, 0, q->method.len));
}

static void find_account(const struct conf *conf, const struct auth_peer *peer,
                         struct auth_answer *answer)
{
    struct account account;
    struct buf packed = BUF_INIT(ACCOUNT_PACKED_MAX * 2);
    struct arena *arena = arena_create(AUTH_ARENA);
    answer->verdict = arena
                          ? auth_account(conf, peer, answer->user, &account, arena, &answer->error)
                          : AUTH_TEMPORARY;
    if (answer->verdict == AUTH_OK && !account_pack(&account, &packed, &answer->error))
        answer->verdict = AUTH_TEMPORARY;
    if (answer->verdict == AUTH_OK) {
        memcpy(answer->account, packed.data, packed.len);
        answer->account_len = (uint32_t)packed.len;
    }
    buf_free(&packed);
    arena_destroy(&arena);
}

static void check(const struct connection *connection, const struct question *q,
                  struct auth_answer *answer)
{
    const struct conf *conf = connection->serve->conf;
    const struct auth_peer *peer = &connection->peer;
    memcpy(answer->user, q->user.data, q->user.len);
    memcpy(answer->method, q->method.data, q->method.len);
    answer->verdict = q->apop ? auth_apop(conf, peer, answer->user, bytes_of(connection->challenge),
                                          q->secret, &answer->error)
                              : auth_password(conf, peer, answer->user, q->secret, &answer->error);
    if (answer->verdict != AUTH_OK)
        return;
    if (q->authzid.len > 0 && !bytes_equal(q->authzid, q->user) &&
        !bytes_equal(q->authzid, bytes_of(answer->user))) {
        answer->verdict = AUTH_FORBIDDEN;
        error_set(&answer->error, ERROR_NOT_PERMITTED, "may not act for another user");
        return;
    }
    find_account(conf, peer, answer);
}

static void ask(struct auth_task *task, int pipe, struct auth_answer *answer)
{
    const struct conf *conf = task->connection->serve->conf;
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    struct question q = { 0 };
    int keep[AUTH_FILES_MAX + 2];
    size_t count;
    unsigned type = 0;
    bool needs_root = auth_prepare(conf, keep, &count);
    keep[count++] = task->fd;
    keep[count++] = pipe;
    sandbox_private();
    answer->verdict = AUTH_TEMPORARY;
    if ((!needs_root && !sandbox_enter(SANDBOX_LOGIN, conf, keep, count, &answer->error)) ||
        privsep_receive(task->fd, NULL, 0, &type, &payload, NULL, &answer->error) <= 0)
        return;
    answer->read_it = true;
    q.apop = type == ASK_APOP;
    if (parse(buf_view(&payload), &q)) {
        check(task->connection, &q, answer);
    } else {
        answer->verdict = AUTH_MALFORMED;
        error_set(&answer->error, ERROR_INVALID, "a malformed message");
    }
    buf_wipe(&payload);
}

static size_t work(void *context, int pipe, void *into)
{
    struct auth_answer *answer = into;
    memset(answer, 0, ANSWER_HEAD);
    ask(context, pipe, answer);
    return ANSWER_HEAD + answer->account_len;
}

bool auth_ask(const struct connection *connection, int fd, struct auth_answer *answer,
              struct error *err)
{
    struct auth_task task = { connection, fd };
    struct worker_answer sent = { answer, ANSWER_HEAD, sizeof(*answer), 0 };
    answer->read_it = false;
    bool good = worker_run(work, &task, &sent, fd, AUTH_PATIENCE, err);
    if (!good || !answer->read_it)
        privsep_discard(fd);
    answer->user[sizeof(answer->user) - 1] = '\0';
    answer->method[sizeof(answer->method) - 1] = '\0';
    answer->error.text[sizeof(answer->error.text) - 1] = '\0';
    if (good && (answer->account_len != sent.got - ANSWER_HEAD || answer->verdict > AUTH_MALFORMED))
        return error_set(err, ERROR_CORRUPT, "the worker's answer is torn");
    return good;
}
