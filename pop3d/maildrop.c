#include "pop3d/maildrop.h"

#include <stdlib.h>

#include "base/log.h"

static bool arrays(struct maildrop *drop, struct error *err)
{
    size_t n = drop->count ? drop->count : 1;
    drop->marks = calloc(n, sizeof(*drop->marks));
    drop->sizes = calloc(n, sizeof(*drop->sizes));
    return drop->marks && drop->sizes ? true : error_memory(err);
}

/* What another POP3 session removed before we had the lock must not be numbered. */
static bool open_locked(struct maildrop *drop, const struct store_user *user, struct error *err)
{
    struct mailbox_changes changes;
    drop->store = store_open(user, err);
    if (!drop->store)
        return false;
    drop->mailbox = mailbox_open(drop->store, BYTES("INBOX"), true, err);
    if (!drop->mailbox || !mailbox_lock_session(drop->mailbox, err) ||
        !mailbox_sync(drop->mailbox, false, &changes, err))
        return false;
    drop->count = mailbox_count(drop->mailbox);
    return arrays(drop, err);
}

struct maildrop *maildrop_open(const struct store_user *user, struct error *err)
{
    struct maildrop *drop = calloc(1, sizeof(*drop));
    if (!drop) {
        error_memory(err);
        return NULL;
    }
    if (!open_locked(drop, user, err))
        maildrop_close(&drop);
    return drop;
}

void maildrop_close(struct maildrop **drop)
{
    if (!*drop)
        return;
    if ((*drop)->mailbox)
        mailbox_close(&(*drop)->mailbox);
    if ((*drop)->store)
        store_close(&(*drop)->store);
    free((*drop)->marks);
    free((*drop)->sizes);
    free(*drop);
    *drop = NULL;
}

bool maildrop_has(const struct maildrop *drop, uint32_t number)
{
    return number >= 1 && number <= drop->count &&
           !(drop->marks[number - 1] & (MARK_DELETED | MARK_GONE));
}

static bool measure_one(struct maildrop *drop, uint32_t number, struct error *err)
{
    struct message_fields fields;
    if (!mailbox_fields(drop->mailbox, number, FIELD_SIZE, &fields, err))
        return false;
    drop->sizes[number - 1] = fields.size;
    return true;
}

bool maildrop_measure(struct maildrop *drop, struct error *err)
{
    for (uint32_t i = 1; !drop->measured && i <= drop->count; i++) {
        struct error trouble = { 0 };
        if ((drop->marks[i - 1] & MARK_GONE) || measure_one(drop, i, &trouble))
            continue;
        if (trouble.class == ERROR_LIMIT) {
            if (err)
                *err = trouble;
            return false;
        }
        if (trouble.class != ERROR_NO_SUCH)
            log_warning("message %u is left out: %s", i, trouble.text);
        drop->marks[i - 1] |= MARK_GONE;
    }
    drop->measured = true;
    return true;
}

bool maildrop_size(struct maildrop *drop, uint32_t number, uint64_t *size, struct error *err)
{
    if (!drop->measured && !measure_one(drop, number, err))
        return false;
    *size = drop->sizes[number - 1];
    return true;
}

void maildrop_total(const struct maildrop *drop, uint32_t *count, uint64_t *octets)
{
    *count = 0;
    *octets = 0;
    for (uint32_t i = 1; i <= drop->count; i++) {
        if (!maildrop_has(drop, i))
            continue;
        ++*count;
        *octets += drop->sizes[i - 1];
    }
}

uint32_t maildrop_deleted(const struct maildrop *drop)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < drop->count; i++)
        count += (drop->marks[i] & MARK_DELETED) != 0;
    return count;
}

/* The numbers that carry mark. */
static bool marked(const struct maildrop *drop, uint8_t mark, struct numset *set, struct error *err)
{
    for (uint32_t i = 0; i < drop->count; i++)
        if ((drop->marks[i] & mark) && !numset_add(set, i + 1, i + 1))
            return error_memory(err);
    return true;
}

static bool flag(struct maildrop *drop, uint8_t mark, uint8_t flags, struct numset *set,
                 struct error *err)
{
    return marked(drop, mark, set, err) &&
           (set->count == 0 ||
            mailbox_store(drop->mailbox, set, STORE_ADD, flags, 0, NULL, err));
}

bool maildrop_update(struct maildrop *drop, bool expunge, struct error *err)
{
    struct numset set = { 0 };
    bool good = flag(drop, MARK_DELETED, FLAG_DELETED, &set, err);
    if (good && set.count > 0)
        good = (!expunge || mailbox_expunge(drop->mailbox, &set, err)) &&
               mailbox_checkpoint(drop->mailbox, err);
    numset_free(&set);
    return good;
}

bool maildrop_seen(struct maildrop *drop, struct error *err)
{
    struct numset set = { 0 };
    bool good = flag(drop, MARK_SEEN, FLAG_SEEN, &set, err);
    numset_free(&set);
    return good;
}
