/* FETCH and UID FETCH: RFC 3501, 6.4.5 and 6.4.8 (syntax in fetch_parse.c).
 *
 * Messages that another session expunged meanwhile are left out. RFC 2180, 4.1 leaves the tagged
 * answer open: clients that fetch 1:* stop their whole synchronisation at a NO, so it is OK with
 * [EXPUNGEISSUED], except where nothing at all of what was asked for by number is left. A message
 * that can't be read is logged, the others are sent, and the answer is NO. */
#include "imapd/fetch.h"

#include "base/log.h"

enum { SEEN_BATCH = 1000 }; /* messages whose \Seen is set at once */

struct fetch_run {
    struct fetch *fetch;
    struct numset seen; /* \Seen shown, not set yet */
    unsigned seen_count;
    uint64_t sent, gone, failed;
    enum error_class class; /* of the first failure */
};

static void note_failure(struct fetch_run *run, uint32_t uid, const struct error *err)
{
    log_error("FETCH of UID %u: %s", uid, err->text);
    if (!run->failed++)
        run->class = err->class;
}

/* \Seen is set behind the answers, so that a connection that breaks does not mark what never
 * arrived. */
static void set_seen(struct fetch_run *run)
{
    struct error err = { 0 };
    if (!run->seen.count)
        return;
    if (!mailbox_store(run->fetch->imap->mailbox, &run->seen, STORE_ADD, FLAG_SEEN, 0, NULL,
                       &err)) {
        log_error("FETCH could not set \\Seen: %s", err.text);
        if (!run->failed++)
            run->class = err.class;
    }
    numset_clear(&run->seen);
    run->seen_count = 0;
}

static void show_seen(struct fetch_run *run, uint32_t seq)
{
    if (!numset_add(&run->seen, seq, seq)) {
        set_seen(run);
        numset_add(&run->seen, seq, seq);
    }
    if (++run->seen_count == SEEN_BATCH)
        set_seen(run);
}

static bool wants_seen(const struct fetch *fetch, const struct message *message)
{
    return fetch->seen && !(message->flags & FLAG_SEEN) && mailbox_writable(fetch->imap->mailbox);
}

static bool fetch_one(struct fetch_run *run, uint32_t seq)
{
    struct imap *imap = run->fetch->imap;
    struct message message = { 0 };
    struct error err = { 0 };
    mailbox_message(imap->mailbox, seq, &message);
    bool seen = wants_seen(run->fetch, &message);
    enum fetch_result result = fetch_message(run->fetch, seq, seen, &err);
    run->sent += result == FETCH_SENT;
    run->gone += result == FETCH_GONE;
    if (result == FETCH_FAILED || result == FETCH_BROKEN)
        note_failure(run, message.uid, &err);
    if (result == FETCH_BROKEN) {
        /* Nothing but the missing octets would be understood now. */
        imap->out->error = err;
        return false;
    }
    if (result == FETCH_SENT && seen)
        show_seen(run, seq);
    return !output_failed(imap->out);
}

static void fetch_all(struct fetch_run *run, const struct numset *seqs)
{
    size_t cursor = 0;
    uint32_t seq = 0;
    while (numset_next(seqs, &cursor, &seq))
        if (!fetch_one(run, seq))
            break;
    set_seen(run);
}

static bool answer(struct fetch_run *run)
{
    struct imap *imap = run->fetch->imap;
    if (output_failed(imap->out))
        return false;
    if (run->failed)
        return imap_no(imap, error_reply(run->class)->imap,
                       "Some messages could not be read; the others were sent");
    if (run->gone && !run->sent && !imap->uid)
        return imap_no(imap, "EXPUNGEISSUED", "These messages were expunged");
    if (run->gone)
        return imap_ok(imap, "EXPUNGEISSUED", "FETCH done; some messages were expunged meanwhile");
    return imap_ok(imap, NULL, "FETCH done");
}

static bool run_fetch(struct fetch *fetch, const struct numset *seqs)
{
    struct fetch_run run = { .fetch = fetch };
    size_t limit = (size_t)fetch->imap->conf->imap_command_memory;
    fetch->text = BUF_INIT(limit);
    fetch->scratch = arena_create(limit);
    if (!fetch->scratch)
        return imap_no(fetch->imap, "LIMIT", "Out of memory");
    fetch_all(&run, seqs);
    numset_free(&run.seen);
    buf_free(&fetch->text);
    arena_destroy(&fetch->scratch);
    return answer(&run);
}

bool imap_fetch(struct imap *imap)
{
    struct fetch fetch = { .imap = imap };
    struct numset seqs = { 0 };
    struct bytes set;
    bool good = parser_space(&imap->parser) && parser_sequence_set(&imap->parser, &set) &&
                parser_space(&imap->parser) && fetch_parse(&fetch) && imap_set(imap, set, &seqs);
    bool answered = good && run_fetch(&fetch, &seqs);
    numset_free(&seqs);
    return answered;
}
