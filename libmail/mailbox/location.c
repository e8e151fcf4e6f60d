#include "mailbox/location.h"

#include <sys/stat.h>

#define PATH_LIMIT 3000 /* octets: leaves room for names below it */
#define SPOOL "/var/mail"

extern const struct format format_maildir;

static const struct {
    const char *name;
    const struct format *format; /* NULL: Dovecot has it, we do not */
} formats[] = {
    { "maildir", &format_maildir },
    { "mbox", NULL },
    { "mdbox", NULL },
    { "sdbox", NULL },
    { "dbox", NULL },
    { "cydir", NULL },
    { "imapc", NULL },
    { "pop3c", NULL },
    { "obox", NULL },
    { "virtual", NULL },
};

/* Cuts at the first ":" that is not doubled ("::" is a colon of the value). */
static bool next_part(struct bytes *rest, struct buf *out)
{
    buf_clear(out);
    if (!rest->data)
        return false;
    for (size_t i = 0; i < rest->len; i++) {
        if (rest->data[i] != ':') {
            buf_byte(out, rest->data[i]);
        } else if (i + 1 < rest->len && rest->data[i + 1] == ':') {
            buf_byte(out, ':');
            i++;
        } else {
            *rest = bytes_skip(*rest, i + 1);
            return true;
        }
    }
    *rest = (struct bytes){ 0 };
    return true;
}

/* What goes into a path must not climb out of it. */
static bool check_user(const char *name, struct error *err)
{
    struct bytes rest = bytes_of(name);
    struct bytes local = bytes_split(&rest, '@');
    bool dots = local.len == 0 || local.data[0] == '.' || (rest.len > 0 && rest.data[0] == '.');
    if (dots || strchr(name, '/') || strlen(name) > 255)
        return error_set(err, ERROR_INVALID, "user name `%s' cannot be part of a path", name);
    return true;
}

/* Repeated slashes and a slash at the end go; ".." stays an error. */
static char *tidy(const char *path, struct arena *arena)
{
    char *out = arena_copy(arena, bytes_of(path));
    size_t used = 0;
    for (const char *at = path; out && *at; at++)
        if (*at != '/' || (at[1] && at[1] != '/'))
            out[used++] = *at;
    if (out)
        out[used] = '\0';
    if (out && used == 0)
        return arena_copy(arena, BYTES("/"));
    return out;
}

static bool absolute(const char *path, const char *text, const struct store_user *user,
                     struct buf *out, struct error *err)
{
    bool home = path[0] == '~' && (path[1] == '/' || !path[1]);
    if (path[0] == '/') {
        buf_string(out, path);
        return true;
    }
    if (path[0] == '~' && !home)
        return error_set(err, ERROR_INVALID,
                         "%s: `%s' means another user's home; write a whole path", text, path);
    if (!user->home || user->home[0] != '/')
        return error_set(
            err, ERROR_INVALID,
            "%s: user %s has no home directory; set mail_home, or a path that begins with /", text,
            user->name);
    buf_printf(out, "%s/%s", user->home, home ? path + 1 : path);
    return true;
}

/* A path of a location: variables expanded, absolute, tidy. */
static const char *path_of(const char *part, const char *text, const struct store_user *user,
                           struct arena *arena, struct error *err)
{
    const struct conf_vars vars = { .user = user->name,
                                    .home = user->home,
                                    .service = user->service };
    struct buf expanded = BUF_INIT(PATH_LIMIT), whole = BUF_INIT(PATH_LIMIT);
    char *path = NULL;
    if (!conf_expand(part, &vars, &expanded, err)) {
        error_prefix(err, "%s: ", text);
    } else if (expanded.len == 0) {
        error_set(err, ERROR_INVALID, "%s: a path is missing; write maildir:~/Maildir", text);
    } else if (absolute(buf_cstr(&expanded), text, user, &whole, err)) {
        path = buf_failed(&whole) ? NULL : tidy(buf_cstr(&whole), arena);
        if (!path)
            error_set(err, ERROR_LIMIT, "%s: the path is too long", text);
    }
    buf_free(&expanded);
    buf_free(&whole);
    return path;
}

static bool take_layout(const char *value, const char *text, struct location *out,
                        struct error *err)
{
    if (bytes_equal_nocase(bytes_of(value), BYTES("fs")))
        out->layout_fs = true;
    else if (!bytes_equal_nocase(bytes_of(value), BYTES("maildir++")))
        return error_set(err, ERROR_INVALID,
                         "%s: there is no LAYOUT=%s; write LAYOUT=fs or LAYOUT=maildir++", text,
                         value);
    return true;
}

static bool take_subscriptions(const char *value, const char *text, struct arena *arena,
                               struct location *out, struct error *err)
{
    if (!*value || strchr(value, '/') || value[0] == '.')
        return error_set(err, ERROR_INVALID, "%s: SUBSCRIPTIONS=%s is no file name", text, value);
    out->subscriptions = arena_copy(arena, bytes_of(value));
    return out->subscriptions || error_memory(err);
}

static bool take_option(const char *option, const char *text, const struct store_user *user,
                        struct arena *arena, struct location *out, struct error *err)
{
    static const struct {
        const char *key;
        size_t offset;
    } paths[] = {
        { "INBOX", offsetof(struct location, inbox) },
        { "INDEX", offsetof(struct location, index) },
        { "CONTROL", offsetof(struct location, control) },
    };
    struct bytes value = bytes_of(option);
    struct bytes key = bytes_split(&value, '=');
    if (bytes_equal_nocase(key, BYTES("LAYOUT")) && value.data)
        return take_layout(value.data, text, out, err);
    if (bytes_equal_nocase(key, BYTES("SUBSCRIPTIONS")) && value.data)
        return take_subscriptions(value.data, text, arena, out, err);
    if (bytes_equal_nocase(key, BYTES("INDEX")) && value.data &&
        bytes_equal_nocase(value, BYTES("MEMORY"))) {
        out->index_memory = true;
        return true;
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths) && value.data; i++)
        if (bytes_equal_nocase(key, bytes_of(paths[i].key))) {
            const char *path = path_of(value.data, text, user, arena, err);
            *(const char **)((char *)out + paths[i].offset) = path;
            return path != NULL;
        }
    return error_set(
        err, ERROR_INVALID,
        "%s: unknown option `%s'; there are LAYOUT=fs, INBOX=PATH, INDEX=PATH, INDEX=MEMORY, "
        "CONTROL=PATH and SUBSCRIPTIONS=NAME",
        text, option);
}

static const struct format *format_of(const char *name, const char *text, struct error *err)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
        if (strcmp(formats[i].name, name) == 0) {
            if (!formats[i].format)
                error_set(
                    err, ERROR_UNAVAILABLE,
                    "%s: mailbox format %s is not built into this version; write maildir:PATH",
                    text, name);
            return formats[i].format;
        }
    error_set(err, ERROR_INVALID, "%s: must begin with the format; write maildir:%s", text, text);
    return NULL;
}

static bool parse_parts(const char *text, const struct store_user *user, struct arena *arena,
                        struct location *out, struct buf *part, struct error *err)
{
    struct bytes rest = bytes_of(text);
    next_part(&rest, part);
    if (!(out->format = format_of(buf_cstr(part), text, err)))
        return false;
    next_part(&rest, part);
    if (!(out->root = path_of(buf_cstr(part), text, user, arena, err)))
        return false;
    while (next_part(&rest, part))
        if (part->len > 0 && !take_option(buf_cstr(part), text, user, arena, out, err))
            return false;
    return true;
}

bool location_parse(const char *text, const struct store_user *user, struct arena *arena,
                    struct location *out, struct error *err)
{
    struct buf part = BUF_INIT(PATH_LIMIT);
    *out = (struct location){ .conf = user->conf,
                              .user = arena_copy(arena, bytes_of(user->name)),
                              .subscriptions = "subscriptions" };
    bool good = out->user
                    ? check_user(user->name, err) && parse_parts(text, user, arena, out, &part, err)
                    : error_memory(err);
    out->separator = out->layout_fs ? '/' : '.';
    buf_free(&part);
    return good;
}

static bool is_kind(const char *path, mode_t kind, bool filled)
{
    struct stat st;
    return path && stat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind &&
           (!filled || st.st_size > 0);
}

bool location_search(const struct store_user *user, struct arena *arena, struct location *out,
                     const char **why, struct error *err)
{
    if (!location_parse("maildir:~/Maildir", user, arena, out, err))
        return error_prefix(err, "no setting `mail' says where the mail is; trying ");
    const char *spool = arena_printf(arena, SPOOL "/%s", user->name);
    if (is_kind(out->root, S_IFDIR, false)) {
        *why = arena_printf(arena, "mail is not set, and %s is there", out->root);
    } else if (is_kind(spool, S_IFREG, true)) {
        return error_set(err, ERROR_UNAVAILABLE,
                         "mail of user %s: %s is an mbox spool, and this version has no mbox "
                         "format yet; move the mail "
                         "to a Maildir, or set mail = \"maildir:~/Maildir\" to start without it",
                         user->name, spool);
    } else {
        *why = arena_printf(arena, "mail is not set, and neither %s nor %s is there: a new Maildir",
                            out->root, spool);
    }
    return *why ? true : error_memory(err);
}
