/* Writing dovecot-uidlist: only under dovecot-uidlist.lock, whole lines appended in one write, or a
 * new file renamed over the old one. */
#include "mailbox/maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/log.h"

static void buf_line(struct buf *out, uint32_t uid, struct bytes extra, struct bytes name)
{
    buf_number(out, uid);
    buf_byte(out, ' ');
    buf_bytes(out, extra);
    buf_byte(out, ':');
    buf_bytes(out, name);
    buf_byte(out, '\n');
}

bool uidlist_whole(const struct uidlist *uidlist)
{
    struct stat st;
    return uidlist->fd >= 0 && uidlist->version == 3 && fstat(uidlist->fd, &st) == 0 &&
           (uint64_t)st.st_size == uidlist->offset;
}

static bool append_text(struct uidlist *uidlist, struct bytes text, struct error *err)
{
    int fd = openat(uidlist->dir, UIDLIST, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return error_errno(err, errno, "opening %s/" UIDLIST " for writing", uidlist->path);
    bool ok = file_write(fd, text, UIDLIST, err) && file_sync(fd, UIDLIST, err);
    if (!ok && ftruncate(fd, (off_t)uidlist->offset) != 0)
        log_error("%s/" UIDLIST ": cannot take back lines that were written in part",
                  uidlist->path);
    close(fd);
    return ok || error_prefix(err, "%s: ", uidlist->path);
}

bool uidlist_append(struct uidlist *uidlist, const struct bytes *names, size_t count,
                    uint32_t *first, struct error *err)
{
    struct buf text = BUF_INIT(SIZE_MAX / 2);
    if (!uidlist->next || count > UINT32_MAX - uidlist->next)
        return error_set(err, ERROR_LIMIT,
                         "%s/" UIDLIST
                         ": no UIDs are left: remove it to have all messages numbered anew",
                         uidlist->path);
    if (!uidlist_whole(uidlist))
        return error_set(err, ERROR_CORRUPT, "%s/" UIDLIST " does not end with a whole line",
                         uidlist->path);
    for (size_t i = 0; i < count; i++)
        buf_line(&text, uidlist->next + (uint32_t)i, (struct bytes){ 0 }, names[i]);
    bool ok = buf_failed(&text) ? error_memory(err) : append_text(uidlist, buf_view(&text), err);
    buf_free(&text);
    if (ok && first)
        *first = uidlist->next;
    return ok;
}

/* "G" and 128 bits: MAILBOXID. */
static bool make_guid(struct uidlist *uidlist)
{
    unsigned char random[16];
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return false;
    buf_string(&uidlist->fields, " G");
    for (size_t i = 0; i < sizeof(random); i++)
        buf_printf(&uidlist->fields, "%02x", random[i]);
    return !buf_failed(&uidlist->fields);
}

static void buf_list(struct buf *out, const struct uidlist *uidlist, const struct entries *entries)
{
    buf_printf(out, "3 V%u N%u", uidlist->uidvalidity, uidlist->next ? uidlist->next : UINT32_MAX);
    buf_bytes(out, buf_view(&uidlist->fields));
    buf_byte(out, '\n');
    for (size_t i = 0; i < entries->count; i++) {
        const struct maildir_entry *entry = &entries->at[i];
        if (!(entry->state & ENTRY_DEAD))
            buf_line(out, entry->uid, entry_extra(entries, entry), entry_name(entries, entry));
    }
}

static bool replace_list(struct uidlist *uidlist, struct bytes text, struct error *err)
{
    struct stat st;
    mode_t mode = fstat(uidlist->dir, &st) == 0 ? st.st_mode & 0666 : 0600;
    int fd = openat(uidlist->dir, UIDLIST ".tmp",
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
    if (fd < 0)
        return error_errno(err, errno, "creating %s/" UIDLIST ".tmp", uidlist->path);
    bool ok = file_write(fd, text, UIDLIST ".tmp", err) && file_sync(fd, UIDLIST ".tmp", err);
    close(fd);
    if (ok && renameat(uidlist->dir, UIDLIST ".tmp", uidlist->dir, UIDLIST) != 0)
        ok = error_errno(err, errno, "replacing %s/" UIDLIST, uidlist->path);
    if (!ok) {
        unlinkat(uidlist->dir, UIDLIST ".tmp", 0);
        return error_prefix(err, "%s: ", uidlist->path);
    }
    return file_sync(uidlist->dir, uidlist->path, err);
}

bool uidlist_rewrite(struct uidlist *uidlist, struct entries *entries, struct error *err)
{
    struct buf text = BUF_INIT(SIZE_MAX / 2);
    if (!uidlist->fields.len && !make_guid(uidlist))
        return error_memory(err);
    buf_list(&text, uidlist, entries);
    bool ok = buf_failed(&text) ? error_memory(err) : replace_list(uidlist, buf_view(&text), err);
    buf_free(&text);
    return ok && uidlist_refresh(uidlist, entries, err);
}

bool uidlist_create(struct uidlist *uidlist, struct entries *entries, const char *root, int mail_fd,
                    struct error *err)
{
    /* One without a readable header is kept for whoever wants to know what happened. */
    if (renameat(uidlist->dir, UIDLIST, uidlist->dir, UIDLIST ".broken") == 0)
        log_error("%s/" UIDLIST " has no header that can be read: it is " UIDLIST ".broken now",
                  uidlist->path);
    else if (errno != ENOENT)
        return error_errno(err, errno, "moving the broken %s/" UIDLIST " away", uidlist->path);
    if (!uidlist->uidvalidity && !courier_import(uidlist, entries, mail_fd)) {
        uidlist->next = 1;
        uidlist->uidvalidity = uidvalidity_next(root);
    }
    return uidlist_rewrite(uidlist, entries, err);
}

bool courier_import(struct uidlist *uidlist, struct entries *entries, int mail_fd)
{
    struct buf text = BUF_INIT(SIZE_MAX / 2);
    struct uidlist courier;
    size_t used = 0;
    uidlist_init(&courier, mail_fd, uidlist->path);
    bool ok = file_read(mail_fd, "courierimapuiddb", 1 << 30, &text, NULL) &&
              uidlist_parse(&courier, entries, buf_view(&text), &used) && courier.version == 1 &&
              !courier.broken;
    buf_free(&text);
    uidlist_close(&courier);
    if (!ok)
        return false;
    uidlist->uidvalidity = courier.uidvalidity;
    uidlist->next = courier.next;
    log_info("%s: took over the UIDs of courierimapuiddb", uidlist->path);
    return true;
}
