/* Location strings as Dovecot's administrators write them: FORMAT:PATH:KEY=VALUE:... */
#ifndef MAILBOX_LOCATION_H
#define MAILBOX_LOCATION_H

#include "mailbox/format.h"

/* Reads text, expands its variables and makes every path absolute; strings in arena. *err says what
 * is wrong and what can be written instead. ERROR_UNAVAILABLE: a format that Dovecot has and this
 * program has not. */
bool location_parse(const char *text, const struct store_user *user, struct arena *arena,
                    struct location *out, struct error *err);
/* Where mail is when no setting says it; why in a sentence, in arena. */
bool location_search(const struct store_user *user, struct arena *arena, struct location *out,
                     const char **why, struct error *err);

#endif
