#include "lmtpd/finder.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/log.h"
#include "base/wait.h"
#include "lmtpd/path.h"
#include "lmtpd/wire.h"
#include "serve/sandbox.h"

enum { PATIENCE = 60 * 1000, ARENA_MAX = 1 << 16 };

/* ---- in the process itself ---- */

static bool look_up(const struct conf *conf, struct bytes address, struct buf *answer,
                    struct arena *arena, struct error *err)
{
    struct account account;
    struct bytes local, domain, detail;
    if (!field_get(&address, PATH_LOCAL_MAX, &local) ||
        !field_get(&address, PATH_DOMAIN_MAX, &domain))
        return error_set(err, ERROR_INVALID, "malformed question");
    if (!recipient_lookup(conf, local, domain, &account, &detail, arena, err))
        return false;
    field_put_number(answer, ERROR_NONE);
    field_put_number(answer, (uint32_t)detail.len);
    return account_pack(&account, answer, err);
}

static bool answer_one(const struct conf *conf, int fd, struct buf *payload, struct arena *arena)
{
    struct error err = { 0 };
    struct buf answer = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    if (!look_up(conf, buf_view(payload), &answer, arena, &err)) {
        buf_clear(&answer);
        field_put_number(&answer, err.class);
        buf_string(&answer, err.text);
    }
    bool sent = privsep_send(fd, LMTP_ACCOUNT, buf_view(&answer), -1, NULL);
    buf_free(&answer);
    arena_wipe(arena);
    return sent;
}

static int run(const struct conf *conf, int fd)
{
    struct error err = { 0 };
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    struct arena *arena = arena_create(ARENA_MAX);
    int keep[AUTH_FILES_MAX + 1];
    size_t count;
    unsigned type;
    bool needs_root = auth_open(conf, keep, &count);
    keep[count++] = fd;
    bool good = arena ? needs_root ? sandbox_close(keep, count, &err)
                                   : sandbox_enter(SANDBOX_LOGIN, conf, keep, count, &err)
                      : error_memory(&err);
    if (!good)
        log_error("looking up recipients: %s", err.text);
    while (good && privsep_receive(fd, NULL, -1, &type, &payload, NULL, NULL) > 0)
        good = answer_one(conf, fd, &payload, arena);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- whoever asks ---- */

void finder_end(struct finder *finder)
{
    if (finder->fd >= 0)
        close(finder->fd);
    finder->fd = -1; /* which ends it */
}

static bool older(const struct finder *finder, int ms)
{
    return wait_clock() - finder->started >= ms;
}

bool finder_tidy(struct finder *finder)
{
    if (finder->fd >= 0 && older(finder, FINDER_LIFE))
        finder_end(finder);
    return finder->fd < 0;
}

static bool start(struct finder *finder, struct error *err)
{
    finder_tidy(finder);
    if (finder->fd >= 0)
        return true;
    pid_t pid = privsep_fork(&finder->fd, err);
    if (pid == 0)
        _exit(run(finder->conf, finder->fd));
    finder->pid = pid > 0 ? pid : 0;
    finder->started = wait_clock();
    return pid > 0;
}

/* One that does not answer may hang in a data base, and must not wait for it when nobody waits for
 * it. */
static bool given_up(struct finder *finder, struct error *err, const char *why)
{
    if (finder->pid > 0)
        kill(finder->pid, SIGKILL);
    finder_end(finder);
    return error_set(err, ERROR_UNAVAILABLE, "%s", why);
}

static bool await(struct finder *finder, int watch, struct error *err)
{
    struct pollfd fds[2] = { { .fd = finder->fd, .events = POLLIN }, { .fd = watch, .events = 0 } };
    int64_t deadline = wait_clock() + PATIENCE;
    for (;;) {
        int64_t left = deadline - wait_clock();
        int ready = left <= 0 ? 0 : poll(fds, 2, (int)left);
        if (ready == 0)
            return given_up(finder, err, "the user data base did not answer in time");
        if (ready > 0 && fds[0].revents)
            return true;
        if (ready > 0 && fds[1].revents)
            return given_up(finder, err, "nobody waits for the answer any more");
    }
}

static bool read_answer(struct bytes rest, struct buf *packed, uint32_t *detail, struct error *err)
{
    uint32_t class;
    if (!field_get_number(&rest, &class) || class >= ERROR_CLASSES)
        return error_set(err, ERROR_CORRUPT, "the answer about a recipient is torn");
    if (class != ERROR_NONE)
        return error_set(err, (enum error_class) class, "%.*s", BYTES_FMT(rest));
    if (!field_get_number(&rest, detail) || rest.len > ACCOUNT_PACKED_MAX)
        return error_set(err, ERROR_CORRUPT, "the answer about a recipient is torn");
    buf_clear(packed);
    buf_bytes(packed, rest);
    return !buf_failed(packed) || error_memory(err);
}

static bool ask(struct finder *finder, struct bytes address, int watch, struct buf *packed,
                uint32_t *detail, struct error *err)
{
    struct buf answer = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    unsigned type;
    int got = -1;
    if (privsep_send(finder->fd, LMTP_RECIPIENT, address, -1, err) && await(finder, watch, err))
        got = privsep_receive(finder->fd, NULL, 0, &type, &answer, NULL, err);
    if (got == 0)
        error_set(err, ERROR_TEMPORARY, "the process that looks recipients up died");
    if (got <= 0)
        finder_end(finder);
    bool good = got > 0 && read_answer(buf_view(&answer), packed, detail, err);
    buf_free(&answer);
    return good;
}

bool finder_ask(struct finder *finder, struct bytes address, int watch, struct buf *packed,
                uint32_t *detail, struct error *err)
{
    struct error trouble = { 0 };
    if (!start(finder, err))
        return false;
    if (ask(finder, address, watch, packed, detail, &trouble))
        return true;
    if (trouble.class != ERROR_UNAVAILABLE && older(finder, FINDER_FRESH)) {
        finder_end(finder);
        trouble = (struct error){ 0 };
        if (start(finder, &trouble) && ask(finder, address, watch, packed, detail, &trouble))
            return true;
    }
    *err = trouble;
    return false;
}
