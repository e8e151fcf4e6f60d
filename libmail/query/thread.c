#include "query/thread.h"

#include <stdlib.h>
#include <xxhash.h>
#include "query/order.h"
#include "query/thread_private.h"

/* Nodes that no message stands for are bounded: beyond, references to what is not there are passed
 * over. That is reached by mailboxes that were made to reach it. */
enum { NODES_EACH = 16, NODES_ANYHOW = 1 << 20 };

static bool take_message(struct threading *threading, const struct keyed *message)
{
    struct bytes base = message->key.base;
    threading->messages[threading->count++] = (struct thread_message){
        .sent = keys_sent(message),
        .subject = base.len ? XXH3_64bits(base.data, base.len) | 1 : 0,
        .seq = message->seq,
        .reply = message->key.reply,
    };
    return true;
}

static bool take_subject(void *context, const struct keyed *message)
{
    return take_message(context, message);
}

static bool take_references(void *context, const struct keyed *message)
{
    return take_message(context, message) && references_take(context, message);
}

static const struct {
    bool (*take)(void *context, const struct keyed *message);
    bool (*finish)(struct threading *threading);
} KINDS[] = {
    [THREAD_ORDEREDSUBJECT] = { take_subject, subject_finish },
    [THREAD_REFERENCES] = { take_references, references_finish },
};

static bool put_in_order(struct threading *threading)
{
    size_t count = threading->count;
    struct order_item *items = calloc(count ? count : 1, 2 * sizeof(*items));
    threading->order = calloc(count ? count : 1, sizeof(*threading->order));
    bool good = items && threading->order;
    for (size_t i = 0; good && i < count; i++) {
        items[i].prefix = order_number(threading->messages[i].sent);
        items[i].what = (uint32_t)i;
    }
    if (good)
        order_sort(items, count, items + count, NULL);
    for (size_t i = 0; good && i < count; i++)
        threading->order[i] = items[i].what;
    free(items);
    return good;
}

static void threading_free(struct threading *threading)
{
    free(threading->messages);
    free(threading->order);
    free(threading->message);
    forest_free(&threading->forest);
    map_free(&threading->ids);
}

bool thread_run(struct mailbox *mailbox, const struct numset *found, enum thread_kind kind,
                struct threads *out, bool (*tick)(void *context), void *context, struct error *err)
{
    size_t most = (size_t)numset_size(found);
    struct threading threading = {
        .messages = calloc(most ? most : 1, sizeof(struct thread_message)),
        .nodes_max = most * NODES_EACH + NODES_ANYHOW,
        .out = out,
    };
    struct keys_pass pass = {
        .mailbox = mailbox,
        .found = found,
        .wanted = FIELD_SORT | FIELD_DATE,
        .take = KINDS[kind].take,
        .context = &threading,
        .tick = tick,
        .tick_context = context,
    };
    *out = (struct threads){ 0 };
    bool good = threading.messages ? keys_read(&pass, err) : error_memory(err);
    if (good)
        good = (put_in_order(&threading) && KINDS[kind].finish(&threading)) || error_memory(err);
    threading_free(&threading);
    return good && !pass.unreadable;
}

void threads_free(struct threads *threads)
{
    free(threads->nodes);
    threads->nodes = NULL;
}

/* Whether node is in parentheses of its own: a thread, or one of several children. */
static bool is_list(const struct thread_node *nodes, uint32_t node)
{
    uint32_t parent = nodes[node].parent;
    return !parent || nodes[nodes[parent].child].next;
}

/* Into its children or out of it. */
static void go_on(const struct thread_node *nodes, struct thread_walk *walk)
{
    uint32_t child = nodes[walk->at].child;
    walk->step = child ? WALK_ENTER : WALK_LEAVE;
    if (child)
        walk->at = child;
}

enum thread_token thread_next(const struct threads *threads, struct thread_walk *walk,
                              uint32_t *seq)
{
    const struct thread_node *nodes = threads->nodes;
    if (walk->step == WALK_BEGIN) {
        if (!nodes || !nodes[0].child)
            return THREAD_END;
        *walk = (struct thread_walk){ nodes[0].child, WALK_ENTER };
    }
    while (walk->at) {
        uint32_t at = walk->at;
        switch (walk->step) {
        case WALK_ENTER:
            walk->step = WALK_NUMBER;
            if (is_list(nodes, at))
                return THREAD_OPEN;
            break;
        case WALK_NUMBER:
            go_on(nodes, walk);
            *seq = nodes[at].seq;
            if (*seq)
                return THREAD_NUMBER;
            break;
        default:
            walk->at = nodes[at].next ? nodes[at].next : nodes[at].parent;
            walk->step = nodes[at].next ? WALK_ENTER : WALK_LEAVE;
            if (is_list(nodes, at))
                return THREAD_CLOSE;
            break;
        }
    }
    return THREAD_END;
}
