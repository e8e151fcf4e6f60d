/* Looking at all names, some at each call, without reading the list: where their sum is that of the
 * index, nobody but us has changed anything. */
#include "mailbox/maildir_private.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    STEP = 8192, /* names: a few milliseconds */
    AT_ONCE = 1,
    PAUSE_MS = 50, /* between two steps */
    DURABLE_MS = 2100,
};

uint64_t maildir_name_hash(bool fresh, struct bytes base, struct bytes info)
{
    char text[512];
    if (base.len > 255 || info.len > 255)
        return 0;
    text[0] = fresh ? 'n' : 'c';
    memcpy(text + 1, base.data, base.len);
    memcpy(text + 1 + base.len, info.len ? info.data : "", info.len);
    return XXH3_64bits(text, 1 + base.len + info.len);
}

void maildir_check_stop(struct maildir *maildir)
{
    if (maildir->check.dir)
        closedir(maildir->check.dir);
    memset(&maildir->check, 0, sizeof(maildir->check));
}

static bool open_next(struct maildir *maildir, const char *path)
{
    int fd = openat(maildir->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (maildir->check.dir)
        closedir(maildir->check.dir);
    maildir->check.dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!maildir->check.dir && fd >= 0)
        close(fd);
    return maildir->check.dir != NULL;
}

static bool begin(struct maildir *maildir, const struct index_header *header)
{
    maildir_check_stop(maildir);
    maildir->check.started = true;
    maildir->check.modseq = header->modseq;
    memcpy(maildir->check.stamp, header->stamp, INDEX_STAMP);
    return open_next(maildir, "new");
}

/* Some more names. False: all were read. */
static bool read_some(struct maildir *maildir)
{
    struct dirent *entry;
    for (int i = 0; i < STEP; i++) {
        entry = readdir(maildir->check.dir);
        if (!entry && maildir->check.in_cur)
            return false;
        if (!entry) {
            maildir->check.in_cur = true;
            if (!open_next(maildir, "cur"))
                return false;
            continue;
        }
        struct bytes name = bytes_of(entry->d_name), base = maildir_base(name);
        if (entry->d_name[0] != '.' && maildir_name_valid(name))
            maildir->check.sum +=
                maildir_name_hash(!maildir->check.in_cur, base, bytes_skip(name, base.len));
    }
    return true;
}

/* All names were read: they are as they should be, or all is read again. */
static void conclude(struct maildir *maildir)
{
    struct index *index = maildir->mailbox.index;
    struct maildir_stamp now;
    unsigned char stamp[INDEX_STAMP];
    if (!index_begin(index, 0, NULL))
        return;
    struct index_header *header = index_edit(index);
    bool same = index_records(index) && stamp_take(maildir, &now, NULL) &&
                (stamp_encode(&now, stamp), true) &&
                memcmp(stamp, header->stamp, INDEX_STAMP) == 0 &&
                memcmp(stamp, maildir->check.stamp, INDEX_STAMP) == 0 &&
                header->modseq >= maildir->check.modseq && !header->adding_until;
    if (same) {
        bool equal = header->names == maildir->check.sum;
        header->scan_due = equal ? header->scan_due : AT_ONCE;
        header->check_due = 0;
        index_commit(index, NULL);
    } else {
        index_cancel(index);
    }
}

void maildir_check_step(struct maildir *maildir, const struct index_header *header)
{
    if (!maildir_is_due(header->check_due) || header->adding_until)
        return;
    bool going =
        maildir->check.started && memcmp(maildir->check.stamp, header->stamp, INDEX_STAMP) == 0;
    if (!going && !begin(maildir, header))
        return;
    if (read_some(maildir))
        return;
    if (maildir->check.dir)
        conclude(maildir);
    maildir_check_stop(maildir);
}

int maildir_look_again(struct mailbox *mailbox)
{
    struct maildir *maildir = maildir_of(mailbox);
    struct records *records = index_records(mailbox->index);
    struct index_header header;
    if (!records || !records_header(records, &header) || (!header.check_due && !header.scan_due))
        return maildir->undurable_since ? DURABLE_MS : -1;
    int64_t due = header.scan_due && (!header.check_due || header.scan_due < header.check_due)
                      ? header.scan_due
                      : header.check_due;
    int64_t left = due - maildir_wall_clock();
    return left < PAUSE_MS ? PAUSE_MS : left < DURABLE_MS ? (int)left : DURABLE_MS;
}
