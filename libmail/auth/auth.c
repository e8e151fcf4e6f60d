#include "auth/auth.h"

#include "auth/driver.h"
#include "auth/nets.h"
#include "auth/password.h"

#define AUTH_ARENA 65536

static bool has_password_file(const struct conf *conf)
{
    for (size_t i = 0; conf->auth && conf->auth[i]; i++)
        if (strncmp(conf->auth[i], "passwd-file:", 12) == 0)
            return true;
    return false;
}

void auth_warm(const struct conf *conf)
{
    if (has_password_file(conf))
        (void)password_prepare(NULL);
}

bool auth_open(const struct conf *conf, int fds[AUTH_FILES_MAX], size_t *count)
{
    bool needs_root = false;
    (void)server_ids();
    for (size_t i = 0; conf->auth && conf->auth[i]; i++) {
        const char *argument;
        const struct driver *driver = driver_of(conf->auth[i], &argument, NULL);
        if (driver && driver->prepare)
            driver->prepare(argument);
        needs_root |= driver && driver->needs_root;
    }
    if (has_password_file(conf))
        passwd_mail_user(conf);
    *count = passwd_descriptors(fds);
    return needs_root;
}

bool auth_prepare(const struct conf *conf, int fds[AUTH_FILES_MAX], size_t *count)
{
    auth_warm(conf);
    return auth_open(conf, fds, count);
}

/* ---- passwords ---- */

static enum auth_verdict compare(const struct conf *conf, const struct auth_record *record,
                                 struct bytes password, struct error *err)
{
    bool match;
    if (!password_verify(record->password, conf->auth_default_scheme, password, &match, err)) {
        error_prefix(err, "%s: ", record->account.driver);
        return AUTH_TEMPORARY;
    }
    if (!match)
        error_set(err, ERROR_NOT_PERMITTED, "%s (%s)",
                  password_locked(record->password, conf->auth_default_scheme)
                      ? "the password is empty or locked"
                      : "wrong password",
                  record->account.driver);
    return match ? AUTH_OK : AUTH_WRONG;
}

/* Nobody knows the name: as much work as for a wrong password, its result thrown away. */
static enum auth_verdict unknown(const struct conf *conf, const struct auth_peer *peer,
                                 const char *name, const struct auth_record *record,
                                 struct bytes password, struct error *err)
{
    char copy[ACCOUNT_NAME_MAX + 1];
    bool match;
    if (record->decoy.len > 0) {
        (void)password_verify(record->decoy, conf->auth_default_scheme, password, &match, NULL);
    } else {
        const char *argument;
        const struct driver *driver =
            conf->auth && conf->auth[0] ? driver_of(conf->auth[0], &argument, NULL) : NULL;
        memcpy(copy, name, strlen(name) + 1);
        if (driver && driver->check)
            (void)driver->check(conf, peer, copy, password, NULL);
    }
    error_set(err, ERROR_NO_SUCH, "unknown user");
    return AUTH_WRONG;
}

/* root never gets mail service: whether a guess of its password was right is not to be learnt here.
 */
static enum auth_verdict hide_root(const struct auth_record *record, enum auth_verdict verdict,
                                   struct error *err)
{
    if (record->account.uid != 0 || verdict == AUTH_TEMPORARY)
        return verdict;
    error_set(err, ERROR_NOT_PERMITTED, "uid 0 never gets mail service (%s)",
              record->account.driver);
    return AUTH_WRONG;
}

static void forget(struct auth_record *record)
{
    bytes_wipe((void *)record->password.data, record->password.len);
    bytes_wipe((void *)record->decoy.data, record->decoy.len);
}

static enum auth_verdict check(const struct conf *conf, const struct auth_peer *peer,
                               char user[ACCOUNT_NAME_MAX + 1], struct bytes password,
                               struct arena *arena, struct error *err)
{
    struct auth_record record = { 0 };
    const struct driver *driver;
    enum auth_verdict verdict = AUTH_TEMPORARY;
    switch (driver_find(conf, user, &driver, &record, arena, err)) {
    case AUTH_FAILED:
        break;
    case AUTH_ABSENT:
        verdict = unknown(conf, peer, user, &record, password, err);
        break;
    case AUTH_FOUND:
        verdict = driver->check ? driver->check(conf, peer, user, password, err)
                                : compare(conf, &record, password, err);
        verdict = hide_root(&record, verdict, err);
        break;
    }
    forget(&record);
    return verdict;
}

/* The name in its normal form; a name that cannot be one costs what an unknown one costs. */
static bool normalise(const struct conf *conf, char user[ACCOUNT_NAME_MAX + 1], struct error *err)
{
    char normal[ACCOUNT_NAME_MAX + 1];
    if (!account_normalise(conf, bytes_of(user), normal, err))
        return false;
    memcpy(user, normal, sizeof(normal));
    return true;
}

enum auth_verdict auth_password(const struct conf *conf, const struct auth_peer *peer,
                                char user[ACCOUNT_NAME_MAX + 1], struct bytes password,
                                struct error *err)
{
    struct arena *arena = arena_create(AUTH_ARENA);
    struct error trouble = { 0 };
    bool named = normalise(conf, user, &trouble);
    enum auth_verdict verdict = AUTH_TEMPORARY;
    if (!arena)
        error_memory(&trouble);
    else if (named)
        verdict = check(conf, peer, user, password, arena, &trouble);
    else
        verdict = check(conf, peer, (char[ACCOUNT_NAME_MAX + 1]){ "-" }, password, arena, NULL);
    /* No entry "-" lets anybody in under a malformed name. */
    if (!named && verdict == AUTH_OK)
        verdict = AUTH_WRONG;
    arena_destroy(&arena);
    if (err)
        *err = trouble;
    return verdict;
}

/* ---- APOP ---- */

static enum auth_verdict compare_apop(const struct conf *conf, const struct auth_record *record,
                                      struct bytes challenge, struct bytes digest_hex,
                                      struct error *err)
{
    struct buf secret = BUF_INIT(4096), right = BUF_INIT(64);
    unsigned char difference = digest_hex.len != 32;
    enum auth_verdict verdict = AUTH_WRONG;
    if (!password_plain(record->password, conf->auth_default_scheme, &secret)) {
        error_set(err, ERROR_NOT_PERMITTED, "no plain password is stored, which APOP needs (%s)",
                  record->account.driver);
    } else if (!password_apop(challenge, buf_view(&secret), &right, err) || right.len != 32) {
        verdict = AUTH_TEMPORARY;
    } else {
        for (size_t i = 0; i < 32 && i < digest_hex.len; i++) {
            char c = digest_hex.data[i];
            difference |= (unsigned char)(right.data[i] ^ (c >= 'A' && c <= 'F' ? c | 0x20 : c));
        }
        verdict = difference == 0 ? AUTH_OK : AUTH_WRONG;
        if (difference)
            error_set(err, ERROR_NOT_PERMITTED, "wrong password (%s)", record->account.driver);
    }
    buf_wipe(&secret);
    buf_wipe(&right);
    return verdict;
}

enum auth_verdict auth_apop(const struct conf *conf, const struct auth_peer *peer,
                            char user[ACCOUNT_NAME_MAX + 1], struct bytes challenge,
                            struct bytes digest_hex, struct error *err)
{
    struct auth_record record = { 0 };
    const struct driver *driver;
    struct arena *arena = arena_create(AUTH_ARENA);
    enum auth_verdict verdict = AUTH_TEMPORARY;
    (void)peer;
    if (!arena) {
        error_memory(err);
        return AUTH_TEMPORARY;
    }
    if (!normalise(conf, user, err)) {
        verdict = AUTH_WRONG;
    } else {
        enum auth_found found = driver_find(conf, user, &driver, &record, arena, err);
        if (found == AUTH_FOUND)
            verdict = hide_root(
                &record, compare_apop(conf, &record, challenge, digest_hex, err), err);
        if (found == AUTH_ABSENT) {
            error_set(err, ERROR_NO_SUCH, "unknown user");
            verdict = AUTH_WRONG;
        }
    }
    forget(&record);
    arena_destroy(&arena);
    return verdict;
}

bool auth_has_plain_secrets(const struct conf *conf)
{
    return has_password_file(conf);
}

/* ---- after it ---- */

enum auth_verdict auth_account(const struct conf *conf, const struct auth_peer *peer,
                               const char *user, struct account *account, struct arena *arena,
                               struct error *err)
{
    struct error trouble = { 0 };
    if (!account_lookup(conf, user, account, arena, &trouble)) {
        enum auth_verdict verdict =
            trouble.class == ERROR_NOT_PERMITTED ? AUTH_FORBIDDEN : AUTH_TEMPORARY;
        if (err)
            *err = trouble;
        return verdict;
    }
    if (account->nologin) {
        error_set(err, ERROR_NOT_PERMITTED, "nologin (%s)", account->driver);
        return AUTH_FORBIDDEN;
    }
    if (account->allow_nets && !nets_match(account->allow_nets, peer->address)) {
        error_set(err, ERROR_NOT_PERMITTED, "%s is not in allow_nets (%s)", peer->address,
                  account->driver);
        return AUTH_FORBIDDEN;
    }
    return AUTH_OK;
}

bool auth_plain_split(struct bytes message, struct bytes *authzid, struct bytes *authcid,
                      struct bytes *password)
{
    struct bytes rest = message;
    *authzid = bytes_split(&rest, '\0');
    if (!rest.data)
        return false;
    *authcid = bytes_split(&rest, '\0');
    *password = rest;
    return rest.data && authcid->len > 0 && password->len > 0 && !memchr(rest.data, '\0', rest.len);
}
