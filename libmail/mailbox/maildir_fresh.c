/* What came in since: files of new/ go to cur/ in sessions that may write, and each message is
 * \Recent to the first such session alone. Costs what came in, not what is there. */
#include <stdio.h>
#include "mailbox/maildir_private.h"

bool maildir_claim_recent(struct maildir *maildir)
{
    struct index_header *header = index_edit(maildir->mailbox.index);
    struct numset *recent = &maildir->mailbox.view.recent;
    bool ok = header->recent_from >= header->uidnext ||
              numset_add(recent, header->recent_from, header->uidnext - 1);
    if (maildir->mailbox.write)
        header->recent_from = header->uidnext;
    return ok;
}

/* Moves slot's file; true also where it stays, with *stays. */
static bool move_one(struct maildir *maildir, uint32_t slot, const struct index_record *record,
                     bool *stays)
{
    struct uidlist_line line;
    char from[300], to[300];
    *stays = !uidlist_find(&maildir->uidlist, record->uid, &line) || line.name.len > 250;
    if (*stays)
        return true;
    snprintf(from, sizeof(from), "new/%.*s", BYTES_FMT(line.name));
    snprintf(to, sizeof(to), "cur/%.*s:2,", BYTES_FMT(line.name));
    *stays = maildir_rename(maildir->root, from, maildir->root, to) != 0;
    if (!*stays)
        index_edit(maildir->mailbox.index)->names +=
            maildir_name_hash(false, line.name, BYTES(":2,")) -
            maildir_name_hash(true, line.name, BYTES(""));
    return *stays || index_change(maildir->mailbox.index, slot, record->flags, record->keywords,
                                  record->place & (uint8_t)~PLACE_NEW, true);
}

/* Messages that lie in new/: moved where write, else only noted as \Recent. *moved: any was. */
static bool walk_fresh(struct maildir *maildir, const struct index_header *header, bool move,
                       uint32_t *left_from, bool *moved)
{
    struct records *records = index_records(maildir->mailbox.index);
    struct numset *recent = &maildir->mailbox.view.recent;
    struct index_record record;
    uint32_t slot = records_from(records, header->count, header->fresh_from);
    *left_from = header->uidnext;
    for (; slot < header->count; slot++) {
        bool stays = true;
        if (!records_at(records, slot, &record))
            return false;
        if (!(record.place & PLACE_NEW) || record.place & INDEX_DEAD)
            continue;
        if (!numset_add(recent, record.uid, record.uid) ||
            (move && !move_one(maildir, slot, &record, &stays)))
            return false;
        if (stays && record.uid < *left_from)
            *left_from = record.uid;
        *moved |= !stays;
    }
    return true;
}

static bool move_fresh(struct maildir *maildir, struct error *err)
{
    struct index *index = maildir->mailbox.index;
    bool moved = false, clean = false;
    uint32_t left_from;
    if (!index_begin(index, INDEX_WAIT_MS, err))
        return false;
    if (!index_records(index)) { /* damaged meanwhile: the next sync builds it anew */
        index_cancel(index);
        return true;
    }
    clean = maildir_own_begin(maildir);
    struct index_header before = *index_edit(index);
    bool ok =
        walk_fresh(maildir, &before, true, &left_from, &moved) && maildir_claim_recent(maildir);
    if (ok && moved)
        maildir_own_end(maildir, clean);
    if (ok)
        index_edit(index)->fresh_from = left_from;
    if (!ok) {
        index_cancel(index);
        return error_memory(err);
    }
    index_commit(index, NULL); /* what is not written is seen by its time stamp */
    return true;
}

bool maildir_take_fresh(struct maildir *maildir, struct error *err)
{
    struct records *records = index_records(maildir->mailbox.index);
    struct index_header header;
    uint32_t ignored;
    bool moved = false;
    if (!records || !records_header(records, &header) ||
        (header.fresh_from >= header.uidnext && header.recent_from >= header.uidnext))
        return true;
    if (maildir->mailbox.write && index_writable(maildir->mailbox.index))
        return move_fresh(maildir, err);
    if (header.recent_from < header.uidnext &&
        !numset_add(&maildir->mailbox.view.recent, header.recent_from, header.uidnext - 1))
        return error_memory(err);
    return walk_fresh(maildir, &header, false, &ignored, &moved) || error_memory(err);
}
