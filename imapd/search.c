/* SEARCH and UID SEARCH: RFC 3501, 6.4.4 and 6.4.8 (syntax in search_parse.c).
 *
 * Text is looked for in decoded words, transfer encodings and charsets, without regard to case.
 * Messages that another session expunged meanwhile are not found. One that can't be read is logged,
 * the others are answered, and then NO says so. */
#include "imapd/search.h"

enum { STILL_SEARCHING = 10 }; /* seconds between signs of life */

struct ticker {
    struct imap *imap;
    time_t last;
};

static time_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return ts.tv_sec;
}

/* Keeps a client from giving up, and notices one that is gone. */
static bool tick(void *context)
{
    struct ticker *ticker = context;
    time_t at = now();
    if (at - ticker->last < STILL_SEARCHING)
        return true;
    ticker->last = at;
    imap_untagged(ticker->imap, "OK Still searching.");
    return output_flush(ticker->imap->out, NULL);
}

static void write_found(struct imap *imap, const struct numset *found)
{
    size_t cursor = 0;
    uint32_t seq = 0;
    struct message message;
    output_string(imap->out, "* SEARCH");
    while (numset_next(found, &cursor, &seq)) {
        if (imap->uid && !mailbox_message(imap->mailbox, seq, &message))
            continue;
        output_printf(imap->out, " %u", imap->uid ? message.uid : seq);
    }
    output_string(imap->out, "\r\n");
}

static bool run_search(struct search_command *command)
{
    struct imap *imap = command->imap;
    struct ticker ticker = { imap, now() };
    struct numset found = { 0 };
    struct error err = { 0 };
    if (command->charset_unknown)
        return imap_no(imap, "BADCHARSET (US-ASCII UTF-8)", "This charset is not known here");
    if (command->text_invalid)
        return imap_no(imap, "BADCHARSET (US-ASCII UTF-8)",
                       "The text to search for is not valid in its charset");
    bool good = search_run(imap->mailbox, command->key, &found, tick, &ticker, &err);
    write_found(imap, &found);
    numset_free(&found);
    return good ? imap_ok(imap, NULL, "SEARCH done") : imap_error(imap, &err);
}

bool imap_search(struct imap *imap)
{
    struct search_command command = { .imap = imap };
    bool answered = search_parse(&command) && run_search(&command);
    search_command_free(&command);
    return answered;
}
