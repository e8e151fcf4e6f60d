/* Files left in tmp/ by deliveries that died (maildir(5): 36 hours). */
#include "mailbox/maildir_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { OLD_S = 36 * 3600, EVERY_S = 8 * 3600 };

static void remove_old(DIR *dir, time_t now)
{
    struct dirent *entry;
    struct stat st;
    while ((entry = readdir(dir)))
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && st.st_mtime < now - OLD_S && st.st_ctime < now - OLD_S)
            unlinkat(dirfd(dir), entry->d_name, 0);
}

void maildir_tmp_clean(int root, time_t now)
{
    struct stat st;
    if (fstatat(root, "tmp", &st, 0) != 0 || st.st_atime > now - EVERY_S)
        return;
    int fd = openat(root, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    remove_old(dir, now);
    /* The access time says when this was done last, whatever the mount options. */
    struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };
    futimens(fd, times);
    closedir(dir);
}
