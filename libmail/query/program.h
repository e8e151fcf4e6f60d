/* A search program made ready to run: keys with what evaluating them needs, cheapest first. Private
 * to this room. */
#ifndef QUERY_PROGRAM_H
#define QUERY_PROGRAM_H

#include "base/arena.h"
#include "message/text.h"
#include "query/search.h"

/* What it costs to look; AND and OR ask in this order. */
enum search_cost {
    COST_NOTHING, /* numbers, flags */
    COST_FIELD,   /* a cached number */
    COST_KEY,     /* what is cached for sorting */
    COST_HEADER,
    COST_MESSAGE, /* the message is read */
};

struct node {
    const struct search_key *key;
    enum search_cost cost;
    struct node *next, *children;
    struct text_match
        *match;      /* of the text; NULL: none, or the empty string, which is everywhere */
    int keyword;     /* its bit, -1: no message has it */
    bool by_subject; /* HEADER Subject: the cached one is searched */
};

/* In arena, but text_match: free with program_free. NULL without memory. */
struct node *program_create(struct mailbox *mailbox, const struct search_key *key,
                            struct arena *arena, struct error *err);
void program_free(struct node *node); /* NULL is fine */

/* A program that asks for nothing but flags and keywords, all of them in one AND. */
struct flag_test {
    uint8_t flags, flags_wanted; /* those of flags that are looked at, and which must be set */
    uint64_t keywords, keywords_wanted;
    bool never; /* it contradicts itself */
};
/* False: it asks for more. */
bool program_flags(const struct node *node, struct flag_test *test);

/* The message that is being looked at. What was loaded of it stays until the next one. */
struct subject {
    struct mailbox *mailbox;
    uint32_t seq;
    struct message message;
    bool numbers_loaded, header_loaded;
    struct message_fields fields; /* size, date */
    struct buf header;            /* a copy */
    struct buf text;              /* scratch: one decoded field */
    struct arena *arena;          /* scratch: the structure */
};

/* 1: matches, 0: does not; -1 with *err: could not be read (ERROR_NO_SUCH: expunged meanwhile). */
int subject_match(struct subject *subject, const struct node *node, struct error *err);
/* Looks for node's text in the message's text parts, and in its header too for TEXT. Results as
 * above. */
int subject_match_text(struct subject *subject, const struct node *node, struct error *err);
/* Whether any field of header, decoded, has the text. */
bool subject_match_header(struct subject *subject, struct bytes header, struct text_match *match);
bool subject_load_header(struct subject *subject, struct error *err);

#endif
