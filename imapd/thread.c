/* THREAD and UID THREAD: RFC 5256, 3 and 4.
 *
 *     thread        = "THREAD" SP thread-alg SP search-criteria
 *     thread-alg    = "ORDEREDSUBJECT" / "REFERENCES"
 *     thread-data   = "THREAD" [SP 1*thread-list]
 *     thread-list   = "(" (thread-members / thread-nested) ")"
 *     thread-members = nz-number *(SP nz-number) [SP thread-nested]
 *     thread-nested = 2*thread-list
 *
 * Messages that can't be read or were expunged meanwhile: as in SEARCH. */
#include "imapd/search.h"

#include "query/thread.h"

struct thread_command {
    struct search_command search;
    enum thread_kind kind;
};

static bool read_algorithm(struct thread_command *command)
{
    struct parser *parser = &command->search.imap->parser;
    struct bytes name;
    if (!parser_space(parser) || !parser_atom(parser, &name))
        return false;
    if (bytes_equal_nocase(name, BYTES("REFERENCES")))
        command->kind = THREAD_REFERENCES;
    else if (bytes_equal_nocase(name, BYTES("ORDEREDSUBJECT")))
        command->kind = THREAD_ORDEREDSUBJECT;
    else
        return parser_fail(parser, "There is no THREAD algorithm %.*s",
                           BYTES_FMT(bytes_take(name, 60)));
    return true;
}

static void write_threads(struct imap *imap, const struct threads *threads)
{
    struct thread_walk walk = { 0 };
    struct message message = { 0 };
    enum thread_token token, last = THREAD_NUMBER;
    uint32_t seq = 0;
    output_string(imap->out, "* THREAD");
    for (; (token = thread_next(threads, &walk, &seq)) != THREAD_END; last = token) {
        if (last == THREAD_NUMBER && token != THREAD_CLOSE)
            output_write(imap->out, " ", 1);
        if (token != THREAD_NUMBER)
            output_write(imap->out, token == THREAD_OPEN ? "(" : ")", 1);
        else if (!imap->uid)
            output_number(imap->out, seq);
        else if (mailbox_message(imap->mailbox, seq, &message))
            output_number(imap->out, message.uid);
    }
    output_string(imap->out, "\r\n");
}

static bool run_thread(struct thread_command *command)
{
    struct imap *imap = command->search.imap;
    struct numset found = { 0 };
    struct threads threads = { 0 };
    struct error err = { 0 }, trouble = { 0 };
    if (search_refused(&command->search))
        return true;
    bool found_all = search_find(&command->search, &found, &err);
    bool threaded_all = thread_run(imap->mailbox, &found, command->kind, &threads, search_tick,
                                   &command->search, &trouble);
    write_threads(imap, &threads);
    threads_free(&threads);
    numset_free(&found);
    if (found_all && threaded_all)
        return imap_ok(imap, NULL, "THREAD done");
    return imap_error(imap, found_all ? &trouble : &err);
}

bool imap_thread(struct imap *imap)
{
    struct thread_command command = { .search.imap = imap };
    bool answered =
        read_algorithm(&command) && search_parse_criteria(&command.search) && run_thread(&command);
    search_command_free(&command.search);
    return answered;
}
