/* A password file in Dovecot's passwd-file layout: user:password:uid:gid:(gecos):home:(shell):extra
 * fields. Read as a stream, so its size does not matter; a bad line is logged with file and line
 * and skipped. */
#ifndef AUTH_PASSWD_FILE_H
#define AUTH_PASSWD_FILE_H

#include "auth/account.h"
#include "base/bytes.h"

#define PASSWD_LINE_MAX 8192

struct passwd_entry {
    struct bytes user, password, uid, gid, home, extra; /* views into the line */
};

/* One line without its end. False with *err: not an entry. Comments ("#") and empty lines are
 * ERROR_NONE with user.len 0 and true. */
bool passwd_parse(struct bytes line, struct passwd_entry *entry, struct error *err);

/* What a driver says of a name. */
enum auth_found { AUTH_FOUND, AUTH_ABSENT, AUTH_FAILED };
struct auth_record {
    struct account account;
    struct bytes password; /* as stored; data NULL: the driver checks itself */
    struct bytes decoy;    /* AUTH_ABSENT: somebody's hash, so that unknown users cost the same */
};
/* AUTH_FAILED with *err: the file could not be read, or the entry makes no sense. Strings in arena.
 */
enum auth_found passwd_find(const struct conf *conf, const char *path, const char *name,
                            struct auth_record *record, struct arena *arena, struct error *err);
/* Opens the file now and keeps it open, for a process that will soon not be able to. */
void passwd_open(const char *path);
/* The descriptors that are kept so: how many (at most AUTH_FILES_MAX). */
size_t passwd_descriptors(int *fds);
/* Looks up conf->mail_user now and keeps the answer. */
void passwd_mail_user(const struct conf *conf);

#endif
