/* Reading dovecot-uidlist. Version 3 is
 *     3 V<uidvalidity> N<next uid> G<guid>\n
 *     <uid> [<letter><value> ]...:<file name>\n ...
 * with rising UIDs; N may lag behind the lines. Version 1 is "1 <uidvalidity> <next uid>" and
 * "<uid> <file name>". Writers append whole lines, or replace the file: so an unchanged inode means
 * that only its tail is new. */
#include "mailbox/maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/log.h"

enum { READ_SIZE = 48 * 1024 };

void uidlist_init(struct uidlist *uidlist, int dir, const char *path)
{
    *uidlist = (struct uidlist){ .dir = dir, .path = path, .fd = -1, .next = 1 };
    uidlist->fields = BUF_INIT(4096);
}

void uidlist_close(struct uidlist *uidlist)
{
    if (uidlist->fd >= 0)
        close(uidlist->fd);
    uidlist->fd = -1;
    free(uidlist->window.text);
    uidlist->window = (struct uidlist_window){ 0 };
    buf_free(&uidlist->fields);
}

static bool header_v3(struct uidlist *uidlist, struct bytes rest)
{
    uint32_t validity = 0, next = 1;
    while (rest.data) {
        struct bytes field = bytes_split(&rest, ' '), value = bytes_skip(field, 1);
        if (!field.len)
            continue;
        if (field.data[0] == 'V' && !bytes_to_u32(value, &validity))
            return false;
        if (field.data[0] == 'N' && !bytes_to_u32(value, &next))
            return false;
        if (field.data[0] != 'V' && field.data[0] != 'N') {
            buf_byte(&uidlist->fields, ' ');
            buf_bytes(&uidlist->fields, field);
        }
    }
    uidlist->uidvalidity = validity;
    uidlist->next = next ? next : 1;
    return validity > 0 && !buf_failed(&uidlist->fields);
}

static bool header_v1(struct uidlist *uidlist, struct bytes rest)
{
    struct bytes validity = bytes_split(&rest, ' ');
    return bytes_to_u32(validity, &uidlist->uidvalidity) && uidlist->uidvalidity > 0 &&
           bytes_to_u32(rest, &uidlist->next) && uidlist->next > 0;
}

static bool parse_header(struct uidlist *uidlist, struct bytes line)
{
    uint32_t version;
    if (!bytes_to_u32(bytes_split(&line, ' '), &version) || !line.data)
        return false;
    uidlist->version = version;
    buf_clear(&uidlist->fields);
    if (version == 3)
        return header_v3(uidlist, line);
    return version == 1 && header_v1(uidlist, line);
}

/* The fields before the name, with the space behind them, are kept for others as they are. */
static bool split_line(unsigned version, struct bytes rest, struct bytes *extra, struct bytes *name)
{
    *extra = (struct bytes){ rest.data, 0 };
    if (version == 3) {
        struct bytes whole = rest;
        while (rest.len && rest.data[0] != ':')
            bytes_split(&rest, ' ');
        if (!rest.len)
            return false;
        *extra = bytes_take(whole, whole.len - rest.len);
        rest = bytes_skip(rest, 1);
    }
    *name = maildir_base(rest);
    return name->len > 0 && name->len <= 255 && extra->len <= 4096;
}

static bool parse_line(struct uidlist *uidlist, struct entries *entries, struct bytes line,
                       bool *sorted)
{
    struct bytes rest = line, extra, name;
    uint32_t uid;
    if (!bytes_to_u32(bytes_split(&rest, ' '), &uid) || !uid || !rest.data ||
        !split_line(uidlist->version, rest, &extra, &name)) {
        uidlist->messy = true;
        return true;
    }
    if (entries->count && uid <= entries->at[entries->count - 1].uid)
        *sorted = false;
    if (uidlist->next && uid >= uidlist->next)
        uidlist->next = uid + 1;
    return entries_add(entries, uid, extra, name);
}

static int by_uid(const void *a, const void *b)
{
    const struct maildir_entry *x = a, *y = b;
    if (x->uid != y->uid)
        return x->uid < y->uid ? -1 : 1;
    return x->name < y->name ? -1 : x->name > y->name;
}

/* Lines that are out of order: somebody edited the list, or two wrote it without the lock. The
 * first line of a UID holds. */
static void sort_entries(struct uidlist *uidlist, struct entries *entries)
{
    size_t kept = 0;
    qsort(entries->at, entries->count, sizeof(*entries->at), by_uid);
    for (size_t i = 0; i < entries->count; i++)
        if (!kept || entries->at[kept - 1].uid != entries->at[i].uid)
            entries->at[kept++] = entries->at[i];
    entries->count = kept;
    free(entries->table);
    entries->table = NULL;
    entries->table_size = entries->table_used = 0;
    uidlist->messy = true;
}

bool uidlist_parse(struct uidlist *uidlist, struct entries *entries, struct bytes text,
                   size_t *used)
{
    bool sorted = true, ok = true;
    struct bytes rest = text;
    const char *end;
    while (ok && rest.len && (end = memchr(rest.data, '\n', rest.len))) {
        struct bytes line = bytes_take(rest, (size_t)(end - rest.data));
        rest = bytes_skip(rest, line.len + 1);
        if (uidlist->version)
            ok = parse_line(uidlist, entries, line, &sorted);
        else if (!parse_header(uidlist, line))
            uidlist->broken = true;
        if (uidlist->broken)
            break;
    }
    if (!sorted)
        sort_entries(uidlist, entries);
    *used = text.len - rest.len;
    return ok;
}

/* Reads from offset to the end; what has no line end yet stays for the next time. */
static bool read_tail(struct uidlist *uidlist, struct entries *entries, struct error *err)
{
    struct buf chunk = BUF_INIT(2 * READ_SIZE);
    bool ok = true;
    uidlist->readings++;
    while (ok && !uidlist->broken) {
        char *into = buf_reserve(&chunk, READ_SIZE);
        ssize_t n =
            into ? pread(uidlist->fd, into, READ_SIZE, (off_t)(uidlist->offset + chunk.len)) : 0;
        size_t used = 0;
        if (n < 0)
            ok = error_errno(err, errno, "reading %s/" UIDLIST, uidlist->path);
        if (n <= 0)
            break;
        chunk.len += (size_t)n;
        if (!uidlist_parse(uidlist, entries, buf_view(&chunk), &used))
            ok = error_memory(err);
        buf_consume(&chunk, used);
        uidlist->offset += used;
        if (chunk.len >= READ_SIZE) { /* no line is that long */
            uidlist->broken = !uidlist->version;
            uidlist->messy = true;
            break;
        }
    }
    buf_free(&chunk);
    return ok;
}

/* What is known of messages that the new list has under the same UID and name. */
static bool carry_over(struct entries *fresh, struct entries *old)
{
    struct names infos = fresh->infos;
    fresh->infos = old->infos;
    old->infos = infos;
    size_t i = 0;
    for (size_t k = 0; k < fresh->count; k++) {
        struct maildir_entry *entry = &fresh->at[k];
        while (i < old->count && old->at[i].uid < entry->uid)
            i++;
        if (i == old->count)
            break;
        if (old->at[i].uid == entry->uid &&
            bytes_equal(entry_name(old, &old->at[i]), entry_name(fresh, entry))) {
            entry->info = old->at[i].info;
            entry->state = old->at[i].state;
        }
    }
    entries_free(old);
    *old = *fresh;
    return true;
}

static bool read_whole(struct uidlist *uidlist, struct entries *entries, struct error *err)
{
    struct entries fresh;
    uint32_t validity = uidlist->uidvalidity, next = uidlist->next;
    uidlist->version = 0;
    uidlist->offset = 0;
    uidlist->broken = uidlist->messy = false;
    if (!entries_init(&fresh))
        return error_memory(err);
    if (!read_tail(uidlist, &fresh, err)) {
        entries_free(&fresh);
        return false;
    }
    if (!uidlist->version)
        uidlist->broken = true;
    if (validity && !uidlist->broken && uidlist->uidvalidity != validity) {
        entries_free(&fresh);
        return error_set(err, ERROR_NO_SUCH,
                         "%s/" UIDLIST
                         " has another UIDVALIDITY (%u, was %u): the mailbox was replaced",
                         uidlist->path, uidlist->uidvalidity, validity);
    }
    if (uidlist->broken) { /* what we know stays; whoever has the lock puts it aside */
        entries_free(&fresh);
        uidlist->uidvalidity = validity;
        uidlist->next = next;
        return true;
    }
    if (validity && uidlist->next && next > uidlist->next)
        uidlist->next = next; /* never back behind what this session has seen given */
    return carry_over(&fresh, entries);
}

bool uidlist_reopen(struct uidlist *uidlist, struct error *err)
{
    struct stat st;
    uidlist->window.len = 0;
    uidlist->window.next = 0;
    uidlist->version = 0;
    uidlist->offset = 0;
    if (uidlist->fd >= 0)
        close(uidlist->fd);
    uidlist->fd = openat(uidlist->dir, UIDLIST, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (uidlist->fd < 0)
        return errno == ENOENT || error_errno(err, errno, "opening %s/" UIDLIST, uidlist->path);
    if (fstat(uidlist->fd, &st) == 0 && S_ISREG(st.st_mode))
        return true;
    close(uidlist->fd);
    uidlist->fd = -1;
    return error_set(err, ERROR_CORRUPT, "%s/" UIDLIST " is not a file: move it away",
                     uidlist->path);
}

bool uidlist_read(struct uidlist *uidlist, struct entries *entries, struct error *err)
{
    uint32_t validity = uidlist->uidvalidity, next = uidlist->next;
    uidlist->version = 0;
    uidlist->offset = 0;
    uidlist->broken = uidlist->messy = false;
    if (uidlist->fd < 0)
        return true;
    if (!read_tail(uidlist, entries, err))
        return false;
    if (uidlist->version && !uidlist->broken)
        return true;
    close(uidlist->fd);
    uidlist->fd = -1;
    uidlist->uidvalidity = validity;
    uidlist->next = next;
    return true;
}

bool uidlist_follow(struct uidlist *uidlist, struct error *err)
{
    struct stat at_path, open;
    if (uidlist->fd >= 0 && fstatat(uidlist->dir, UIDLIST, &at_path, 0) == 0 &&
        fstat(uidlist->fd, &open) == 0 && at_path.st_ino == open.st_ino &&
        at_path.st_dev == open.st_dev)
        return true;
    return uidlist_reopen(uidlist, err);
}

bool uidlist_refresh(struct uidlist *uidlist, struct entries *entries, struct error *err)
{
    struct stat at_path, open;
    if (uidlist->fd >= 0 && fstatat(uidlist->dir, UIDLIST, &at_path, 0) == 0 &&
        fstat(uidlist->fd, &open) == 0 && at_path.st_ino == open.st_ino &&
        at_path.st_dev == open.st_dev && (uint64_t)open.st_size >= uidlist->offset &&
        !uidlist->broken) {
        if ((uint64_t)open.st_size == uidlist->offset)
            return true;
        bool was_messy = uidlist->messy, ok = read_tail(uidlist, entries, err);
        if (uidlist->messy && !was_messy)
            log_warning("%s/" UIDLIST " has lines that cannot be read or are out of order",
                        uidlist->path);
        return ok;
    }
    if (!uidlist_reopen(uidlist, err))
        return false;
    if (uidlist->fd < 0)
        return true;
    if (!read_whole(uidlist, entries, err))
        return false;
    if (uidlist->messy)
        log_warning("%s/" UIDLIST " has lines that cannot be read or are out of order",
                    uidlist->path);
    if (uidlist->broken) {
        close(uidlist->fd);
        uidlist->fd = -1;
    }
    return true;
}

/* The UID of the last line of text; 0 when there is none that can be read. */
static uint32_t last_uid(struct bytes text)
{
    if (!text.len || text.data[text.len - 1] != '\n')
        return 0;
    text.len--;
    const char *before = text.len ? memrchr(text.data, '\n', text.len) : NULL;
    if (!before)
        return 0;
    struct bytes line = bytes_skip(text, (size_t)(before + 1 - text.data));
    uint32_t uid;
    return bytes_to_u32(bytes_split(&line, ' '), &uid) ? uid : 0;
}

bool uidlist_peek(struct uidlist *uidlist)
{
    char head[4096], tail[4096];
    struct entries none = { 0 };
    struct stat st;
    size_t used;
    if (!uidlist_reopen(uidlist, NULL) || uidlist->fd < 0 || fstat(uidlist->fd, &st) != 0)
        return false;
    ssize_t n = pread(uidlist->fd, head, sizeof(head), 0);
    const char *end = n > 0 ? memchr(head, '\n', (size_t)n) : NULL;
    uidlist->version = 0;
    uidlist->broken = false;
    if (!end || !uidlist_parse(uidlist, &none, bytes_make(head, (size_t)(end + 1 - head)), &used) ||
        uidlist->broken || uidlist->version != 3)
        return false;
    uidlist->offset = (uint64_t)st.st_size;
    if (used == (size_t)st.st_size)
        return true; /* a header without lines */
    off_t from = st.st_size > (off_t)sizeof(tail) ? st.st_size - (off_t)sizeof(tail) : 0;
    n = pread(uidlist->fd, tail, sizeof(tail), from);
    uint32_t last = n > 0 && from + n == st.st_size ? last_uid(bytes_make(tail, (size_t)n)) : 0;
    if (!last || last == UINT32_MAX)
        return false;
    if (last >= uidlist->next)
        uidlist->next = last + 1;
    return true;
}
