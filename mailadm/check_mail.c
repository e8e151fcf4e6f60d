/* What a user meets when he opens his mail: looked at as himself, in a process of its own, since
 * becoming him is for good. Makes nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "mailadm/check.h"
#include "mailbox/format.h"

#define MEMORY ((size_t)1 << 20)

struct place {
    struct check *check;
    const char *source; /* what named the user: "FILE:LINE" or "pam" */
    const struct account *account;
};

static void refuse(const struct place *place, const char *path, const struct stat *st)
{
    check_error(place->check,
                "%s: user %s (uid %u) cannot write %s, which belongs to uid %u and has mode %04o; "
                "chown -R %u:%u %s",
                place->source, place->account->name, (unsigned)place->account->uid, path,
                (unsigned)st->st_uid, st->st_mode & 07777, (unsigned)place->account->uid,
                (unsigned)place->account->gid, path);
}

/* Cuts the last name off path; false at the root. */
static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash || !path[1])
        return false;
    slash[slash == path] = '\0';
    return true;
}

/* Missing directories are made at the first mail or login: the last that is there must let him. */
static void check_missing(const struct place *place, const char *path)
{
    char up[4096];
    struct stat st;
    snprintf(up, sizeof(up), "%s", path);
    while (go_up(up) && stat(up, &st) != 0 && errno == ENOENT)
        ;
    if (stat(up, &st) != 0)
        check_error(place->check, "%s: user %s (uid %u) cannot reach %s: %s: %s; let him pass",
                    place->source, place->account->name, (unsigned)place->account->uid, path, up,
                    strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        check_error(place->check, "%s: the mail of user %s cannot be in %s: %s is no directory",
                    place->source, place->account->name, path, up);
    else if (access(up, W_OK | X_OK) != 0)
        check_error(place->check,
                    "%s: user %s (uid %u) cannot make %s: %s belongs to uid %u and has mode %04o; "
                    "mkdir -p %s and give it to him",
                    place->source, place->account->name, (unsigned)place->account->uid, path, up,
                    (unsigned)st.st_uid, st.st_mode & 07777,
                    place->account->home[0] && stat(place->account->home, &st) != 0
                        ? place->account->home
                        : path);
}

static bool check_place(const struct place *place, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        check_missing(place, path);
    else if (!S_ISDIR(st.st_mode))
        check_error(place->check,
                    "%s: the mail of user %s cannot be in %s, which is no directory; move it away",
                    place->source, place->account->name, path);
    else if (access(path, R_OK | W_OK | X_OK) != 0)
        refuse(place, path, &st);
    else
        return true;
    return false;
}

static void check_maildir(const struct place *place, const struct maildir_paths *paths)
{
    static const char *const names[] = { "cur", "new", "tmp" };
    char path[4096];
    struct stat st;
    if (paths->control && strcmp(paths->control, paths->mail) != 0)
        check_place(place, paths->control);
    if (paths->index && strcmp(paths->index, paths->mail) != 0)
        check_place(place, paths->index);
    if (!check_place(place, paths->mail))
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(path, sizeof(path), "%s/%s", paths->mail, names[i]);
        if (stat(path, &st) == 0 && access(path, R_OK | W_OK | X_OK) != 0)
            refuse(place, path, &st);
    }
}

static bool look(const struct place *place, struct conf *conf, struct arena *arena,
                 struct error *err)
{
    const struct store_user user = { place->account->name, place->account->home, "check", conf };
    const struct location *location;
    struct maildir_paths paths;
    struct bytes inner;
    if (!account_become(place->account, err) || !account_apply(place->account, conf, err))
        return false;
    struct store *store = store_look(&user, err);
    bool good = store && store_locate(store, BYTES("INBOX"), arena, &location, &inner, err) &&
                maildir_layout(location, inner, arena, &paths, err);
    if (good)
        check_maildir(place, &paths);
    store_close(&store);
    return good;
}

static unsigned as_user(const struct place *place)
{
    struct error err = { 0 };
    unsigned before = place->check->errors;
    struct arena *arena = arena_create(MEMORY);
    if (!arena)
        error_memory(&err);
    if (!arena || !look(place, place->check->conf, arena, &err))
        check_error(place->check, "%s: mail of user %s: %s", place->source, place->account->name,
                    err.text);
    arena_destroy(&arena);
    return place->check->errors - before;
}

void check_mail(struct check *check, const char *source, const struct account *account)
{
    const struct place place = { check, source, account };
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        unsigned errors = as_user(&place);
        fflush(stdout);
        _exit(errors > 100 ? 100 : (int)errors);
    }
    if (pid > 0 && waitpid(pid, &status, 0) == pid)
        check->errors += WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : 1;
}
