/* What the index says of a Maildir: where each file is and with which flags, under a stamp of the
 * directories and a mark of the list. While they bear those nothing is read but the index. */
#include <stdio.h>
#include "base/log.h"
#include "mailbox/maildir_private.h"

enum { AT_ONCE = 1, SOON_MS = 200, DUE_MOST_MS = 3600 * 1000 };

static bool stat_in(const char *directory, const char *name, struct stat *st)
{
    char path[4200];
    int len = snprintf(path, sizeof(path), "%s/%s", directory, name);
    return len > 0 && (size_t)len < sizeof(path) && stat(path, st) == 0;
}

bool maildir_is_due(int64_t due)
{
    int64_t now = maildir_wall_clock();
    return due && (now >= due || due > now + DUE_MOST_MS);
}

/* A message was moved in, and whoever did that is about to list it; unless he was killed. */
static bool somebody_adds(const struct maildir *maildir, const struct index_header *header)
{
    int64_t now = maildir_wall_clock();
    return now < header->adding_until && header->adding_until < now + DUE_MOST_MS &&
           dotlock_held(maildir->uidlist.dir, UIDLIST);
}

static bool stamp_holds(const struct maildir_stamp *now, const struct index_header *header)
{
    unsigned char text[INDEX_STAMP];
    stamp_encode(now, text);
    return memcmp(text, header->stamp, sizeof(text)) == 0;
}

bool maildir_index_holds(struct maildir *maildir, const struct maildir_stamp *now,
                         struct index_header *header)
{
    struct records *records = index_records(maildir->mailbox.index);
    if (!records || !records_header(records, header) || header->boot != index_boot() ||
        !stamp_holds(now, header) || maildir_is_due(header->scan_due))
        return false;
    if (maildir->virtual)
        return true;
    uint64_t mark = uidlist_mark(&maildir->uidlist);
    return mark &&
           (header->adding_until ? somebody_adds(maildir, header) : mark == header->list_mark);
}

/* Of the slots from recent_from on, those whose message is there. */
static uint32_t count_recent(const struct maildir_paths *paths, const struct index_header *header)
{
    uint32_t count = 0;
    if (header->recent_from >= header->uidnext && header->fresh_from >= header->uidnext)
        return 0;
    struct index *index = index_open(paths->index, false);
    struct records *records = index ? index_records(index) : NULL;
    struct index_record record;
    uint32_t from =
        header->recent_from < header->fresh_from ? header->recent_from : header->fresh_from;
    for (uint32_t slot = records ? records_from(records, header->count, from) : header->count;
         slot < header->count && records_at(records, slot, &record); slot++)
        count += !(record.place & INDEX_DEAD) &&
                 (record.uid >= header->recent_from || record.place & PLACE_NEW);
    index_close(&index);
    return count;
}

bool maildir_index_status(const struct maildir_paths *paths, struct store_status *out)
{
    struct index_header header;
    struct stat cur, fresh, list;
    if (!paths->index || !stat_in(paths->mail, "cur", &cur) ||
        !stat_in(paths->mail, "new", &fresh) || !stat_in(paths->control, UIDLIST, &list) ||
        !index_peek(paths->index, &header) || header.boot != index_boot() || header.replaced)
        return false;
    struct maildir_stamp now = { .cur_changed = cur.st_mtim,
                                 .new_changed = fresh.st_mtim,
                                 .cur_ino = cur.st_ino,
                                 .new_ino = fresh.st_ino };
    if (!stamp_holds(&now, &header) || maildir_is_due(header.scan_due) ||
        header.list_mark != uidlist_mark_of(&list) || header.adding_until)
        return false;
    *out = (struct store_status){
        .messages = header.count - header.dead,
        .recent = count_recent(paths, &header),
        .unseen = header.unseen,
        .uidnext = header.uidnext,
        .uidvalidity = header.uidvalidity,
    };
    return true;
}

void maildir_info_expected(struct buf *out, uint8_t place, uint8_t flags, uint32_t keywords)
{
    if (!(place & PLACE_NEW))
        maildir_info_write(out, (struct bytes){ 0 }, (struct maildir_info){ flags, keywords });
}

/* ---- loading */

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
    buf_clear(&taking->text);
    maildir_info_expected(&taking->text, record->place, record->flags, (uint32_t)record->keywords);
    if (buf_failed(&taking->text))
        return -1;
    int64_t info = names_intern(&maildir->entries.infos, buf_view(&taking->text));
    if (usual && info >= 0)
        *known = (uint32_t)(info + 1);
    return info;
}

static bool take_record(struct maildir *maildir, struct maildir_entry *entry,
                        const struct index_record *record, struct taking *taking)
{
    if (record->place & INDEX_DEAD) {
        entry->state = ENTRY_DEAD;
        return true;
    }
    int64_t info = info_number(maildir, record, taking);
    if (info < 0)
        return false;
    entry->info = (uint32_t)info;
    entry->state = (uint8_t)(ENTRY_PRESENT | (record->place & PLACE_NEW ? ENTRY_NEW : 0));
    return true;
}

static void forget(struct maildir *maildir)
{
    for (size_t i = 0; i < maildir->entries.count; i++)
        maildir->entries.at[i].state = 0;
}

/* Entries that an index which knew their UIDs does not have were gone when it was written. */
static bool take_records(struct maildir *maildir, const struct index_header *header,
                         struct taking *taking, bool *damaged)
{
    struct entries *entries = &maildir->entries;
    struct records *records = index_records(maildir->mailbox.index);
    struct index_record record = { 0 };
    uint32_t slot = 0;
    for (size_t k = 0; k < entries->count && entries->at[k].uid < header->uidnext; k++) {
        struct maildir_entry *entry = &entries->at[k];
        while (slot < header->count && records_uid(records, slot) < entry->uid)
            slot++;
        if (slot == header->count || records_uid(records, slot) != entry->uid) {
            entry->state = ENTRY_DEAD;
            continue;
        }
        *damaged = !records_at(records, slot, &record);
        if (*damaged || !take_record(maildir, entry, &record, taking))
            return false;
    }
    return true;
}

bool maildir_index_load(struct maildir *maildir, struct error *err)
{
    struct index *index = maildir->mailbox.index;
    struct index_header *header = index_edit(index);
    struct taking taking = { .text = BUF_INIT(512) };
    bool damaged = false;
    forget(maildir);
    /* After a power cut some of its pages may be older than others. */
    if (!index_records(index) || header->uidvalidity != maildir->uidlist.uidvalidity ||
        header->boot != index_boot())
        return true;
    bool ok = take_records(maildir, header, &taking, &damaged);
    buf_free(&taking.text);
    if (ok)
        return true;
    forget(maildir);
    if (!damaged)
        return error_memory(err);
    index_damaged(index, "a record is damaged");
    return true;
}

/* ---- saving */

struct save {
    struct maildir *maildir;
    struct index *index;
    struct records *old; /* before; NULL: there was nothing that can be used */
    struct index_header before;
    bool anew; /* all is added to a new file */
    struct buf text;
    uint64_t names;                 /* of what is there */
    uint32_t fresh_from, open_from; /* UIDs; the latter: of a file that nobody has met yet */
};

static void entry_record(struct save *save, const struct maildir_entry *entry,
                         struct index_record *out)
{
    struct bytes text = entry_info(&save->maildir->entries, entry);
    struct maildir_info info = maildir_info_parse(text);
    save->names += maildir_name_hash(entry->state & ENTRY_NEW,
                                     entry_name(&save->maildir->entries, entry), text);
    out->uid = entry->uid;
    out->flags = info.flags;
    out->keywords = info.keywords;
    out->place = entry->state & ENTRY_NEW ? PLACE_NEW : 0;
    buf_clear(&save->text);
    maildir_info_expected(&save->text, out->place, info.flags, info.keywords);
    if (!bytes_equal(text, buf_view(&save->text)))
        out->place |= PLACE_ODD;
    if (out->place & PLACE_NEW && entry->uid < save->fresh_from)
        save->fresh_from = entry->uid;
}

/* What was learnt of the message's content stays. */
static bool add_entry(struct save *save, const struct maildir_entry *entry)
{
    struct index_record record = { 0 };
    if (save->old) {
        uint32_t slot = records_from(save->old, save->before.count, entry->uid);
        if (slot < save->before.count && !records_at(save->old, slot, &record))
            record = (struct index_record){ 0 };
        if (record.uid != entry->uid)
            record = (struct index_record){ 0 };
    }
    entry_record(save, entry, &record);
    return index_add(save->index, &record);
}

static bool compare_entry(struct save *save, const struct maildir_entry *entry, uint32_t slot)
{
    struct index_record record;
    if (!(entry->state & ENTRY_PRESENT))
        return index_remove(save->index, slot);
    entry_record(save, entry, &record);
    return index_change(save->index, slot, record.flags, record.keywords, record.place, false);
}

/* Where a message comes to light between others, all records are written anew. */
static bool belongs_between(const struct save *save)
{
    const struct entries *entries = &save->maildir->entries;
    uint32_t slot = 0, count = save->before.count;
    uint32_t last = count ? records_uid(save->old, count - 1) : 0;
    for (size_t k = 0; k < entries->count && entries->at[k].uid <= last; k++) {
        if (!(entries->at[k].state & ENTRY_PRESENT))
            continue;
        while (slot < count && records_uid(save->old, slot) < entries->at[k].uid)
            slot++;
        if (records_uid(save->old, slot) != entries->at[k].uid)
            return true;
    }
    return false;
}

static bool save_entries(struct save *save)
{
    const struct entries *entries = &save->maildir->entries;
    uint32_t slot = 0, count = save->anew ? 0 : save->before.count;
    bool ok = true;
    for (size_t k = 0; ok && k < entries->count; k++) {
        const struct maildir_entry *entry = &entries->at[k];
        for (; ok && slot < count && records_uid(save->old, slot) < entry->uid; slot++)
            ok = index_remove(save->index, slot); /* not even in the list any more */
        if (!ok)
            break;
        if (slot < count && records_uid(save->old, slot) == entry->uid) {
            ok = compare_entry(save, entry, slot++);
        } else if (entry->state & ENTRY_PRESENT) {
            ok = add_entry(save, entry);
        } else if (!(entry->state & ENTRY_DEAD)) {
            save->open_from = entry->uid; /* what is behind it waits */
            break;
        }
    }
    for (; ok && slot < count && !save->open_from; slot++)
        ok = index_remove(save->index, slot);
    return ok;
}

static bool begin_anew(struct save *save, struct error *err)
{
    struct maildir *maildir = save->maildir;
    if (!index_create(save->index, maildir->uidlist.uidvalidity, (uint32_t)maildir->entries.count,
                      err))
        return false;
    struct index_header *header = index_edit(save->index);
    header->recent_from = maildir->recent_from;
    if (save->old) { /* the cache stays, and what the records say of it */
        header->cache = save->before.cache;
        header->cache_end = save->before.cache_end;
    }
    return true;
}

/* What the scan proved, and until when. */
static void save_header(struct save *save)
{
    struct maildir *maildir = save->maildir;
    struct index_header *header = index_edit(save->index);
    struct stat st;
    bool listed = maildir->virtual ||
                  (uidlist_whole(&maildir->uidlist) && fstat(maildir->uidlist.fd, &st) == 0);
    uint32_t next = maildir->uidlist.next ? maildir->uidlist.next : UINT32_MAX;
    header->uidnext = save->open_from ? save->open_from : next;
    header->fresh_from = save->fresh_from < header->uidnext ? save->fresh_from : header->uidnext;
    header->boot = index_boot();
    header->adding_until = 0;
    memset(header->stamp, 0, sizeof(header->stamp));
    if (maildir->stamped && listed && !save->open_from)
        stamp_encode(&maildir->stamp, header->stamp);
    header->list_mark = listed && !maildir->virtual ? uidlist_mark_of(&st) : 0;
    header->check_due = header->scan_due = 0;
    header->names = save->names;
    if (maildir->doubts || save->open_from)
        header->scan_due = maildir_wall_clock() + SOON_MS;
    else if (stamp_racy(&maildir->stamp))
        header->scan_due = AT_ONCE;
}

bool maildir_index_save(struct maildir *maildir, struct error *err)
{
    struct index *index = maildir->mailbox.index;
    struct save save = { .maildir = maildir, .index = index, .text = BUF_INIT(512) };
    save.before = *index_edit(index);
    save.fresh_from = UINT32_MAX;
    if (index_records(index) && save.before.uidvalidity == maildir->uidlist.uidvalidity)
        save.old = records_hold(index_records(index));
    save.anew = !save.old || save.before.boot != index_boot() || belongs_between(&save);
    bool ok =
        (!save.anew || begin_anew(&save, err)) &&
        (save_entries(&save) ||
         error_set(err, ERROR_TEMPORARY, "%s: the index cannot be written", maildir->paths.mail));
    if (ok)
        save_header(&save);
    ok = ok && (maildir_claim_recent(maildir) || error_memory(err));
    records_drop(&save.old);
    buf_free(&save.text);
    return ok;
}
