/* What the index remembers of a Maildir: where each file was and with which flags, under a stamp of
 * the directories. While they bear that stamp nothing is read but the list and the index. */
#include "index/index.h"
#include "base/log.h"
#include "mailbox/maildir_private.h"

enum {
    PLACE_NEW = 1 << 0, /* in new/, without ":2," */
    PLACE_ODD = 1 << 1, /* the name has more than flags and place say */
    SAVE_AFTER = 4096,  /* messages learnt about in memory */
};

static void stamp_number(unsigned char **out, uint64_t n)
{
    for (int i = 0; i < 8; i++)
        *(*out)++ = (unsigned char)(n >> (8 * i));
}

/* The inodes as well: a mailbox put back from a backup may have the old times. All zero: no stamp.
 */
static void stamp_encode(struct maildir *maildir, const struct maildir_stamp *stamp,
                         unsigned char out[INDEX_STAMP])
{
    struct stat cur, fresh;
    memset(out, 0, INDEX_STAMP);
    if (fstatat(maildir->root, "cur", &cur, 0) != 0 ||
        fstatat(maildir->root, "new", &fresh, 0) != 0)
        return;
    stamp_number(&out, cur.st_ino);
    stamp_number(&out, fresh.st_ino);
    stamp_number(&out, (uint64_t)stamp->cur_changed.tv_sec);
    stamp_number(&out, (uint64_t)stamp->cur_changed.tv_nsec);
    stamp_number(&out, (uint64_t)stamp->new_changed.tv_sec);
    stamp_number(&out, (uint64_t)stamp->new_changed.tv_nsec);
    stamp_number(&out, 1);
}

static bool expected_info(struct buf *out, uint8_t place, uint8_t flags, uint32_t keywords)
{
    buf_clear(out);
    if (!(place & PLACE_NEW))
        maildir_info_write(out, (struct bytes){ 0 }, (struct maildir_info){ flags, keywords });
    return !buf_failed(out);
}

/* Returns whether the record says under which name the file was. */
static bool take_record(struct maildir *maildir, struct maildir_entry *entry,
                        const struct index_record *record, struct buf *text)
{
    if (!expected_info(text, record->place, record->flags, (uint32_t)record->keywords))
        return false;
    int64_t info = names_intern(&maildir->entries.infos, buf_view(text));
    if (info < 0)
        return false;
    entry->info = (uint32_t)info;
    entry->state =
        (uint8_t)(ENTRY_PRESENT | (record->place & PLACE_NEW ? ENTRY_NEW | ENTRY_RECENT : 0));
    return !(record->place & PLACE_ODD) && !(record->place & PLACE_NEW && maildir->mailbox.write);
}

/* Entries that an index which knew their UIDs does not have were gone when it was written. */
static bool take_records(struct maildir *maildir, const struct index_header *header,
                         struct buf *text)
{
    struct entries *entries = &maildir->entries;
    struct index_record record = { 0 };
    size_t count = index_count(maildir->mailbox.index), i = 0;
    bool named = true, more = count > 0;
    if (more && !index_at(maildir->mailbox.index, 0, &record))
        return false;
    for (size_t k = 0; k < entries->count && entries->at[k].uid < header->uidnext; k++) {
        while (more && record.uid < entries->at[k].uid) {
            more = ++i < count;
            if (more && !index_at(maildir->mailbox.index, i, &record))
                return false;
        }
        if (more && record.uid == entries->at[k].uid)
            named = take_record(maildir, &entries->at[k], &record, text) && named;
        else
            entries->at[k].state = ENTRY_DEAD;
    }
    return named;
}

static void forget(struct maildir *maildir)
{
    for (size_t i = 0; i < maildir->entries.count; i++)
        maildir->entries.at[i].state = 0;
}

static bool open_index(struct maildir *maildir, struct error *err)
{
    if (!maildir->paths.index || maildir->virtual)
        return true;
    maildir->mailbox.index = index_open(maildir->paths.index, maildir->uidlist.uidvalidity, true);
    return maildir->mailbox.index || error_memory(err);
}

bool maildir_index_load(struct maildir *maildir, struct error *err)
{
    struct index_header header;
    unsigned char now[INDEX_STAMP];
    if (!uidlist_refresh(&maildir->uidlist, &maildir->entries, err))
        return false;
    maildir->recent_from = maildir->uidlist.next;
    if (maildir->uidlist.fd < 0)
        return true;
    if (!open_index(maildir, err))
        return false;
    if (!maildir->mailbox.index || !index_header(maildir->mailbox.index, &header))
        return true;
    maildir->recent_from = header.recent_from;
    struct buf text = BUF_INIT(512);
    bool named = take_records(maildir, &header, &text);
    buf_free(&text);
    if (!index_header(maildir->mailbox.index, &header)) { /* it turned out to be damaged */
        forget(maildir);
        return true;
    }
    if (!named || !stamp_take(maildir, &maildir->stamp, NULL))
        return true;
    stamp_encode(maildir, &maildir->stamp, now);
    bool unread = maildir->entries.count &&
                  maildir->entries.at[maildir->entries.count - 1].uid >= header.uidnext;
    maildir->stamped = !unread && memcmp(now, header.stamp, sizeof(now)) == 0;
    return true;
}

struct save {
    struct maildir *maildir;
    size_t at;
    struct buf text;
};

static bool next_record(void *context, struct index_record *out)
{
    struct save *save = context;
    const struct entries *entries = &save->maildir->entries;
    while (save->at < entries->count && !(entries->at[save->at].state & ENTRY_PRESENT))
        save->at++;
    if (save->at == entries->count)
        return false;
    const struct maildir_entry *entry = &entries->at[save->at++];
    struct bytes text = entry_info(entries, entry);
    struct maildir_info info = maildir_info_parse(text);
    out->uid = entry->uid;
    out->flags = info.flags;
    out->keywords = info.keywords;
    out->place = entry->state & ENTRY_NEW ? PLACE_NEW : 0;
    if (!expected_info(&save->text, out->place, info.flags, info.keywords) ||
        !bytes_equal(text, buf_view(&save->text)))
        out->place |= PLACE_ODD;
    return true;
}

void maildir_index_save(struct maildir *maildir)
{
    struct index *index = maildir->mailbox.index;
    struct index_header header = { 0 }, old;
    struct maildir_stamp now;
    if (!index || !stamp_take(maildir, &now, NULL))
        return;
    bool there = index_header(index, &old);
    header.uidnext = maildir->uidlist.next;
    header.recent_from = maildir->mailbox.write ? header.uidnext : maildir->recent_from;
    /* Only where a scan has proved it. */
    if (maildir->stamped && !maildir->deferred_scan && !stamp_racy(&maildir->stamp))
        stamp_encode(maildir, &maildir->stamp, header.stamp);
    if (there && !maildir->index_stale && !index_unwritten(index) &&
        memcmp(&old, &header, sizeof(old)) == 0)
        return;
    struct save save = { .maildir = maildir, .text = BUF_INIT(512) };
    if (index_write(index, &header, next_record, &save, NULL))
        maildir->index_stale = false;
    buf_free(&save.text);
}

/* Where the index could not be opened before there was a list; and so that what is learnt does not
 * pile up in memory. */
bool maildir_index_keep(struct maildir *maildir, struct error *err)
{
    if (!maildir->mailbox.index && !open_index(maildir, err))
        return false;
    if (maildir->mailbox.index)
        index_flush(maildir->mailbox.index);
    if (maildir->mailbox.index && index_unwritten(maildir->mailbox.index) > SAVE_AFTER)
        maildir_index_save(maildir);
    return true;
}
