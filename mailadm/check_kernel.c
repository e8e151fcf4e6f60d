/* An idling IMAP session takes one inotify instance and a watch or two; the kernel bounds both per
 * uid. */
#include <fcntl.h>
#include <stdio.h>
#include "base/file.h"
#include "mailadm/check.h"

#define WATCHES_EACH 4

static uint64_t limit(const char *name)
{
    char path[200];
    uint64_t value = 0;
    struct error err;
    struct buf text = BUF_INIT(100);
    snprintf(path, sizeof(path), "/proc/sys/fs/inotify/%s", name);
    if (!file_read(AT_FDCWD, path, 99, &text, &err) ||
        !bytes_to_u64(bytes_trim(buf_view(&text)), &value))
        value = 0;
    buf_free(&text);
    return value;
}

/* One uid for all mail: then all sessions share its limit. */
static bool is_shared(const struct check *check)
{
    return !check->root || check->conf->mail_user[0];
}

void check_kernel(struct check *check)
{
    uint64_t instances = limit("max_user_instances"), watches = limit("max_user_watches");
    uint64_t wanted = is_shared(check) ? check->conf->listener_max : 256;
    if (instances == 0 || watches == 0) {
        check_warning(check,
                      "/proc/sys/fs/inotify cannot be read: sessions may have to look for new mail "
                      "every %u seconds",
                      check->conf->imap_poll);
        return;
    }
    if (instances < wanted)
        check_warning(check,
                      "fs.inotify.max_user_instances is %llu: %s more than so many idling IMAP "
                      "sessions look for new mail "
                      "every %u seconds instead of at once; install units/sysctl.d/60-postern.conf "
                      "and run sysctl --system",
                      (unsigned long long)instances,
                      is_shared(check) ? "all mail has one uid, and" : "of one user,",
                      check->conf->imap_poll);
    else
        check_ok(check, "inotify instances: %llu a uid", (unsigned long long)instances);
    if (watches < wanted * WATCHES_EACH)
        check_warning(
            check,
            "fs.inotify.max_user_watches is %llu, enough for %llu idling sessions; install "
            "units/sysctl.d/60-postern.conf and run sysctl --system",
            (unsigned long long)watches, (unsigned long long)watches / WATCHES_EACH);
}
