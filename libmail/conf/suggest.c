/* The name that somebody may have meant. */
#include "conf/setting.h"

#include <stdio.h>

#define NAME_MAX_LEN 40

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance: insertions, deletions and replacements between two names. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_LEN + 1];
    size_t width = strlen(b);
    if (width > NAME_MAX_LEN || strlen(a) > NAME_MAX_LEN)
        return SIZE_MAX;
    for (size_t i = 0; i <= width; i++)
        row[i] = i;
    for (; *a; a++) {
        size_t diagonal = row[0]++;
        for (size_t i = 1; i <= width; i++) {
            size_t above = row[i];
            row[i] = least(above + 1, row[i - 1] + 1, diagonal + (*a != b[i - 1]));
            diagonal = above;
        }
    }
    return row[width];
}

const char *setting_suggest(const struct setting *table, size_t count, const char *name)
{
    static char text[80];
    size_t nearest = strlen(name) / 4 + 2;
    const char *best = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t far = table[i].name ? distance(name, table[i].name) : SIZE_MAX;
        if (far < nearest) {
            nearest = far;
            best = table[i].name;
        }
    }
    snprintf(text, sizeof(text), best ? "; did you mean `%s'?" : "%s", best ? best : "");
    return text;
}
