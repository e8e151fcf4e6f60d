/* mailadm check: each file looks at one thing and says, for every finding, what it means and what
 * to do. */
#ifndef MAILADM_CHECK_H
#define MAILADM_CHECK_H

#include "auth/account.h"
#include "conf/conf.h"

struct check {
    struct conf *conf;
    bool root; /* we are; otherwise the servers are taken to run as us */
    unsigned errors, warnings;
};

/* One line each: "error: ...". An error is what will fail; a warning what probably is not meant so.
 */
void check_error(struct check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void check_warning(struct check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void check_ok(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

void check_configuration(
    struct check *check);                 /* check.c: file, mail location, namespaces, variables */
void check_tls(struct check *check);      /* certificate and key */
void check_login(struct check *check);    /* login user, empty root */
void check_users(struct check *check);    /* PAM, password files and everybody in them */
/* The mail of one user, as himself; source says where he is from ("FILE:LINE"). */
void check_mail(struct check *check, const char *source, const struct account *account);
void check_programs(struct check *check); /* programs, modules, units, sockets */
void check_kernel(struct check *check);   /* limits of inotify */

#endif
