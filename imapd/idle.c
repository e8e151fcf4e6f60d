/* IDLE (RFC 2177): the mailbox's changes are told as they happen, until the client says DONE.
 *
 *     IDLE CRLF, continued by "DONE" CRLF
 *
 * There is no autologout meanwhile: "still here" finds a dead connection sooner. */
#include "base/log.h"
#include "base/wait.h"
#include "imapd/imap.h"

/* A line in place of DONE that is longer ends the connection. */
enum { LINE_MAX_OCTETS = 1024 };

struct idle {
    int watch_fd;         /* -1: poll every imap_poll seconds */
    int64_t notify, look; /* when next, of wait_clock() */
    int64_t again;        /* when the mailbox wants to be looked at, too; INT64_MAX: not */
};

static void start_watch(struct imap *imap, struct idle *idle)
{
    struct error err = { 0 };
    idle->watch_fd = imap->mailbox ? mailbox_watch(imap->mailbox, &err) : -1;
    if (!imap->mailbox || idle->watch_fd >= 0 || imap->watch_said)
        return;
    imap->watch_said = true;
    log_warning(
        "IDLE: %s; looking every %u seconds instead (see sysctl fs.inotify.max_user_instances)",
        err.text, imap->conf->imap_poll);
}

static int64_t after(unsigned seconds)
{
    return wait_clock() + (int64_t)(seconds ? seconds : 1) * 1000;
}

static int until_next(const struct imap *imap, const struct idle *idle)
{
    bool polls = imap->mailbox && idle->watch_fd < 0;
    int64_t next = polls && idle->look < idle->notify ? idle->look : idle->notify;
    next = idle->again < next ? idle->again : next;
    int64_t left = next - wait_clock();
    return left < 0 ? 0 : left < INT32_MAX ? (int)left : INT32_MAX;
}

static void look(struct imap *imap, struct idle *idle)
{
    struct error err = { 0 };
    /* A failure is in the log; looking once more is all that can be done. */
    imap_sync(imap, IMAP_SYNC_ALL, &err);
    if (!imap->mailbox)
        idle->watch_fd = -1;
    idle->look = after(imap->conf->imap_poll);
    int again = imap->mailbox ? mailbox_look_again(imap->mailbox) : -1;
    idle->again = again < 0 ? INT64_MAX : wait_clock() + again;
}

/* False: the client has something to say or the session ends. */
static bool turn(struct imap *imap, struct idle *idle)
{
    unsigned events = imap_wait(imap, idle->watch_fd, until_next(imap, idle));
    if (events & (IMAP_EVENT_CLIENT | IMAP_EVENT_END))
        return false;
    bool polls = imap->mailbox && idle->watch_fd < 0;
    if ((events & IMAP_EVENT_WATCH) || (polls && wait_clock() >= idle->look) ||
        wait_clock() >= idle->again)
        look(imap, idle);
    if (wait_clock() >= idle->notify) {
        imap_untagged(imap, "OK Still here");
        idle->notify = after(imap->conf->imap_idle_notify);
    }
    return true;
}

/* The client's line: DONE, or anything else. False: the connection is gone. */
static bool read_done(struct imap *imap, bool *done)
{
    char line[8];
    size_t len = 0;
    imap->parser.complete = false;
    for (int c; (c = parser_peek(&imap->parser)) >= 0 && c != '\r' && c != '\n'; len++) {
        if (len < sizeof(line))
            line[len] = (char)c;
        if (len > LINE_MAX_OCTETS)
            return parser_fail(&imap->parser, "A long line stands in place of DONE");
        parser_try(&imap->parser, (char)c);
    }
    *done = len <= sizeof(line) && bytes_equal_nocase(bytes_make(line, len), BYTES("DONE"));
    return parser_end(&imap->parser);
}

bool imap_idle(struct imap *imap)
{
    bool done = false, had = imap->mailbox;
    if (!parser_end(&imap->parser))
        return false;
    struct idle idle = { .notify = after(imap->conf->imap_idle_notify), .again = INT64_MAX };
    start_watch(imap, &idle);
    output_string(imap->out, "+ idling\r\n");
    look(imap, &idle);
    while (turn(imap, &idle))
        ;
    parser_next(&imap->parser);
    if (!read_done(imap, &done))
        return false;
    if (!done)
        return imap_bad(imap, "IDLE ends with DONE");
    if (had && !imap->mailbox)
        return imap_no(imap, "NONEXISTENT", "The selected mailbox was deleted; select another one");
    return imap_ok(imap, NULL, "Idle no more");
}
