/* An open Maildir: what its files share. See MAILDIR.md for how lists, scans and locks fit
 * together.
 *
 * entries mirror the lines of dovecot-uidlist in UID order, those of messages long gone too; a scan
 * of new/ and cur/ says which are there and under which name. */
#ifndef MAILBOX_MAILDIR_PRIVATE_H
#define MAILBOX_MAILDIR_PRIVATE_H

#include <dirent.h>
#include "base/file.h"
#include "base/watch.h"
#include "mailbox/mailbox_private.h"

#define UIDLIST "dovecot-uidlist"

enum {
    MAILDIR_KEYWORDS = 26, /* letters a to z */
    UIDLIST_LOCK_WAIT_MS = 30000,
    UIDLIST_LOCK_STALE_MS = 120000, /* Dovecot's */
    RENAME_TRIES = 100,             /* looks for a file that others rename under us */
};

/* maildir_name.c: what a file name says. */

struct maildir_info {
    uint8_t flags;
    uint32_t keywords; /* bit i: letter 'a' + i */
};
/* The name without its ":2,..." */
struct bytes maildir_base(struct bytes name);
/* Reads what follows the base (":2,FS", "" or anything else). */
struct maildir_info maildir_info_parse(struct bytes info);
/* Writes old's ":2," with these flags and keywords, keeping letters and a tail that mean nothing to
 * us. */
void maildir_info_write(struct buf *out, struct bytes old, struct maildir_info info);
/* The same without keywords: ":2,FS" and a NUL. */
enum { MAILDIR_FLAGS_SIZE = 9 };
void maildir_flags_write(char out[MAILDIR_FLAGS_SIZE], uint8_t flags);
/* The number behind ",S=" (letter 'S' or 'W') in a base name, 0 when there is none. */
uint64_t maildir_name_number(struct bytes base, char letter);
/* Order for giving UIDs: the time in front, then its microseconds, then the octets. */
int maildir_name_compare(struct bytes a, struct bytes b);
/* Whether the name can be a message's and stand in a line of dovecot-uidlist. */
bool maildir_name_valid(struct bytes name);

/* maildir_names.c: strings kept once, by number. Growing only. */

struct names {
    struct buf text;
    struct name_slot {
        uint32_t at, len;
    } * slots;
    uint32_t count, capacity;
    uint32_t *table; /* open addressing: slot + 1 */
    uint32_t table_size;
};
/* The number of text, made when it is new; -1 without memory. */
int64_t names_intern(struct names *names, struct bytes text);
static inline struct bytes names_get(const struct names *names, uint32_t number)
{
    return (struct bytes){ names->text.data + names->slots[number].at, names->slots[number].len };
}
void names_free(struct names *names);

/* maildir_entries.c: the lines of dovecot-uidlist with what the directories say about each. */

enum {
    ENTRY_NEW = 1 << 0,     /* is in new/ */
    ENTRY_PRESENT = 1 << 1, /* there, as far as we know */
    ENTRY_SEEN = 1 << 2,    /* the running scan met it */
    ENTRY_RECENT = 1 << 3,  /* was met in new/ */
    ENTRY_DEAD = 1 << 4,    /* removed by us or missed by scan after scan; without it and without
                               PRESENT nobody has looked yet */
    ENTRY_MISSES = 7 << 5,  /* scans running that missed it */
    ENTRY_MISS = 1 << 5,
};

struct maildir_entry {
    uint32_t uid;
    uint32_t name;  /* offset of the base name in entries->text */
    uint32_t info;  /* number in entries->infos */
    uint16_t extra; /* octets of the line's other fields, right before the name */
    uint8_t length; /* of the base name (NAME_MAX is 255) */
    uint8_t state;
};

struct entries {
    struct maildir_entry *at; /* rising UIDs */
    size_t count, capacity;
    struct buf text;               /* names, with the extra fields before them */
    struct names infos;            /* number 0 is "" */
    uint32_t *table;               /* by base name: position + 1 */
    size_t table_size, table_used; /* entries that the table knows */
};

struct bytes entry_name(const struct entries *entries, const struct maildir_entry *entry);
struct bytes entry_extra(const struct entries *entries, const struct maildir_entry *entry);
static inline struct bytes entry_info(const struct entries *entries,
                                      const struct maildir_entry *entry)
{
    return names_get(&entries->infos, entry->info);
}
/* Appends behind the greatest UID; false without memory. */
bool entries_add(struct entries *entries, uint32_t uid, struct bytes extra, struct bytes base);
struct maildir_entry *entries_uid(const struct entries *entries, uint32_t uid);
/* By base name; the entry with the greatest UID when a name is listed twice. NULL: none or no
 * memory (*failed). */
struct maildir_entry *entries_find(struct entries *entries, struct bytes base, bool *failed);
bool entries_init(struct entries *entries);
void entries_free(struct entries *entries);
/* dir + "/" + base + info, e.g. "cur/1.a:2,S"; NUL-terminated, false when it does not fit. */
bool entry_path(const struct entries *entries, const struct maildir_entry *entry, char *out,
                size_t size);

/* maildir_uidlist*.c */

struct uidlist {
    int dir;          /* the control directory */
    const char *path; /* of the control directory, for messages */
    int fd; /* the list that was read, kept open so that its inode is nobody else's; -1: none */
    uint64_t offset;   /* up to where it was read */
    uint64_t readings; /* how often something was read */
    unsigned version;  /* 1 or 3 */
    bool broken;       /* its header cannot be read */
    uint32_t uidvalidity;
    uint32_t next;     /* the lowest UID never given; 0: all are */
    struct buf fields; /* other fields of the header as they stand, " G..." */
    bool messy;        /* lines out of order, broken or doubled: written anew at the next chance */
    struct uidlist_window {
        char *text; /* octets of the file from `at` on */
        uint64_t at;
        size_t len;
        uint64_t next; /* where the line behind the last found one starts; 0: none was found */
    } window;
};

struct maildir_stamp {
    struct timespec new_changed, cur_changed; /* time stamps of the directories */
    struct timespec scanned;                  /* the clock when a scan with this result started */
    ino_t new_ino, cur_ino;
};

struct maildir {
    struct mailbox mailbox;
    struct arena *arena; /* paths */
    struct maildir_paths paths;
    const char *tree; /* where dovecot-uidvalidity is */
    int root;         /* the mail directory */
    struct uidlist uidlist;
    bool virtual;           /* no list can be written: UIDs of this session only */
    struct entries entries; /* while `loaded` */
    bool loaded;            /* entries say what the list, the records and a scan do */
    uint64_t loaded_modseq; /* the records' when they were loaded, or changed by us since */
    struct dotlock lock;
    unsigned locked; /* depth */
    struct timespec keywords_changed_at;
    ino_t keywords_ino;
    struct maildir_stamp stamp; /* of the last complete scan */
    bool stamped;
    bool doubts;             /* it left messages in doubt */
    bool memory;             /* the index is in memory */
    bool rescan;             /* the scan before this one needed the list's lock */
    uint32_t recent_from;    /* UIDs from here on were announced to nobody before it */
    struct error lock_failure; /* why the list's lock was not to be had */
    int64_t undurable_since; /* first STORE or EXPUNGE since cur/ was synced; 0: none */
    bool parked;             /* what it knows may be old */
    bool unlisted_told, duplicate_told;
    struct {
        DIR *dir; /* NULL: none is under way */
        bool in_cur, started;
        uint64_t sum, modseq;
        unsigned char stamp[INDEX_STAMP];
    } check;
    struct watch *watch;
    uint64_t watched_log; /* the log of the index that is watched */
    int session_lock;
};

static inline struct maildir *maildir_of(struct mailbox *mailbox)
{
    return (struct maildir *)mailbox;
}

/* maildir_sync.c: gives the memory of entries back. */
void maildir_unload(struct maildir *maildir);

void uidlist_init(struct uidlist *uidlist, int dir, const char *path);
void uidlist_close(struct uidlist *uidlist);
/* Reads what is new in dovecot-uidlist, all of it when it is another file (what is known of each
 * entry is carried over). A missing or broken file is no error (fd is -1). ERROR_NO_SUCH:
 * UIDVALIDITY changed. */
bool uidlist_refresh(struct uidlist *uidlist, struct entries *entries, struct error *err);
/* Parses the complete lines of text, the header first when version is 0; *used octets. False
 * without memory. */
bool uidlist_parse(struct uidlist *uidlist, struct entries *entries, struct bytes text,
                   size_t *used);
/* Under the lock, after a refresh: appends lines for names from next on, one write, one sync.
 * Truncated back on failure. */
bool uidlist_append(struct uidlist *uidlist, const struct bytes *names, size_t count,
                    uint32_t *first, struct error *err);
/* Under the lock: writes the list aside and renames it, without dead entries. */
bool uidlist_rewrite(struct uidlist *uidlist, struct entries *entries, struct error *err);
/* A list where there was none, empty, with a new UIDVALIDITY; courierimapuiddb of the mail
 * directory is taken over when it is there. */
bool uidlist_create(struct uidlist *uidlist, struct entries *entries, const char *root, int mail_fd,
                    struct error *err);
/* The next UIDVALIDITY of this tree, kept in root/dovecot-uidvalidity as Dovecot does. */
uint32_t uidvalidity_next(const char *root);
/* Reads courierimapuiddb into an empty list; false when there is none (or it can't be read:
 * logged). */
bool courier_import(struct uidlist *uidlist, struct entries *entries, int mail_fd);
/* maildir_uidlist_find.c: the line of a UID, looked for by halving, without reading the list. */
struct uidlist_line {
    struct bytes extra, name; /* valid until the next call */
};
bool uidlist_find(struct uidlist *uidlist, uint32_t uid, struct uidlist_line *out);
/* Reads the list that is open from its start, into no entries. */
bool uidlist_read(struct uidlist *uidlist, struct entries *entries, struct error *err);
/* Makes fd the list at the path, if it is another one. Nothing is read. */
bool uidlist_follow(struct uidlist *uidlist, struct error *err);
/* Makes fd the list at the path; -1 when there is none. */
bool uidlist_reopen(struct uidlist *uidlist, struct error *err);
/* A number for the list at the path as it is now: another one when it was changed. 0: there is none. */
uint64_t uidlist_mark(const struct uidlist *uidlist);
/* The same of what st says of a list; and of the list that is open. */
uint64_t uidlist_mark_of(const struct stat *st);
/* Whether the file ends where we have read it, in the form that lines are appended to. */
bool uidlist_whole(const struct uidlist *uidlist);
/* The lowest UID not given yet, from the header and the last line only; false: read it whole. */
bool uidlist_peek(struct uidlist *uidlist);

/* maildir_compact.c */
/* At the end of a session: lines and records of messages long gone are left out. */
void maildir_compact(struct maildir *maildir);

/* maildir_lock.c: ERROR_CONFLICT when it is not to be had within wait_ms. */
bool maildir_lock(struct maildir *maildir, int wait_ms, struct error *err);
void maildir_unlock(struct maildir *maildir);

/* maildir_keywords.c */
bool maildir_keywords_refresh(struct maildir *maildir, struct error *err);
bool maildir_keyword_create(struct mailbox *mailbox, struct bytes name, int *bit,
                            struct error *err);
/* Parses "N NAME" lines into names by bit; true when all were good. */
bool maildir_keywords_parse(struct bytes text, struct bytes names[MAILDIR_KEYWORDS]);

/* maildir_scan.c: one walk over new/ and cur/. */

struct found {
    uint32_t at; /* in scan->text */
    uint8_t base_len, len;
    bool in_new, recent;
};

struct scan {
    bool move;   /* files of new/ go to cur/ */
    bool stable; /* nobody changed a directory meanwhile: what was not seen is not there */
    struct buf text;
    struct found *unlisted; /* files without an entry */
    size_t count, capacity;
    struct maildir_stamp stamp; /* before */
};
/* Entries learn where their files are; those whose files were not met are doubted, and dead after
 * enough scans. *doubts: some still are in doubt. */
bool maildir_scan(struct maildir *maildir, struct scan *scan, bool *doubts, struct error *err);
/* Looks for entry's file under the names that other files of the mailbox have behind their base. */
bool maildir_guess(struct maildir *maildir, struct maildir_entry *entry);
void scan_free(struct scan *scan);
static inline struct bytes found_name(const struct scan *scan, const struct found *found)
{
    return (struct bytes){ scan->text.data + found->at, found->len };
}
static inline struct bytes found_base(const struct scan *scan, const struct found *found)
{
    return (struct bytes){ scan->text.data + found->at, found->base_len };
}

/* maildir_stamp.c: whether a directory has changed since it was looked at. */
/* The directories' times now. ERROR_NO_SUCH: the mailbox is not there any more. */
bool stamp_take(struct maildir *maildir, struct maildir_stamp *out, struct error *err);
bool stamp_equal(const struct maildir_stamp *a, const struct maildir_stamp *b);
/* Whether a change could have happened after the scan without a new time stamp. */
bool stamp_racy(const struct maildir_stamp *stamp);
/* As the index keeps it. The inodes as well: a mailbox put back from a backup may have the old times. */
void stamp_encode(const struct maildir_stamp *stamp, unsigned char out[INDEX_STAMP]);
/* Around changes of our own, in a transaction of the index: what is known stays known if only we changed
 * it; a check of all names is due soon all the same. */
bool maildir_own_begin(struct maildir *maildir);
void maildir_own_end(struct maildir *maildir, bool clean);
/* Whether the time has come: 0 never. What is due in a distant future was noted under another clock. */
bool maildir_is_due(int64_t due);
/* maildir_check.c: whether all names are still as the index thinks, by a sum over them, some at each call: what others
 * did between our look and our rename. */
void maildir_check_step(struct maildir *maildir, const struct index_header *header);
void maildir_check_stop(struct maildir *maildir);
int maildir_look_again(struct mailbox *mailbox);
/* A name's part in the sum. */
uint64_t maildir_name_hash(bool fresh, struct bytes base, struct bytes info);
int64_t maildir_clock(void);      /* monotonic, ms */
int64_t maildir_wall_clock(void); /* ms since 1970 */
/* Whether the watch has something to tell. */
bool maildir_events(const struct maildir *maildir);

/* maildir_sync.c */
bool maildir_sync(struct mailbox *mailbox, struct error *err);
/* What is there is found out by reading the directories, and the index made to say so. The entries are loaded then. */
bool maildir_full_sync(struct maildir *maildir, struct error *err);
/* maildir_scan_sure.c: scans until nothing is in doubt, and gives UIDs to what has none. *want_lock: that needs
 * dovecot-uidlist.lock, which is not held. */
bool maildir_scan_until_sure(struct maildir *maildir, bool *want_lock, struct error *err);
/* The list is there and in order, or feigned where nothing can be written. Like above. */
bool maildir_ensure_list(struct maildir *maildir, bool *want_lock, struct error *err);
/* Under the lock: the list is there, whole, and without lines that stand in the way of the unlisted
 * files. */
bool maildir_prepare_list(struct maildir *maildir, const struct scan *scan, struct error *err);
/* After ENOENT: looks where the file of uid is now. False: gone, with ERROR_NO_SUCH. */
bool maildir_relocate(struct maildir *maildir, uint32_t uid, struct error *err);

/* maildir_file.c */
/* A message as the records know it, and where its file should be ("cur/1.a:2,S", relative to the mail directory). */
struct maildir_message {
    uint32_t slot;
    struct index_record record;
    char path[600];
    uint8_t base_len; /* of the base name behind the directory's four octets */
};
/* False: the message is gone (ERROR_NO_SUCH). out->slot is where it is looked for first. */
bool maildir_message(struct maildir *maildir, uint32_t uid, struct maildir_message *out,
                     struct error *err);
/* The same without reading the directory: 0 when its name is known to none but who has. -1: false. */
int maildir_message_known(struct maildir *maildir, uint32_t uid, struct maildir_message *out,
                          struct error *err);
static inline struct bytes message_base(const struct maildir_message *message)
{
    return (struct bytes){ message->path + 4, message->base_len };
}
/* What stands behind the base name: ":2,FS". */
static inline struct bytes message_info(const struct maildir_message *message)
{
    return bytes_of(message->path + 4 + message->base_len);
}
bool maildir_source(struct mailbox *mailbox, uint32_t uid, bool open, struct message_source *source,
                    struct error *err);
/* The descriptor of a message's file, found again if it was renamed; -1 with *err. */
int maildir_open_file(struct maildir *maildir, uint32_t uid, struct stat *st, struct error *err);

/* maildir_fresh.c: what came in since: taken from new/ to cur/, and told as \Recent once. */
bool maildir_take_fresh(struct maildir *maildir, struct error *err);
/* In a transaction: what nobody was told of is this session's to tell. */
bool maildir_claim_recent(struct maildir *maildir);

/* maildir_store.c */
bool maildir_store(struct mailbox *mailbox, const struct numset *seqs, enum store_mode mode,
                   uint8_t flags, uint64_t keywords, struct numset *gone, struct error *err);
bool maildir_expunge(struct mailbox *mailbox, const struct numset *seqs, bool always,
                     struct error *err);
bool maildir_checkpoint(struct mailbox *mailbox, struct error *err);
/* renameat2(RENAME_NOREPLACE), or link and unlink where the file system has no such thing. errno as
 * they set it. */
int maildir_rename(int from_fd, const char *from, int to_fd, const char *to);

/* maildir_append.c, maildir_copy.c */
struct append *maildir_append(const struct location *location, struct bytes name,
                              struct error *err);
/* One message by hard link or copy of src_fd; source name base says S= and W=. */
bool maildir_append_link(struct append *append, int dirfd, const char *path, int fd,
                         struct bytes base, const struct append_info *info, struct error *err);
bool maildir_copy(struct mailbox *mailbox, const struct numset *seqs,
                  const struct location *location, struct bytes name, struct copy_result *out,
                  struct error *err);

/* maildir_tmp.c: removes files of tmp/ that are older than 36 hours, once in eight hours. */
void maildir_tmp_clean(int root, time_t now);

/* maildir_index.c: what the index knows of the directories' state. */
enum {
    PLACE_NEW = 1 << 0, /* in new/, without ":2," */
    PLACE_ODD = 1 << 1, /* the name has more than flags and place say */
};
/* What stands behind the base name of a message of this place. */
void maildir_info_expected(struct buf *out, uint8_t place, uint8_t flags, uint32_t keywords);
/* In a transaction, the list read: entries learn what the records say. */
bool maildir_index_load(struct maildir *maildir, struct error *err);
/* In a transaction, after a scan: the records learn what the entries say. */
bool maildir_index_save(struct maildir *maildir, struct error *err);
/* Whether the index says what is there, as far as time stamps tell. */
bool maildir_index_holds(struct maildir *maildir, const struct maildir_stamp *now,
                         struct index_header *header);
/* What STATUS asks for but the size, from the index's header; false: the mailbox must be opened. */
bool maildir_index_status(const struct maildir_paths *paths, struct store_status *out);

/* maildir_status.c */
bool maildir_status(const struct location *location, struct bytes name, bool want_size,
                    struct store_status *out, struct error *err);

/* maildir.c */
/* Has the log of the index watched, too, where a watch stands: it may be another file by now. */
void maildir_watch_log(struct maildir *maildir);
/* An open Maildir of which nothing was read yet. */
struct maildir *maildir_make(const struct location *location, struct bytes name, bool write,
                             struct error *err);
void maildir_release(struct maildir *maildir);
struct mailbox *maildir_open(const struct location *location, struct bytes name, bool write,
                             struct error *err);

#endif
