/* Is it really that user? Runs in a short-lived worker that holds the one secret it needs; the verdict is small and fixed. */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/account.h"
#include "base/bytes.h"

enum auth_verdict {
    AUTH_OK,
    AUTH_WRONG,       /* unknown user or wrong password: never told apart */
    AUTH_EXPIRED,     /* password must be changed, account expired */
    AUTH_FORBIDDEN,   /* right password, but may not log in (PAM account stage, nologin, uid range) */
    AUTH_TEMPORARY,   /* no answer to be had: never called a wrong password */
    AUTH_MALFORMED    /* the mechanism's bytes make no sense */
};

/* Who asks: for PAM_RHOST, logs, and rules. */
struct auth_peer {
    const char *service; /* "imap", "pop3", "lmtp" */
    char address[64];    /* "192.0.2.1", "2001:db8::1", "local" */
    bool tls;            /* or local: secured */
};

/* Loads what the workers of all connections will need: for a warm listener. */
void auth_warm(const struct conf *conf);
/* For a worker, before it gives up root and files: opens the password files, loads what comparing needs, looks up conf->mail_user. Whether a later check must still be
 * root (PAM); fds: the files' descriptors, to be kept. What cannot be opened is said by the check itself. Without it each check opens what it needs. */
#define AUTH_FILES_MAX 8
bool auth_prepare(const struct conf *conf, int fds[AUTH_FILES_MAX], size_t *count);
/* The same for a worker that only looks users up: nothing is compared. */
bool auth_open(const struct conf *conf, int fds[AUTH_FILES_MAX], size_t *count);

/* Verifies a plain password by the drivers in order (first that knows the user decides; a driver's failure is AUTH_TEMPORARY). Takes as long for an unknown user. The name that
 * counts (PAM may change it) is put into user. *err has words for the log. */
enum auth_verdict auth_password(const struct conf *conf, const struct auth_peer *peer, char user[ACCOUNT_NAME_MAX + 1],
                                struct bytes password, struct error *err);
/* After AUTH_OK by the same process: the account that was found (as account_lookup), with its rules for logging in already checked. */
enum auth_verdict auth_account(const struct conf *conf, const struct auth_peer *peer, const char *user,
                               struct account *account, struct arena *arena, struct error *err);

/* APOP (RFC 1939, 7): digest of challenge + plain secret, where a driver stores plain secrets. */
enum auth_verdict auth_apop(const struct conf *conf, const struct auth_peer *peer, char user[ACCOUNT_NAME_MAX + 1],
                            struct bytes challenge, struct bytes digest_hex, struct error *err);
/* Whether some configured driver could hold plain secrets for APOP (a password file). */
bool auth_has_plain_secrets(const struct conf *conf);

/* RFC 4616: authzid NUL authcid NUL password. False when malformed. */
bool auth_plain_split(struct bytes message, struct bytes *authzid, struct bytes *authcid, struct bytes *password);

/* A hash for the password file: scheme "" = the default (yescrypt by libxcrypt). "{SCHEME}..." appended to out. */
struct buf;
bool auth_hash(const char *scheme, struct bytes password, struct buf *out, struct error *err);

#endif
