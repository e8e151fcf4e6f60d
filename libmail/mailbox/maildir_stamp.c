/* A directory's time stamp says whether it must be read again, if one minds how coarse stamps are:
 * ext4 takes them from a clock that ticks every few milliseconds, and keeps only whole seconds
 * where inodes are small. A change within the same tick as the scan leaves no trace; so a scan that
 * started that close behind the last change is not final. */
#include "mailbox/maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>

enum { TICK_MS = 30, COARSE_MS = 2100, DEFER_MS = 2100 };

int64_t maildir_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1;
}

int64_t maildir_wall_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool stamp_take(struct maildir *maildir, struct maildir_stamp *out, struct error *err)
{
    struct stat cur, fresh, here;
    clock_gettime(CLOCK_REALTIME, &out->scanned);
    /* By its path, to see that the directory we hold open is still the mailbox. */
    if (stat(maildir->paths.mail, &here) != 0 || fstatat(maildir->root, "cur", &cur, 0) != 0 ||
        fstatat(maildir->root, "new", &fresh, 0) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return error_set(err, ERROR_NO_SUCH, "the mailbox %s was deleted or renamed",
                             maildir->paths.mail);
        return error_errno(err, errno, "looking at %s", maildir->paths.mail);
    }
    struct stat held;
    if (fstat(maildir->root, &held) != 0 || held.st_ino != here.st_ino ||
        held.st_dev != here.st_dev)
        return error_set(err, ERROR_NO_SUCH, "the mailbox %s was replaced by another",
                         maildir->paths.mail);
    *out = (struct maildir_stamp){ .scanned = out->scanned,
                                   .cur_changed = cur.st_mtim,
                                   .new_changed = fresh.st_mtim,
                                   .cur_ino = cur.st_ino,
                                   .new_ino = fresh.st_ino };
    return true;
}

bool stamp_equal(const struct maildir_stamp *a, const struct maildir_stamp *b)
{
    return same_time(a->new_changed, b->new_changed) && same_time(a->cur_changed, b->cur_changed);
}

static bool time_racy(struct timespec changed, struct timespec scanned)
{
    int64_t age = ((int64_t)scanned.tv_sec - changed.tv_sec) * 1000 +
                  (scanned.tv_nsec - changed.tv_nsec) / 1000000;
    return age < (changed.tv_nsec
                      ? TICK_MS
                      : COARSE_MS); /* a stamp of the future (another machine's clock) too */
}

bool stamp_racy(const struct maildir_stamp *stamp)
{
    return time_racy(stamp->new_changed, stamp->scanned) ||
           time_racy(stamp->cur_changed, stamp->scanned);
}

bool maildir_events(const struct maildir *maildir)
{
    struct pollfd poll_fd = { .fd = maildir->watch ? watch_fd(maildir->watch) : -1,
                              .events = POLLIN };
    return maildir->watch && poll(&poll_fd, 1, 0) > 0;
}

static void stamp_number(unsigned char **out, uint64_t n)
{
    for (int i = 0; i < 8; i++)
        *(*out)++ = (unsigned char)(n >> (8 * i));
}

void stamp_encode(const struct maildir_stamp *stamp, unsigned char out[INDEX_STAMP])
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

bool maildir_own_begin(struct maildir *maildir)
{
    struct maildir_stamp now;
    unsigned char text[INDEX_STAMP];
    if (!stamp_take(maildir, &now, NULL))
        return false;
    stamp_encode(&now, text);
    return memcmp(text, index_edit(maildir->mailbox.index)->stamp, sizeof(text)) == 0;
}

void maildir_own_end(struct maildir *maildir, bool clean)
{
    struct maildir_stamp now;
    struct index_header *header = index_edit(maildir->mailbox.index);
    if (!maildir->undurable_since)
        maildir->undurable_since = maildir_clock();
    if (!clean || !stamp_take(maildir, &now, NULL))
        return; /* the next sync sees another stamp and scans */
    stamp_encode(&now, header->stamp);
    header->check_due = maildir_wall_clock() + DEFER_MS;
}
