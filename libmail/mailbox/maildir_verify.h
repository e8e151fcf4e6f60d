/* Whether the index of a Maildir says what is there: for `mailadm index verify`. */
#ifndef MAILBOX_MAILDIR_VERIFY_H
#define MAILBOX_MAILDIR_VERIFY_H

#include "mailbox/format.h"

struct verify {
    bool deep; /* messages are read, and what was parsed of them is compared, too */
    /* Called for each difference with a sentence without its full stop; and now and then with how
     * many of all records were compared. */
    void (*difference)(void *context, const char *sentence);
    void (*progress)(void *context, uint64_t done, uint64_t all);
    void *context;
    uint64_t messages, differences; /* what was compared and found */
};
/* Changes nothing but what a killed writer left. False: it could not be done (ERROR_NO_SUCH: no
 * such mailbox, or it has no index). */
bool maildir_verify(const struct location *location, struct bytes name, struct verify *verify,
                    struct error *err);

#endif
