/* A SEARCH command taken apart, for the commands that begin with a search: SEARCH, SORT, THREAD. */
#ifndef IMAPD_SEARCH_H
#define IMAPD_SEARCH_H

#include "imapd/imap.h"
#include "query/search.h"

struct search_set { /* a numset of a key, to be freed */
    struct search_set *next;
    struct search_key *key;
};

struct search_command {
    struct imap *imap;
    struct bytes charset; /* absent: not named */
    bool charset_unknown;
    bool text_invalid;      /* some text is not in that charset */
    struct search_key *key; /* in the command's arena, but for its sets */
    struct search_set *sets;
    unsigned depth;
    time_t said; /* when the client last heard from us */
};

/* Reads all behind SEARCH, up to the end of the line. False: the parser failed. */
bool search_parse(struct search_command *command);
/* The same behind SORT and THREAD: charset 1*(SP search-key), with the space before it. */
bool search_parse_criteria(struct search_command *command);
void search_command_free(struct search_command *command);

/* Whether the charset was wrong, and NO is answered. */
bool search_refused(struct search_command *command);
/* The sequence numbers of what matches. False with *err also where messages could not be read;
 * found has the others then. */
bool search_find(struct search_command *command, struct numset *found, struct error *err);
/* To be called now and then during long work (search_find does it): keeps a client from giving up,
 * and notices one that is gone (false). context: the command. */
bool search_tick(void *context);

#endif
