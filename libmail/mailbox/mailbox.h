/* An open mailbox as one session sees it: messages numbered 1..n, which change only in mailbox_sync(). What formats and the index do
 * below is not visible here. */
#ifndef MAILBOX_MAILBOX_H
#define MAILBOX_MAILBOX_H

#include <time.h>
#include "base/input.h"
#include "base/numset.h"
#include "mailbox/store.h"
#include "message/part.h"

struct mailbox;

enum {
    FLAG_SEEN = 1 << 0,
    FLAG_ANSWERED = 1 << 1,
    FLAG_FLAGGED = 1 << 2,
    FLAG_DELETED = 1 << 3,
    FLAG_DRAFT = 1 << 4,
    FLAG_RECENT = 1 << 5, /* of this session; not stored */
};

/* Opens name. write false: EXAMINE, nothing is changed, \Recent stays for the next session. */
struct mailbox *mailbox_open(struct store *store, struct bytes name, bool write, struct error *err);
void mailbox_close(struct mailbox **mailbox); /* what was deferred is made durable */
/* The same for one that is likely to be opened again soon: the store keeps what is known of it, until another one is opened or it is closed. */
void mailbox_leave(struct mailbox **mailbox);

uint32_t mailbox_count(const struct mailbox *mailbox);  /* EXISTS as last announced */
uint32_t mailbox_recent(const struct mailbox *mailbox);
uint32_t mailbox_uidvalidity(const struct mailbox *mailbox);
uint32_t mailbox_uidnext(const struct mailbox *mailbox);
uint32_t mailbox_first_unseen(const struct mailbox *mailbox); /* sequence number, 0 for none */
bool mailbox_writable(const struct mailbox *mailbox);

struct message {
    uint32_t uid;
    uint8_t flags;
    uint64_t keywords; /* bit i: mailbox_keyword(i) */
};
/* seq from 1 to mailbox_count; false outside. */
bool mailbox_message(const struct mailbox *mailbox, uint32_t seq, struct message *out);
/* The sequence number of uid, or 0; of the first message whose UID is uid or greater (count + 1 when none). */
uint32_t mailbox_seq(const struct mailbox *mailbox, uint32_t uid);
uint32_t mailbox_seq_from(const struct mailbox *mailbox, uint32_t uid);
/* UIDs to sequence numbers; what is not there is left out. False without memory. */
bool mailbox_seqs(const struct mailbox *mailbox, const struct numset *uids, struct numset *seqs);

/* Keywords: names by bit, counted from 0. */
unsigned mailbox_keywords(const struct mailbox *mailbox);
struct bytes mailbox_keyword(const struct mailbox *mailbox, unsigned bit);
/* The bit of a keyword (case-insensitive), or -1; made if create (ERROR_LIMIT when no more fit: *err). */
int mailbox_keyword_bit(struct mailbox *mailbox, struct bytes name, bool create, struct error *err);
bool mailbox_keywords_full(const struct mailbox *mailbox); /* then PERMANENTFLAGS has no \* */

/* What is known of a message. Cached; parsed from the mail once when it is not. Views live until the next call of any function on the mailbox with
 * an error argument, or are NULL where not wanted. */
enum {
    FIELD_ENVELOPE = 1 << 0,      /* wire form */
    FIELD_BODY = 1 << 1,
    FIELD_BODYSTRUCTURE = 1 << 2,
    FIELD_PARTS = 1 << 3,         /* part_unpack() */
    FIELD_SIZE = 1 << 4,          /* true octets in wire form */
    FIELD_DATE = 1 << 5,          /* INTERNALDATE */
    FIELD_SORT = 1 << 7,          /* sort_key_unpack() */
    FIELD_HEADER = 1 << 6,        /* the whole header as stored (LF or CRLF), with its empty line; over 1 MiB ERROR_TOO_BIG: mailbox_read() it */
};
struct message_fields {
    struct bytes envelope, body, bodystructure, parts, sort, header;
    uint64_t size;
    time_t date;
};
/* ERROR_NO_SUCH: another session expunged it (what the index knows of it is still told). */
bool mailbox_fields(struct mailbox *mailbox, uint32_t seq, unsigned wanted, struct message_fields *out, struct error *err);

/* The message, or the span of it (positions of FIELD_PARTS), in wire form: exactly span->wire_size octets, else a read fails with ERROR_CORRUPT. */
struct input *mailbox_read(struct mailbox *mailbox, uint32_t seq, const struct part_span *span, struct error *err);

/* Looks what others did. keep_numbers: nothing is taken out of the numbering (RFC 9051, 7.5.1: not during FETCH, STORE, SEARCH). */
struct mailbox_changes {
    const uint32_t *expunged; /* sequence numbers in the order to send them: each counted after the ones before it */
    size_t expunged_count;
    const uint32_t *changed;  /* messages (new numbering) whose flags changed by others' doing; rising */
    size_t changed_count;
    bool exists, recent;      /* EXISTS / RECENT are to be sent */
    bool keywords;            /* new keywords: FLAGS is to be sent before their use */
};
/* force: look at the disk even where time stamps say nothing changed. Views live until the next sync. ERROR_NO_SUCH: the mailbox was deleted. */
bool mailbox_sync(struct mailbox *mailbox, bool keep_numbers, struct mailbox_changes *out, struct error *err);

enum store_mode { STORE_ADD, STORE_REMOVE, STORE_REPLACE };
/* Changes flags and keyword bits of the messages seqs; mailbox_message() shows the result. Those gone meanwhile are added to *gone (may be NULL) and are no error. FLAG_RECENT is ignored. */
bool mailbox_store(struct mailbox *mailbox, const struct numset *seqs, enum store_mode mode, uint8_t flags, uint64_t keywords,
                   struct numset *gone, struct error *err);
/* Removes messages with \Deleted, only those of seqs unless NULL. The next mailbox_sync reports them. */
bool mailbox_expunge(struct mailbox *mailbox, const struct numset *seqs, struct error *err);

struct copy_result {
    uint32_t uidvalidity;  /* of the destination */
    uint32_t *from, *to;   /* UIDs, pair by pair, malloc: free both */
    size_t count;
};
/* Copies with flags, keywords and date to the mailbox `to`: all or none, durable. move: then removes each here (every message is in at least one, after any kill); the next
 * mailbox_sync reports them. ERROR_NO_SUCH: no such mailbox (answer TRYCREATE). */
bool mailbox_copy(struct mailbox *mailbox, const struct numset *seqs, struct bytes to, bool move, struct copy_result *out, struct error *err);

/* For IDLE: a descriptor that becomes readable when something may have changed; -1 with *err when it can't be had: poll. Then
 * mailbox_sync, whose look clears it. */
int mailbox_watch(struct mailbox *mailbox, struct error *err);
/* In how many ms mailbox_sync() is worth a call though nothing was heard: what others did at the moment of our own change
 * shows only later. -1: no need. */
int mailbox_look_again(struct mailbox *mailbox);
/* Makes all changes durable now (CHECK). */
bool mailbox_checkpoint(struct mailbox *mailbox, struct error *err);

/* Locks the mailbox for a POP3 session: ERROR_CONFLICT when another POP3 session has it. Released at close. */
bool mailbox_lock_session(struct mailbox *mailbox, struct error *err);
/* POP3's unique id of a message by format (Dovecot's variables %v %u %f %g %m ..., `pop3_uidl_format`), appended. */
bool mailbox_uidl(struct mailbox *mailbox, uint32_t seq, const char *format, struct buf *out, struct error *err);

#endif
