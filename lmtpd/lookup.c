#include "lmtpd/lookup.h"

#include "auth/auth.h"
#include "base/buf.h"
#include "serve/sandbox.h"
#include "serve/worker.h"

enum { PATIENCE = 60 * 1000, ARENA_MAX = 1 << 16 };

struct question {
    const struct conf *conf;
    struct bytes local, domain;
};

struct answer {
    bool found;
    struct error error;
    uint32_t detail_len, account_len; /* the detail is the end of local */
    char account[ACCOUNT_PACKED_MAX];
};

static bool look_up(const struct question *question, struct answer *answer, struct arena *arena)
{
    struct account account;
    struct bytes detail;
    struct buf packed = BUF_INIT(ACCOUNT_PACKED_MAX * 2);
    bool good = recipient_lookup(question->conf, question->local, question->domain, &account,
                                 &detail, arena, &answer->error) &&
                account_pack(&account, &packed, &answer->error);
    if (good) {
        memcpy(answer->account, packed.data, packed.len);
        answer->account_len = (uint32_t)packed.len;
        answer->detail_len = (uint32_t)detail.len;
    }
    buf_free(&packed);
    return good;
}

static void work(void *context, int pipe, void *into)
{
    const struct question *question = context;
    struct answer *answer = into;
    struct arena *arena = arena_create(ARENA_MAX);
    int keep[AUTH_FILES_MAX + 1];
    size_t count;
    bool needs_root = auth_open(question->conf, keep, &count);
    keep[count++] = pipe;
    if (!arena)
        error_memory(&answer->error);
    else if (needs_root ||
             sandbox_enter(SANDBOX_LOGIN, question->conf, keep, count, &answer->error))
        answer->found = look_up(question, answer, arena);
    arena_destroy(&arena);
}

bool lookup_recipient(const struct conf *conf, struct bytes local, struct bytes domain, int watch,
                      struct account *account, struct bytes *detail, struct arena *arena,
                      struct error *err)
{
    struct question question = { conf, local, domain };
    struct answer answer;
    if (!worker_run(work, &question, &answer, sizeof(answer), watch, PATIENCE, err))
        return false;
    if (!answer.found) {
        if (err)
            *err = answer.error;
        return false;
    }
    if (answer.account_len > sizeof(answer.account) || answer.detail_len > local.len)
        return error_set(err, ERROR_CORRUPT, "the answer about a recipient is torn");
    *detail =
        answer.detail_len ? bytes_skip(local, local.len - answer.detail_len) : bytes_make(NULL, 0);
    return account_unpack(bytes_make(answer.account, answer.account_len), account, arena, err);
}
