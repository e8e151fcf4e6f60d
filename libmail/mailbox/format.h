/* What a mailbox format (Maildir, later mbox and object stores) gives: a tree and mailboxes in it. Names here are those inside one
 * namespace: UTF-8, without its prefix, levels separated by '/', "INBOX" for the inbox. No path, file or rename is assumed. */
#ifndef MAILBOX_FORMAT_H
#define MAILBOX_FORMAT_H

#include "mailbox/append.h"
#include "mailbox/mailbox.h"

/* "maildir:~/Maildir:LAYOUT=fs:INBOX=~/in:INDEX=...:CONTROL=..." read and expanded (location.c). Strings absolute, owned by the location. */
struct location {
    const struct format *format;
    const char *root;
    const char *inbox;   /* NULL: the format's own place */
    const char *index;   /* NULL: beside the mail */
    bool index_memory;   /* INDEX=MEMORY: no index on disk */
    const char *control; /* NULL: beside the mail */
    bool layout_fs;      /* LAYOUT=fs */
    const char *subscriptions; /* name of the file, "subscriptions" */
    char separator;      /* natural one: '.' or '/' */
    const struct conf *conf;
    const char *user;
};

/* Operations on an open mailbox; struct mailbox starts with these (mailbox_private.h). */
struct format {
    const char *name; /* "maildir" */
    /* Calls each(name, selectable) for every mailbox and every intermediate level, any order. */
    bool (*list)(const struct location *location, bool (*each)(void *context, struct bytes name, bool selectable), void *context, struct error *err);
    bool (*exists)(const struct location *location, struct bytes name, bool *exists, struct error *err);
    bool (*create)(const struct location *location, struct bytes name, struct error *err);
    bool (*remove)(const struct location *location, struct bytes name, struct error *err);
    bool (*rename)(const struct location *location, struct bytes from, struct bytes to, struct error *err); /* with children */
    bool (*subscriptions_read)(const struct location *location, struct arena *arena, struct bytes **names, size_t *count, struct error *err);
    bool (*subscriptions_set)(const struct location *location, struct bytes name, bool on, struct error *err);
    struct mailbox *(*open)(const struct location *location, struct bytes name, bool write, struct error *err);
    bool (*status)(const struct location *location, struct bytes name, bool want_size, struct store_status *out, struct error *err);
    struct append *(*append)(const struct location *location, struct bytes name, struct error *err);
};

extern const struct format format_maildir;

/* Where name of a store is: its namespace's location and the name inside it ('/'-separated; in arena). ERROR_NO_SUCH when no namespace holds it. */
bool store_locate(struct store *store, struct bytes name, struct arena *arena, const struct location **location, struct bytes *inner, struct error *err);

/* Directories of a Maildir mailbox (maildir_layout.c): mail, control files, index; absolute, in arena. ERROR_INVALID when the name cannot be held.
 * Control and index directories may be missing where another program made the mailbox. */
struct maildir_paths {
    const char *mail, *control;
    const char *index; /* NULL: INDEX=MEMORY */
};
bool maildir_layout(const struct location *location, struct bytes name, struct arena *arena, struct maildir_paths *paths, struct error *err);

#endif
