/* What the index remembers of a Maildir: where each file was and with which flags, under a stamp of
 * the directories. While they bear that stamp nothing is read but the list and the index. */
#include <stdio.h>
#include <xxhash.h>
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

/* The inodes as well: a mailbox put back from a backup may have the old times. */
static void stamp_encode(const struct maildir_stamp *stamp, unsigned char out[INDEX_STAMP])
{
    memset(out, 0, INDEX_STAMP);
    stamp_number(&out, stamp->cur_ino);
    stamp_number(&out, stamp->new_ino);
    stamp_number(&out, (uint64_t)stamp->cur_changed.tv_sec);
    stamp_number(&out, (uint64_t)stamp->cur_changed.tv_nsec);
    stamp_number(&out, (uint64_t)stamp->new_changed.tv_sec);
    stamp_number(&out, (uint64_t)stamp->new_changed.tv_nsec);
    stamp_number(&out, 1);
}

/* The list as the counts saw it. */
static uint64_t list_mark(const struct stat *list)
{
    uint64_t numbers[] = { list->st_ino, (uint64_t)list->st_size, (uint64_t)list->st_mtim.tv_sec,
                           (uint64_t)list->st_mtim.tv_nsec };
    return XXH3_64bits(numbers, sizeof(numbers)) | 1;
}

static bool stat_in(const char *directory, const char *name, struct stat *st)
{
    char path[4200];
    int len = snprintf(path, sizeof(path), "%s/%s", directory, name);
    return len > 0 && (size_t)len < sizeof(path) && stat(path, st) == 0;
}

bool maildir_index_status(const struct maildir_paths *paths, struct store_status *out)
{
    struct index_header header;
    struct stat cur, fresh, list;
    unsigned char now[INDEX_STAMP];
    uint32_t uidvalidity, count;
    if (!paths->index || !stat_in(paths->mail, "cur", &cur) ||
        !stat_in(paths->mail, "new", &fresh) || !stat_in(paths->control, UIDLIST, &list) ||
        !index_peek(paths->index, &header, &uidvalidity, &count))
        return false;
    stamp_encode(&(struct maildir_stamp){ .cur_changed = cur.st_mtim,
                                          .new_changed = fresh.st_mtim,
                                          .cur_ino = cur.st_ino,
                                          .new_ino = fresh.st_ino },
                 now);
    if (memcmp(now, header.stamp, sizeof(now)) != 0 || header.counted != list_mark(&list))
        return false;
    *out = (struct store_status){
        .messages = count,
        .recent = header.recent,
        .unseen = header.unseen,
        .uidnext = header.uidnext,
        .uidvalidity = uidvalidity,
    };
    return true;
}

static bool expected_info(struct buf *out, uint8_t place, uint8_t flags, uint32_t keywords)
{
    buf_clear(out);
    if (!(place & PLACE_NEW))
        maildir_info_write(out, (struct bytes){ 0 }, (struct maildir_info){ flags, keywords });
    return !buf_failed(out);
}

/* What is behind a base name, by place and flags, where there are no keywords: most messages have
 * one of a few. */
struct taking {
    struct buf text;
    uint32_t infos[2][32]; /* numbers + 1; 0: not made yet */
};

static int64_t info_number(struct maildir *maildir, const struct index_record *record,
                           struct taking *taking)
{
    bool usual = !record->keywords && record->flags < 32;
    uint32_t *known = &taking->infos[record->place & PLACE_NEW][record->flags & 31];
    if (usual && *known)
        return *known - 1;
    if (!expected_info(&taking->text, record->place, record->flags, (uint32_t)record->keywords))
        return -1;
    int64_t info = names_intern(&maildir->entries.infos, buf_view(&taking->text));
    if (usual)
        *known = (uint32_t)(info + 1);
    return info;
}

/* Returns whether the record says under which name the file was. */
static bool take_record(struct maildir *maildir, struct maildir_entry *entry,
                        const struct index_record *record, struct taking *taking)
{
    int64_t info = info_number(maildir, record, taking);
    if (info < 0)
        return false;
    entry->info = (uint32_t)info;
    entry->state =
        (uint8_t)(ENTRY_PRESENT | (record->place & PLACE_NEW ? ENTRY_NEW | ENTRY_RECENT : 0));
    return !(record->place & PLACE_ODD) && !(record->place & PLACE_NEW && maildir->mailbox.write);
}

/* Entries that an index which knew their UIDs does not have were gone when it was written. */
static bool take_records(struct maildir *maildir, const struct index_header *header,
                         struct taking *taking)
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
            named = take_record(maildir, &entries->at[k], &record, taking) && named;
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
    struct taking taking = { .text = BUF_INIT(512) };
    bool named = take_records(maildir, &header, &taking);
    buf_free(&taking.text);
    if (!index_header(maildir->mailbox.index, &header)) { /* it turned out to be damaged */
        forget(maildir);
        return true;
    }
    if (!named || !stamp_take(maildir, &maildir->stamp, NULL))
        return true;
    stamp_encode(&maildir->stamp, now);
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

/* 0 while the list has lines that we have not read. */
static uint64_t counts_rest_on(const struct maildir *maildir)
{
    struct stat st;
    return uidlist_whole(&maildir->uidlist) && fstat(maildir->uidlist.fd, &st) == 0 ? list_mark(&st)
                                                                                    : 0;
}

/* As the next session will: take_record() and maildir_live(). */
static void count(const struct maildir *maildir, struct index_header *header)
{
    const struct entries *entries = &maildir->entries;
    header->unseen = header->recent = 0;
    for (size_t i = 0; i < entries->count; i++) {
        const struct maildir_entry *entry = &entries->at[i];
        if (!(entry->state & ENTRY_PRESENT))
            continue;
        header->unseen += !(maildir_info_parse(entry_info(entries, entry)).flags & FLAG_SEEN);
        header->recent += entry->state & ENTRY_NEW || entry->uid >= header->recent_from;
    }
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
        stamp_encode(&maildir->stamp, header.stamp);
    header.counted = counts_rest_on(maildir);
    header.unseen = old.unseen;
    header.recent = old.recent;
    if (there && !maildir->index_stale && !index_unwritten(index) &&
        memcmp(&old, &header, sizeof(old)) == 0)
        return;
    count(maildir, &header);
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
