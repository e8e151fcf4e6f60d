/* Where strangers are spoken with: the login user and its empty root directory. */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mailadm/check.h"

static void check_user(struct check *check)
{
    const struct conf *conf = check->conf;
    errno = 0;
    const struct passwd *pw = getpwnam(conf->login_user);
    if (!pw)
        check_error(check,
                    "login_user %s (%s) does not exist; run systemd-sysusers, or useradd --system "
                    "--no-create-home %s",
                    conf->login_user, conf_source(conf, "login_user"), conf->login_user);
    else if (pw->pw_uid == 0)
        check_error(check, "login_user %s is uid 0: strangers would be spoken with as root",
                    conf->login_user);
    else
        check_ok(check, "login user %s, uid %u", conf->login_user, (unsigned)pw->pw_uid);
}

/* Entries besides "." and "..". */
static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    int entries = 0;
    while (dir && readdir(dir))
        entries++;
    if (dir)
        closedir(dir);
    return dir && entries <= 2;
}

/* A server makes the directory and the one above it. */
static bool can_be_made(const char *path)
{
    char up[4096];
    struct stat st;
    snprintf(up, sizeof(up), "%s", path);
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(up, '/');
        if (!slash || slash == up)
            return true;
        *slash = '\0';
    }
    return stat(up, &st) == 0;
}

static bool check_directory(struct check *check, const char *name, const char *path)
{
    struct stat st;
    const char *source = conf_source(check->conf, name);
    int trouble = stat(path, &st) == 0 ? 0 : errno;
    if (trouble == ENOENT && can_be_made(path))
        check_warning(check, "%s %s (%s) is not there; a server makes it when it starts as root",
                      name, path, source);
    else if (trouble)
        check_error(check, "%s %s (%s): %s; mkdir -p -m 755 %s", name, path, source,
                    strerror(trouble), path);
    else if (!S_ISDIR(st.st_mode))
        check_error(check, "%s %s (%s) is no directory", name, path, source);
    else if (st.st_mode & 022)
        check_error(check,
                    "%s %s can be written by others than its owner (mode %04o); chmod 755 %s", name,
                    path, st.st_mode & 07777, path);
    else if (check->root && st.st_uid != 0)
        check_error(check, "%s %s belongs to uid %u, not to root; chown root %s", name, path,
                    (unsigned)st.st_uid, path);
    else
        return true;
    return false;
}

void check_login(struct check *check)
{
    const struct conf *conf = check->conf;
    if (!check->root)
        return; /* then the servers have no other user to become */
    check_user(check);
    if (!check_directory(check, "login_root", conf->login_root))
        return;
    if (is_empty(conf->login_root))
        check_ok(check, "empty root directory %s", conf->login_root);
    else
        check_error(check,
                    "login_root %s is not empty: who breaks into the login process would find "
                    "that; remove what is in it",
                    conf->login_root);
}
