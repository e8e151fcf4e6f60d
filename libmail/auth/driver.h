/* The drivers behind conf->auth: each finds a name, and either gives a stored password to compare
 * with or checks one itself. */
#ifndef AUTH_DRIVER_H
#define AUTH_DRIVER_H

#include "auth/auth.h"
#include "auth/passwd_file.h"

struct driver {
    const char *prefix; /* in conf->auth: "pam", "passwd-file:" */
    /* argument: what stands behind the prefix. */
    enum auth_found (*find)(const struct conf *conf, const char *argument, const char *name,
                            struct auth_record *record, struct arena *arena, struct error *err);
    /* Checks the password itself (PAM), user may be unknown; NULL: by record->password. */
    enum auth_verdict (*check)(const struct conf *conf, const struct auth_peer *peer,
                               char user[ACCOUNT_NAME_MAX + 1], struct bytes password,
                               struct error *err);
    void (*prepare)(const char *argument); /* may be NULL */
    bool needs_root;
};

/* The driver of one word of conf->auth and its argument; NULL with *err when there is no such
 * driver. */
const struct driver *driver_of(const char *word, const char **argument, struct error *err);
/* The first driver that knows name; *driver is it. AUTH_FAILED: one could not say. */
enum auth_found driver_find(const struct conf *conf, const char *name, const struct driver **driver,
                            struct auth_record *record, struct arena *arena, struct error *err);
/* uid 0 never, and first_valid_uid to last_valid_uid. ERROR_NOT_PERMITTED. */
bool account_in_range(const struct conf *conf, const struct account *account, struct error *err);
/* In range, and without root our own uid. ERROR_NOT_PERMITTED. */
bool account_permitted(const struct conf *conf, const struct account *account, struct error *err);

/* The ids that this server runs as: as they were when first asked, since a worker drops them
 * (auth_prepare asks). */
struct server_ids {
    uid_t uid;
    gid_t gid;
};
const struct server_ids *server_ids(void);

enum auth_found nss_find(const struct conf *conf, const char *argument, const char *name,
                         struct auth_record *record, struct arena *arena, struct error *err);
enum auth_verdict pam_check(const struct conf *conf, const struct auth_peer *peer,
                            char user[ACCOUNT_NAME_MAX + 1], struct bytes password,
                            struct error *err);

#endif
