#include "conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "conf/setting.h"

#define FILE_MAX (1 << 20)
#define MEMORY_MAX ((size_t)16 << 20)
#define DEFAULT_PATH SYSCONFDIR "/postern/postern.conf"

/* Known to clients under these names; a section of the file with the same name adds to it. */
static const struct {
    const char *name, *use;
} usual_mailboxes[] = {
    { "Drafts", "\\Drafts" }, { "Junk", "\\Junk" },       { "Sent", "\\Sent" },
    { "Trash", "\\Trash" },   { "Archive", "\\Archive" },
};

static bool fill_defaults(struct conf *conf, struct error *err)
{
    struct conf_private *private = conf->private;
    for (size_t i = 0; i < settings_count; i++)
        if (settings[i].name &&
            !setting_parse(&settings[i], settings[i].fallback, conf, private->arena, err))
            return error_prefix(err, "default of %s: ", settings[i].name);
    for (size_t i = 0; i < sizeof(usual_mailboxes) / sizeof(*usual_mailboxes); i++) {
        size_t at;
        struct conf_mailbox *mailbox =
            section_make(conf, SECTION_MAILBOX, usual_mailboxes[i].name, &at, err);
        if (!mailbox)
            return false;
        mailbox->special_use = usual_mailboxes[i].use;
    }
    return true;
}

static bool start(struct conf *conf, const char *path, struct error *err)
{
    memset(conf, 0, sizeof(*conf));
    struct arena *arena = arena_create(MEMORY_MAX);
    struct conf_private *private = arena ? arena_alloc(arena, sizeof(*private)) : NULL;
    if (!private) {
        arena_destroy(&arena);
        return error_memory(err);
    }
    private->arena = arena;
    conf->private = private;
    private->path = arena_copy(arena, bytes_of(path ? path : DEFAULT_PATH));
    return private->path ? fill_defaults(conf, err) : error_memory(err);
}

static bool read_file(struct conf *conf, bool named, struct error *err)
{
    const char *path = conf_path(conf);
    struct buf text = BUF_INIT(FILE_MAX);
    struct error reason;
    bool good = file_read(AT_FDCWD, path, FILE_MAX, &text, &reason);
    if (!good && reason.class == ERROR_NO_SUCH && !named)
        good = true;
    else if (!good)
        error_set(err, reason.class, "%s", reason.text);
    else
        good = conf_read(conf, path, text.data, text.len, err);
    buf_free(&text);
    return good;
}

/* user@HOST and user@localhost are users of the system, unless the administrator said which are. */
static bool local_domains(struct conf *conf, struct error *err)
{
    char name[256] = "";
    if (strcmp(conf_source(conf, "local_domains"), "default") != 0)
        return true;
    if (gethostname(name, sizeof(name) - 1) < 0)
        name[0] = '\0';
    const char *host = conf->hostname[0] ? conf->hostname : name;
    const char *const words[] = { "localhost", host };
    size_t count = host[0] && strcmp(host, "localhost") != 0 ? 2 : 1;
    const struct setting *setting = setting_find(settings, settings_count, "local_domains");
    struct conf_private *private = conf->private;
    return setting_parse_list(setting, words, count, conf, private->arena, err);
}

static const char *namespace_source(const struct conf *conf, size_t i)
{
    struct conf_private *private = conf->private;
    const char *line = private->section_lines[SECTION_NAMESPACE][i];
    return line ? line : conf_path(conf);
}

static bool check_namespaces(const struct conf *conf, struct error *err)
{
    size_t inboxes = 0;
    for (size_t i = 0; i < conf->namespaces_count; i++) {
        const struct conf_namespace *ns = &conf->namespaces[i];
        size_t len = strlen(ns->prefix);
        inboxes += ns->inbox;
        if (len > 0 && ns->separator && ns->prefix[len - 1] != ns->separator)
            return error_set(
                err, ERROR_INVALID,
                "%s: prefix \"%s\" of namespace \"%s\" must end with its separator `%c'",
                namespace_source(conf, i), ns->prefix, ns->name, ns->separator);
        for (size_t k = 0; k < i; k++)
            if (strcmp(ns->prefix, conf->namespaces[k].prefix) == 0)
                return error_set(err, ERROR_INVALID,
                                 "%s: namespaces \"%s\" and \"%s\" have the same prefix \"%s\"",
                                 namespace_source(conf, i), conf->namespaces[k].name, ns->name,
                                 ns->prefix);
    }
    if (conf->namespaces_count > 0 && inboxes != 1)
        return error_set(err, ERROR_INVALID, "%s: %s namespace has inbox = yes; exactly one must",
                         namespace_source(conf, 0), inboxes == 0 ? "no" : "more than one");
    return true;
}

static bool check_whole(const struct conf *conf, struct error *err)
{
    if (conf->last_valid_uid > 0 && conf->last_valid_uid < conf->first_valid_uid)
        return error_set(err, ERROR_INVALID, "%s: last_valid_uid %u is below first_valid_uid %u",
                         conf_source(conf, "last_valid_uid"), conf->last_valid_uid,
                         conf->first_valid_uid);
    if (!conf->auth[0])
        return error_set(err, ERROR_INVALID, "%s: auth names no way to find users; write pam",
                         conf_source(conf, "auth"));
    return check_namespaces(conf, err);
}

static bool override(struct conf *conf, const char *text, struct error *err)
{
    struct conf_private *private = conf->private;
    struct bytes rest = bytes_of(text);
    struct bytes name = bytes_trim(bytes_split(&rest, '='));
    char *copy = arena_copy(private->arena, name);
    if (!copy)
        return error_memory(err);
    if (!rest.data)
        return error_set(err, ERROR_INVALID, "-o %s: write -o %s=VALUE", text, text);
    return conf_set(conf, copy, bytes_trim(rest).data, "-o", err);
}

bool conf_load(struct conf *conf, const char *path, const char *const *overrides, size_t count,
               struct error *err)
{
    bool good = start(conf, path, err) && read_file(conf, path != NULL, err);
    for (size_t i = 0; good && i < count; i++)
        good = override(conf, overrides[i], err);
    good = good && local_domains(conf, err) && check_whole(conf, err);
    if (!good)
        conf_free(conf);
    return good;
}

void conf_free(struct conf *conf)
{
    struct conf_private *private = conf->private;
    struct arena *arena = private ? private->arena : NULL;
    arena_destroy(&arena);
    memset(conf, 0, sizeof(*conf));
}

const char *conf_path(const struct conf *conf)
{
    return ((const struct conf_private *)conf->private)->path;
}

/* A place that a name means: a setting of the file's top, or one of a section. */
struct place {
    const struct setting *setting;
    void *base;
    const char **source;
};

static bool find_plain(struct conf *conf, const char *name, struct place *place, struct error *err)
{
    struct conf_private *private = conf->private;
    place->setting = setting_find(settings, settings_count, name);
    if (!place->setting)
        return error_set(err, ERROR_NO_SUCH, "unknown setting `%s'%s", name,
                         setting_suggest(settings, settings_count, name));
    place->base = conf;
    place->source = &private->sources[place->setting - settings];
    return true;
}

/* "mailbox/Lists/cats/auto": kind, title (which may have slashes), setting. */
static bool find_sectioned(struct conf *conf, const char *name, int kind, bool make,
                           struct place *place, struct error *err)
{
    struct conf_private *private = conf->private;
    const struct section *section = &sections[kind];
    const char *title = strchr(name, '/') + 1, *last = strrchr(name, '/') + 1;
    if (last == title)
        return error_set(err, ERROR_INVALID, "`%s' is no setting; write %s/TITLE/SETTING", name,
                         section->name);
    place->setting = setting_find(section->settings, section->count, last);
    if (!place->setting)
        return error_set(err, ERROR_INVALID, "unknown setting `%s' of section `%s'%s", last,
                         section->name, setting_suggest(section->settings, section->count, last));
    char *copy = arena_copy(private->arena, bytes_make(title, (size_t)(last - 1 - title)));
    if (!copy)
        return error_memory(err);
    size_t at, before = section_count(section, conf);
    if (!make) {
        for (at = 0; at < before; at++)
            if (strcmp(*(const char **)((char *)section_at(section, conf, at) + section->title),
                       copy) == 0)
                break;
        if (at == before)
            return error_set(err, ERROR_NO_SUCH, "there is no section `%s' \"%s\"", section->name,
                             copy);
    } else if (!section_make(conf, kind, copy, &at, err)) {
        return false;
    }
    place->base = section_at(section, conf, at);
    place->source = &private->section_sources[kind][at][place->setting - section->settings];
    return true;
}

static bool find_place(struct conf *conf, const char *name, bool make, struct place *place,
                       struct error *err)
{
    const char *slash = strchr(name, '/');
    for (int kind = 0; slash && kind < SECTION_KINDS; kind++)
        if (bytes_equal(bytes_make(name, (size_t)(slash - name)), bytes_of(sections[kind].name)))
            return find_sectioned(conf, name, kind, make, place, err);
    return find_plain(conf, name, place, err);
}

static bool set(struct conf *conf, const char *name, const char *value, const char *source,
                bool by_user, struct error *err)
{
    struct conf_private *private = conf->private;
    struct place place;
    const char *kept = arena_copy(private->arena, bytes_of(source));
    if (!kept)
        return error_memory(err);
    if (!find_place(conf, name, true, &place, err))
        return error_prefix(err, "%s: ", source);
    if (by_user && !place.setting->per_user)
        return error_set(err, ERROR_NOT_PERMITTED,
                         "%s: `%s' cannot be set for one user, only in the configuration file",
                         source, name);
    if (!setting_parse(place.setting, value, place.base, private->arena, err))
        return error_prefix(err, "%s: %s: ", source, name);
    *place.source = kept;
    return true;
}

bool conf_set(struct conf *conf, const char *name, const char *value, const char *source,
              struct error *err)
{
    return set(conf, name, value, source, false, err);
}

bool conf_set_user(struct conf *conf, const char *name, const char *value, const char *source,
                   struct error *err)
{
    if (strcmp(name, "mail_location") == 0) /* Dovecot's name for it */
        name = "mail";
    return set(conf, name, value, source, true, err) && check_namespaces(conf, err);
}

const char *conf_source(const struct conf *conf, const char *name)
{
    struct place place;
    union {
        const struct conf *given;
        struct conf *conf;
    } same = { .given = conf }; /* make is false: nothing but the arena changes */
    if (!find_place(same.conf, name, false, &place, NULL) || !*place.source)
        return "default";
    return *place.source;
}

bool conf_get(const struct conf *conf, const char *name, struct buf *out)
{
    struct place place;
    union {
        const struct conf *given;
        struct conf *conf;
    } same = { .given = conf };
    if (!find_place(same.conf, name, false, &place, NULL))
        return false;
    setting_print(place.setting, place.base, out);
    return !buf_failed(out);
}
