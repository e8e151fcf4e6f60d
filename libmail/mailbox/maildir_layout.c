/* Where the directories of a Maildir mailbox are, as Dovecot 2.3 puts them:
 *
 *                  Maildir++                LAYOUT=fs
 *   INBOX          ROOT, or INBOX=          ROOT, or INBOX=
 *     control      CONTROL/.INBOX           CONTROL/INBOX
 *   a/b            ROOT/.a.b                ROOT/a/b
 *     control      CONTROL/.a.b             CONTROL/a/b
 *
 * and INDEX= like CONTROL=. Each level is in modified UTF-7. */
#include "base/unicode.h"
#include "mailbox/format.h"
#include "mailbox/maildir_tree.h"

#define NAME_LIMIT 255 /* of file systems */

static bool invalid(struct bytes name, const char *why, struct error *err)
{
    return error_set(err, ERROR_INVALID, "mailbox name \"%.*s\" is not possible: %s",
                     BYTES_FMT(name), why);
}

/* What is wrong with one level of a name, or NULL. */
static const char *level_fault(const struct location *location, struct bytes level)
{
    static const char *const reserved[] = { "cur", "new", "tmp", "subscriptions", "maildirfolder" };
    if (level.len == 0)
        return "it has an empty level";
    for (size_t i = 0; i < level.len; i++)
        if ((unsigned char)level.data[i] < ' ' || level.data[i] == 0x7F)
            return "it has a control character";
    if (!location->layout_fs)
        return memchr(level.data, '.', level.len)
                   ? "a level of a Maildir++ mailbox cannot have a \".\""
                   : NULL;
    if (bytes_equal(level, BYTES(".")) || bytes_equal(level, BYTES("..")))
        return "a level cannot be \".\" or \"..\"";
    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
        if (bytes_equal(level, bytes_of(reserved[i])))
            return "cur, new, tmp, subscriptions and maildirfolder are names of files of the "
                   "Maildir format";
    if (maildir_tree_own(level))
        return "names that begin with \"dovecot.\", \"dovecot-\", \"postern.\" or \"postern-\" are "
               "kept for files of "
               "mailboxes";
    return NULL;
}

/* The name on disk below root: ".a.b" or "a/b". */
static bool disk_name(const struct location *location, struct bytes name, struct buf *out,
                      struct error *err)
{
    size_t start = 0;
    if (name.len > 0 && name.data[0] == '~')
        return invalid(name, "it begins with \"~\"", err);
    if (!utf8_valid(name))
        return invalid(name, "it is not UTF-8", err);
    struct bytes rest = name;
    do {
        struct bytes level = bytes_split(&rest, '/');
        const char *fault = level_fault(location, level);
        if (fault)
            return invalid(name, fault, err);
        if (!location->layout_fs || out->len > 0)
            buf_byte(out, location->separator);
        if (location->layout_fs)
            start = out->len;
        if (!utf7_encode(level, out) || out->len - start > NAME_LIMIT)
            return invalid(name, "it is too long", err);
    } while (rest.data);
    return true;
}

static bool is_inbox(struct bytes name)
{
    return bytes_equal(name, BYTES("INBOX"));
}

/* Beside the mail, or below a directory of its own. */
static const char *aside(const char *base, const char *mail, const char *disk, struct arena *arena)
{
    return base ? arena_printf(arena, "%s/%s", base, disk) : mail;
}

bool maildir_layout(const struct location *location, struct bytes name, struct arena *arena,
                    struct maildir_paths *paths, struct error *err)
{
    struct buf disk = BUF_INIT(2048);
    if (is_inbox(name))
        buf_string(&disk, location->layout_fs ? "INBOX" : ".INBOX");
    bool good = is_inbox(name) || disk_name(location, name, &disk, err);
    if (good && buf_failed(&disk))
        good = invalid(name, "it is too long", err);
    if (good) {
        const char *text = buf_cstr(&disk);
        const char *inbox = location->inbox ? location->inbox : location->root;
        paths->mail = is_inbox(name) ? inbox : arena_printf(arena, "%s/%s", location->root, text);
        paths->control = aside(location->control, paths->mail, text, arena);
        paths->index =
            location->index_memory ? NULL : aside(location->index, paths->mail, text, arena);
        good = (paths->mail && paths->control && (paths->index || location->index_memory)) ||
               error_memory(err);
    }
    buf_free(&disk);
    return good;
}

bool maildir_tree_own(struct bytes file)
{
    static const char *const prefixes[] = { "dovecot.", "dovecot-", "postern.", "postern-" };
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        if (bytes_starts(file, bytes_of(prefixes[i])))
            return true;
    return false;
}
