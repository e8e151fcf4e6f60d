/* Removing a directory tree while other programs may still put things into it. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Descriptors in use at once, and rounds over a directory that others refill. */
enum { DEEPEST = 64, ROUNDS = 10 };

static bool remove_entry(int dirfd, const char *name, int depth, struct error *err);

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static bool empty_dir(int fd, const char *name, int depth, struct error *err)
{
    struct dirent *entry;
    bool good = true;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        error_errno(err, errno, "reading directory %s", name);
        close(fd);
        return false;
    }
    while (good && (errno = 0, entry = readdir(dir)) != NULL)
        if (!is_dots(entry->d_name))
            good = remove_entry(dirfd(dir), entry->d_name, depth + 1, err);
    if (good && errno != 0)
        good = error_errno(err, errno, "reading directory %s", name);
    closedir(dir);
    return good;
}

static bool remove_dir(int dirfd, const char *name, int depth, struct error *err)
{
    if (depth >= DEEPEST)
        return error_set(err, ERROR_LIMIT, "directories are nested deeper than %d at %s", DEEPEST,
                         name);
    for (int round = 0; round < ROUNDS; round++) {
        int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return errno == ENOENT || error_errno(err, errno, "opening directory %s", name);
        if (!empty_dir(fd, name, depth, err))
            return false;
        if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return true;
        if (errno != ENOTEMPTY && errno != EEXIST)
            break;
    }
    return error_errno(err, errno, "removing directory %s", name);
}

static bool remove_entry(int dirfd, const char *name, int depth, struct error *err)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return true;
    /* Linux says EISDIR for a directory, POSIX EPERM. */
    if (errno != EISDIR && errno != EPERM)
        return error_errno(err, errno, "removing %s", name);
    struct stat st;
    int why = errno;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
        return error_errno(err, why, "removing %s", name);
    return remove_dir(dirfd, name, depth, err);
}

bool file_remove_tree(int dirfd, const char *path, struct error *err)
{
    struct stat st;
    char above[4096 + 4];
    if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_errno(err, errno, "removing %s", path);
    if (!remove_entry(dirfd, path, 0, err))
        return false;
    /* The directory above: path without its last part. */
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/')
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    if (len >= sizeof(above))
        return error_set(err, ERROR_INVALID, "the path %.100s... is too long", path);
    memcpy(above, path, len);
    memcpy(above + len, ".", 2);
    return file_sync_dir(dirfd, above, err);
}
