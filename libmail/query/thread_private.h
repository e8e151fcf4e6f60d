/* The inside of THREAD: messages and nodes while threads are made of them. */
#ifndef QUERY_THREAD_PRIVATE_H
#define QUERY_THREAD_PRIVATE_H

#include "query/forest.h"
#include "query/keys.h"
#include "query/map.h"
#include "query/thread.h"

struct thread_message {
    int64_t sent;
    uint64_t subject; /* hash of the base subject, 0: empty. Chance makes two alike as rarely as
                         message IDs (sort_key.h); who wants it can write the same subject */
    uint32_t seq, node;
    bool reply;
};

struct threading {
    struct thread_message *messages; /* rising by seq */
    size_t count;
    uint32_t *order; /* messages by the time sent, then seq */
    /* REFERENCES: nodes are messages and what they refer to */
    struct forest forest;
    uint32_t *message; /* of a node: its index + 1, 0: a dummy; as long as the forest's arrays */
    size_t nodes, nodes_max;
    struct map ids;
    struct threads *out;
};

/* thread_references.c: steps 1 to 4 and 6. */
uint32_t node_create(struct threading *threading); /* a dummy; 0: no more are to be had */
bool references_take(struct threading *threading, const struct keyed *message);
bool references_finish(struct threading *threading);

/* thread_subject.c: step 5. roots: nodes in order; first: by node, a dummy's first child as an
 * index
 * + 1 of messages. Changes the parents. */
bool subject_merge(struct threading *threading, const uint32_t *roots, size_t count,
                   const uint32_t *first);
bool subject_finish(struct threading *threading); /* ORDEREDSUBJECT */

#endif
