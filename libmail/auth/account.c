#include "auth/account.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "auth/driver.h"
#include "auth/field.h"
#include "base/log.h"

/* ---- names ---- */

/* Parts of the name become parts of paths (%n, %d). */
static bool is_dots(struct bytes part)
{
    return bytes_equal(part, BYTES(".")) || bytes_equal(part, BYTES(".."));
}

bool account_normalise(const struct conf *conf, struct bytes name, char out[ACCOUNT_NAME_MAX + 1],
                       struct error *err)
{
    const char *allowed = conf->auth_username_chars;
    if (name.len == 0 || name.len > ACCOUNT_NAME_MAX)
        return error_set(err, ERROR_INVALID, "a user name of %zu octets", name.len);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if ((unsigned char)c <= ' ' || c == 0x7F || c == '/' || c == ':' ||
            (allowed && *allowed && !strchr(allowed, c)))
            return error_set(
                err, ERROR_INVALID,
                "the user name has a character that auth_username_chars does not allow");
        out[i] = conf->auth_username_lower && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    out[name.len] = '\0';
    struct bytes domain = name, local = bytes_split(&domain, '@');
    if (is_dots(name) || is_dots(local) || (domain.data && (domain.len == 0 || is_dots(domain))))
        return error_set(err, ERROR_INVALID, "the user name is no name");
    return true;
}

/* ---- finding ---- */

bool account_lookup(const struct conf *conf, const char *name, struct account *account,
                    struct arena *arena, struct error *err)
{
    struct auth_record record = { 0 };
    const struct driver *driver;
    char normal[ACCOUNT_NAME_MAX + 1];
    if (!account_normalise(conf, bytes_of(name), normal, err))
        return error_set(err, ERROR_NO_SUCH, "no user has this name");
    switch (driver_find(conf, normal, &driver, &record, arena, err)) {
    case AUTH_FAILED:
        return false;
    case AUTH_ABSENT:
        return error_set(err, ERROR_NO_SUCH, "there is no user %s", normal);
    case AUTH_FOUND:
        break;
    }
    *account = record.account;
    bytes_wipe((void *)record.password.data, record.password.len);
    return account_permitted(conf, account, err);
}

bool account_lookup_recipient(const struct conf *conf, const char *name, struct account *account,
                              struct arena *arena, struct error *err)
{
    struct error trouble = { 0 };
    if (account_lookup(conf, name, account, arena, &trouble))
        return true;
    if (trouble.class == ERROR_NOT_PERMITTED)
        trouble.class = account->system_user && !account_in_range(conf, account, NULL)
                            ? ERROR_NO_SUCH
                            : ERROR_TEMPORARY;
    if (err)
        *err = trouble;
    return false;
}

/* ---- becoming ---- */

static bool verify(const struct account *account, struct error *err)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;
    if (getresuid(&r, &e, &s) != 0 || getresgid(&rg, &eg, &sg) != 0)
        return error_errno(err, errno, "checking ids");
    if (r != account->uid || e != account->uid || s != account->uid || rg != account->gid ||
        eg != account->gid || sg != account->gid)
        return error_set(err, ERROR_NOT_PERMITTED, "user %s: the ids are not what was set",
                         account->name);
    if (setuid(0) == 0 || seteuid(0) == 0)
        return error_set(err, ERROR_NOT_PERMITTED, "user %s: root could not be given up",
                         account->name);
    return true;
}

static bool drop(const struct account *account, struct error *err)
{
    if (account->uid == 0 || account->gid == 0)
        return error_set(err, ERROR_NOT_PERMITTED,
                         "user %s has uid or gid 0, which never gets mail service", account->name);
    int groups = account->system_user ? initgroups(account->system_user, account->gid)
                                      : setgroups(1, &account->gid);
    if (groups != 0 || setresgid(account->gid, account->gid, account->gid) != 0 ||
        setresuid(account->uid, account->uid, account->uid) != 0)
        return error_errno(err, errno, "becoming user %s (uid %u, gid %u)", account->name,
                           (unsigned)account->uid, (unsigned)account->gid);
    return verify(account, err);
}

bool account_become(const struct account *account, struct error *err)
{
    if (geteuid() == 0 || getuid() == 0) {
        if (!drop(account, err))
            return false;
    } else if (getuid() != account->uid || geteuid() != account->uid) {
        return error_set(err, ERROR_NOT_PERMITTED,
                         "user %s has uid %u, but this process runs as uid %u", account->name,
                         (unsigned)account->uid, (unsigned)getuid());
    }
    umask(077);
    /* A home that is not there yet is the mail format's to make or to complain of. */
    if ((!*account->home || chdir(account->home) != 0) && chdir("/") != 0)
        return error_errno(err, errno, "chdir /");
    return true;
}

bool account_apply(const struct account *account, struct conf *conf, struct error *err)
{
    for (size_t i = 0; i < account->settings_count; i++) {
        struct error trouble = { 0 };
        const char *name = account->settings[i].name;
        if (conf_set_user(conf, name, account->settings[i].value, account->driver, &trouble))
            continue;
        /* Dovecot's files hold words for features that are not here; a known setting must be right.
         */
        if (trouble.class != ERROR_NO_SUCH)
            return error_set(err, ERROR_TEMPORARY, "%s: user %s: %s", account->driver,
                             account->name, trouble.text);
        log_warning("%s: user %s: %s; it is ignored", account->driver, account->name, trouble.text);
    }
    return true;
}

/* ---- between processes ---- */

static void put_string(struct buf *out, const char *text)
{
    field_put_number(out, text != NULL);
    field_put(out, bytes_of(text ? text : ""));
}

bool account_pack(const struct account *account, struct buf *out, struct error *err)
{
    size_t before = out->len;
    put_string(out, account->name);
    field_put_number(out, account->uid);
    field_put_number(out, account->gid);
    field_put_number(out, (account->uid_is_default ? 1 : 0) | (account->nologin ? 2 : 0));
    put_string(out, account->home);
    put_string(out, account->system_user);
    put_string(out, account->driver);
    put_string(out, account->allow_nets);
    field_put_number(out, (uint32_t)account->settings_count);
    for (size_t i = 0; i < account->settings_count; i++) {
        put_string(out, account->settings[i].name);
        put_string(out, account->settings[i].value);
    }
    if (buf_failed(out) || out->len - before > ACCOUNT_PACKED_MAX)
        return error_set(err, ERROR_LIMIT, "user %s: home and settings are longer than %d octets",
                         account->name, ACCOUNT_PACKED_MAX);
    return true;
}

static bool get_string(struct bytes *rest, struct arena *arena, const char **text)
{
    uint32_t there;
    struct bytes value;
    if (!field_get_number(rest, &there) || there > 1 ||
        !field_get(rest, ACCOUNT_PACKED_MAX, &value) ||
        (value.len > 0 && memchr(value.data, 0, value.len)))
        return false;
    *text = there ? arena_copy(arena, value) : NULL;
    return !there || *text;
}

static bool get_settings(struct bytes *rest, struct account *account, struct arena *arena)
{
    uint32_t count;
    if (!field_get_number(rest, &count) || count > ACCOUNT_SETTINGS_MAX)
        return false;
    for (account->settings_count = 0; account->settings_count < count; account->settings_count++)
        if (!get_string(rest, arena, &account->settings[account->settings_count].name) ||
            !get_string(rest, arena, &account->settings[account->settings_count].value) ||
            !account->settings[account->settings_count].name ||
            !account->settings[account->settings_count].value)
            return false;
    return true;
}

bool account_unpack(struct bytes packed, struct account *account, struct arena *arena,
                    struct error *err)
{
    struct bytes rest = packed;
    const char *name;
    uint32_t uid, gid, flags;
    *account = (struct account){ 0 };
    if (!get_string(&rest, arena, &name) || !name || strlen(name) > ACCOUNT_NAME_MAX ||
        !field_get_number(&rest, &uid) || !field_get_number(&rest, &gid) ||
        !field_get_number(&rest, &flags) || !get_string(&rest, arena, &account->home) ||
        !get_string(&rest, arena, &account->system_user) ||
        !get_string(&rest, arena, &account->driver) ||
        !get_string(&rest, arena, &account->allow_nets) || !get_settings(&rest, account, arena) ||
        !fields_end(rest) || !account->home || !account->driver)
        return error_set(err, ERROR_CORRUPT, "an account between processes was torn");
    memcpy(account->name, name, strlen(name) + 1);
    account->uid = uid;
    account->gid = gid;
    account->uid_is_default = flags & 1;
    account->nologin = flags & 2;
    return true;
}
