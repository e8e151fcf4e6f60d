#include "query/program.h"

static bool is_subject(const struct search_key *key)
{
    return key->kind == SEARCH_HEADER && bytes_equal_nocase(key->field, BYTES("Subject"));
}

static enum search_cost cost_of(const struct search_key *key)
{
    switch (key->kind) {
    case SEARCH_BEFORE:
    case SEARCH_ON:
    case SEARCH_SINCE:
    case SEARCH_LARGER:
    case SEARCH_SMALLER:
        return COST_FIELD;
    case SEARCH_SENTBEFORE:
    case SEARCH_SENTON:
    case SEARCH_SENTSINCE:
        return COST_KEY;
    case SEARCH_HEADER:
        return is_subject(key) ? COST_KEY : COST_HEADER;
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
    node->cost = cost_of(key);
    node->by_subject = is_subject(key);
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

static void want(struct flag_test *test, uint8_t flags, uint64_t keywords, bool set)
{
    uint8_t before = test->flags & flags;
    uint64_t keywords_before = test->keywords & keywords;
    test->never |=
        (before && (test->flags_wanted & flags) != (set ? before : 0)) ||
        (keywords_before && (test->keywords_wanted & keywords) != (set ? keywords_before : 0));
    test->flags |= flags;
    test->keywords |= keywords;
    if (set) {
        test->flags_wanted |= flags;
        test->keywords_wanted |= keywords;
    }
}

/* One flag or keyword; set: it must be there. */
static bool add_flag(const struct node *node, struct flag_test *test, bool set)
{
    const struct search_key *key = node->key;
    if (key->kind == SEARCH_FLAG && !(key->number & (key->number - 1)))
        want(test, (uint8_t)key->number, 0, set);
    else if (key->kind == SEARCH_KEYWORD && node->keyword >= 0)
        want(test, 0, UINT64_C(1) << node->keyword, set);
    else if (key->kind == SEARCH_KEYWORD || key->kind == SEARCH_ALL)
        test->never |= (key->kind == SEARCH_KEYWORD) == set;
    else
        return false;
    return true;
}

bool program_flags(const struct node *node, struct flag_test *test)
{
    *test = (struct flag_test){ 0 };
    const struct node *first = node->key->kind == SEARCH_AND ? node->children : node;
    for (; first; first = first->next) {
        bool negated = first->key->kind == SEARCH_NOT;
        if (!add_flag(negated ? first->children : first, test, !negated))
            return false;
        if (first == node)
            break;
    }
    return true;
}
