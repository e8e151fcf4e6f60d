/* From an address to a user of this machine and perhaps a mailbox of his: user@domain as a virtual user, user@local-domain as
 * the system user, each also with the detail behind the delimiter cut off. */
#ifndef LMTPD_RECIPIENT_H
#define LMTPD_RECIPIENT_H

#include "auth/account.h"
#include "base/bytes.h"

struct recipient_names {
    char names[4][ACCOUNT_NAME_MAX + 1]; /* to be looked up in this order */
    bool cut[4];                         /* the detail was cut off */
    size_t count;
    struct bytes detail; /* in local; data NULL when there is none */
};

/* The names that local@domain can mean; names that are too long are left out. */
void recipient_names(const struct conf *conf, struct bytes local, struct bytes domain,
                     struct recipient_names *out);

/* The first of them that is somebody's. *detail: the mailbox he named, data NULL for INBOX. ERROR_NO_SUCH: nobody's;
 * other errors as account_lookup_recipient. */
bool recipient_lookup(const struct conf *conf, struct bytes local, struct bytes domain,
                      struct account *account, struct bytes *detail, struct arena *arena,
                      struct error *err);

#endif
