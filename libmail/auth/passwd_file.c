#include "auth/passwd_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>
#include "auth/auth.h"
#include "auth/driver.h"
#include "auth/passwd_extra.h"
#include "base/input.h"
#include "base/log.h"

#define PASSWD_FILES_MAX AUTH_FILES_MAX

/* ---- one line ---- */

static struct bytes next_field(struct bytes *rest)
{
    struct bytes field = bytes_split(rest, ':');
    return field.data ? field : bytes_make("", 0);
}

bool passwd_parse(struct bytes line, struct passwd_entry *entry, struct error *err)
{
    struct bytes rest = bytes_trim(line);
    *entry = (struct passwd_entry){ 0 };
    if (rest.len == 0 || rest.data[0] == '#')
        return true;
    if (memchr(rest.data, '\0', rest.len))
        return error_set(err, ERROR_CORRUPT, "a NUL octet");
    entry->user = next_field(&rest);
    if (entry->user.len == 0)
        return error_set(err, ERROR_CORRUPT, "no user name before the first colon");
    if (entry->user.len > ACCOUNT_NAME_MAX)
        return error_set(err, ERROR_CORRUPT, "a user name of more than %d octets",
                         ACCOUNT_NAME_MAX);
    if (!rest.data)
        return error_set(err, ERROR_CORRUPT, "no colon behind the user name");
    entry->password = next_field(&rest);
    entry->uid = next_field(&rest);
    entry->gid = next_field(&rest);
    next_field(&rest);
    entry->home = next_field(&rest);
    next_field(&rest);
    entry->extra = rest; /* may hold colons */
    return true;
}

/* ---- whose uid ---- */

static struct {
    bool known;
    bool there;
    uid_t uid;
    gid_t gid;
} mail_user;

void passwd_mail_user(const struct conf *conf)
{
    if (mail_user.known || !conf->mail_user || !*conf->mail_user)
        return;
    struct passwd *pw = getpwnam(conf->mail_user);
    mail_user.known = true;
    mail_user.there = pw != NULL;
    if (pw) {
        mail_user.uid = pw->pw_uid;
        mail_user.gid = pw->pw_gid;
    }
}

static bool default_ids(const struct conf *conf, struct account *account, struct error *err)
{
    const struct server_ids *own = server_ids();
    if (conf->mail_user && *conf->mail_user) {
        passwd_mail_user(conf);
        if (!mail_user.there)
            return error_set(err, ERROR_TEMPORARY, "the user %s (setting mail_user) does not exist",
                             conf->mail_user);
        account->uid = mail_user.uid;
        account->gid = mail_user.gid;
    } else if (own->uid != 0) {
        account->uid = own->uid;
        account->gid = own->gid;
    } else {
        return error_set(err, ERROR_INVALID, "the entry has no uid, and mail_user is not set");
    }
    account->uid_is_default = true;
    return true;
}

/* "" leaves *id as it is. */
static bool parse_id(struct bytes text, const char *what, uint32_t *id, struct error *err)
{
    if (text.len == 0)
        return true;
    if (!bytes_to_u32(text, id) || *id == UINT32_MAX)
        return error_set(err, ERROR_INVALID, "%s \"%.*s\" is not a number", what, BYTES_FMT(text));
    return true;
}

static bool set_ids(const struct conf *conf, const struct passwd_entry *entry,
                    struct account *account, struct error *err)
{
    const struct server_ids *own = server_ids();
    const uint32_t none = UINT32_MAX;
    uint32_t uid = none, gid = none;
    if (!parse_id(entry->uid, "uid", &uid, err) || !parse_id(entry->gid, "gid", &gid, err))
        return false;
    if (uid == none && !default_ids(conf, account, err))
        return false;
    if (uid != none) {
        account->uid = uid;
        account->gid = uid == own->uid ? own->gid : none;
        account->uid_is_default = uid == own->uid && uid != 0;
    }
    if (gid != none)
        account->gid = gid;
    return account->gid != none || error_set(err, ERROR_INVALID, "the entry has a uid, but no gid");
}

/* ---- the record ---- */

static bool set_home(const struct conf *conf, const struct passwd_entry *entry,
                     struct account *account, struct arena *arena, struct error *err)
{
    struct buf home = BUF_INIT(4096);
    const struct conf_vars vars = { account->name, NULL, NULL };
    if (entry->home.len > 0)
        buf_bytes(&home, entry->home);
    else if (conf->mail_home && *conf->mail_home &&
             !conf_expand(conf->mail_home, &vars, &home, err))
        return error_prefix(err, "mail_home: ");
    account->home = buf_failed(&home) ? NULL : arena_copy(arena, buf_view(&home));
    buf_free(&home);
    return account->home || error_memory(err);
}

static bool fill(const struct conf *conf, const char *path, unsigned line, const char *name,
                 struct passwd_entry *entry, struct auth_record *record, struct arena *arena,
                 struct error *err)
{
    struct account *account = &record->account;
    *account = (struct account){ 0 };
    memcpy(account->name, name, strlen(name) + 1);
    account->driver = arena_printf(arena, "passwd-file:%s:%u", path, line);
    record->password = arena_bytes(arena, entry->password);
    if (!account->driver || !record->password.data)
        return error_memory(err);
    return passwd_extra(entry, account, arena, err) && set_ids(conf, entry, account, err) &&
           set_home(conf, entry, account, arena, err);
}

/* ---- the file ---- */

static struct {
    const char *path;
    int fd, errnum;
} files[PASSWD_FILES_MAX];

void passwd_open(const char *path)
{
    for (size_t i = 0; i < PASSWD_FILES_MAX; i++) {
        if (files[i].path)
            continue;
        files[i].path = path;
        files[i].fd = open(path, O_RDONLY | O_CLOEXEC);
        files[i].errnum = errno;
        return;
    }
}

size_t passwd_descriptors(int *fds)
{
    size_t count = 0;
    for (size_t i = 0; i < PASSWD_FILES_MAX; i++)
        if (files[i].path && files[i].fd >= 0)
            fds[count++] = files[i].fd;
    return count;
}

/* A descriptor of its own for one lookup, at the file's start; -1 with errno. *own: it is to be
 * closed. */
static int file_of(const char *path, bool *own)
{
    *own = false;
    for (size_t i = 0; i < PASSWD_FILES_MAX; i++)
        if (files[i].path && strcmp(files[i].path, path) == 0) {
            errno = files[i].errnum;
            return files[i].fd < 0 || lseek(files[i].fd, 0, SEEK_SET) != 0 ? -1 : files[i].fd;
        }
    *own = true;
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Over the rest of a line that is too long: true while there is more of the file. */
static bool skip_line(struct input *input, struct error *err)
{
    struct bytes view;
    while (input_next(input, &view, err) > 0) {
        const char *lf = memchr(view.data, '\n', view.len);
        input_consume(input, lf ? (size_t)(lf - view.data) + 1 : view.len);
        if (lf)
            return true;
    }
    return false;
}

static int next_line(struct input *input, const char *path, unsigned number, struct bytes *line,
                     struct error *err)
{
    struct error trouble = { 0 };
    int got = input_line(input, PASSWD_LINE_MAX, line, &trouble);
    if (got < 0 && trouble.class == ERROR_TOO_BIG) {
        log_error("%s:%u: longer than %d octets; the line is skipped", path, number,
                  PASSWD_LINE_MAX);
        *line = bytes_make("", 0);
        trouble = (struct error){ 0 };
        return skip_line(input, &trouble) ? 1 : trouble.class == ERROR_NONE ? 0 : -1;
    }
    if (got < 0 && err)
        *err = trouble;
    return got;
}

/* The first hash of the file stands in for that of users whom nobody knows. */
static void keep_decoy(struct auth_record *record, const struct passwd_entry *entry,
                       struct arena *arena)
{
    if (!record->decoy.data && entry->password.len > 0)
        record->decoy = arena_bytes(arena, entry->password);
}

static enum auth_found scan(const struct conf *conf, const char *path, struct input *input,
                            const char *name, struct auth_record *record, struct arena *arena,
                            struct error *err)
{
    struct passwd_entry entry;
    struct bytes line;
    char normal[ACCOUNT_NAME_MAX + 1];
    int got;
    for (unsigned number = 1; (got = next_line(input, path, number, &line, err)) > 0; number++) {
        struct error trouble = { 0 };
        if (!passwd_parse(line, &entry, &trouble)) {
            log_error("%s:%u: %s; the line is skipped", path, number, trouble.text);
            continue;
        }
        if (entry.user.len == 0)
            continue;
        keep_decoy(record, &entry, arena);
        if (!account_normalise(conf, entry.user, normal, NULL) || strcmp(normal, name) != 0)
            continue;
        if (fill(conf, path, number, name, &entry, record, arena, &trouble))
            return AUTH_FOUND;
        error_set(err, trouble.class == ERROR_INVALID ? ERROR_TEMPORARY : trouble.class,
                  "%s:%u: %s", path, number, trouble.text);
        return AUTH_FAILED;
    }
    return got < 0 ? AUTH_FAILED : AUTH_ABSENT;
}

enum auth_found passwd_find(const struct conf *conf, const char *path, const char *name,
                            struct auth_record *record, struct arena *arena, struct error *err)
{
    bool own;
    int fd = file_of(path, &own);
    struct input *input = fd < 0 ? NULL : input_fd(fd, PASSWD_LINE_MAX * 2, -1, own);
    enum auth_found found = AUTH_FAILED;
    if (fd < 0)
        error_set(err, ERROR_TEMPORARY, "password file %s: %s", path, strerror(errno));
    else if (!input)
        error_memory(err);
    else
        found = scan(conf, path, input, name, record, arena, err);
    if (input) { /* who asks may live on; other users' passwords shall not */
        input_consume(input, input_buffered(input).len);
        input_forget(input);
    }
    input_close(&input);
    return found;
}
