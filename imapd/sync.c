/* Telling the client what changed in its mailbox (RFC 3501, 5.2 and 7.4.1), and resolving the
 * numbers it uses. */
#include "imapd/imap.h"

#include "base/log.h"

/* Ranges of one sequence set. */
enum { RANGES_MAX = 65536 };

void imap_write_flag_names(struct imap *imap, const char *before)
{
    imap->keywords_told = (int)mailbox_keywords(imap->mailbox);
    output_printf(imap->out, "* %s(\\Answered \\Flagged \\Deleted \\Seen \\Draft", before);
    for (unsigned i = 0; i < mailbox_keywords(imap->mailbox); i++) {
        struct bytes name = mailbox_keyword(imap->mailbox, i);
        if (name.len == 0)
            continue;
        output_string(imap->out, " ");
        output_bytes(imap->out, name);
    }
}

static void report(struct imap *imap, const struct mailbox_changes *changes)
{
    for (size_t i = 0; i < changes->expunged_count; i++)
        imap_untagged(imap, "%u EXPUNGE", changes->expunged[i]);
    if (changes->exists)
        imap_untagged(imap, "%u EXISTS", mailbox_count(imap->mailbox));
    if (changes->recent)
        imap_untagged(imap, "%u RECENT", mailbox_recent(imap->mailbox));
    /* STORE tells of a keyword that it makes before it uses it. */
    if (changes->keywords && imap->keywords_told != (int)mailbox_keywords(imap->mailbox)) {
        imap_write_flag_names(imap, "FLAGS ");
        output_string(imap->out, ")\r\n");
    }
    for (size_t i = 0; i < changes->changed_count; i++)
        imap_fetch_flags(imap, changes->changed[i], imap->uid);
}

/* The mailbox was deleted by somebody else. The session goes on without it: an untagged NO says so,
 * commands on the mailbox get NO [NONEXISTENT], and every other command works. A BYE would cost the
 * client its login for nothing, and EXPUNGEs for all messages would be a lie if the mailbox is only
 * out of reach. */
static void lose(struct imap *imap, const struct error *err)
{
    log_warning("the selected mailbox is gone: %s", err->text);
    imap_unselect(imap);
    imap->lost = true;
    imap_untagged(imap, "NO [NONEXISTENT] The selected mailbox was deleted by somebody else; it is "
                        "not selected any more");
}

bool imap_sync(struct imap *imap, enum imap_sync how, struct error *err)
{
    struct mailbox_changes changes = { 0 };
    if (!imap->mailbox || how == IMAP_SYNC_NONE)
        return true;
    if (mailbox_sync(imap->mailbox, how == IMAP_SYNC_KEEP, &changes, err)) {
        report(imap, &changes);
        return true;
    }
    if (err->class == ERROR_NO_SUCH)
        lose(imap, err);
    else
        log_error("looking for changes: %s", err->text);
    return false;
}

/* "*" is the last message's number (RFC 9051, 9, seq-number). */
static uint32_t star(struct imap *imap)
{
    struct message last;
    uint32_t count = mailbox_count(imap->mailbox);
    if (!imap->uid)
        return count;
    return mailbox_message(imap->mailbox, count, &last) ? last.uid : mailbox_uidnext(imap->mailbox);
}

static bool resolve_uids(struct imap *imap, const struct numset *uids, struct numset *seqs)
{
    return mailbox_seqs(imap->mailbox, uids, seqs) ||
           parser_refuse(&imap->parser, "LIMIT", "There is not enough memory for the sequence set");
}

bool imap_set(struct imap *imap, struct bytes text, struct numset *seqs)
{
    struct numset set = { 0 };
    uint32_t last = star(imap);
    if (!imap->uid && last == 0)
        return parser_fail(&imap->parser, "The mailbox has no messages");
    bool good = numset_parse(&set, text, last, RANGES_MAX);
    if (!good)
        parser_fail(&imap->parser, "The sequence set is not well-formed");
    else if (imap->uid)
        good = resolve_uids(imap, &set, seqs);
    else if (set.count && set.ranges[set.count - 1].last > last)
        good = parser_fail(&imap->parser, "There are only %u messages", last);
    if (good && !imap->uid) {
        numset_free(seqs);
        *seqs = set;
        return true;
    }
    numset_free(&set);
    return good;
}
