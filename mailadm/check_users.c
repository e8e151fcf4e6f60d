/* How users are found: PAM's service file, the password files and everybody in them, the uids they
 * may have. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "auth/account.h"
#include "auth/module.h"
#include "auth/passwd_file.h"
#include "base/file.h"
#include "base/input.h"
#include "mailadm/check.h"

#define FILE_MAX (1 << 20)
#define USERS_MAX 10000 /* beyond, only lines are looked at */
#define MAIL_MAX 2000   /* of so many the mail is looked at, a process each */
#define MEMORY ((size_t)64 << 20)

/* Whether a line of a PAM file begins with this stage ("auth"), with "-auth", or includes another
 * file. */
static bool has_stage(struct bytes text, const char *stage)
{
    while (text.data) {
        struct bytes line = bytes_trim(bytes_split(&text, '\n'));
        if (line.len > 0 && line.data[0] == '-')
            line = bytes_skip(line, 1);
        if (bytes_starts(line, BYTES("@include")) ||
            (bytes_starts(line, bytes_of(stage)) && line.len > strlen(stage) &&
             strchr(" \t", line.data[strlen(stage)])))
            return true;
    }
    return false;
}

static void check_pam_file(struct check *check, const char *service)
{
    static const char *const places[] = { "/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d" };
    struct buf text = BUF_INIT(FILE_MAX);
    char path[400] = "";
    struct error err = { .class = ERROR_NO_SUCH };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places) && text.len == 0; i++) {
        snprintf(path, sizeof(path), "%s/%s", places[i], service);
        if (file_read(AT_FDCWD, path, FILE_MAX, &text, &err) || err.class != ERROR_NO_SUCH)
            break;
    }
    if (err.class != ERROR_NO_SUCH && text.len == 0)
        check_error(check, "PAM service file: %s", err.text);
    else if (text.len == 0)
        check_error(check,
                    "there is no PAM service file /etc/pam.d/%s (pam_service, %s): PAM falls back "
                    "on `other', which is not made for mail and may refuse everybody; install the "
                    "one of units/pam.d",
                    service, conf_source(check->conf, "pam_service"));
    else if (!has_stage(buf_view(&text), "auth") || !has_stage(buf_view(&text), "account"))
        check_error(check, "%s has no line for the stage %s: nobody could log in", path,
                    has_stage(buf_view(&text), "auth") ? "account" : "auth");
    else
        check_ok(check, "PAM service file %s", path);
    buf_free(&text);
}

static void check_pam(struct check *check)
{
    struct error err;
    if (!check->root)
        check_warning(check, "auth has pam, which for other users than uid %u works only as root",
                      (unsigned)getuid());
    check_pam_file(check, check->conf->pam_service);
    if (!module_load("pam", &err))
        check_error(check, "PAM cannot be used: %s", err.text);
}

struct file {
    struct check *check;
    struct conf *scratch; /* takes users' settings, to see whether it does */
    const char *path;
    char **names;
    size_t count, line;
    struct arena *arena;
};

static void check_home(struct file *file, const struct account *account)
{
    if (account->home[0] && account->home[0] != '/')
        check_error(file->check, "%s:%zu: home `%s' of user %s is no absolute path", file->path,
                    file->line, account->home, account->name);
}

/* True when what the line sets for its user can be set. */
static bool check_settings(struct file *file, const struct account *account)
{
    struct error err = { 0 };
    bool good = true;
    for (size_t i = 0; i < account->settings_count; i++)
        if (conf_set_user(file->scratch, account->settings[i].name, account->settings[i].value,
                          account->driver, &err)) {
            continue;
        } else if (err.class == ERROR_NO_SUCH) { /* a word that only Dovecot knows */
            check_warning(file->check, "user %s: %s; it is ignored", account->name, err.text);
        } else {
            check_error(file->check, "user %s: %s", account->name, err.text);
            good = false;
        }
    return good;
}

/* Some errors name file and line themselves. */
static const char *without_place(const struct file *file, const char *text)
{
    size_t len = strlen(file->path);
    const char *rest = strncmp(text, file->path, len) == 0 ? strstr(text + len, ": ") : NULL;
    return rest ? rest + 2 : text;
}

/* What a login would meet. */
static void check_account(struct file *file, const char *name)
{
    struct check *check = file->check;
    char normal[ACCOUNT_NAME_MAX + 1], source[PATH_MAX + 30];
    struct account account;
    struct error err = { 0 };
    if (!account_normalise(file->check->conf, bytes_of(name), normal, &err) ||
        !account_lookup(file->check->conf, normal, &account, file->arena, &err)) {
        check_error(file->check, "%s:%zu: user %s: %s", file->path, file->line, name,
                    without_place(file, err.text));
        return;
    }
    if (strcmp(normal, name) != 0)
        check_warning(
            file->check,
            "%s:%zu: user %s logs in as %s (auth_username_lower), and is not found; write him so",
            file->path, file->line, name, normal);
    check_home(file, &account);
    snprintf(source, sizeof(source), "%s:%zu", file->path, file->line);
    if (check_settings(file, &account) && file->count <= MAIL_MAX &&
        (check->root || account.uid == getuid()))
        check_mail(check, source, &account);
}

static void check_line(struct file *file, struct bytes line)
{
    struct passwd_entry entry;
    struct error err;
    if (!passwd_parse(line, &entry, &err)) {
        check_error(file->check, "%s:%zu: %s; such a user cannot log in", file->path, file->line,
                    err.text);
        return;
    }
    if (entry.user.len == 0 || file->count >= USERS_MAX)
        return;
    char *name = arena_copy(file->arena, entry.user);
    if (!name)
        return;
    if (entry.password.len == 0 && !bytes_starts(entry.extra, BYTES("nologin")))
        check_warning(file->check, "%s:%zu: user %s has no password and cannot log in", file->path,
                      file->line, name);
    file->names[file->count++] = name;
    check_account(file, name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void check_doubles(struct file *file)
{
    qsort(file->names, file->count, sizeof(*file->names), by_name);
    for (size_t i = 1; i < file->count; i++)
        if (strcmp(file->names[i - 1], file->names[i]) == 0)
            check_warning(file->check, "%s has user %s more than once; the first line counts",
                          file->path, file->names[i]);
}

static void check_lines(struct file *file, int fd)
{
    struct input *in = input_fd(fd, PASSWD_LINE_MAX + 2, -1, false);
    struct bytes line;
    struct error err = { 0 };
    int got = 0;
    while (in && (got = input_line(in, PASSWD_LINE_MAX, &line, &err)) > 0) {
        file->line++;
        check_line(file, bytes_trim(line));
    }
    if (got < 0)
        check_error(file->check, "%s:%zu: %s; no line may have more than %d octets", file->path,
                    file->line + 1, err.text, PASSWD_LINE_MAX);
    input_close(&in);
    check_doubles(file);
    check_ok(file->check, "password file %s, %zu user%s", file->path, file->count,
             file->count == 1 ? "" : "s");
}

static void check_mode(struct check *check, const char *path, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return;
    if (st.st_mode & 022)
        check_error(
            check,
            "password file %s can be changed by others than its owner (mode %04o); chmod 600 %s",
            path, st.st_mode & 07777, path);
    else if (st.st_mode & 04)
        check_warning(check, "password file %s can be read by everybody (mode %04o); chmod 600 %s",
                      path, st.st_mode & 07777, path);
}

static void check_file(struct check *check, struct conf *scratch, const char *path)
{
    struct file file = {
        .check = check, .scratch = scratch, .path = path, .arena = arena_create(MEMORY)
    };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        check_error(check, "password file %s (auth, %s): %s", path,
                    conf_source(check->conf, "auth"), strerror(errno));
    file.names = file.arena ? arena_array(file.arena, USERS_MAX, sizeof(*file.names)) : NULL;
    if (fd >= 0 && file.names) {
        check_mode(check, path, fd);
        check_lines(&file, fd);
    }
    if (fd >= 0)
        close(fd);
    arena_destroy(&file.arena);
}

static void check_mail_user(struct check *check)
{
    const struct conf *conf = check->conf;
    if (!conf->mail_user[0])
        return;
    const struct passwd *pw = getpwnam(conf->mail_user);
    if (!pw)
        check_error(check, "mail_user %s (%s) does not exist; useradd --system %s", conf->mail_user,
                    conf_source(conf, "mail_user"), conf->mail_user);
    else if (pw->pw_uid == 0)
        check_error(check, "mail_user %s is uid 0, which never gets mail service", conf->mail_user);
    else
        check_ok(check, "mail user %s, uid %u", conf->mail_user, (unsigned)pw->pw_uid);
}

void check_users(struct check *check)
{
    struct conf scratch;
    struct error err;
    check_mail_user(check);
    if (!conf_load(&scratch, "/dev/null", NULL, 0, &err))
        return;
    for (size_t i = 0; check->conf->auth[i]; i++) {
        const char *word = check->conf->auth[i];
        if (strcmp(word, "pam") == 0)
            check_pam(check);
        else if (strncmp(word, "passwd-file:", 12) == 0)
            check_file(check, &scratch, word + 12);
    }
    conf_free(&scratch);
}
