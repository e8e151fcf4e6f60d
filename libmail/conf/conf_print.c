/* The settings as a file, and the reference part of postern.conf(5). */
#include "conf/setting.h"

static void print_one(const struct setting *setting, const void *base, const char *indent,
                      const char *source, FILE *out)
{
    struct buf text = BUF_INIT(65536);
    setting_print(setting, base, &text);
    fprintf(out, "%s%s = %s", indent, setting->name, buf_cstr(&text));
    if (source)
        fprintf(out, "  # %s", source);
    fputc('\n', out);
    buf_free(&text);
}

static bool is_changed(const struct conf_private *private, int kind, size_t at)
{
    if (private->section_lines[kind][at])
        return true;
    for (size_t i = 0; i < sections[kind].count; i++)
        if (private->section_sources[kind][at][i])
            return true;
    return false;
}

static void print_section(const struct conf *conf, int kind, size_t at, bool only_changed,
                          FILE *out)
{
    const struct conf_private *private = conf->private;
    const struct section *section = &sections[kind];
    const char *element = section_at(section, conf, at);
    struct buf title = BUF_INIT(4096);
    if (only_changed && !is_changed(private, kind, at))
        return;
    setting_quote(*(const char *const *)(element + section->title), &title);
    fprintf(out, "%s %s {\n", section->name, buf_cstr(&title));
    for (size_t i = 0; i < section->count; i++) {
        const char *source = private->section_sources[kind][at][i];
        if (source || !only_changed)
            print_one(&section->settings[i], element, "    ", only_changed ? source : NULL, out);
    }
    fputs("}\n", out);
    buf_free(&title);
}

void conf_print(const struct conf *conf, FILE *out, bool only_changed)
{
    const struct conf_private *private = conf->private;
    for (size_t i = 0; i < settings_count; i++) {
        if (settings[i].name && (private->sources[i] || !only_changed))
            print_one(&settings[i], conf, "", only_changed ? private->sources[i] : NULL, out);
    }
    for (int kind = 0; kind < SECTION_KINDS; kind++)
        for (size_t i = 0; i < section_count(&sections[kind], conf); i++)
            print_section(conf, kind, i, only_changed, out);
}

/* A value in an argument of a macro: what mdoc would take as its own is escaped. */
static void manual_value(const char *text, FILE *out)
{
    fputs("\\(dq", out);
    for (; *text; text++)
        fputs(*text == '\\' ? "\\e" : *text == '"' ? "\\(dq" : (char[]){ *text, '\0' }, out);
    fputs("\\(dq", out);
}

static void manual_type(const struct setting *setting, FILE *out)
{
    static const char *const names[] = {
        [SETTING_STRING] = "string",       [SETTING_BOOL] = "yes or no",
        [SETTING_NUMBER] = "number",       [SETTING_DURATION] = "time",
        [SETTING_SIZE] = "size",           [SETTING_LIST] = "list",
        [SETTING_SEPARATOR] = "character",
    };
    if (!setting->words) {
        fputs(names[setting->type], out);
        return;
    }
    for (size_t i = 0; setting->words[i]; i++)
        fprintf(out, "%s%s", i == 0 ? "" : " | ", setting->words[i]);
}

static void manual_setting(const struct setting *setting, FILE *out)
{
    fprintf(out, ".It Ic %s No \\&= ", setting->name);
    if (setting->type == SETTING_STRING || setting->type == SETTING_LIST ||
        setting->type == SETTING_SEPARATOR)
        manual_value(setting->fallback, out);
    else
        fputs(setting->fallback, out);
    fputs("\n.Pq ", out);
    manual_type(setting, out);
    fprintf(out, "%s\n%s\n", setting->per_user ? "; per user" : "", setting->help);
}

static void manual_table(const struct setting *table, size_t count, FILE *out)
{
    bool open = false;
    for (size_t i = 0; i < count; i++) {
        if (table[i].type == SETTING_HEADING) {
            fprintf(out, "%s.Ss %s\n", open ? ".El\n" : "", table[i].help);
            open = false;
            continue;
        }
        if (!open)
            fputs(".Bl -tag -width Ds\n", out);
        open = true;
        manual_setting(&table[i], out);
    }
    fputs(".El\n", out);
}

void conf_manual(FILE *out)
{
    manual_table(settings, settings_count, out);
    for (int kind = 0; kind < SECTION_KINDS; kind++) {
        fprintf(out,
                ".Ss Sections: %s\n.D1 Ic %s No \\(dq Ns Ar name Ns No \\(dq { Ar setting No = Ar "
                "value ... No }\n%s\n",
                sections[kind].name, sections[kind].name, sections[kind].help);
        manual_table(sections[kind].settings, sections[kind].count, out);
    }
}
