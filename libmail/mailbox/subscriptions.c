/* Dovecot's file of subscriptions. Version 2 begins with the line "V<TAB>2" and an empty line; then
 * a line a mailbox, levels set off by TAB. Version 1 has no such head; levels are set off by the
 * layout's separator. Levels are in modified UTF-7. A file keeps its version; lines that mean no
 * mailbox are kept as they are. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/file.h"
#include "base/unicode.h"
#include "mailbox/maildir_tree.h"

#define FILE_MAX ((size_t)64 << 20)
#define LOCK_MS 30000
#define STALE_MS 120000

static const char head[] = "V\t2\n\n";

struct subscriptions {
    struct buf text;
    struct bytes lines; /* behind the head */
    char separator;     /* between levels */
    bool fresh;         /* no file yet */
};

static const char *directory_of(const struct location *location)
{
    return location->control ? location->control : location->root;
}

static const char *file_of(const struct location *location)
{
    return location->subscriptions ? location->subscriptions : "subscriptions";
}

/* fd: the directory, -1 when there is none yet. */
static bool load(const struct location *location, int fd, struct subscriptions *out,
                 struct error *err)
{
    struct error reason = { .class = ERROR_NO_SUCH };
    out->text = BUF_INIT(FILE_MAX);
    out->fresh = fd < 0 || !file_read(fd, file_of(location), FILE_MAX, &out->text, &reason);
    if (out->fresh && reason.class != ERROR_NO_SUCH)
        return error_set(err, reason.class, "%s", reason.text);
    out->lines = buf_view(&out->text);
    bool second = bytes_starts(out->lines, BYTES("V\t2\n"));
    out->separator = second || out->fresh ? '\t' : location->separator;
    if (second)
        out->lines = bytes_skip(out->lines, 4);
    return true;
}

static bool fail(const struct location *location, struct error *err)
{
    return error_prefix(err, "subscriptions of user %s in %s: ", location->user,
                        directory_of(location));
}

/* A line as a name inside the namespace, appended; false when it means none. */
static bool decode(struct bytes line, char separator, struct buf *out)
{
    struct bytes rest = line;
    size_t start = out->len;
    if (line.len == 0)
        return false;
    do {
        struct bytes level = bytes_split(&rest, separator);
        if (out->len > start)
            buf_byte(out, '/');
        size_t before = out->len;
        if (level.len == 0 || !utf7_decode(level, out) ||
            memchr(out->data + before, '/', out->len - before)) {
            out->len = start;
            return false;
        }
    } while (rest.data);
    if (bytes_equal_nocase(bytes_skip(buf_view(out), start), BYTES("INBOX")))
        memcpy(out->data + start, "INBOX", 5);
    return true;
}

static bool encode(struct bytes name, char separator, struct buf *out)
{
    struct bytes rest = name;
    bool first = true;
    do {
        struct bytes level = bytes_split(&rest, '/');
        for (size_t i = 0; i < level.len; i++)
            if ((unsigned char)level.data[i] < ' ' || level.data[i] == 0x7F)
                return false;
        if (!first)
            buf_byte(out, separator);
        first = false;
        if (level.len == 0 || memchr(level.data, separator, level.len) || !utf7_encode(level, out))
            return false;
    } while (rest.data);
    return true;
}

static bool collect(const struct subscriptions *file, struct arena *arena, struct bytes **names,
                    size_t *count)
{
    struct buf name = BUF_INIT(4000);
    size_t lines = 1;
    for (size_t i = 0; i < file->lines.len; i++)
        lines += file->lines.data[i] == '\n';
    *names = arena_array(arena, lines, sizeof(**names));
    for (struct bytes rest = file->lines; *names && rest.data;) {
        buf_clear(&name);
        if (!decode(bytes_split(&rest, '\n'), file->separator, &name))
            continue;
        (*names)[*count] = arena_bytes(arena, buf_view(&name));
        if (!(*names)[(*count)++].data)
            *names = NULL;
    }
    buf_free(&name);
    return *names != NULL;
}

bool maildir_tree_subscriptions_read(const struct location *location, struct arena *arena,
                                     struct bytes **names, size_t *count, struct error *err)
{
    struct subscriptions file = { 0 };
    int fd = open(directory_of(location), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *count = 0;
    *names = NULL;
    if (fd < 0 && errno != ENOENT) {
        error_errno(err, errno, "opening it");
        return fail(location, err);
    }
    bool good = load(location, fd, &file, err);
    if (good && !collect(&file, arena, names, count))
        good = error_memory(err);
    buf_free(&file.text);
    if (fd >= 0)
        close(fd);
    return good || fail(location, err);
}

/* The file's text after the change; false in *changed when it is the same. */
static bool edit(const struct subscriptions *file, struct bytes line, bool on, struct buf *out,
                 bool *changed)
{
    bool found = false;
    if (file->separator == '\t')
        buf_append(out, head, sizeof(head) - 1);
    for (struct bytes rest = file->lines; rest.data;) {
        struct bytes old = bytes_split(&rest, '\n');
        bool same = bytes_equal(old, line);
        if (old.len > 0 && (!same || (on && !found))) {
            buf_bytes(out, old);
            buf_byte(out, '\n');
        }
        found |= same;
    }
    if (on && !found) {
        buf_bytes(out, line);
        buf_byte(out, '\n');
    }
    *changed = on != found;
    return !buf_failed(out);
}

static bool change(const struct location *location, int fd, struct bytes name, bool on,
                   struct error *err)
{
    struct subscriptions file;
    struct buf line = BUF_INIT(8000), text = BUF_INIT(FILE_MAX);
    bool changed = false, good = load(location, fd, &file, err);
    if (good && !encode(name, file.separator, &line))
        good =
            error_set(err, ERROR_INVALID, "mailbox name \"%.*s\" is not possible", BYTES_FMT(name));
    if (good && !edit(&file, buf_view(&line), on, &text, &changed))
        good = error_memory(err);
    if (good && changed)
        good = file_replace(fd, file_of(location), buf_view(&text), 0600, err);
    buf_free(&line);
    buf_free(&text);
    buf_free(&file.text);
    return good;
}

bool maildir_tree_subscriptions_set(const struct location *location, struct bytes name, bool on,
                                    struct error *err)
{
    const char *directory = directory_of(location);
    struct dotlock lock;
    if (!file_mkdir(AT_FDCWD, directory, 0700, true, NULL, err))
        return fail(location, err);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 || error_errno(err, errno, "opening it");
    good = good && dotlock_take(&lock, fd, file_of(location), LOCK_MS, STALE_MS, err);
    if (good) {
        good = change(location, fd, name, on, err);
        dotlock_release(&lock);
    }
    if (fd >= 0)
        close(fd);
    return good || fail(location, err);
}
