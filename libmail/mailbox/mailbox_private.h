/* The inside of an open mailbox: what every format shares (the session's numbering, keywords,
 * cached fields) and the operations that a format gives. Only formats and mailbox*.c include it.
 *
 * The index says what is there; a format's sync() brings it up to date with the disk. The view is what
 * the client was told, and mailbox_view.c makes it follow.
 */
#ifndef MAILBOX_MAILBOX_PRIVATE_H
#define MAILBOX_MAILBOX_PRIVATE_H

#include <sys/stat.h>
#include "base/buf.h"
#include "base/numset.h"
#include "index/index.h"
#include "mailbox/append.h"
#include "mailbox/format.h"
#include "mailbox/mailbox.h"

enum { MAILBOX_KEYWORDS = 64 };

struct view {
    struct records *records; /* held; not the index's any more while numbers must stay */
    uint32_t slots;          /* how many of them are covered */
    uint32_t count;          /* how many of those are numbered */
    uint32_t last_uid;       /* of the last slot covered */
    uint64_t *bits;          /* which; NULL: all */
    uint32_t *ranks;         /* how many before each group of words */
    size_t words;            /* that fit into bits */
    uint32_t hint_seq, hint_slot; /* the last number looked up */
    struct index_cursor cursor;
    struct numset gone;    /* UIDs removed that still have a number */
    struct numset altered; /* UIDs whose flags others changed */
    struct numset recent;  /* UIDs that this session is the first to be told of */
    struct {
        uint32_t *numbers;
        size_t count, capacity;
    } expunged, changed;
};

/* A message's file or object, opened: raw octets as stored, decompressed. */
struct message_source {
    struct input *input; /* NULL when only looked at */
    uint64_t
        size; /* octets that it takes on the disk; binds what the index knows to this content */
    uint64_t
        claimed_size; /* what its name says (S=, W=), 0 when nothing; not to be believed unseen */
    uint64_t claimed_wire;
    time_t date;
};

struct mailbox_ops {
    void (*close)(struct mailbox *
                      mailbox); /* frees mailbox, whose common part is freed by mailbox_release() */
    /* For mailbox_leave(): what close() does, but what is known stays; and back into use, brought up
     * to date, as a new session. False: close() it. */
    bool (*park)(struct mailbox *mailbox);
    bool (*unpark)(struct mailbox *mailbox);
    /* Brings the index up to date with the disk. */
    bool (*sync)(struct mailbox *mailbox, struct error *err);
    /* ERROR_NO_SUCH: gone. open: source->input is wanted (close it). */
    bool (*source)(struct mailbox *mailbox, uint32_t uid, bool open, struct message_source *source,
                   struct error *err);
    /* Adds and removes flags and keywords on the disk and in the index. */
    bool (*store)(struct mailbox *mailbox, const struct numset *seqs, enum store_mode mode,
                  uint8_t flags, uint64_t keywords, struct numset *gone, struct error *err);
    /* Removes those that have \Deleted (always: without asking for the flag). */
    bool (*expunge)(struct mailbox *mailbox, const struct numset *seqs, bool always,
                    struct error *err);
    /* NULL or false with ERROR_UNAVAILABLE-free copying of its own kind; see mailbox_copy(). */
    bool (*copy)(struct mailbox *mailbox, const struct numset *seqs,
                 const struct location *location, struct bytes name, struct copy_result *out,
                 struct error *err);
    bool (*keyword_create)(struct mailbox *mailbox, struct bytes name, int *bit, struct error *err);
    int (*watch)(struct mailbox *mailbox, struct error *err);
    int (*look_again)(struct mailbox *mailbox);
    bool (*checkpoint)(struct mailbox *mailbox, struct error *err);
    bool (*lock_session)(struct mailbox *mailbox, struct error *err);
    /* For POP3 ids: the name that the message has in the format, and a stored id ("P" of a uidlist)
     * or nothing. */
    bool (*identity)(struct mailbox *mailbox, uint32_t uid, struct bytes *name, struct bytes *guid,
                     struct bytes *stored);
};

struct mailbox {
    const struct mailbox_ops *ops;
    struct store *store;
    const struct location *location;
    char *name; /* inside its namespace; owned */
    bool asked; /* to be opened for writing */
    bool write;
    uint32_t uidvalidity, uidnext;
    struct view view;
    struct index *index;              /* in memory where there is no place for one */
    char *keywords[MAILBOX_KEYWORDS]; /* owned; NULL: that bit has no name */
    uint64_t keywords_named;          /* bits that have a name */
    unsigned keywords_count;          /* highest bit in use + 1 */
    unsigned keywords_max;            /* what the format can hold */
    bool keywords_changed;            /* since the last sync */
    struct buf fields, header;        /* what mailbox_fields() last gave */
};

/* Fills the common part (name copied). False without memory. */
bool mailbox_init(struct mailbox *mailbox, const struct mailbox_ops *ops,
                  const struct location *location, struct bytes name, bool write,
                  struct error *err);
/* Frees what the common part owns, the index too; not mailbox. */
void mailbox_release(struct mailbox *mailbox);

/* Brings the index up to date and makes the view follow; an index that turns out to be damaged is made anew. out may be
 * NULL (at opening). */
bool mailbox_follow(struct mailbox *mailbox, bool keep_numbers, struct mailbox_changes *out,
                    struct error *err);
/* Makes the view follow the index; out may be NULL. ERROR_CORRUPT: the index is damaged. */
bool view_follow(struct mailbox *mailbox, bool keep_numbers, struct mailbox_changes *out,
                 struct error *err);
void view_free(struct view *view);
/* The slot and the UID of a number from 1 to count. */
uint32_t view_slot(const struct view *view, uint32_t seq);
uint32_t view_uid(const struct view *view, uint32_t seq);
/* Names bit; false without memory. Sets keywords_changed when that is news. */
bool mailbox_keyword_set(struct mailbox *mailbox, unsigned bit, struct bytes name);

/* The true size of seq in wire form, parsed for if need be. */
bool mailbox_wire_size(struct mailbox *mailbox, uint32_t seq, uint64_t *size, struct error *err);

/* An append as formats make it: struct append starts every format's own. */
struct append_ops {
    bool (*message)(struct append *append, const struct append_info *info, struct error *err);
    bool (*write)(struct append *append, struct bytes piece, struct error *err);
    bool (*end)(struct append *append, struct error *err);
    int (*fd)(struct append *append);
    bool (*written)(struct append *append, uint64_t size, uint64_t wire_size, struct error *err);
    bool (*commit)(struct append *append, struct append_result *out,
                   struct error *err);    /* frees in either case */
    void (*abort)(struct append *append); /* frees */
};

struct append {
    const struct append_ops *ops;
};

#endif
