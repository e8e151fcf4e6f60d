/* Who a user is: what a driver (PAM with NSS, password file) says about a name, checked and ready to become that user. */
#ifndef AUTH_ACCOUNT_H
#define AUTH_ACCOUNT_H

#include <sys/types.h>
#include "base/arena.h"
#include "base/error.h"
#include "conf/conf.h"

#define ACCOUNT_NAME_MAX 255
#define ACCOUNT_SETTINGS_MAX 32

struct account {
    char name[ACCOUNT_NAME_MAX + 1]; /* normalised; what logs, %u and the session use */
    uid_t uid;
    gid_t gid;
    bool uid_is_default;    /* mail_user's, or ours where we are not root: first_valid_uid does not apply */
    const char *home;       /* "" when none */
    const char *system_user; /* name for initgroups, or NULL: only gid */
    const char *driver;     /* "pam", "passwd-file:/etc/..." and line: for `mailadm user` */
    struct { const char *name, *value; } settings[ACCOUNT_SETTINGS_MAX]; /* per-user overrides, apply with conf_set_user */
    size_t settings_count;
    bool nologin;           /* may receive mail, not log in */
    const char *allow_nets; /* "192.0.2.0/24,2001:db8::/32,local": where logins may come from, NULL: anywhere */
};

/* Finds name by the drivers of conf->auth, no password involved. ERROR_NO_SUCH: nobody has it; ERROR_TEMPORARY/UNAVAILABLE: a driver could not say;
 * ERROR_NOT_PERMITTED: found, but uid 0 or outside first_valid_uid..last_valid_uid (text says so). Strings in arena. */
bool account_lookup(const struct conf *conf, const char *name, struct account *account, struct arena *arena, struct error *err);
/* As account_lookup, for one who is to get mail: a system account outside the range is nobody's address, ERROR_NO_SUCH. A password
 * file's entry that cannot be served was meant to be, and the administrator can mend it: ERROR_TEMPORARY. */
bool account_lookup_recipient(const struct conf *conf, const char *name, struct account *account, struct arena *arena, struct error *err);

/* Checks a login name: length, characters (auth_username_chars), case. Copies the normal form to out. */
bool account_normalise(const struct conf *conf, struct bytes name, char out[ACCOUNT_NAME_MAX + 1], struct error *err);

/* Becomes the account for good: groups, gid, uid set and verified (no way back), umask 077, chdir home when it is there. As an ordinary user
 * that already is account->uid it only checks. */
bool account_become(const struct account *account, struct error *err);
/* conf with the account's settings applied. */
bool account_apply(const struct account *account, struct conf *conf, struct error *err);

/* The account as octets (at most ACCOUNT_PACKED_MAX) for another process, and back; strings in arena. */
#define ACCOUNT_PACKED_MAX 8192
struct buf;
bool account_pack(const struct account *account, struct buf *out, struct error *err);
bool account_unpack(struct bytes packed, struct account *account, struct arena *arena, struct error *err);

#endif
