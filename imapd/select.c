/* SELECT, EXAMINE, CLOSE, UNSELECT (RFC 3501, 6.3.1, 6.3.2, 6.4.2; RFC 3691).
 *
 *     ("SELECT" / "EXAMINE") SP mailbox
 */
#include <stdlib.h>

#include "base/log.h"
#include "imapd/imap.h"

static void write_permanent_flags(struct imap *imap)
{
    if (!mailbox_writable(imap->mailbox)) {
        imap_untagged(imap, "OK [PERMANENTFLAGS ()] Nothing can be changed");
        return;
    }
    imap_write_flag_names(imap, "OK [PERMANENTFLAGS ");
    output_string(imap->out, mailbox_keywords_full(imap->mailbox)
                                 ? ")] No more keywords fit\r\n"
                                 : " \\*)] Keywords can be made\r\n");
}

static void describe(struct imap *imap)
{
    struct mailbox *mailbox = imap->mailbox;
    uint32_t unseen = mailbox_first_unseen(mailbox);
    imap_write_flag_names(imap, "FLAGS ");
    output_string(imap->out, ")\r\n");
    write_permanent_flags(imap);
    imap_untagged(imap, "%u EXISTS", mailbox_count(mailbox));
    imap_untagged(imap, "%u RECENT", mailbox_recent(mailbox));
    if (unseen)
        imap_untagged(imap, "OK [UNSEEN %u] First unseen message", unseen);
    imap_untagged(imap, "OK [UIDVALIDITY %u] UIDs are valid", mailbox_uidvalidity(mailbox));
    imap_untagged(imap, "OK [UIDNEXT %u] Predicted next UID", mailbox_uidnext(mailbox));
}

static bool open_mailbox(struct imap *imap, bool write)
{
    struct bytes name;
    struct error err = { 0 };
    if (!parser_space(&imap->parser) || !parser_mailbox(&imap->parser, &name) ||
        !parser_end(&imap->parser))
        return false;
    /* Whatever comes of it, the old one is left (RFC 3501, 6.3.1). */
    imap_unselect(imap);
    imap->lost = false;
    char *copy = malloc(name.len + 1);
    if (!copy) {
        error_memory(&err);
        return imap_error(imap, &err);
    }
    imap->mailbox = mailbox_open(imap->store, name, write, &err);
    if (!imap->mailbox) {
        free(copy);
        return imap_mailbox_error(imap, name, &err);
    }
    memcpy(copy, name.data, name.len);
    imap->selected = bytes_make(copy, name.len);
    describe(imap);
    if (mailbox_writable(imap->mailbox))
        return imap_ok(imap, "READ-WRITE", "Selected");
    return imap_ok(imap, "READ-ONLY",
                   write ? "Selected; you may only read it" : "Selected to be read only");
}

bool imap_select(struct imap *imap)
{
    return open_mailbox(imap, true);
}

bool imap_examine(struct imap *imap)
{
    return open_mailbox(imap, false);
}

/* What other sessions marked as deleted goes too, as with EXPUNGE. */
static bool expunge(struct imap *imap, struct error *err)
{
    if (!mailbox_writable(imap->mailbox))
        return true;
    if (mailbox_sync(imap->mailbox, true, NULL, err))
        return mailbox_expunge(imap->mailbox, NULL, err);
    return err->class == ERROR_NO_SUCH; /* another session deleted it all */
}

bool imap_close(struct imap *imap)
{
    struct error err = { 0 };
    if (!parser_end(&imap->parser))
        return false;
    /* CLOSE has no NO: the mailbox is closed in any case, so a failure is told beside the OK. */
    if (!expunge(imap, &err)) {
        log_error("CLOSE: deleted messages could not be expunged: %s", err.text);
        imap_untagged(imap, "NO [%s] Deleted messages could not be expunged: %s",
                      error_reply(err.class)->imap, error_reply(err.class)->words);
    }
    imap_unselect(imap);
    return imap_ok(imap, NULL, "Closed");
}

bool imap_unselect_command(struct imap *imap)
{
    if (!parser_end(&imap->parser))
        return false;
    imap_unselect(imap);
    return imap_ok(imap, NULL, "Closed, nothing expunged");
}
