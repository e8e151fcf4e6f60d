/* Sections: the growing arrays of mailboxes and namespaces in struct conf. */
#include "conf/setting.h"

static void **list_of(const struct section *section, const struct conf *conf)
{
    return (void **)((char *)(uintptr_t)conf + section->list);
}

size_t section_count(const struct section *section, const struct conf *conf)
{
    return *(const size_t *)((const char *)conf + section->list_count);
}

void *section_at(const struct section *section, const struct conf *conf, size_t i)
{
    return (char *)*list_of(section, conf) + i * section->size;
}

static const char **title_of(const struct section *section, void *element)
{
    return (const char **)((char *)element + section->title);
}

static bool find(const struct section *section, const struct conf *conf, const char *title,
                 size_t *at)
{
    for (size_t i = 0; i < section_count(section, conf); i++)
        if (strcmp(*title_of(section, section_at(section, conf, i)), title) == 0) {
            *at = i;
            return true;
        }
    return false;
}

/* An array of one more element, the old ones copied. */
static void *grown(struct arena *arena, const void *old, size_t count, size_t size)
{
    void *new = arena_array(arena, count + 1, size);
    if (new &&count > 0)
        memcpy(new, old, count * size);
    return new;
}

void *section_make(struct conf *conf, int kind, const char *title, size_t *at, struct error *err)
{
    const struct section *section = &sections[kind];
    struct conf_private *private = conf->private;
    size_t count = section_count(section, conf);
    if (find(section, conf, title, at))
        return section_at(section, conf, *at);
    if (count >= SECTIONS_MAX) {
        error_set(err, ERROR_LIMIT, "more than %d sections `%s'", SECTIONS_MAX, section->name);
        return NULL;
    }
    void *list = grown(private->arena, *list_of(section, conf), count, section->size);
    void *sources = grown(private->arena, private->section_sources[kind], count,
                          sizeof(**private->section_sources));
    void *lines = grown(private->arena, private->section_lines[kind], count, sizeof(const char *));
    char *copy = arena_copy(private->arena, bytes_of(title));
    if (!list || !sources || !lines || !copy) {
        error_memory(err);
        return NULL;
    }
    char *element = (char *)list + count * section->size;
    *title_of(section, element) = copy;
    for (size_t i = 0; i < section->count; i++)
        if (!setting_parse(&section->settings[i], section->settings[i].fallback, element,
                           private->arena, err))
            return NULL;
    *list_of(section, conf) = list;
    private->section_sources[kind] = sources;
    private->section_lines[kind] = lines;
    *(size_t *)((char *)conf + section->list_count) = count + 1;
    *at = count;
    return element;
}
