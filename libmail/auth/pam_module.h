/* The table through which nss.c reaches Linux-PAM (module/pam.c), only in the short-lived worker.
 */
#ifndef AUTH_PAM_MODULE_H
#define AUTH_PAM_MODULE_H

#include "auth/auth.h"

struct pam_question {
    const char *service, *user, *address, *tty;
    struct bytes password;
};

struct pam_module {
    /* Authentication and account stages; the name that PAM ends with (PAM_USER) in final. */
    enum auth_verdict (*check)(const struct pam_question *question, char *final, size_t size,
                               struct error *err);
};

#endif
