/* SEARCH and UID SEARCH: RFC 3501, 6.4.4 and 6.4.8 (syntax in search_parse.c).
 *
 * Text is looked for in decoded words, transfer encodings and charsets, without regard to case.
 * Messages that another session expunged meanwhile are not found. One that can't be read is logged,
 * the others are answered, and then NO says so. */
#include "imapd/search.h"

enum { STILL_SEARCHING = 10 }; /* seconds between signs of life */

static time_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return ts.tv_sec;
}

bool search_tick(void *context)
{
    struct search_command *command = context;
    time_t at = now();
    if (at - command->said < STILL_SEARCHING)
        return true;
    command->said = at;
    imap_untagged(command->imap, "OK Still searching.");
    return output_flush(command->imap->out, NULL);
}

bool search_refused(struct search_command *command)
{
    const char *text = command->charset_unknown ? "This charset is not known here"
                       : command->text_invalid
                           ? "The text to search for is not valid in its charset"
                           : NULL;
    return text && imap_no(command->imap, "BADCHARSET (US-ASCII UTF-8)", text);
}

bool search_find(struct search_command *command, struct numset *found, struct error *err)
{
    command->said = now();
    return search_run(command->imap->mailbox, command->key, found, search_tick, command, err);
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
        output_write(imap->out, " ", 1);
        output_number(imap->out, imap->uid ? message.uid : seq);
    }
    output_string(imap->out, "\r\n");
}

static bool run_search(struct search_command *command)
{
    struct imap *imap = command->imap;
    struct numset found = { 0 };
    struct error err = { 0 };
    if (search_refused(command))
        return true;
    bool good = search_find(command, &found, &err);
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
