#include <stdlib.h>
#include "index/index.h"
#include "mailbox/maildir_append.h"
#include "mailbox/mailbox_parse.h"

enum { PARSE_MEMORY = 16 * 1024 * 1024, LEARNT_MOST = 16 * 1024 * 1024 };

static void stop_parsing(struct maildir_append *append)
{
    arena_destroy(&append->arena);
    head_free(&append->head);
    append->parser = NULL;
}

void learn_begin(struct maildir_append *append)
{
    stop_parsing(append);
    if (!append->learnt_text.limit)
        append->learnt_text = BUF_INIT(LEARNT_MOST);
    append->head = HEAD_INIT;
    append->arena = append->maildir->paths.index ? arena_create(PARSE_MEMORY) : NULL;
    append->parser = append->arena ? part_parser_create(append->arena, NULL) : NULL;
}

void learn_piece(struct maildir_append *append, struct bytes stored)
{
    if (!append->parser)
        return;
    part_parser_feed(append->parser, stored);
    head_feed(&append->head, stored);
}

static struct learnt *next_learnt(struct maildir_append *append)
{
    if (append->learnt_count == append->learnt_capacity) {
        size_t capacity = append->learnt_capacity ? append->learnt_capacity * 2 : 4;
        struct learnt *grown = reallocarray(append->learnt, capacity, sizeof(*grown));
        if (!grown)
            return NULL;
        append->learnt = grown;
        append->learnt_capacity = capacity;
    }
    append->learnt[append->learnt_count] =
        (struct learnt){ .pending = append->count, .at = append->learnt_text.len };
    return &append->learnt[append->learnt_count];
}

/* Takes back what a failure left behind. */
static bool kept(struct maildir_append *append, const struct learnt *learnt)
{
    if (!buf_failed(&append->learnt_text)) {
        append->learnt_count++;
        return true;
    }
    append->learnt_text.len = learnt->at;
    append->learnt_text.failed = false;
    return false;
}

void learn_end(struct maildir_append *append, int fd)
{
    struct bytes fields[INDEX_FIELD_COUNT];
    struct stat st;
    struct part *root = append->parser ? part_parser_finish(append->parser, NULL) : NULL;
    struct learnt *learnt = root && fstat(fd, &st) == 0 ? next_learnt(append) : NULL;
    if (learnt && parse_write(&append->learnt_text, root, head_text(&append->head), fields)) {
        for (size_t i = 0; i < INDEX_FIELD_COUNT; i++)
            learnt->lengths[i] = fields[i].len;
        learnt->size = (uint64_t)st.st_size;
        learnt->wire_size = root->header.wire_size + root->body.wire_size;
        learnt->date = st.st_mtime;
    }
    if (learnt && learnt->wire_size == append->wire_size)
        kept(append, learnt);
    else if (learnt)
        append->learnt_text.len = learnt->at;
    stop_parsing(append);
}

void learn_copy(struct maildir_append *append, size_t pending, struct mailbox *source,
                uint32_t slot)
{
    struct index_record record;
    struct bytes fields[INDEX_FIELD_COUNT];
    if (!append->learnt_text.limit)
        append->learnt_text = BUF_INIT(LEARNT_MOST);
    if (!source->index || !append->maildir->paths.index ||
        !index_get_at(source->index, index_records(source->index), slot, &record) ||
        !(record.known & INDEX_SIZE) || !(record.known & INDEX_DATE) ||
        !(record.known & INDEX_FIELDS))
        return;
    struct learnt *learnt = next_learnt(append);
    if (learnt)
        learnt->pending = pending;
    if (!learnt || !index_fields(source->index, &record, ~0U, &append->learnt_text, fields)) {
        append->learnt_text.failed = false;
        return;
    }
    for (size_t i = 0; i < INDEX_FIELD_COUNT; i++)
        learnt->lengths[i] = fields[i].len;
    learnt->size = record.size;
    learnt->wire_size = record.wire_size;
    learnt->date = (time_t)record.date;
    kept(append, learnt);
}

static void take_learnt(const struct maildir_append *append, const struct learnt *learnt,
                        struct index_message *message)
{
    const char *at = append->learnt_text.data + learnt->at;
    message->record.known = INDEX_SIZE | INDEX_DATE;
    message->record.size = learnt->size;
    message->record.wire_size = learnt->wire_size;
    message->record.date = learnt->date;
    for (size_t i = 0; i < INDEX_FIELD_COUNT; i++) {
        message->fields[i] = (struct bytes){ at, learnt->lengths[i] };
        at += learnt->lengths[i];
    }
}

bool learn_tell_index(struct maildir_append *append, uint32_t first_uid)
{
    struct index_message *messages = calloc(append->count, sizeof(*messages));
    if (!messages)
        return false;
    for (size_t i = 0; i < append->count; i++) {
        const struct pending *pending = &append->pending[i];
        messages[i].record = (struct index_record){
            .uid = first_uid + (uint32_t)i,
            .flags = pending->flags,
            .keywords = pending->letters,
            .place = pending->in_new ? PLACE_NEW : 0,
        };
    }
    for (size_t i = 0; i < append->learnt_count; i++)
        take_learnt(append, &append->learnt[i], &messages[append->learnt[i].pending]);
    bool ok = index_add_messages(append->maildir->mailbox.index, messages, append->count);
    free(messages);
    return ok;
}

void learn_free(struct maildir_append *append)
{
    stop_parsing(append);
    buf_free(&append->learnt_text);
    free(append->learnt);
}
