/* A SEARCH command taken apart. Private to search*.c. */
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
};

/* Reads all behind SEARCH, up to the end of the line. False: the parser failed. */
bool search_parse(struct search_command *command);
void search_command_free(struct search_command *command);

#endif
