#include "query/program.h"

static enum search_cost cost_of(enum search_kind kind)
{
    switch (kind) {
    case SEARCH_BEFORE:
    case SEARCH_ON:
    case SEARCH_SINCE:
    case SEARCH_LARGER:
    case SEARCH_SMALLER:
        return COST_FIELD;
    case SEARCH_SENTBEFORE:
    case SEARCH_SENTON:
    case SEARCH_SENTSINCE:
    case SEARCH_HEADER:
        return COST_HEADER;
    case SEARCH_BODY:
    case SEARCH_TEXT:
        return COST_MESSAGE;
    default:
        return COST_NOTHING;
    }
}

static bool has_text(enum search_kind kind)
{
    return kind == SEARCH_HEADER || kind == SEARCH_BODY || kind == SEARCH_TEXT;
}

/* Behind those that cost no more: the order that was written holds among equals. */
static void insert_by_cost(struct node **list, struct node *node)
{
    while (*list && (*list)->cost <= node->cost)
        list = &(*list)->next;
    node->next = *list;
    *list = node;
}

static bool add_children(struct mailbox *mailbox, struct node *node, struct arena *arena,
                         struct error *err)
{
    for (const struct search_key *key = node->key->children; key; key = key->next) {
        struct node *child = program_create(mailbox, key, arena, err);
        if (!child)
            return false;
        insert_by_cost(&node->children, child);
        if (child->cost > node->cost)
            node->cost = child->cost;
    }
    return true;
}

struct node *program_create(struct mailbox *mailbox, const struct search_key *key,
                            struct arena *arena, struct error *err)
{
    struct node *node = arena_alloc(arena, sizeof(*node));
    if (!node) {
        error_memory(err);
        return NULL;
    }
    node->key = key;
    node->cost = cost_of(key->kind);
    if (key->kind == SEARCH_KEYWORD)
        node->keyword = mailbox_keyword_bit(mailbox, key->text, false, NULL);
    bool good = add_children(mailbox, node, arena, err);
    if (good && has_text(key->kind) && key->text.len) {
        node->match = text_match_create(key->text);
        good = node->match || error_memory(err);
    }
    if (!good) {
        program_free(node);
        return NULL;
    }
    return node;
}

void program_free(struct node *node)
{
    for (; node; node = node->next) {
        program_free(node->children);
        text_match_destroy(&node->match);
    }
}
