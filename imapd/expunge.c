/* EXPUNGE (RFC 3501, 6.4.3) and UID EXPUNGE SP sequence-set (RFC 4315, 2.1). The EXPUNGE responses
 * come from imap_ok(). What other sessions did is looked at first: "all messages that have the
 * \Deleted flag set" are also those that they marked. */
#include "imapd/imap.h"

static uint64_t count_deleted(struct imap *imap, const struct numset *seqs)
{
    struct message message;
    uint64_t count = 0;
    for (uint32_t seq = 1; mailbox_message(imap->mailbox, seq, &message); seq++)
        count += (message.flags & FLAG_DELETED) && (!seqs || numset_has(seqs, seq));
    return count;
}

static bool run(struct imap *imap, const struct numset *seqs)
{
    struct error err = { 0 };
    uint64_t deleted = count_deleted(imap, seqs);
    if (deleted && !mailbox_expunge(imap->mailbox, seqs, &err))
        return imap_error(imap, &err);
    imap->counts.expunged += deleted;
    return imap_ok(imap, NULL, "EXPUNGE done");
}

static bool look(struct imap *imap)
{
    struct error err = { 0 };
    if (imap_sync(imap, IMAP_SYNC_ALL, &err))
        return true;
    if (imap->lost)
        imap_no(imap, "NONEXISTENT", "The selected mailbox was deleted; select another one");
    else
        imap_error(imap, &err);
    return false;
}

bool imap_expunge(struct imap *imap)
{
    struct bytes set;
    struct numset seqs = { 0 };
    struct parser *parser = &imap->parser;
    bool good = !imap->uid || (parser_space(parser) && parser_sequence_set(parser, &set));
    if (!good || !parser_end(parser))
        return false;
    if (!mailbox_writable(imap->mailbox))
        return imap_no(imap, "READ-ONLY", "The mailbox is open read-only");
    if (!look(imap))
        return true;
    good = !imap->uid || imap_set(imap, set, &seqs);
    bool answered = good && run(imap, imap->uid ? &seqs : NULL);
    numset_free(&seqs);
    return answered;
}
