#include "serve/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/filter.h>
#include "base/log.h"
#include "filters.h" /* made by filters/filters.c */

#define SANDBOX_KEEP_MAX 16
#define SANDBOX_MEMORY                                                                             \
    (256UL << 20) /* octets of data a process that parses for strangers may have */

static struct {
    bool prepared;
    uid_t uid;
    gid_t gid;
} state;

/* ---- before the fork ---- */

static bool find_user(const char *name, struct error *err)
{
    struct passwd *pw = getpwnam(name);
    if (!pw) {
        log_warning("user %s (setting login_user) does not exist, taking \"nobody\": make it with "
                    "systemd-sysusers or useradd --system",
                    name);
        pw = getpwnam("nobody");
    }
    if (!pw || pw->pw_uid == 0 || pw->pw_gid == 0)
        return error_set(err, ERROR_INVALID, "login_user = %s: %s", name,
                         pw ? "must not be root" : "no such user, and no nobody");
    state.uid = pw->pw_uid;
    state.gid = pw->pw_gid;
    return true;
}

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    bool empty = dir != NULL;
    for (struct dirent *entry; empty && (entry = readdir(dir));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (dir)
        closedir(dir);
    return empty;
}

/* The directory must be root's alone: whoever could write there could give a login process files.
 */
static bool make_root(const char *path, struct error *err)
{
    struct stat st;
    char parent[256], *slash;
    if (lstat(path, &st) != 0) {
        snprintf(parent, sizeof(parent), "%s", path);
        slash = strrchr(parent, '/');
        if (slash && slash != parent) {
            *slash = '\0';
            (void)mkdir(parent, 0755);
        }
        if ((mkdir(path, 0555) != 0 && errno != EEXIST) || lstat(path, &st) != 0)
            return error_errno(err, errno, "login_root = %s", path);
    }
    if (!S_ISDIR(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022) || !is_empty(path))
        return error_set(err, ERROR_INVALID,
                         "login_root = %s: must be an empty directory that belongs to root and "
                         "only root may write",
                         path);
    return true;
}

bool sandbox_prepare(const struct conf *conf, struct error *err)
{
    if (!state.prepared && geteuid() == 0 &&
        (!find_user(conf->login_user, err) || !make_root(conf->login_root, err)))
        return false;
    return state.prepared = true;
}

/* ---- in the process itself ---- */

void sandbox_private(void)
{
    const struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static bool drop(const struct conf *conf, struct error *err)
{
    uid_t r, e, s;
    if (geteuid() != 0)
        return true;
    if (!sandbox_prepare(conf, err))
        return false;
    if (chroot(conf->login_root) != 0 || chdir("/") != 0)
        return error_errno(err, errno, "entering login_root = %s", conf->login_root);
    if (setgroups(0, NULL) != 0 || setresgid(state.gid, state.gid, state.gid) != 0 ||
        setresuid(state.uid, state.uid, state.uid) != 0)
        return error_errno(err, errno, "becoming login_user = %s", conf->login_user);
    if (getresuid(&r, &e, &s) != 0 || r != state.uid || e != state.uid || s != state.uid ||
        setuid(0) == 0)
        return error_set(err, ERROR_NOT_PERMITTED, "login_user = %s: root could not be given up",
                         conf->login_user);
    return true;
}

/* Changing ids empties the sets, unless whoever started us arranged otherwise (securebits, ambient
 * capabilities). */
static bool drop_capabilities(struct error *err)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
    return syscall(SYS_capset, &head, none) == 0 ||
           error_errno(err, errno, "giving up capabilities");
}

static int compare_fds(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The log's descriptor stays, whether asked for or not. */
static bool close_others(enum sandbox_kind kind, const int *keep, size_t count, struct error *err)
{
    int kept[SANDBOX_KEEP_MAX + 4];
    if (count > SANDBOX_KEEP_MAX)
        return error_set(err, ERROR_LIMIT, "too many descriptors to keep");
    memcpy(kept, keep, count * sizeof(*keep));
    kept[count++] = log_fd();
    /* A session opens files: none of them may become a standard descriptor, which libraries write
     * to. */
    for (int fd = 0; fd <= 2 && kind == SANDBOX_SESSION; fd++)
        kept[count++] = fd;
    qsort(kept, count, sizeof(*kept), compare_fds);
    unsigned from = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept[i] > (int)from)
            syscall(SYS_close_range, from, (unsigned)kept[i] - 1, 0);
        if (kept[i] >= (int)from)
            from = (unsigned)kept[i] + 1;
    }
    if (syscall(SYS_close_range, from, ~0U, 0) != 0)
        return error_errno(err, errno, "closing descriptors");
    return true;
}

bool sandbox_close(const int *keep, size_t keep_count, struct error *err)
{
    return close_others(SANDBOX_SESSION, keep, keep_count, err);
}

static void limit(enum sandbox_kind kind)
{
    /* Descriptors still come by message; poll() refuses more than the limit. */
    const struct rlimit files = { 128, 128 }, none = { 0, 0 };
    if (kind == SANDBOX_SESSION)
        return;
    if (kind != SANDBOX_PARSER) /* it holds two for each recipient; its monitor has set the limit */
        setrlimit(RLIMIT_NOFILE, &files);
    setrlimit(RLIMIT_NPROC, &none);
#ifndef __SANITIZE_ADDRESS__
    const struct rlimit memory = { SANDBOX_MEMORY, SANDBOX_MEMORY };
    setrlimit(RLIMIT_DATA, &memory);
#endif
}

static bool install(enum sandbox_kind kind, struct error *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_errno(err, errno, "giving up new privileges");
    if (prctl(PR_SET_SECCOMP, 2 /* SECCOMP_MODE_FILTER */, &filters[kind], 0, 0) != 0)
        return error_errno(err, errno, "installing the system-call filter");
    return true;
}

bool sandbox_enter(enum sandbox_kind kind, const struct conf *conf, const int *keep,
                   size_t keep_count, struct error *err)
{
    sandbox_private();
    if (kind != SANDBOX_SESSION && !drop(conf, err))
        return false;
    /* Changing ids resets what sandbox_private set. */
    sandbox_private();
    if (!drop_capabilities(err) || !close_others(kind, keep, keep_count, err))
        return false;
    limit(kind);
    return install(kind, err);
}
