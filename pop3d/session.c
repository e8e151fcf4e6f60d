/* The session of a user: opens the maildrop, answers the login, runs commands; QUIT enters the UPDATE state
 * (RFC 1939, 6). Whatever else ends the session removes nothing. */
#include "pop3d/pop3.h"

#include <stdlib.h>

#include "base/log.h"
#include "pop3d/maildrop.h"

enum { IDLE_LEAST = 600 }; /* seconds; RFC 1939, 3 */

void pop3_quit(struct pop3 *pop3, struct bytes argument)
{
    struct error err = { 0 };
    (void)argument;
    pop3->end = true;
    if (!pop3->drop) {
        pop3_ok(pop3, "Goodbye");
        return;
    }
    uint32_t deleted = maildrop_deleted(pop3->drop);
    if (!maildrop_seen(pop3->drop, &err))
        log_warning("marking what was retrieved as seen: %s", err.text);
    if (maildrop_update(pop3->drop, pop3->conf->pop3_delete_expunges, &err)) {
        pop3->counts.deleted = deleted;
        pop3_ok(pop3, deleted ? "Goodbye, %u messages deleted" : "Goodbye", deleted);
        return;
    }
    log_error("removing %u deleted messages: %s", deleted, err.text);
    pop3_err(pop3, "SYS/TEMP", "Some deleted messages were not removed");
}

/* RFC 1939, 3: not under ten minutes; what IMAP needs by default would be too patient here. */
static int idle_ms(const struct conf *conf)
{
    bool chosen = strcmp(conf_source(conf, "idle_timeout"), "default") != 0;
    unsigned seconds = chosen && conf->idle_timeout > IDLE_LEAST ? conf->idle_timeout : IDLE_LEAST;
    return seconds > INT32_MAX / 1000 ? INT32_MAX : (int)seconds * 1000;
}

static void log_end(const struct pop3 *pop3, const char *why)
{
    const struct pop3_counts *counts = &pop3->counts;
    log_info("session ends: %s: top=%llu/%llu retr=%llu/%llu del=%llu/%u size=%llu in=%llu out=%llu",
             why, (unsigned long long)counts->top, (unsigned long long)counts->top_octets,
             (unsigned long long)counts->retr, (unsigned long long)counts->retr_octets,
             (unsigned long long)counts->deleted, pop3->drop ? pop3->drop->count : 0,
             (unsigned long long)counts->size, (unsigned long long)pop3->in->offset,
             (unsigned long long)pop3->out->total);
}

static bool open_drop(struct pop3 *pop3)
{
    struct error err = { 0 };
    const struct account *account = pop3->session->account;
    struct store_user user = { .name = account->name,
                               .home = account->home,
                               .service = "pop3",
                               .conf = pop3->conf };
    pop3->drop = maildrop_open(&user, &err);
    if (pop3->drop)
        return true;
    if (err.class == ERROR_CONFLICT)
        pop3_err(pop3, "IN-USE", "Another POP3 session has the mailbox");
    else
        pop3_error(pop3, &err, "the maildrop cannot be opened");
    output_flush(pop3->out, &err);
    log_end(pop3, "the maildrop could not be opened");
    return false;
}

/* Deletions that QUIT did not confirm are not made; the log says how many there were. */
static void finish(struct pop3 *pop3, const char *why)
{
    struct error err = { 0 };
    uint32_t pending = pop3->counts.deleted ? 0 : maildrop_deleted(pop3->drop);
    if (pending > 0)
        log_info("%u of %u messages marked as deleted stay", pending, pop3->drop->count);
    for (uint32_t i = 0; pop3->drop->measured && i < pop3->drop->count; i++)
        pop3->counts.size += pop3->drop->sizes[i];
    if (!maildrop_seen(pop3->drop, &err))
        log_debug("marking what was retrieved as seen: %s", err.text);
    store_autoexpunge(pop3->drop->store);
    log_end(pop3, why);
}

static void run(struct pop3 *pop3)
{
    struct error err = { 0 };
    pop3_ok(pop3, "Logged in, %u messages", pop3->drop->count);
    bool good = pop3_converse(pop3, &err);
    finish(pop3, good ? "goodbye" : err.text);
}

int pop3_session(struct session *session)
{
    struct pop3 pop3 = { .conf = session->conf,
                         .in = session->in,
                         .out = session->out,
                         .session = session,
                         .state = POP3_TRANSACTION };
    if (!pop3_resume_read(&pop3, session->resume)) {
        log_error("the login process handed over no usable state");
        return EXIT_FAILURE;
    }
    input_timeout(session->in, idle_ms(session->conf));
    if (!open_drop(&pop3))
        return EXIT_SUCCESS;
    run(&pop3);
    maildrop_close(&pop3.drop);
    return EXIT_SUCCESS;
}
