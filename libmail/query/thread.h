/* THREAD over an open mailbox (RFC 5256, 3): ORDEREDSUBJECT and REFERENCES. One pass over what the
 * index has cached; time grows as n log n and memory with the number of messages, whatever they
 * refer to. */
#ifndef QUERY_THREAD_H
#define QUERY_THREAD_H

#include "mailbox/mailbox.h"

enum thread_kind { THREAD_ORDEREDSUBJECT, THREAD_REFERENCES };

struct thread_node {
    uint32_t seq;                 /* 0: a dummy, which has at least two children */
    uint32_t parent, child, next; /* the first child; the next sibling; 0: none */
};

struct threads {
    struct thread_node *nodes; /* malloc; nodes[0] is above all threads */
};

/* The messages of found as threads, in order. False also where messages could not be read; the
 * others are there then. Free the result in any case. For tick see sort_run(). */
bool thread_run(struct mailbox *mailbox, const struct numset *found, enum thread_kind kind,
                struct threads *out, bool (*tick)(void *context), void *context, struct error *err);
void threads_free(struct threads *threads);

/* Walks the threads in the form of their answer: numbers, and what is in parentheses. Begin with a
 * walk of zeros. No depth of nesting costs memory or stack. */
enum thread_token { THREAD_END, THREAD_OPEN, THREAD_CLOSE, THREAD_NUMBER };
struct thread_walk {
    uint32_t at;
    enum { WALK_BEGIN, WALK_ENTER, WALK_NUMBER, WALK_LEAVE } step;
};
enum thread_token thread_next(const struct threads *threads, struct thread_walk *walk,
                              uint32_t *seq);

#endif
