/* What the configuration says of single mailboxes: made at first login, old messages removed. */
#include <time.h>
#include "base/log.h"
#include "base/numset.h"
#include "mailbox/store_private.h"

#define DAY 86400

static bool make_one(struct store *store, const struct conf_mailbox *conf, struct error *err)
{
    struct bytes name = bytes_of(conf->name);
    bool exists;
    if (!store_exists(store, name, &exists, err))
        return false;
    if (exists)
        return true;
    if (!store_create(store, name, (struct bytes){ 0 }, err))
        return err->class == ERROR_EXISTS;
    return conf->automatic != CONF_AUTO_SUBSCRIBE || store_subscribe(store, name, true, err);
}

void store_make_configured(struct store *store)
{
    const struct conf *conf = store->user.conf;
    for (size_t i = 0; i < conf->mailboxes_count; i++) {
        struct error err;
        if (conf->mailboxes[i].automatic != CONF_AUTO_NO &&
            !make_one(store, &conf->mailboxes[i], &err))
            log_error("mailbox \"%s\" of user %s, which is set to be created: %s",
                      conf->mailboxes[i].name, store->user.name, err.text);
    }
}

/* When a message came into this mailbox. INTERNALDATE says when it was received: a message of years
 * ago that was moved to Trash today is new here. The name of its file begins with the second in
 * which it was saved; a format without such names has only the former. */
static time_t saved(struct mailbox *mailbox, uint32_t seq, struct buf *name, struct error *err)
{
    struct message_fields fields;
    uint64_t second;
    time_t now = time(NULL);
    buf_clear(name);
    if (mailbox_uidl(mailbox, seq, "%f", name, err)) {
        struct bytes rest = buf_view(name);
        if (bytes_to_u64(bytes_split(&rest, '.'), &second) && rest.data && second > 100000000 &&
            second < (uint64_t)now + DAY)
            return (time_t)second;
    }
    return mailbox_fields(mailbox, seq, FIELD_DATE, &fields, err) ? fields.date : now;
}

static bool expunge_old(struct mailbox *mailbox, time_t before, uint32_t *removed,
                        struct error *err)
{
    struct numset old = { 0 };
    struct buf name = BUF_INIT(4096);
    struct error ignored;
    bool good = true;
    for (uint32_t seq = 1; good && seq <= mailbox_count(mailbox); seq++) {
        if (saved(mailbox, seq, &name, &ignored) >= before)
            continue;
        ++*removed;
        good = numset_add(&old, seq, seq) || error_memory(err);
    }
    if (good && *removed > 0)
        good = mailbox_store(mailbox, &old, STORE_ADD, FLAG_DELETED, 0, NULL, err) &&
               mailbox_expunge(mailbox, &old, err);
    numset_free(&old);
    buf_free(&name);
    return good;
}

static void autoexpunge(struct store *store, const struct conf_mailbox *conf)
{
    struct error err;
    uint32_t removed = 0;
    bool exists;
    if (!store_exists(store, bytes_of(conf->name), &exists, &err) || !exists)
        return;
    struct mailbox *mailbox = mailbox_open(store, bytes_of(conf->name), true, &err);
    bool good =
        mailbox && expunge_old(mailbox, time(NULL) - (time_t)conf->autoexpunge, &removed, &err);
    mailbox_close(&mailbox);
    if (!good)
        log_error("autoexpunge of mailbox \"%s\" of user %s: %s", conf->name, store->user.name,
                  err.text);
    else if (removed > 0)
        log_info("autoexpunge removed %u message%s from mailbox \"%s\" of user %s", removed,
                 removed == 1 ? "" : "s", conf->name, store->user.name);
}

void store_autoexpunge(struct store *store)
{
    const struct conf *conf = store->user.conf;
    for (size_t i = 0; i < conf->mailboxes_count; i++)
        if (conf->mailboxes[i].autoexpunge > 0)
            autoexpunge(store, &conf->mailboxes[i]);
}
