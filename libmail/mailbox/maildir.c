/* The format "maildir": opening, closing, and its tables. */
#include "mailbox/maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"
#include "index/index.h"
#include "mailbox/maildir_tree.h"

enum { PATH_MEMORY = 64 * 1024 };

/* tmp/ and new/ that an unpacking or a careless copy left out are made; a missing cur/ means that
 * this is no Maildir. */
static void make_missing(struct maildir *maildir)
{
    if (!maildir->mailbox.write)
        return;
    file_mkdir(maildir->root, "new", 0700, false, NULL, NULL);
    file_mkdir(maildir->root, "tmp", 0700, false, NULL, NULL);
}

static bool finish(struct maildir *maildir)
{
    struct error err = { 0 };
    bool ok = maildir_checkpoint(&maildir->mailbox, &err);
    if (!ok)
        log_error("closing %s: %s", maildir->paths.mail, err.text);
    index_flush(maildir->mailbox.index);
    maildir_compact(maildir);
    return ok;
}

static void maildir_close(struct mailbox *mailbox)
{
    if (!maildir_of(mailbox)->parked)
        finish(maildir_of(mailbox));
    maildir_release(maildir_of(mailbox));
}

static bool maildir_park(struct mailbox *mailbox)
{
    struct maildir *maildir = maildir_of(mailbox);
    if (maildir->virtual || maildir->session_lock >= 0 || maildir->locked || !finish(maildir))
        return false;
    watch_destroy(&maildir->watch);
    maildir_unload(maildir);
    view_free(&mailbox->view);
    return maildir->parked = true;
}

static bool maildir_unpark(struct mailbox *mailbox)
{
    struct maildir *maildir = maildir_of(mailbox);
    if (mailbox->write && faccessat(maildir->root, "cur", W_OK, AT_EACCESS) != 0)
        return false;
    make_missing(maildir);
    maildir->parked = !mailbox_follow(mailbox, false, NULL, NULL);
    return !maildir->parked;
}

void maildir_release(struct maildir *maildir)
{
    watch_destroy(&maildir->watch);
    maildir_check_stop(maildir);
    if (maildir->locked) {
        maildir->locked = 1;
        maildir_unlock(maildir);
    }
    if (maildir->uidlist.dir >= 0)
        close(maildir->uidlist.dir);
    uidlist_close(&maildir->uidlist);
    entries_free(&maildir->entries);
    if (maildir->root >= 0)
        close(maildir->root);
    if (maildir->session_lock >= 0)
        close(maildir->session_lock);
    mailbox_release(&maildir->mailbox);
    arena_destroy(&maildir->arena);
    free(maildir);
}

/* IDLE: the index's log for what other sessions and deliveries do, the directories for what other
 * programs do. */
static int maildir_watch(struct mailbox *mailbox, struct error *err)
{
    struct maildir *maildir = maildir_of(mailbox);
    char path[4200];
    if (maildir->watch)
        return watch_fd(maildir->watch);
    maildir->watch = watch_create(err);
    if (!maildir->watch)
        return -1;
    static const char *const directories[] = { "new", "cur" };
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", maildir->paths.mail, directories[i]);
        if (!watch_add(maildir->watch, path, err)) {
            watch_destroy(&maildir->watch);
            return -1;
        }
    }
    maildir->watched_log = 0;
    maildir_watch_log(maildir);
    return watch_fd(maildir->watch);
}

void maildir_watch_log(struct maildir *maildir)
{
    struct index_header header;
    struct records *records = index_records(maildir->mailbox.index);
    if (!maildir->watch || maildir->memory || !maildir->paths.index || !records ||
        !records_header(records, &header) || (header.log && header.log == maildir->watched_log))
        return;
    char path[4200];
    snprintf(path, sizeof(path), "%s/%s", maildir->paths.index, INDEX_LOG_NAME);
    if (header.log && watch_add(maildir->watch, path, NULL))
        maildir->watched_log = header.log;
    else if (!maildir->watched_log && watch_add(maildir->watch, maildir->paths.index, NULL))
        maildir->watched_log = 1; /* until there is one */
}

static bool maildir_lock_session(struct mailbox *mailbox, struct error *err)
{
    struct maildir *maildir = maildir_of(mailbox);
    if (maildir->session_lock >= 0)
        return true;
    int fd = openat(maildir->uidlist.dir, "postern.pop3.lock",
                    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_errno(err, errno, "creating %s/postern.pop3.lock", maildir->paths.control);
    if (!file_lock(fd, true, 0, "postern.pop3.lock", err)) {
        close(fd);
        return false;
    }
    maildir->session_lock = fd;
    return true;
}

static bool maildir_identity(struct mailbox *mailbox, uint32_t uid, struct bytes *name,
                             struct bytes *guid, struct bytes *stored)
{
    struct maildir *maildir = maildir_of(mailbox);
    struct uidlist_line line;
    if (maildir->loaded) {
        const struct maildir_entry *entry = entries_uid(&maildir->entries, uid);
        if (!entry)
            return false;
        line.extra = entry_extra(&maildir->entries, entry);
        line.name = entry_name(&maildir->entries, entry);
    } else if (!uidlist_find(&maildir->uidlist, uid, &line)) {
        return false;
    }
    struct bytes extra = line.extra;
    *name = *guid = line.name;
    *stored = (struct bytes){ 0 };
    while (extra.len) {
        struct bytes field = bytes_split(&extra, ' ');
        if (field.len > 1 && field.data[0] == 'P')
            *stored = bytes_skip(field, 1);
        if (field.len > 1 && field.data[0] == 'G')
            *guid = bytes_skip(field, 1);
    }
    return true;
}

static const struct mailbox_ops maildir_ops = {
    .close = maildir_close,
    .park = maildir_park,
    .unpark = maildir_unpark,
    .sync = maildir_sync,
    .source = maildir_source,
    .store = maildir_store,
    .expunge = maildir_expunge,
    .copy = maildir_copy,
    .keyword_create = maildir_keyword_create,
    .watch = maildir_watch,
    .look_again = maildir_look_again,
    .checkpoint = maildir_checkpoint,
    .lock_session = maildir_lock_session,
    .identity = maildir_identity,
};

static int open_dir(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool open_directories(struct maildir *maildir, const struct location *location,
                             struct error *err)
{
    int control = -1;
    maildir->root = open_dir(maildir->paths.mail);
    if (maildir->root < 0 || faccessat(maildir->root, "cur", F_OK, 0) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return error_set(err, ERROR_NO_SUCH, "there is no Maildir %s", maildir->paths.mail);
        return error_errno(err, errno, "opening %s", maildir->paths.mail);
    }
    if (strcmp(maildir->paths.control, maildir->paths.mail) != 0)
        file_mkdir(AT_FDCWD, maildir->paths.control, 0700, true, NULL, NULL);
    control = open_dir(maildir->paths.control);
    if (control < 0)
        return error_errno(err, errno, "opening %s", maildir->paths.control);
    uidlist_init(&maildir->uidlist, control, maildir->paths.control);
    maildir->tree = location->control ? location->control : location->root;
    return true;
}

struct maildir *maildir_make(const struct location *location, struct bytes name, bool write,
                             struct error *err)
{
    struct maildir *maildir = calloc(1, sizeof(*maildir));
    if (!maildir || !(maildir->arena = arena_create(PATH_MEMORY))) {
        free(maildir);
        error_memory(err);
        return NULL;
    }
    maildir->root = maildir->session_lock = -1;
    uidlist_init(&maildir->uidlist, -1, "");
    if (mailbox_init(&maildir->mailbox, &maildir_ops, location, name, write, err) &&
        (entries_init(&maildir->entries) || error_memory(err)) &&
        maildir_layout(location, name, maildir->arena, &maildir->paths, err) &&
        open_directories(maildir, location, err))
        return maildir;
    maildir_release(maildir);
    return NULL;
}

struct mailbox *maildir_open(const struct location *location, struct bytes name, bool write,
                             struct error *err)
{
    struct maildir *maildir = maildir_make(location, name, write, err);
    if (!maildir)
        return NULL;
    struct mailbox *mailbox = &maildir->mailbox;
    mailbox->keywords_max = MAILDIR_KEYWORDS;
    if (write && faccessat(maildir->root, "cur", W_OK, AT_EACCESS) != 0)
        mailbox->write = false; /* a read-only directory is opened as EXAMINE would */
    make_missing(maildir);
    if (mailbox->write)
        maildir_tmp_clean(maildir->root, time(NULL));
    maildir->memory = !maildir->paths.index;
    mailbox->index = index_open(maildir->paths.index, true);
    if (mailbox->index &&
        !index_writable(mailbox->index)) { /* whoever cannot write it has his own */
        index_close(&mailbox->index);
        mailbox->index = index_open(NULL, true);
        maildir->memory = true;
    }
    if ((mailbox->index || error_memory(err)) && mailbox_follow(mailbox, false, NULL, err))
        return mailbox;
    error_prefix(err, "opening %s: ", maildir->paths.mail);
    maildir_release(maildir);
    return NULL;
}

const struct format format_maildir = {
    .name = "maildir",
    .list = maildir_tree_list,
    .exists = maildir_tree_exists,
    .create = maildir_tree_create,
    .remove = maildir_tree_remove,
    .rename = maildir_tree_rename,
    .subscriptions_read = maildir_tree_subscriptions_read,
    .subscriptions_set = maildir_tree_subscriptions_set,
    .open = maildir_open,
    .status = maildir_status,
    .append = maildir_append,
};
