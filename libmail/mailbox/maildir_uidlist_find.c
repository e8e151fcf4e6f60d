/* A name by its UID: the lines of dovecot-uidlist are in rising order, so one is found by halving
 * the file. Messages are mostly asked for one after the other, and then it is the next line. */
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>
#include "mailbox/maildir_private.h"

enum { WINDOW = 8192, LINE_MOST = 4096 + 512 };

uint64_t uidlist_mark_of(const struct stat *st)
{
    uint64_t numbers[] = { st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
                           (uint64_t)st->st_mtim.tv_nsec };
    return XXH3_64bits(numbers, sizeof(numbers)) | 1;
}

uint64_t uidlist_mark(const struct uidlist *uidlist)
{
    struct stat st;
    return fstatat(uidlist->dir, UIDLIST, &st, 0) == 0 ? uidlist_mark_of(&st) : 0;
}

/* The octets from `at` on, at least one line of them unless the file ends before. */
static struct bytes look(struct uidlist *uidlist, uint64_t at)
{
    struct uidlist_window *window = &uidlist->window;
    uint64_t inside = at - window->at;
    if (window->len && at >= window->at && inside < window->len &&
        memchr(window->text + inside, '\n', window->len - inside))
        return (struct bytes){ window->text + inside, window->len - inside };
    if (!window->text && !(window->text = malloc(WINDOW)))
        return (struct bytes){ 0 };
    ssize_t n = pread(uidlist->fd, window->text, WINDOW, (off_t)at);
    window->at = at;
    window->len = n > 0 ? (size_t)n : 0;
    return (struct bytes){ window->text, window->len };
}

struct line {
    uint64_t at, end; /* with its line end */
    uint32_t uid;     /* 0: it is no message's */
    struct bytes rest;
};

/* The line that starts at `at`. False: there is none that is whole. */
static bool line_at(struct uidlist *uidlist, uint64_t at, struct line *out)
{
    struct bytes text = look(uidlist, at);
    const char *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
    if (!end)
        return false;
    struct bytes line = bytes_take(text, (size_t)(end - text.data));
    *out = (struct line){ .at = at, .end = at + line.len + 1 };
    if (!bytes_to_u32(bytes_split(&line, ' '), &out->uid) || !line.data)
        out->uid = 0;
    out->rest = line;
    return true;
}

/* The first line that starts behind `at` (0 is the header's). */
static bool line_behind(struct uidlist *uidlist, uint64_t at, struct line *out)
{
    struct bytes text = look(uidlist, at);
    const char *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
    return end && line_at(uidlist, at + (uint64_t)(end - text.data) + 1, out);
}

static bool halve(struct uidlist *uidlist, uint32_t uid, struct line *line)
{
    struct stat st;
    char version;
    if (fstat(uidlist->fd, &st) != 0 || pread(uidlist->fd, &version, 1, 0) != 1 || version != '3')
        return false;                              /* version 1 is read whole */
    uint64_t low = 0, high = (uint64_t)st.st_size; /* its line starts behind low, below high */
    while (high - low > WINDOW / 2) {
        uint64_t middle = low + (high - low) / 2;
        if (!line_behind(uidlist, middle, line) || line->at >= high || line->uid > uid)
            high = middle;
        else if (line->uid == uid)
            return true;
        else
            low = middle;
    }
    for (bool more = line_behind(uidlist, low, line); more && line->uid <= uid;
         more = line_at(uidlist, line->end, line))
        if (line->uid == uid)
            return true;
    return false;
}

bool uidlist_find(struct uidlist *uidlist, uint32_t uid, struct uidlist_line *out)
{
    struct line line;
    bool good = true;
    if (uidlist->fd < 0)
        return false;
    if (!uidlist->window.next || !line_at(uidlist, uidlist->window.next, &line) || line.uid != uid)
        if (!halve(uidlist, uid, &line))
            return false;
    uidlist->window.next = line.end;
    struct bytes rest = line.rest;
    out->extra = (struct bytes){ rest.data, 0 };
    while (rest.len && rest.data[0] != ':')
        good = bytes_split(&rest, ' ').len > 0;
    out->extra.len = (size_t)(rest.data ? rest.data - out->extra.data : 0);
    if (!rest.len || !good)
        return false;
    out->name = maildir_base(bytes_skip(rest, 1));
    return maildir_name_valid(out->name);
}
