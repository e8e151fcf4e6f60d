/* Renaming a mailbox and what is below it. Every mailbox of the tree is at any moment whole under
 * its old or its new name: control files that lie apart from the mail get a second link under the
 * new name first, then the mail moves (Maildir++: directory by directory;
 * LAYOUT=fs: the whole tree in one rename), then the old links go. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "mailbox/maildir_tree.h"

#define MEMORY ((size_t)64 << 20)

/* One mailbox (or bare level) that moves. */
struct move {
    struct bytes old, new;
    bool selectable;
    struct maildir_paths from, to;
    struct move *next;
};

struct renaming {
    const struct location *location;
    struct bytes from, to;
    struct arena *arena;
    struct move *first; /* children before their parents: last seen, first here */
    bool failed, conflict;
};

static bool is_below(struct bytes name, struct bytes parent)
{
    return name.len > parent.len && name.data[parent.len] == '/' && bytes_starts(name, parent);
}

/* Collects what moves, and sees whether something is in its way. */
static bool collect(void *context, struct bytes name, bool selectable)
{
    struct renaming *renaming = context;
    bool moves = bytes_equal(name, renaming->from) || is_below(name, renaming->from);
    if (!moves) {
        renaming->conflict |= bytes_equal(name, renaming->to) && selectable;
        return !renaming->conflict;
    }
    struct bytes rest = bytes_skip(name, renaming->from.len);
    struct move *move = arena_alloc(renaming->arena, sizeof(*move));
    const char *new =
        arena_printf(renaming->arena, "%.*s%.*s", BYTES_FMT(renaming->to), BYTES_FMT(rest));
    if (!move || !new || !(move->old = arena_bytes(renaming->arena, name)).data) {
        renaming->failed = true;
        return false;
    }
    move->new = bytes_of(new);
    move->selectable = selectable;
    move->next = renaming->first;
    renaming->first = move;
    return true;
}

static bool path_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* LAYOUT=fs moves the topmost directory alone; an empty one without a mailbox may be in its place.
 */
static bool check_targets(struct renaming *renaming, struct error *err)
{
    for (struct move *move = renaming->first; move; move = move->next) {
        if (!maildir_layout(renaming->location, move->old, renaming->arena, &move->from, err) ||
            !maildir_layout(renaming->location, move->new, renaming->arena, &move->to, err))
            return false;
        bool taken = path_exists(move->to.mail) &&
                     !(renaming->location->layout_fs && rmdir(move->to.mail) == 0);
        if (taken)
            return error_set(err, ERROR_EXISTS, "\"%.*s\" exists already", BYTES_FMT(move->new));
    }
    return true;
}

static bool link_one(int from, int to, const char *name, const char *directory, struct error *err)
{
    unlinkat(to, name, 0); /* of a mailbox that is no longer there */
    if (linkat(from, name, to, name, 0) == 0 || errno == ENOENT)
        return true;
    return error_errno(err, errno, "linking %s/%s", directory, name);
}

/* Second names, in directory `new`, for the files of directory `old`. */
static bool link_files(const char *old, const char *new, struct error *err)
{
    DIR *dir = opendir(old);
    if (!dir)
        return errno == ENOENT || error_errno(err, errno, "opening directory %s", old);
    bool good = file_mkdir(AT_FDCWD, new, 0700, true, NULL, err);
    int to = good ? open(new, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (good && to < 0)
        good = error_errno(err, errno, "opening directory %s", new);
    for (const struct dirent *entry; good && (entry = readdir(dir));) {
        struct stat st;
        size_t len = strlen(entry->d_name);
        bool lock = len > 5 && strcmp(entry->d_name + len - 5, ".lock") == 0;
        if (!lock && fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode))
            good = link_one(dirfd(dir), to, entry->d_name, new, err);
    }
    good = good && file_sync(to, new, err);
    if (to >= 0)
        close(to);
    closedir(dir);
    return good;
}

static bool is_apart(const struct maildir_paths *paths, const char *path)
{
    return path && strcmp(path, paths->mail) != 0;
}

static bool link_control(struct renaming *renaming, struct error *err)
{
    for (struct move *move = renaming->first; move; move = move->next)
        if (move->selectable && is_apart(&move->from, move->from.control) &&
            !link_files(move->from.control, move->to.control, err))
            return false;
    return true;
}

static bool move_directory(const char *from, const char *to, struct arena *arena, struct error *err)
{
    const char *slash = strrchr(to, '/');
    const char *parent = arena_copy(arena, bytes_make(to, (size_t)(slash - to)));
    if (!parent)
        return error_memory(err);
    if (!file_mkdir(AT_FDCWD, parent, 0700, true, NULL, err))
        return false;
    int done = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (done != 0 && (errno == EINVAL || errno == ENOSYS)) /* not every file system has it */
        done = rename(from, to);
    if (done != 0)
        return error_errno(err, errno, "renaming %s to %s", from, to);
    const char *old = strrchr(from, '/');
    const char *old_parent = arena_copy(arena, bytes_make(from, (size_t)(old - from)));
    return old_parent
               ? file_sync_dir(AT_FDCWD, parent, err) && file_sync_dir(AT_FDCWD, old_parent, err)
               : error_memory(err);
}

static bool move_mail(struct renaming *renaming, struct error *err)
{
    struct maildir_paths from, to;
    if (renaming->location->layout_fs)
        return maildir_layout(renaming->location, renaming->from, renaming->arena, &from, err) &&
               maildir_layout(renaming->location, renaming->to, renaming->arena, &to, err) &&
               move_directory(from.mail, to.mail, renaming->arena, err);
    for (struct move *move = renaming->first; move; move = move->next)
        if (move->selectable &&
            !move_directory(move->from.mail, move->to.mail, renaming->arena, err))
            return false;
    return true;
}

static void unlink_files(const char *directory)
{
    DIR *dir = opendir(directory);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' || entry->d_name[1])
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

/* Old control links go; indexes, a cache, move if they can. */
static void move_aside(struct renaming *renaming)
{
    struct error err;
    for (struct move *move = renaming->first; move; move = move->next) {
        if (is_apart(&move->from, move->from.control))
            unlink_files(move->from.control);
        if (is_apart(&move->from, move->from.index) &&
            strcmp(move->from.index, move->from.control) != 0) {
            if (!link_files(move->from.index, move->to.index, &err))
                log_warning(
                    "mail of user %s: an index did not move with its mailbox and is made anew: %s",
                    renaming->location->user, err.text);
            unlink_files(move->from.index);
        }
    }
    for (struct move *move = renaming->first; move; move = move->next) {
        if (is_apart(&move->from, move->from.control))
            rmdir(move->from.control);
        if (is_apart(&move->from, move->from.index))
            rmdir(move->from.index);
    }
}

static bool run(struct renaming *renaming, struct error *err)
{
    if (!maildir_tree_list(renaming->location, collect, renaming, err))
        return false;
    if (renaming->failed)
        return error_memory(err);
    if (renaming->conflict)
        return error_set(err, ERROR_EXISTS, "\"%.*s\" exists already", BYTES_FMT(renaming->to));
    if (!renaming->first)
        return error_set(err, ERROR_NO_SUCH, "there is no mailbox \"%.*s\"",
                         BYTES_FMT(renaming->from));
    if (!check_targets(renaming, err) || !link_control(renaming, err) || !move_mail(renaming, err))
        return false;
    move_aside(renaming);
    return true;
}

bool maildir_tree_rename(const struct location *location, struct bytes from, struct bytes to,
                         struct error *err)
{
    struct renaming renaming = { .location = location, .from = from, .to = to };
    struct maildir_paths paths;
    if (bytes_equal(from, BYTES("INBOX")) || bytes_equal(to, BYTES("INBOX")))
        return error_set(err, ERROR_NOT_PERMITTED, "INBOX cannot be renamed, nor be a new name");
    if (bytes_equal(from, to))
        return error_set(err, ERROR_EXISTS, "\"%.*s\" exists already", BYTES_FMT(to));
    if (is_below(to, from))
        return error_set(err, ERROR_INVALID, "mailbox \"%.*s\" cannot move below itself",
                         BYTES_FMT(from));
    if (!(renaming.arena = arena_create(MEMORY)))
        return error_memory(err);
    bool good = maildir_layout(location, to, renaming.arena, &paths, err) && run(&renaming, err);
    arena_destroy(&renaming.arena);
    return good ||
           error_prefix(err, "renaming mailbox \"%.*s\" of user %s to \"%.*s\": ", BYTES_FMT(from),
                        location->user, BYTES_FMT(to));
}
