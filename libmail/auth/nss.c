/* System users: who they are by NSS, their password by PAM. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>
#include "auth/driver.h"
#include "auth/module.h"
#include "auth/pam_module.h"

#define NSS_BUFFER_MAX (1 << 20)

/* getpwnam_r with a buffer that grows to a bound. 0 or errno; *found NULL: no such user. */
static int look_up(const char *name, struct passwd *pw, char **buffer, struct passwd **found)
{
    int code = ERANGE;
    for (size_t size = 2048; code == ERANGE && size <= NSS_BUFFER_MAX; size *= 4) {
        char *larger = realloc(*buffer, size);
        if (!larger)
            return ENOMEM;
        *buffer = larger;
        code = getpwnam_r(name, pw, *buffer, size, found);
    }
    /* Several name services say "not found" so. */
    return code == ENOENT || code == ESRCH || code == EBADF || code == EPERM ? 0 : code;
}

static bool fill(const struct passwd *pw, const char *name, struct account *account,
                 struct arena *arena)
{
    *account = (struct account){ .uid = pw->pw_uid, .gid = pw->pw_gid, .driver = "pam" };
    memcpy(account->name, name, strlen(name) + 1);
    account->home = arena_copy(arena, bytes_of(pw->pw_dir ? pw->pw_dir : ""));
    account->system_user = arena_copy(arena, bytes_of(pw->pw_name));
    account->uid_is_default = server_ids()->uid != 0 && pw->pw_uid == server_ids()->uid;
    return account->home && account->system_user;
}

enum auth_found nss_find(const struct conf *conf, const char *argument, const char *name,
                         struct auth_record *record, struct arena *arena, struct error *err)
{
    struct passwd pw, *found = NULL;
    char *buffer = NULL;
    enum auth_found result = AUTH_ABSENT;
    (void)conf, (void)argument;
    int code = look_up(name, &pw, &buffer, &found);
    if (code != 0) {
        error_errno(err, code, "looking up the system user %s", name);
        result = AUTH_FAILED;
    } else if (found) {
        result = fill(found, name, &record->account, arena) ? AUTH_FOUND : AUTH_FAILED;
        if (result == AUTH_FAILED)
            error_memory(err);
    }
    free(buffer);
    return result;
}

enum auth_verdict pam_check(const struct conf *conf, const struct auth_peer *peer,
                            char user[ACCOUNT_NAME_MAX + 1], struct bytes password,
                            struct error *err)
{
    const struct pam_module *module = module_load("pam", err);
    if (!module)
        return AUTH_TEMPORARY;
    struct pam_question question = {
        .service = conf->pam_service,
        .user = user,
        .password = password,
        .address = peer->address,
        .tty = peer->service,
    };
    char final[ACCOUNT_NAME_MAX + 1], normal[ACCOUNT_NAME_MAX + 1];
    enum auth_verdict verdict = module->check(&question, final, sizeof(final), err);
    if (verdict != AUTH_OK)
        return verdict;
    if (!account_normalise(conf, bytes_of(final), normal, err))
        return AUTH_FORBIDDEN;
    memcpy(user, normal, sizeof(normal));
    return AUTH_OK;
}
