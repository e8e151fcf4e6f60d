/* The tree of Maildir mailboxes on disk: Maildir++ (".a.b" beside each other in the root) and
 * LAYOUT=fs (directories in directories), in modified UTF-7 as Dovecot 2.3 writes them, and the
 * subscriptions file. These are the tree part of struct format's table (format.h); names are UTF-8,
 * levels separated by '/'. */
#ifndef MAILBOX_MAILDIR_TREE_H
#define MAILBOX_MAILDIR_TREE_H

#include "mailbox/format.h"

/* Calls each() for every mailbox (selectable) and every level without one, in any order, INBOX too
 * when its directory is there. Directories whose names are not canonical modified UTF-7 are left
 * out with a line in the log. A missing root is an empty tree. each returns false to stop; that is
 * no error. */
bool maildir_tree_list(const struct location *location,
                       bool (*each)(void *context, struct bytes name, bool selectable),
                       void *context, struct error *err);
/* Whether name is a mailbox that can be selected. A name that the format cannot hold does not
 * exist. */
bool maildir_tree_exists(const struct location *location, struct bytes name, bool *exists,
                         struct error *err);
/* Durable. ERROR_EXISTS; ERROR_INVALID: the name cannot be held. Parents need not exist and are not
 * made mailboxes. */
bool maildir_tree_create(const struct location *location, struct bytes name, struct error *err);
/* Durable: the mailbox is there, or it is not. Children stay. ERROR_NO_SUCH; ERROR_NOT_PERMITTED
 * for INBOX. */
bool maildir_tree_remove(const struct location *location, struct bytes name, struct error *err);
/* Durable, children move along, control and index directories too. ERROR_NO_SUCH, ERROR_EXISTS,
 * ERROR_INVALID (also: into a child of itself). */
bool maildir_tree_rename(const struct location *location, struct bytes from, struct bytes to,
                         struct error *err);
/* The subscriptions file of Dovecot, version 1 or 2; a missing file is an empty list. Names in
 * arena, in the file's order. */
bool maildir_tree_subscriptions_read(const struct location *location, struct arena *arena,
                                     struct bytes **names, size_t *count, struct error *err);
/* Durable; the file keeps the version it has. Removing what is not there is no error, nor is adding
 * what is. */
bool maildir_tree_subscriptions_set(const struct location *location, struct bytes name, bool on,
                                    struct error *err);

/* Whether a directory entry is one of the files that mailboxes keep beside the mail
 * ("dovecot-uidlist", "postern.index"). */
bool maildir_tree_own(struct bytes file);

#endif
