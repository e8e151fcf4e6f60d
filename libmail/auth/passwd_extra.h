/* The extra fields behind the seventh colon of a password file's line:
 * "userdb_mail=maildir:~/Maildir nologin allow_nets=192.0.2.0/24". Words separated by white space;
 * "userdb_NAME=value" overrides the setting NAME for this user, but uid, gid and home stand for the
 * fields of the line. */
#ifndef AUTH_PASSWD_EXTRA_H
#define AUTH_PASSWD_EXTRA_H

#include "auth/passwd_file.h"

bool passwd_extra(struct passwd_entry *entry, struct account *account, struct arena *arena,
                  struct error *err);

#endif
