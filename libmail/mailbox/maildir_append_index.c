#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#include "mailbox/maildir_append.h"

enum { WAIT_MS = 100, LISTED_MS = 10000 /* what the syncs between the steps may take */ };

static bool is_empty(struct maildir *maildir, const char *path)
{
    int fd = openat(maildir->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    bool empty = dir != NULL;
    while (empty && (entry = readdir(dir)))
        empty = entry->d_name[0] == '.';
    if (dir)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    return empty;
}

/* A mailbox that nobody ever had a message in has an index that knows it all. Of another one
 * without an index this much is known: what comes now is \Recent. */
static bool begin_index(struct maildir *maildir)
{
    struct index *index = maildir->mailbox.index;
    struct maildir_stamp now;
    bool empty = maildir->uidlist.next == 1 && is_empty(maildir, "new") && is_empty(maildir, "cur");
    if (!stamp_take(maildir, &now, NULL) ||
        !index_create(index, maildir->uidlist.uidvalidity, 0, NULL))
        return false;
    struct index_header *header = index_edit(index);
    header->recent_from = maildir->uidlist.next;
    if (!empty)
        return index_step(index, NULL) && false;
    stamp_encode(&now, header->stamp);
    header->list_mark = uidlist_mark(&maildir->uidlist);
    header->fresh_from = 1;
    return index_step(index, NULL);
}

static bool knows_all(struct maildir *maildir)
{
    const struct index_header *header = index_edit(maildir->mailbox.index);
    if (!index_records(maildir->mailbox.index) ||
        header->uidvalidity != maildir->uidlist.uidvalidity)
        return begin_index(maildir);
    return header->uidnext == maildir->uidlist.next && header->boot == index_boot() &&
           header->list_mark == uidlist_mark(&maildir->uidlist) && maildir_own_begin(maildir);
}

bool append_index_begin(struct maildir_append *append)
{
    struct maildir *maildir = append->maildir;
    struct mailbox *mailbox = &maildir->mailbox;
    if (!maildir->paths.index)
        return false;
    if (!mailbox->index)
        mailbox->index = index_open(maildir->paths.index, true);
    if (!mailbox->index || !index_begin(mailbox->index, WAIT_MS, NULL))
        return false;
    bool known = knows_all(maildir);
    memcpy(append->stamp, index_edit(mailbox->index)->stamp, INDEX_STAMP);
    if (!known || append->direct)
        index_cancel(mailbox->index);
    return known;
}

/* Where the transaction was given up meanwhile: whether nobody else has changed anything. */
static bool again(struct maildir_append *append)
{
    struct index *index = append->maildir->mailbox.index;
    if (!append->direct)
        return true;
    if (!index_begin(index, WAIT_MS, NULL))
        return false;
    if (index_records(index) && memcmp(append->stamp, index_edit(index)->stamp, INDEX_STAMP) == 0)
        return true;
    index_cancel(index);
    return false;
}

bool append_index_moved(struct maildir_append *append, bool known)
{
    struct maildir *maildir = append->maildir;
    struct index *index = maildir->mailbox.index;
    if (!known) {
        if (index)
            index_cancel(index);
        return false;
    }
    if (!again(append))
        return false;
    maildir_own_end(maildir, true);
    index_edit(index)->adding_until = maildir_wall_clock() + LISTED_MS;
    return index_commit(index, NULL);
}

static bool add_names(const struct maildir_append *append, struct index_header *header)
{
    for (size_t i = 0; i < append->count; i++) {
        const struct pending *pending = &append->pending[i];
        struct bytes name = pending_name(append, pending);
        header->names += maildir_name_hash(pending->in_new, bytes_take(name, pending->base_len),
                                           bytes_skip(name, pending->base_len));
    }
    return true;
}

void append_index_listed(struct maildir_append *append, uint32_t first_uid)
{
    struct maildir *maildir = append->maildir;
    struct index *index = maildir->mailbox.index;
    if (!index_begin(index, WAIT_MS, NULL))
        return;
    struct index_header *header = index_edit(index);
    header->adding_until = 0;
    /* Another session may have built it anew meanwhile, and met the files. */
    if (first_uid && index_records(index) && header->uidvalidity == maildir->uidlist.uidvalidity &&
        header->uidnext == first_uid && learn_tell_index(append, first_uid) &&
        add_names(append, header))
        header->list_mark = uidlist_mark(&maildir->uidlist);
    else if (!first_uid)
        memset(header->stamp, 0,
               sizeof(header->stamp)); /* who looks next finds out what is there */
    index_commit(index, NULL);
}
