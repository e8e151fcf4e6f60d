#include "query/search.h"

#include "base/log.h"
#include "query/program.h"

enum { TICK_EACH = 64, PROGRAM_MEMORY = 16 << 20, MESSAGE_MEMORY = 16 << 20 };

struct search {
    struct subject subject;
    struct node *program;
    struct numset *found;
    bool (*tick)(void *context);
    void *context;
    uint64_t unreadable;
};

/* True to go on. A message that can't be read does not hide what the others give. */
static bool look_at(struct search *search, uint32_t seq, struct error *err)
{
    struct subject *subject = &search->subject;
    struct error trouble;
    trouble.class = ERROR_NONE;
    subject->seq = seq;
    subject->numbers_loaded = subject->header_loaded = false;
    if (!mailbox_message(subject->mailbox, seq, &subject->message))
        return true;
    int match = subject_match(subject, search->program, &trouble);
    if (match > 0 && !numset_add(search->found, seq, seq))
        return error_memory(err);
    if (match < 0 && trouble.class != ERROR_NO_SUCH) {
        log_error("SEARCH of UID %u: %s", subject->message.uid, trouble.text);
        if (!search->unreadable++)
            *err = trouble;
    }
    return true;
}

/* Flags are in the view: nothing else is touched. */
static bool look_at_flags(struct search *search, const struct flag_test *test, struct error *err)
{
    const struct mailbox *mailbox = search->subject.mailbox;
    struct message message;
    for (uint32_t seq = 1; !test->never && mailbox_message(mailbox, seq, &message); seq++)
        if ((message.flags & test->flags) == test->flags_wanted &&
            (message.keywords & test->keywords) == test->keywords_wanted &&
            !numset_add(search->found, seq, seq))
            return error_memory(err);
    return true;
}

static bool look_at_all(struct search *search, struct error *err)
{
    struct flag_test test;
    if (program_flags(search->program, &test))
        return look_at_flags(search, &test, err);
    uint32_t count = mailbox_count(search->subject.mailbox);
    bool slow = search->program->cost > COST_NOTHING;
    for (uint32_t seq = 1; seq <= count; seq++) {
        if (!look_at(search, seq, err))
            return false;
        if (slow && search->tick && seq % TICK_EACH == 0 && !search->tick(search->context))
            return error_set(err, ERROR_UNAVAILABLE, "the search was stopped");
    }
    return search->unreadable == 0;
}

bool search_run(struct mailbox *mailbox, const struct search_key *key, struct numset *found,
                bool (*tick)(void *context), void *context, struct error *err)
{
    struct error local = { 0 };
    struct arena *arena = arena_create(PROGRAM_MEMORY);
    struct search search = { .found = found, .tick = tick, .context = context };
    search.subject = (struct subject){
        .mailbox = mailbox,
        .header = BUF_INIT(MESSAGE_MEMORY),
        .text = BUF_INIT(MESSAGE_MEMORY),
        .arena = arena_create(MESSAGE_MEMORY),
    };
    bool good = arena && search.subject.arena;
    if (!good)
        error_memory(&local);
    search.program = good ? program_create(mailbox, key, arena, &local) : NULL;
    good = search.program && look_at_all(&search, &local);
    program_free(search.program);
    buf_free(&search.subject.header);
    buf_free(&search.subject.text);
    arena_destroy(&search.subject.arena);
    arena_destroy(&arena);
    if (!good && err)
        *err = local;
    return good;
}
