/* The file, read by libConfuse, which is told of every setting as a string: values are ours to
 * check, so that the file, -o and the user data base understand the same. A callback notes the line
 * of each. */
#include <confuse.h>
#include <stdio.h>
#include <stdlib.h>
#include "conf/setting.h"

/* Set behind the end of the text: where it is unknown, a section was not closed (which libConfuse
 * lets pass). */
#define END_MARK "end-of-file-mark"

/* libConfuse gives its callbacks no context of ours. */
static struct {
    const char *path;
    struct error *err;
    struct note {
        const cfg_opt_t *opt;
        int line;
    } * notes;
    size_t count, capacity;
    bool failed;
} reading;

static int note_line(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    if (reading.count == reading.capacity) {
        size_t capacity = reading.capacity * 2 + 64;
        struct note *notes = reallocarray(reading.notes, capacity, sizeof(*notes));
        if (!notes)
            return -1;
        reading.notes = notes;
        reading.capacity = capacity;
    }
    reading.notes[reading.count++] = (struct note){ opt, cfg->line };
    *(const char **)result = value;
    return 0;
}

/* 0: never set. */
static int line_of(const cfg_opt_t *opt)
{
    for (size_t i = reading.count; i > 0; i--)
        if (reading.notes[i - 1].opt == opt)
            return reading.notes[i - 1].line;
    return 0;
}

static const struct section *section_named(const char *name)
{
    for (int i = 0; i < SECTION_KINDS; i++)
        if (strcmp(sections[i].name, name) == 0)
            return &sections[i];
    return NULL;
}

static void unknown(const cfg_t *cfg, const char *name)
{
    const struct section *section = section_named(cfg->name);
    if (strcmp(name, END_MARK) == 0) {
        error_set(reading.err, ERROR_INVALID, "%s: section `%s' \"%s\" has no closing brace `}'",
                  reading.path, cfg->name, cfg->title ? cfg->title : "");
        return;
    }
    const char *hint = section ? setting_suggest(section->settings, section->count, name)
                               : setting_suggest(settings, settings_count, name);
    error_set(reading.err, ERROR_INVALID, "%s:%d: unknown setting `%s'%s%s%s", reading.path,
              cfg->line, name, section ? " in section " : "", section ? section->name : "", hint);
}

static void complain(cfg_t *cfg, const char *format, va_list args)
{
    char text[300];
    if (reading.failed)
        return;
    reading.failed = true;
    if (strcmp(format, "no such option '%s'") == 0) {
        unknown(cfg, va_arg(args, const char *));
        return;
    }
    const char *advice =
        strstr(format, "unexpected token")
            ? "; a value with = { } ( ) + , or blanks needs quotes, and a list has commas"
        : strstr(format, "end of file") ? "; is a quote or a value missing?"
                                        : "";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(text, sizeof(text), format, args);
#pragma GCC diagnostic pop
    error_set(reading.err, ERROR_INVALID, "%s:%d: %s%s", reading.path, cfg->line, text, advice);
}

static cfg_opt_t option(const struct setting *setting)
{
    cfg_opt_t list = CFG_STR_LIST_CB(setting->name, NULL, CFGF_NODEFAULT, note_line);
    cfg_opt_t one = CFG_STR_CB(setting->name, NULL, CFGF_NODEFAULT, note_line);
    return setting->type == SETTING_LIST ? list : one;
}

/* libConfuse's table from ours, END_MARK behind it for the top level. */
static size_t options(const struct setting *table, size_t count, cfg_opt_t *out)
{
    size_t used = 0;
    const cfg_opt_t end = CFG_END();
    for (size_t i = 0; i < count; i++)
        if (table[i].name)
            out[used++] = option(&table[i]);
    out[used] = end;
    return used;
}

/* libConfuse 3.3 counts the lines of comments twice: blank them out. What it must still see stays
 * where it is. */
static void blank_comments(char *text)
{
    char quote = 0, before = '\n';
    for (; *text; before = *text++) {
        if (quote) {
            if (*text == '\\' && text[1])
                text++;
            else if (*text == quote)
                quote = 0;
            continue;
        }
        bool fresh = strchr(" \t\r\n={}(),+\"'", before) != NULL;
        if (*text == '"' || *text == '\'') {
            quote = *text;
        } else if (*text == '#' || (fresh && *text == '/' && text[1] == '/')) {
            size_t len = strcspn(text, "\n");
            memset(text, ' ', len);
            text += len - 1;
        } else if (fresh && *text == '/' && text[1] == '*') {
            const char *end = strstr(text + 2, "*/");
            for (size_t left = end ? (size_t)(end + 2 - text) : strlen(text); left > 0;
                 left--, text++)
                if (*text != '\n')
                    *text = ' ';
            text--;
        }
    }
}

static const char *source(struct conf *conf, int line)
{
    struct conf_private *private = conf->private;
    return arena_printf(private->arena, "%s:%d", reading.path, line);
}

static bool take_value(struct conf *conf, const struct setting *setting, cfg_opt_t *opt, void *base,
                       const char **noted)
{
    struct conf_private *private = conf->private;
    int line = line_of(opt);
    size_t count = cfg_opt_size(opt);
    bool good;
    if (line == 0 && !(setting->type == SETTING_LIST && opt->flags & CFGF_MODIFIED))
        return true;
    if (setting->type == SETTING_LIST) {
        const char **words = arena_array(private->arena, count + 1, sizeof(*words));
        for (size_t i = 0; words && i < count; i++)
            words[i] = cfg_opt_getnstr(opt, (unsigned)i);
        good = words ? setting_parse_list(setting, words, count, base, private->arena, reading.err)
                     : error_memory(reading.err);
    } else {
        good = setting_parse(setting, cfg_opt_getnstr(opt, 0), base, private->arena, reading.err);
    }
    if (!good)
        return error_prefix(reading.err, "%s:%d: %s: ", reading.path, line, setting->name);
    *noted = line ? source(conf, line) : reading.path;
    return true;
}

static bool take_section(struct conf *conf, int kind, cfg_t *cfg)
{
    const struct section *section = &sections[kind];
    struct conf_private *private = conf->private;
    size_t at;
    void *element = section_make(conf, kind, cfg_title(cfg), &at, reading.err);
    if (!element)
        return false;
    private->section_lines[kind][at] = source(conf, cfg->line);
    for (size_t i = 0; i < section->count; i++)
        if (!take_value(conf, &section->settings[i], cfg_getopt(cfg, section->settings[i].name),
                        element, &private->section_sources[kind][at][i]))
            return false;
    return true;
}

static bool take_all(struct conf *conf, cfg_t *cfg)
{
    struct conf_private *private = conf->private;
    for (size_t i = 0; i < settings_count; i++)
        if (settings[i].name && !take_value(conf, &settings[i], cfg_getopt(cfg, settings[i].name),
                                            conf, &private->sources[i]))
            return false;
    for (int kind = 0; kind < SECTION_KINDS; kind++)
        for (unsigned i = 0; i < cfg_size(cfg, sections[kind].name); i++)
            if (!take_section(conf, kind, cfg_getnsec(cfg, sections[kind].name, i)))
                return false;
    return true;
}

static cfg_t *parser(void)
{
    static cfg_opt_t top[SETTINGS_MAX + SECTION_KINDS + 2],
        inner[SECTION_KINDS][SECTION_SETTINGS_MAX + 1];
    const cfg_opt_t mark = CFG_STR(END_MARK, NULL, CFGF_NODEFAULT), end = CFG_END();
    size_t used = options(settings, settings_count, top);
    for (int kind = 0; kind < SECTION_KINDS; kind++) {
        options(sections[kind].settings, sections[kind].count, inner[kind]);
        const cfg_opt_t section = CFG_SEC(sections[kind].name, inner[kind],
                                          CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
        top[used++] = section;
    }
    top[used++] = mark;
    top[used] = end;
    return cfg_init(top, CFGF_NONE);
}

static bool parse(struct conf *conf, char *text)
{
    cfg_t *cfg = parser();
    if (!cfg)
        return error_memory(reading.err);
    cfg_set_error_function(cfg, complain);
    blank_comments(text);
    bool good = cfg_parse_buf(cfg, text) == CFG_SUCCESS && !reading.failed;
    if (!good && !reading.failed)
        error_set(reading.err, ERROR_INVALID, "%s:%d: cannot be understood", reading.path,
                  cfg->line);
    good = good && take_all(conf, cfg);
    cfg_free(cfg);
    return good;
}

bool conf_read(struct conf *conf, const char *path, const char *text, size_t len, struct error *err)
{
    struct error ignored = { 0 };
    struct buf whole = BUF_INIT(len + 64);
    if (memchr(text ? text : "", '\0', len))
        return error_set(err, ERROR_INVALID, "%s: is no text: it has a NUL octet", path);
    buf_append(&whole, text, len);
    buf_string(&whole, "\n" END_MARK " = x\n");
    buf_byte(&whole, '\0');
    reading.path = path;
    reading.err = err ? err : &ignored;
    reading.count = 0;
    reading.failed = false;
    bool good = buf_failed(&whole) ? error_memory(err) : parse(conf, whole.data);
    buf_free(&whole);
    free(reading.notes);
    memset(&reading, 0, sizeof(reading));
    return good;
}
