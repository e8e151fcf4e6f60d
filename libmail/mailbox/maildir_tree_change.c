/* Changing the tree so that a power cut or a kill at any moment leaves each mailbox whole, under
 * its old name, its new name or gone; never half of it.
 *
 * "cur" makes a directory a mailbox, so creating makes it last, and removing takes it away first:
 * by a rename into a directory in ROOT/tmp, which is what other Maildir programs keep out of the
 * list too. What a kill leaves there is cleared by the next removal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "mailbox/maildir_tree.h"

#define MEMORY (1 << 20)
#define TRASH "postern-removed."

static bool make_dir(const char *path, struct error *err)
{
    return file_mkdir(AT_FDCWD, path, 0700, true, NULL, err);
}

static const char *join(struct arena *arena, const char *directory, const char *name,
                        struct error *err)
{
    const char *path = arena_printf(arena, "%s/%s", directory, name);
    if (!path)
        error_memory(err);
    return path;
}

static bool sync_parent(struct arena *arena, const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    const char *parent =
        slash > path ? arena_copy(arena, bytes_make(path, (size_t)(slash - path))) : "/";
    return parent ? file_sync_dir(AT_FDCWD, parent, err) : error_memory(err);
}

static bool path_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* A new directory for what is to be removed: ROOT/tmp/postern-removed.UNIQUE. */
static const char *make_trash(const struct location *location, struct arena *arena,
                              struct error *err)
{
    char unique[256];
    const char *trash = arena_printf(arena, "%s/tmp/" TRASH "%s", location->root,
                                     file_unique(unique, sizeof(unique)));
    if (!trash) {
        error_memory(err);
        return NULL;
    }
    return make_dir(trash, err) ? trash : NULL;
}

/* Removes all trash, also what a killed process left. Nothing depends on its success. */
static void empty_trash(const struct location *location, struct arena *arena)
{
    const char *tmp = arena_printf(arena, "%s/tmp", location->root);
    DIR *dir = tmp ? opendir(tmp) : NULL;
    struct error err;
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (bytes_starts(bytes_of(entry->d_name), BYTES(TRASH)) &&
            !file_remove_tree(dirfd(dir), entry->d_name, &err) && err.class != ERROR_NO_SUCH)
            log_warning("mail of user %s: removing %s/%s: %s", location->user, tmp, entry->d_name,
                        err.text);
    if (dir)
        closedir(dir);
}

/* Moves one entry of directory into trash; what is not there is no error. */
static bool discard(const char *directory, const char *entry, const char *trash,
                    struct arena *arena, struct error *err)
{
    const char *from = join(arena, directory, entry, err);
    const char *to = from ? join(arena, trash, entry, err) : NULL;
    if (!to)
        return false;
    if (rename(from, to) == 0 || errno == ENOENT || errno == ENOTDIR)
        return true;
    if (errno == EXDEV) /* control or index files on another disk */
        return file_remove_tree(AT_FDCWD, from, err);
    return error_errno(err, errno, "moving %s to %s", from, to);
}

/* Moves the files of a directory into trash, subdirectories (of mailboxes below) stay. */
static bool discard_files(const char *directory, const char *trash, struct arena *arena,
                          struct error *err)
{
    DIR *dir = opendir(directory);
    bool good = true;
    if (!dir)
        return errno == ENOENT || errno == ENOTDIR ||
               error_errno(err, errno, "opening directory %s", directory);
    for (const struct dirent *entry; good && (entry = readdir(dir));) {
        struct stat st;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            !S_ISDIR(st.st_mode))
            good = discard(directory, entry->d_name, trash, arena, err);
    }
    closedir(dir);
    return good;
}

/* All that makes a mailbox, "cur" first; then the directory itself if nothing is in it. */
static bool discard_mailbox(const char *directory, const char *trash, struct arena *arena,
                            struct error *err)
{
    static const char *const inner[] = { "cur", "new", "tmp" };
    for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++)
        if (!discard(directory, inner[i], trash, arena, err) ||
            (i == 0 && path_exists(directory) && !file_sync_dir(AT_FDCWD, directory, err)))
            return false;
    if (!discard_files(directory, trash, arena, err))
        return false;
    rmdir(directory);
    return true;
}

/* Control and index files of a mailbox, where they are apart from the mail. */
static bool discard_aside(const struct maildir_paths *paths, const char *trash, struct arena *arena,
                          struct error *err)
{
    const char *const apart[] = { paths->control, paths->index };
    for (size_t i = 0; i < 2; i++) {
        const char *inner = arena_printf(arena, "%s/%zu", trash, i);
        if (!apart[i] || strcmp(apart[i], paths->mail) == 0)
            continue;
        if (!inner)
            return error_memory(err);
        if (mkdir(inner, 0700) != 0 && errno != EEXIST)
            return error_errno(err, errno, "making directory %s", inner);
        if (!discard_files(apart[i], inner, arena, err))
            return false;
        rmdir(apart[i]);
    }
    return true;
}

/* What an unfinished creation or removal left must not come to life in a new mailbox. */
static bool clear_remains(const struct location *location, const struct maildir_paths *paths,
                          struct arena *arena, struct error *err)
{
    const char *old = join(arena, paths->mail, "new", err);
    if (!old)
        return false;
    bool apart = strcmp(paths->control, paths->mail) != 0 && path_exists(paths->control);
    if (!path_exists(old) && !apart)
        return true;
    const char *trash = make_trash(location, arena, err);
    bool good = trash && discard_mailbox(paths->mail, trash, arena, err) &&
                discard_aside(paths, trash, arena, err);
    empty_trash(location, arena);
    return good;
}

/* Maildir++ has an empty file of this name in every directory but the root, so that delivery agents
 * find the root. */
static bool make_marker(const struct location *location, const char *mail, struct arena *arena,
                        struct error *err)
{
    const char *path = join(arena, mail, "maildirfolder", err);
    if (location->layout_fs || strcmp(mail, location->root) == 0)
        return true;
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (fd < 0)
        return path && error_errno(err, errno, "creating %s", path);
    close(fd);
    return true;
}

static bool make_mailbox(const struct location *location, const struct maildir_paths *paths,
                         struct arena *arena, struct error *err)
{
    static const char *const inner[] = { "tmp", "new", "cur" };
    bool created = false;
    if (!make_dir(paths->mail, err) || !make_marker(location, paths->mail, arena, err) ||
        !make_dir(paths->control, err) || (paths->index && !make_dir(paths->index, err)) ||
        !file_sync_dir(AT_FDCWD, paths->mail, err))
        return false;
    for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++) {
        const char *path = join(arena, paths->mail, inner[i], err);
        if (!path || !file_mkdir(AT_FDCWD, path, 0700, false, &created, err))
            return false;
    }
    return created || error_set(err, ERROR_EXISTS, "somebody else has just created it");
}

bool maildir_tree_create(const struct location *location, struct bytes name, struct error *err)
{
    struct maildir_paths paths;
    struct arena *arena = arena_create(MEMORY);
    bool exists = false, inbox = bytes_equal(name, BYTES("INBOX"));
    bool good = arena ? maildir_layout(location, name, arena, &paths, err) &&
                            maildir_tree_exists(location, name, &exists, err)
                      : error_memory(err);
    if (good && exists)
        good = error_set(err, ERROR_EXISTS, "mailbox \"%.*s\" exists already", BYTES_FMT(name));
    else if (good)
        good = ((inbox || clear_remains(location, &paths, arena, err)) &&
                make_mailbox(location, &paths, arena, err)) ||
               error_prefix(err, "creating mailbox \"%.*s\" of user %s: ", BYTES_FMT(name),
                            location->user);
    arena_destroy(&arena);
    return good;
}

static bool remove_mailbox(const struct location *location, const struct maildir_paths *paths,
                           struct arena *arena, struct error *err)
{
    const char *trash = make_trash(location, arena, err);
    const char *whole = trash ? join(arena, trash, "mailbox", err) : NULL;
    bool good = whole != NULL;
    if (good && !location->layout_fs) /* no mailbox lies in another: the directory goes at once */
        good = rename(paths->mail, whole) == 0 ||
               error_errno(err, errno, "moving %s to %s", paths->mail, whole);
    else if (good)
        good = discard_mailbox(paths->mail, trash, arena, err);
    good = good && sync_parent(arena, paths->mail, err);
    if (good && !discard_aside(paths, trash, arena, err))
        log_warning("mail of user %s: a mailbox is removed, its control or index files are not: %s",
                    location->user, err ? err->text : "");
    empty_trash(location, arena);
    return good;
}

bool maildir_tree_remove(const struct location *location, struct bytes name, struct error *err)
{
    struct maildir_paths paths;
    bool exists = false;
    if (bytes_equal(name, BYTES("INBOX")))
        return error_set(err, ERROR_NOT_PERMITTED, "INBOX cannot be deleted");
    struct arena *arena = arena_create(MEMORY);
    bool good = arena ? maildir_tree_exists(location, name, &exists, err) : error_memory(err);
    if (good && !exists)
        good = error_set(err, ERROR_NO_SUCH, "there is no mailbox \"%.*s\"", BYTES_FMT(name));
    else if (good)
        good = (maildir_layout(location, name, arena, &paths, err) &&
                remove_mailbox(location, &paths, arena, err)) ||
               error_prefix(err, "deleting mailbox \"%.*s\" of user %s: ", BYTES_FMT(name),
                            location->user);
    arena_destroy(&arena);
    return good;
}
