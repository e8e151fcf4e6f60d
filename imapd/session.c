/* A session from login to its last line in the log. */
#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/wait.h"
#include "imapd/imap.h"

static volatile sig_atomic_t terminated;

static void on_terminate(int number)
{
    (void)number;
    terminated = 1;
}

/* SIGTERM is held back but for the time of waiting: a command is never cut in two. */
static void hold_terminate(void)
{
    sigset_t term;
    struct sigaction action = { .sa_handler = on_terminate };
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int wait_once(struct pollfd fds[2], int timeout_ms)
{
    sigset_t open;
    struct timespec time = { timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000 };
    sigprocmask(SIG_BLOCK, NULL, &open);
    sigdelset(&open, SIGTERM);
    return ppoll(fds, 2, timeout_ms < 0 ? NULL : &time, &open);
}

/* Waits; where that lasts longer, gives back what only a command needs. */
static int wait_long(struct imap *imap, struct pollfd fds[2], int timeout_ms)
{
    bool longer = timeout_ms < 0 || timeout_ms > MEMORY_IDLE;
    int ready = wait_once(fds, longer ? MEMORY_IDLE : timeout_ms);
    if (ready != 0 || !longer || terminated)
        return ready;
    input_rest(imap->in);
    output_rest(imap->out);
    memory_release();
    return wait_once(fds, timeout_ms < 0 ? -1 : timeout_ms - MEMORY_IDLE);
}

static unsigned end_wait(struct imap *imap, enum imap_end why)
{
    imap->end = why;
    return IMAP_EVENT_END;
}

unsigned imap_wait(struct imap *imap, int watch_fd, int timeout_ms)
{
    struct error err = { 0 };
    struct pollfd fds[2] = { { .fd = input_descriptor(imap->in), .events = POLLIN },
                             { .fd = watch_fd, .events = POLLIN } };
    int64_t deadline = wait_clock() + timeout_ms;
    if (input_buffered(imap->in).len > 0 || fds[0].fd < 0)
        return IMAP_EVENT_CLIENT;
    if (!output_flush(imap->out, &err))
        return end_wait(imap, IMAP_END_BROKEN);
    for (;;) {
        int64_t left = timeout_ms < 0 ? -1 : deadline - wait_clock();
        int ready = wait_long(imap, fds, timeout_ms < 0 ? -1 : left < 0 ? 0 : (int)left);
        if (terminated)
            return end_wait(imap, IMAP_END_TERMINATED);
        if (ready == 0)
            return IMAP_EVENT_TIMEOUT;
        if (ready > 0)
            return (fds[0].revents ? IMAP_EVENT_CLIENT : 0) |
                   (fds[1].revents ? IMAP_EVENT_WATCH : 0);
        if (errno != EINTR && errno != EAGAIN)
            return end_wait(imap, IMAP_END_BROKEN);
    }
}

/* What the parser calls before it reads from the client. */
static bool wait_client(void *context)
{
    struct imap *imap = context;
    if (imap->end != IMAP_END_NONE)
        return false;
    unsigned seconds = imap->conf->idle_timeout;
    int timeout = seconds == 0 ? -1 : seconds < INT32_MAX / 1000 ? (int)seconds * 1000 : INT32_MAX;
    unsigned events = imap_wait(imap, -1, timeout);
    if (events & IMAP_EVENT_TIMEOUT)
        end_wait(imap, IMAP_END_IDLE);
    return events & IMAP_EVENT_CLIENT;
}

static void greet(struct imap *imap)
{
    if (!imap->session->resume.data) {
        imap_untagged(imap, "PREAUTH [CAPABILITY %s] Postern is ready, logged in as %s",
                      imap_capabilities(NULL), imap->session->account->name);
        return;
    }
    output_bytes(imap->out, imap->session->resume);
    output_printf(imap->out, " OK [CAPABILITY %s] Logged in\r\n", imap_capabilities(NULL));
}

/* The account is right, but its mail cannot be reached: said to the login command where there is
 * one. */
static int refuse(struct imap *imap, const struct error *err)
{
    const struct error_reply *reply = error_reply(err->class);
    log_error("the mail of %s cannot be opened: %s", imap->session->account->name, err->text);
    if (imap->session->resume.data) {
        output_bytes(imap->out, imap->session->resume);
        output_string(imap->out, " NO [UNAVAILABLE] Your mail cannot be opened\r\n");
    }
    imap_untagged(
        imap,
        "BYE [%s] Your mail cannot be opened (%s); the administrator finds the reason in the log",
        *reply->imap ? reply->imap : "UNAVAILABLE", reply->words);
    output_flush(imap->out, NULL);
    return 1;
}

static const struct {
    const char *bye;  /* what the client is told; NULL: it has been told or is gone */
    const char *word; /* for the log */
} ends[] = {
    [IMAP_END_NONE] = { NULL, "ended" },
    [IMAP_END_LOGOUT] = { NULL, "logged out" },
    [IMAP_END_CLOSED] = { NULL, "connection closed by the client" },
    [IMAP_END_IDLE] = { "BYE Idle for too long", "idle for too long" },
    [IMAP_END_TERMINATED] = { "BYE [UNAVAILABLE] The server is shutting down",
                              "server shutting down" },
    [IMAP_END_ERRORS] = { NULL, "too many errors" },
    [IMAP_END_BROKEN] = { NULL, "connection broken" },
};

static void say_goodbye(struct imap *imap, int64_t started)
{
    if (ends[imap->end].bye)
        imap_untagged(imap, "%s", ends[imap->end].bye);
    output_flush(imap->out, NULL);
    const struct imap_counts *counts = &imap->counts;
    log_info("session ended: %s; %llu commands, %llu messages fetched (%llu octets), %llu "
             "appended, %llu expunged, "
             "%llu octets in, %llu out, %lld s",
             ends[imap->end].word, (unsigned long long)counts->commands,
             (unsigned long long)counts->fetched, (unsigned long long)counts->body_bytes,
             (unsigned long long)counts->appended, (unsigned long long)counts->expunged,
             (unsigned long long)imap->in->offset, (unsigned long long)imap->out->total,
             (long long)(wait_clock() - started) / 1000);
}

static void serve(struct imap *imap)
{
    int64_t started = wait_clock();
    greet(imap);
    while (imap_command(imap))
        ;
    imap_unselect(imap);
    say_goodbye(imap, started);
    store_autoexpunge(imap->store);
    store_close(&imap->store);
}

static bool open_store(struct imap *imap, struct error *err)
{
    const struct account *account = imap->session->account;
    struct store_user user = { account->name, account->home, "imap", imap->conf };
    imap->arena = arena_create(imap->conf->imap_command_memory);
    if (!imap->arena)
        return error_memory(err);
    parser_init(&imap->parser, imap->in, imap->out, imap->arena, imap->conf->imap_line_max,
                imap->conf->imap_line_max);
    /* Clients quote names and words to search for as they are, which RFC 3501 forbids and nothing
     * can be won by refusing. */
    imap->parser.utf8 = true;
    imap->parser.wait = wait_client;
    imap->parser.wait_context = imap;
    imap->store = store_open(&user, err);
    return imap->store;
}

int imap_session(struct session *session)
{
    struct error err = { 0 };
    struct imap imap = {
        .session = session, .conf = session->conf, .in = session->in, .out = session->out
    };
    int status = 0;
    hold_terminate();
    if (open_store(&imap, &err))
        serve(&imap);
    else
        status = refuse(&imap, &err);
    parser_free(&imap.parser);
    arena_destroy(&imap.arena);
    return status;
}
