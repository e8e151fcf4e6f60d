#include "auth/driver.h"

#include <unistd.h>

static const struct driver drivers[] = {
    { .prefix = "pam", .find = nss_find, .check = pam_check, .needs_root = true },
    { .prefix = "passwd-file:", .find = passwd_find, .prepare = passwd_open },
};

const struct driver *driver_of(const char *word, const char **argument, struct error *err)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        size_t len = strlen(drivers[i].prefix);
        bool takes = drivers[i].prefix[len - 1] == ':';
        if (strncmp(word, drivers[i].prefix, len) != 0 ||
            (takes ? word[len] == '\0' : word[len] != '\0'))
            continue;
        *argument = word + len;
        return &drivers[i];
    }
    error_set(err, ERROR_TEMPORARY, "auth: there is no driver \"%s\"; say pam or passwd-file:/path",
              word);
    return NULL;
}

enum auth_found driver_find(const struct conf *conf, const char *name, const struct driver **driver,
                            struct auth_record *record, struct arena *arena, struct error *err)
{
    const char *argument;
    *driver = NULL;
    for (size_t i = 0; conf->auth && conf->auth[i]; i++) {
        *driver = driver_of(conf->auth[i], &argument, err);
        if (!*driver)
            return AUTH_FAILED;
        enum auth_found found = (*driver)->find(conf, argument, name, record, arena, err);
        if (found != AUTH_ABSENT)
            return found;
    }
    return AUTH_ABSENT;
}

const struct server_ids *server_ids(void)
{
    static struct server_ids ids;
    static bool known;
    if (!known) {
        ids.uid = geteuid() == 0 ? 0 : getuid();
        ids.gid = getgid();
        known = true;
    }
    return &ids;
}

/* What the administrator can do, where he named the user himself. */
static const char *remedy(const struct account *account)
{
    return account->system_user ? "" : ": give the entry another uid, or change the setting";
}

bool account_in_range(const struct conf *conf, const struct account *account, struct error *err)
{
    unsigned uid = (unsigned)account->uid;
    const char *by = account->driver;
    if (uid == 0 || account->gid == 0)
        return error_set(err, ERROR_NOT_PERMITTED,
                         "user %s (%s) has %s 0, which never gets mail service%s", account->name,
                         by, uid == 0 ? "uid" : "gid",
                         account->system_user ? "" : ": give the entry another");
    if (!account->uid_is_default && conf->first_valid_uid > 0 && uid < conf->first_valid_uid)
        return error_set(err, ERROR_NOT_PERMITTED,
                         "user %s (%s): uid %u is below first_valid_uid = %u%s", account->name, by,
                         uid, conf->first_valid_uid, remedy(account));
    if (!account->uid_is_default && conf->last_valid_uid > 0 && uid > conf->last_valid_uid)
        return error_set(err, ERROR_NOT_PERMITTED,
                         "user %s (%s): uid %u is above last_valid_uid = %u%s", account->name, by,
                         uid, conf->last_valid_uid, remedy(account));
    return true;
}

bool account_permitted(const struct conf *conf, const struct account *account, struct error *err)
{
    uid_t own = server_ids()->uid;
    if (!account_in_range(conf, account, err))
        return false;
    if (own != 0 && account->uid != own)
        return error_set(
            err, ERROR_NOT_PERMITTED,
            "user %s (%s) has uid %u, but this server runs as uid %u and serves only it",
            account->name, account->driver, (unsigned)account->uid, (unsigned)own);
    return true;
}
