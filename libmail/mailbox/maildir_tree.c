/* Reading the tree: which directories are mailboxes. "cur" makes one. */
#include "mailbox/maildir_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "base/unicode.h"

#define DEPTH_MAX 64
#define NAME_LIMIT 4000

struct walk {
    const struct location *location;
    bool (*each)(void *context, struct bytes name, bool selectable);
    void *context;
    struct buf name;              /* UTF-8, of the level that is being looked at */
    struct stat above[DEPTH_MAX]; /* directories entered: symbolic links may make rings */
    struct stat inbox;            /* INBOX= may lie in the tree */
    bool has_inbox, stopped;
    size_t skipped;
    char example[256];
};

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_mailbox(int dirfd)
{
    struct stat st;
    return fstatat(dirfd, "cur", &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static void tell(struct walk *walk, bool selectable)
{
    if (!walk->each(walk->context, buf_view(&walk->name), selectable))
        walk->stopped = true;
}

/* A name that no client could be shown and give back: left out, and the log says so once a process.
 */
static void skip(struct walk *walk, const char *entry)
{
    if (walk->skipped++ == 0)
        log_quote(walk->example, sizeof(walk->example), entry, strlen(entry));
}

static void log_skipped(const struct walk *walk)
{
    static bool said;
    if (walk->skipped == 0 || said)
        return;
    said = true;
    log_warning(
        "mail of user %s: in %s %zu director%s as mailbox%s, as the name is not canonical modified "
        "UTF-7; the first is \"%s\"; rename it to show it",
        walk->location->user ? walk->location->user : "?", walk->location->root, walk->skipped,
        walk->skipped == 1 ? "y is not shown" : "ies are not shown", walk->skipped == 1 ? "" : "es",
        walk->example);
}

/* The next entry, or NULL at the end; an error of the disk is not the end. */
static const struct dirent *next(DIR *dir, const char *path, bool *good, struct error *err)
{
    errno = 0;
    const struct dirent *entry = readdir(dir);
    if (!entry && errno != 0)
        *good = error_errno(err, errno, "reading directory %s", path);
    return entry;
}

/* ".a.b" behind its first dot: each level decoded, joined with "/". False: not a name. */
static bool decode_levels(struct bytes disk, struct buf *out)
{
    struct bytes rest = disk;
    buf_clear(out);
    do {
        struct bytes level = bytes_split(&rest, '.');
        if (out->len > 0)
            buf_byte(out, '/');
        size_t before = out->len;
        if (level.len == 0 || !utf7_decode(level, out) ||
            memchr(out->data + before, '/', out->len - before))
            return false;
    } while (rest.data);
    return !buf_failed(out);
}

static void flat_entry(struct walk *walk, int rootfd, const struct dirent *entry)
{
    char cur[sizeof(entry->d_name) + 8];
    struct stat st;
    size_t len = strlen(entry->d_name);
    if (entry->d_name[0] != '.' || strcmp(entry->d_name, ".") == 0 ||
        strcmp(entry->d_name, "..") == 0)
        return;
    if (entry->d_type != DT_DIR && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return;
    snprintf(cur, sizeof(cur), "%s/cur", entry->d_name);
    if (fstatat(rootfd, cur, &st, 0) != 0 || !S_ISDIR(st.st_mode))
        return; /* some other program's directory */
    if (walk->has_inbox && fstatat(rootfd, entry->d_name, &st, 0) == 0 &&
        is_same(&st, &walk->inbox))
        return;
    if (decode_levels(bytes_make(entry->d_name + 1, len - 1), &walk->name) &&
        !bytes_equal_nocase(buf_view(&walk->name), BYTES("INBOX")))
        tell(walk, true);
    else
        skip(walk, entry->d_name);
}

static bool walk_flat(struct walk *walk, int rootfd, struct error *err)
{
    DIR *dir = fdopendir(rootfd);
    bool good = true;
    if (!dir) {
        close(rootfd);
        return error_memory(err);
    }
    for (const struct dirent *entry;
         !walk->stopped && (entry = next(dir, walk->location->root, &good, err));)
        flat_entry(walk, rootfd, entry);
    closedir(dir);
    return good;
}

static bool walk_deep(struct walk *walk, int fd, size_t depth, struct error *err);

static bool is_plain_directory(const struct dirent *entry)
{
    static const char *const inner[] = { ".", "..", "cur", "new", "tmp" };
    for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++)
        if (strcmp(entry->d_name, inner[i]) == 0)
            return false;
    if (maildir_tree_own(bytes_of(entry->d_name)))
        return false;
    return entry->d_type == DT_DIR || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;
}

/* Enters fd (owned) unless it is INBOX or a ring. */
static bool enter(struct walk *walk, int fd, size_t depth, struct error *err)
{
    struct stat st;
    bool again = fstat(fd, &st) != 0 || depth >= DEPTH_MAX ||
                 (walk->has_inbox && is_same(&st, &walk->inbox));
    for (size_t i = 0; i < depth && !again; i++)
        again = is_same(&st, &walk->above[i]);
    if (again) {
        close(fd);
        return true;
    }
    walk->above[depth] = st;
    /* INBOX is elsewhere (ROOT, INBOX=), this directory only holds what is below it. */
    tell(walk, is_mailbox(fd) && !bytes_equal_nocase(buf_view(&walk->name), BYTES("INBOX")));
    return walk_deep(walk, fd, depth + 1, err);
}

static bool deep_entry(struct walk *walk, int fd, const struct dirent *entry, size_t depth,
                       struct error *err)
{
    size_t before = walk->name.len;
    if (!is_plain_directory(entry))
        return true;
    int inner = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (inner < 0 && (errno == ENOTDIR || errno == ENOENT || errno == ELOOP || errno == EACCES))
        return true;
    if (inner < 0)
        return error_errno(err, errno, "opening directory %s in %s", entry->d_name,
                           walk->location->root);
    if (before > 0)
        buf_byte(&walk->name, '/');
    bool good = true;
    size_t start = walk->name.len;
    if (utf7_decode(bytes_of(entry->d_name), &walk->name) && !buf_failed(&walk->name) &&
        !memchr(walk->name.data + start, '/', walk->name.len - start)) {
        good = enter(walk, inner, depth, err);
    } else {
        skip(walk, entry->d_name);
        close(inner);
    }
    walk->name.len = before;
    walk->name.failed = false;
    return good;
}

/* Takes fd. */
static bool walk_deep(struct walk *walk, int fd, size_t depth, struct error *err)
{
    DIR *dir = fdopendir(fd);
    bool good = true;
    if (!dir) {
        close(fd);
        return error_memory(err);
    }
    for (const struct dirent *entry;
         good && !walk->stopped && (entry = next(dir, walk->location->root, &good, err));)
        good = deep_entry(walk, fd, entry, depth, err);
    closedir(dir);
    return good;
}

static bool walk_root(struct walk *walk, struct error *err)
{
    const struct location *location = walk->location;
    int fd = open(location->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0)
        return error_errno(err, errno, "opening the mail directory %s of user %s", location->root,
                           location->user);
    if (!location->layout_fs)
        return walk_flat(walk, fd, err);
    if (fstat(fd, &walk->above[0]) != 0) {
        close(fd);
        return error_errno(err, errno, "looking at %s", location->root);
    }
    return walk_deep(walk, fd, 1, err);
}

bool maildir_tree_list(const struct location *location,
                       bool (*each)(void *context, struct bytes name, bool selectable),
                       void *context, struct error *err)
{
    struct walk *walk = calloc(1, sizeof(*walk));
    bool inbox, good;
    if (!walk)
        return error_memory(err);
    walk->location = location;
    walk->each = each;
    walk->context = context;
    walk->name = BUF_INIT(NAME_LIMIT);
    walk->has_inbox = location->inbox && stat(location->inbox, &walk->inbox) == 0;
    good = maildir_tree_exists(location, BYTES("INBOX"), &inbox, err);
    if (good && inbox)
        walk->stopped = !each(context, BYTES("INBOX"), true);
    if (good && !walk->stopped) {
        buf_clear(&walk->name);
        good = walk_root(walk, err);
    }
    log_skipped(walk);
    buf_free(&walk->name);
    free(walk);
    return good;
}

bool maildir_tree_exists(const struct location *location, struct bytes name, bool *exists,
                         struct error *err)
{
    struct maildir_paths paths;
    struct error fault;
    struct arena *arena = arena_create(65536);
    *exists = false;
    if (!arena)
        return error_memory(err);
    bool good = maildir_layout(location, name, arena, &paths, &fault);
    if (!good) {
        good = fault.class == ERROR_INVALID || error_set(err, fault.class, "%s", fault.text);
    } else {
        struct stat st;
        const char *cur = arena_printf(arena, "%s/cur", paths.mail);
        if (!cur)
            good = error_memory(err);
        else if (stat(cur, &st) == 0)
            *exists = S_ISDIR(st.st_mode);
        else if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG && errno != ELOOP)
            good = error_errno(err, errno, "looking for mailbox \"%.*s\" in %s", BYTES_FMT(name),
                               paths.mail);
    }
    arena_destroy(&arena);
    return good;
}
