/* Every record beside the directories, the list and, if wanted, the message itself. */
#include "mailbox/maildir_verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "mailbox/maildir_private.h"
#include "mailbox/mailbox_parse.h"

enum { PARSE_MEMORY = 64 * 1024 * 1024, PROGRESS_EACH = 64 };

struct comparing {
    struct verify *verify;
    struct maildir *maildir;
    struct index *index;
    struct records *records;
    struct index_header header, counted;
    struct buf text, fields, cached;
};

__attribute__((format(printf, 2, 3))) static void differs(struct comparing *comparing,
                                                          const char *format, ...)
{
    char sentence[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    comparing->verify->differences++;
    comparing->verify->difference(comparing->verify->context, sentence);
}

/* ---- what is there */

static bool take_name(struct comparing *comparing, const char *directory, bool fresh,
                      struct bytes name, struct error *err)
{
    struct entries *entries = &comparing->maildir->entries;
    struct bytes base = maildir_base(name);
    bool failed = false;
    if (!maildir_name_valid(name))
        return true;
    struct maildir_entry *entry = entries_find(entries, base, &failed);
    int64_t info = entry ? names_intern(&entries->infos, bytes_skip(name, base.len)) : 0;
    if (failed || info < 0)
        return error_memory(err);
    if (!entry) {
        differs(comparing, "the file %s/%.*s has no UID in the list yet", directory,
                BYTES_FMT(name));
        return true;
    }
    if (entry->state & ENTRY_PRESENT)
        differs(comparing, "message %u has more than one file, among them %s/%.*s", entry->uid,
                directory, BYTES_FMT(name));
    entry->info = (uint32_t)info;
    entry->state = (uint8_t)(ENTRY_PRESENT | (fresh ? ENTRY_NEW : 0));
    return true;
}

static bool read_names(struct comparing *comparing, const char *directory, bool fresh,
                       struct error *err)
{
    int fd = openat(comparing->maildir->root, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    bool ok = dir != NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return error_errno(err, errno, "reading %s/%s", comparing->maildir->paths.mail, directory);
    }
    while (ok && (entry = readdir(dir)))
        ok = take_name(comparing, directory, fresh, bytes_of(entry->d_name), err);
    closedir(dir);
    return ok;
}

/* ---- a message's content */

static struct part *parse(int fd, struct arena *arena, struct head *head, struct error *err)
{
    struct part_parser *parser = part_parser_create(arena, NULL);
    struct input *raw = parser ? input_fd(fd, 65536, -1, false) : NULL;
    struct input *input = raw ? input_decompress(raw, err) : NULL;
    struct bytes piece;
    int more = -1;
    while (input && (more = input_next(input, &piece, err)) > 0) {
        part_parser_feed(parser, piece);
        head_feed(head, piece);
        input_consume(input, piece.len);
    }
    input_close(&input);
    return more == 0 ? part_parser_finish(parser, err) : NULL;
}

static void compare_fields(struct comparing *comparing, const struct index_record *record,
                           const struct bytes fields[INDEX_FIELD_COUNT])
{
    static const char *const names[INDEX_FIELD_COUNT] = { "ENVELOPE",      "BODY",
                                                          "BODYSTRUCTURE", "list of parts",
                                                          "sort keys",     "header" };
    struct bytes cached[INDEX_FIELD_COUNT];
    buf_clear(&comparing->cached);
    if (!index_fields(comparing->index, record, ~0U, &comparing->cached, cached)) {
        differs(comparing,
                "message %u: the record says that fields are cached, but they cannot be read",
                record->uid);
        return;
    }
    for (size_t i = 0; i < INDEX_FIELD_COUNT; i++)
        if (record->known & (i == INDEX_HEADER ? INDEX_HEAD : INDEX_FIELDS) &&
            !bytes_equal(cached[i], fields[i]))
            differs(comparing, "message %u: the cached %s is not what the message has", record->uid,
                    names[i]);
}

static void compare_parsed(struct comparing *comparing, const struct index_record *record, int fd)
{
    struct bytes fields[INDEX_FIELD_COUNT];
    struct error err = { 0 };
    struct head head = HEAD_INIT;
    struct arena *arena = arena_create(PARSE_MEMORY);
    struct part *root = arena ? parse(fd, arena, &head, &err) : NULL;
    buf_clear(&comparing->fields);
    if (!root || !parse_write(&comparing->fields, root, head_text(&head), fields)) {
        differs(comparing, "message %u cannot be parsed: %s", record->uid,
                err.text[0] ? err.text : "no memory");
    } else {
        uint64_t size = root->header.wire_size + root->body.wire_size;
        if (record->known & INDEX_SIZE && record->wire_size != size)
            differs(comparing,
                    "message %u has %" PRIu64 " octets in wire form, the record says %" PRIu64,
                    record->uid, size, record->wire_size);
        if (record->known & INDEX_CACHED)
            compare_fields(comparing, record, fields);
    }
    head_free(&head);
    arena_destroy(&arena);
}

static void compare_content(struct comparing *comparing, const struct maildir_entry *entry,
                            const struct index_record *record)
{
    char path[600];
    struct stat st;
    if (!entry_path(&comparing->maildir->entries, entry, path, sizeof(path)))
        return;
    int fd = openat(comparing->maildir->root, path,
                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        differs(comparing, "message %u: %s cannot be opened: %s", record->uid, path,
                strerror(errno));
    } else {
        bool sized = record->known & (INDEX_SIZE | INDEX_CLAIMED);
        if (sized && record->size != (uint64_t)st.st_size)
            differs(comparing, "message %u has %jd octets on the disk, the record says %" PRIu64,
                    record->uid, (intmax_t)st.st_size, record->size);
        if (record->known & INDEX_DATE && record->date != st.st_mtime)
            differs(comparing, "message %u is from second %jd, the record says %jd", record->uid,
                    (intmax_t)st.st_mtime, (intmax_t)record->date);
        if (record->known & (INDEX_SIZE | INDEX_CACHED))
            compare_parsed(comparing, record, fd);
    }
    if (fd >= 0)
        close(fd);
}

/* ---- record by record */

static void compare_state(struct comparing *comparing, const struct maildir_entry *entry,
                          const struct index_record *record)
{
    struct bytes text = entry_info(&comparing->maildir->entries, entry);
    struct maildir_info info = maildir_info_parse(text);
    bool fresh = entry->state & ENTRY_NEW;
    if (info.flags != record->flags || info.keywords != record->keywords)
        differs(
            comparing,
            "message %u: the name says flags %#x and keywords %#x, the record %#x and %#" PRIx64,
            record->uid, (unsigned)info.flags, info.keywords, (unsigned)record->flags,
            record->keywords);
    if (fresh != !!(record->place & PLACE_NEW))
        differs(comparing, "message %u lies in %s, the record says %s", record->uid,
                fresh ? "new" : "cur", fresh ? "cur" : "new");
    buf_clear(&comparing->text);
    maildir_info_expected(&comparing->text, fresh ? PLACE_NEW : 0, info.flags, info.keywords);
    if (bytes_equal(text, buf_view(&comparing->text)) != !(record->place & PLACE_ODD))
        differs(comparing, "message %u: the record errs about what else its name says",
                record->uid);
}

static void compare_record(struct comparing *comparing, uint32_t slot,
                           const struct index_record *record)
{
    const struct maildir_entry *entry = entries_uid(&comparing->maildir->entries, record->uid);
    struct index_header *counted = &comparing->counted;
    bool there = entry && entry->state & ENTRY_PRESENT, dead = record->place & INDEX_DEAD;
    if ((records_dead(comparing->records, slot / 64) >> slot % 64 & 1) != dead)
        differs(comparing, "message %u: its record and its bit differ about whether it was removed",
                record->uid);
    counted->dead += dead;
    counted->unseen += !dead && !(record->flags & FLAG_SEEN);
    counted->deleted += !dead && record->flags & FLAG_DELETED;
    counted->cache_live += !dead && record->known & INDEX_CACHED ? record->cache_size : 0;
    if (dead && there)
        differs(comparing, "message %u is there, the record says that it was removed", record->uid);
    else if (!dead && !entry)
        differs(comparing, "message %u is not in the list", record->uid);
    else if (!dead && !there)
        differs(comparing, "message %u has no file", record->uid);
    else if (!dead)
        compare_state(comparing, entry, record);
    if (!dead && there && comparing->verify->deep)
        compare_content(comparing, entry, record);
    comparing->verify->messages += !dead;
}

/* Files of the list that have no record, up to this UID. */
static void missing_before(struct comparing *comparing, size_t *at, uint64_t uid)
{
    const struct entries *entries = &comparing->maildir->entries;
    for (; *at < entries->count && entries->at[*at].uid < uid; ++*at)
        if (entries->at[*at].state & ENTRY_PRESENT)
            differs(comparing, "message %u has no record", entries->at[*at].uid);
}

static void compare_records(struct comparing *comparing)
{
    const struct verify *verify = comparing->verify;
    uint32_t last = 0, count = comparing->header.count;
    struct index_record record;
    size_t at = 0;
    for (uint32_t slot = 0; slot < count; slot++) {
        if (slot % PROGRESS_EACH == 0)
            verify->progress(verify->context, slot, count);
        if (!records_at(comparing->records, slot, &record)) {
            differs(comparing, "record %u cannot be read", slot);
            continue;
        }
        if (record.uid <= last)
            differs(comparing, "record %u has UID %u behind UID %u", slot, record.uid, last);
        last = record.uid;
        missing_before(comparing, &at, record.uid);
        at += at < comparing->maildir->entries.count &&
              comparing->maildir->entries.at[at].uid == record.uid;
        compare_record(comparing, slot, &record);
    }
    missing_before(comparing, &at, UINT64_MAX);
    verify->progress(verify->context, count, count);
}

static void compare_header(struct comparing *comparing)
{
    const struct index_header *said = &comparing->header, *is = &comparing->counted;
    const struct uidlist *list = &comparing->maildir->uidlist;
    if (said->dead != is->dead || said->unseen != is->unseen || said->deleted != is->deleted ||
        said->cache_live != is->cache_live)
        differs(comparing,
                "the header counts %u dead, %u unseen, %u deleted, %" PRIu64
                " octets cached; the records are %u, %u, %u, %" PRIu64,
                said->dead, said->unseen, said->deleted, said->cache_live, is->dead, is->unseen,
                is->deleted, is->cache_live);
    if (said->uidvalidity != list->uidvalidity)
        differs(comparing, "UIDVALIDITY is %u in the list and %u in the index", list->uidvalidity,
                said->uidvalidity);
    if (list->next && said->uidnext > list->next)
        differs(comparing, "UIDNEXT is %u in the list and %u in the index", list->next,
                said->uidnext);
}

static bool compare(struct comparing *comparing, struct error *err)
{
    struct maildir *maildir = comparing->maildir;
    bool locked = index_begin(comparing->index, INDEX_WAIT_MS, err);
    if (!locked && index_writable(comparing->index))
        return false;
    comparing->records = records_hold(index_records(comparing->index));
    bool ok = comparing->records && records_header(comparing->records, &comparing->header);
    if (!ok)
        error_set(err, ERROR_CORRUPT, "the index of %s is damaged", maildir->paths.mail);
    ok = ok && uidlist_refresh(&maildir->uidlist, &maildir->entries, err) &&
         read_names(comparing, "new", true, err) && read_names(comparing, "cur", false, err);
    if (ok) {
        compare_records(comparing);
        compare_header(comparing);
    }
    if (locked)
        index_cancel(comparing->index);
    records_drop(&comparing->records);
    return ok;
}

bool maildir_verify(const struct location *location, struct bytes name, struct verify *verify,
                    struct error *err)
{
    struct index_header header;
    struct maildir *maildir = maildir_make(location, name, false, err);
    if (!maildir)
        return false;
    const char *path = maildir->paths.index;
    struct comparing comparing = { .verify = verify,
                                   .maildir = maildir,
                                   .text = BUF_INIT(512),
                                   .fields = BUF_INIT(PARSE_MEMORY),
                                   .cached = BUF_INIT(PARSE_MEMORY) };
    bool ok = (path && index_peek(path, &header)) ||
              error_set(err, ERROR_NO_SUCH, "there is no index that can be read%s%s",
                        path ? " in " : ": INDEX=MEMORY", path ? path : "");
    if (ok)
        comparing.index = maildir->mailbox.index = index_open(path, true);
    ok = ok && (comparing.index || error_memory(err)) && compare(&comparing, err);
    buf_free(&comparing.text);
    buf_free(&comparing.fields);
    buf_free(&comparing.cached);
    maildir_release(maildir);
    return ok;
}
