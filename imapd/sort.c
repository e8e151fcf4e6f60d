/* SORT and UID SORT: RFC 5256, 3 and 4.
 *
 *     sort           = "SORT" SP sort-criteria SP search-criteria
 *     sort-criteria  = "(" sort-criterion *(SP sort-criterion) ")"
 *     sort-criterion = ["REVERSE" SP] sort-key
 *     sort-key       = "ARRIVAL" / "CC" / "DATE" / "FROM" / "SIZE" / "SUBJECT" / "TO"
 *
 * Messages that can't be read or were expunged meanwhile: as in SEARCH. */
#include "imapd/search.h"

#include <stdlib.h>
#include "query/sort.h"

enum { NAMED_MOST = 1000 };

struct sort_command {
    struct search_command search;
    struct sort_criterion criteria[SORT_KINDS];
    size_t count;
};

static bool read_criterion(struct parser *parser, struct sort_criterion *criterion)
{
    static const char *const NAMES[SORT_KINDS] = {
        [SORT_ARRIVAL] = "ARRIVAL", [SORT_CC] = "CC",     [SORT_DATE] = "DATE",
        [SORT_FROM] = "FROM",       [SORT_SIZE] = "SIZE", [SORT_SUBJECT] = "SUBJECT",
        [SORT_TO] = "TO",
    };
    struct bytes name;
    *criterion = (struct sort_criterion){ 0 };
    if (!parser_atom(parser, &name))
        return false;
    if (bytes_equal_nocase(name, BYTES("REVERSE"))) {
        criterion->reverse = true;
        if (!parser_space(parser) || !parser_atom(parser, &name))
            return false;
    }
    for (unsigned kind = 0; kind < SORT_KINDS; kind++)
        if (bytes_equal_nocase(name, bytes_of(NAMES[kind]))) {
            criterion->kind = kind;
            return true;
        }
    return parser_fail(parser, "There is no SORT key %.*s", BYTES_FMT(bytes_take(name, 60)));
}

/* What was asked for before decides already: a key that comes again changes nothing. */
static void add_criterion(struct sort_command *command, const struct sort_criterion *criterion)
{
    for (size_t i = 0; i < command->count; i++)
        if (command->criteria[i].kind == criterion->kind)
            return;
    command->criteria[command->count++] = *criterion;
}

static bool read_criteria(struct sort_command *command)
{
    struct parser *parser = &command->search.imap->parser;
    struct sort_criterion criterion;
    size_t named = 0;
    if (!parser_space(parser) || !parser_char(parser, '('))
        return false;
    do {
        if (++named > NAMED_MOST)
            return parser_fail(parser, "These are too many SORT keys");
        if (!read_criterion(parser, &criterion))
            return false;
        add_criterion(command, &criterion);
    } while (parser_try(parser, ' '));
    return parser_char(parser, ')');
}

static void write_sorted(struct imap *imap, const uint32_t *seqs, size_t count)
{
    struct message message;
    output_string(imap->out, "* SORT");
    for (size_t i = 0; i < count; i++) {
        if (imap->uid && !mailbox_message(imap->mailbox, seqs[i], &message))
            continue;
        output_write(imap->out, " ", 1);
        output_number(imap->out, imap->uid ? message.uid : seqs[i]);
    }
    output_string(imap->out, "\r\n");
}

static bool run_sort(struct sort_command *command)
{
    struct imap *imap = command->search.imap;
    struct numset found = { 0 };
    struct error err = { 0 }, trouble = { 0 };
    uint32_t *seqs = NULL;
    size_t count = 0;
    if (search_refused(&command->search))
        return true;
    bool found_all = search_find(&command->search, &found, &err);
    bool sorted_all = sort_run(imap->mailbox, &found, command->criteria, command->count, &seqs,
                               &count, search_tick, &command->search, &trouble);
    write_sorted(imap, seqs, count);
    free(seqs);
    numset_free(&found);
    if (found_all && sorted_all)
        return imap_ok(imap, NULL, "SORT done");
    return imap_error(imap, found_all ? &trouble : &err);
}

bool imap_sort(struct imap *imap)
{
    struct sort_command command = { .search.imap = imap };
    bool answered =
        read_criteria(&command) && search_parse_criteria(&command.search) && run_sort(&command);
    search_command_free(&command.search);
    return answered;
}
