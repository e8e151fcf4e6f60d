/* The one table of settings (setting.c): what reading, checking, printing and the manual page are
 * made from. Private to libmail/conf. */
#ifndef CONF_SETTING_H
#define CONF_SETTING_H

#include "base/arena.h"
#include "base/buf.h"
#include "conf/conf.h"

enum setting_type {
    SETTING_HEADING, /* of the manual page: only help counts */
    SETTING_STRING,
    SETTING_BOOL,
    SETTING_NUMBER,   /* unsigned, min..max */
    SETTING_DURATION, /* unsigned seconds, min..max, written 90, 30s, 5m, 2h, 30d, 4w */
    SETTING_SIZE, /* octets, min..max, written 500, 64K, 50M, 2G, 1T: uint64_t when max is beyond 32
                     bits, else unsigned */
    SETTING_WORD, /* an int (enum), one of words */
    SETTING_CHOICE,   /* a string, one of words */
    SETTING_LIST,     /* const char **, NULL-terminated */
    SETTING_SEPARATOR /* a char, "" is 0 */
};

struct setting {
    const char *name;
    enum setting_type type;
    bool per_user;        /* the user data base may override it */
    size_t offset;        /* in struct conf, conf_mailbox or conf_namespace */
    const char *fallback; /* the default, as text */
    uint64_t min, max;
    const char *const *words; /* SETTING_WORD: value is the index; SETTING_CHOICE */
    bool (*check)(const char *value,
                  struct error *err); /* strings and words of lists; may be NULL */
    const char *help;                 /* mdoc */
};

/* A kind of section: mailbox "Sent" { ... }. */
struct section {
    const char *name;
    const struct setting *settings;
    size_t count, size;             /* of settings; of one element */
    size_t list, list_count, title; /* offsets: in struct conf twice; of the title in the element */
    const char *help;
};

#define SETTINGS_MAX 96 /* in one table */
#define SECTION_SETTINGS_MAX 12
#define SECTIONS_MAX 256 /* of one kind */

extern const struct setting settings[];
extern const size_t settings_count;
extern const struct section sections[];
enum { SECTION_MAILBOX, SECTION_NAMESPACE, SECTION_KINDS };

/* Where values came from; index as in the tables. */
struct conf_private {
    struct arena *arena;
    const char *path;
    const char *sources[SETTINGS_MAX];
    const char *(*section_sources[SECTION_KINDS])[SECTION_SETTINGS_MAX]; /* one row a section */
    const char **section_lines[SECTION_KINDS]; /* where the section itself stands; NULL: built in */
};

const struct setting *setting_find(const struct setting *table, size_t count, const char *name);
/* "; did you mean `fob'?" or "" when nothing is near. In a static buffer. */
const char *setting_suggest(const struct setting *table, size_t count, const char *name);

/* Reads text into the field of base; false with *err ("`x' is not ..."), base unchanged. Strings
 * are copied to arena. */
bool setting_parse(const struct setting *setting, const char *text, void *base, struct arena *arena,
                   struct error *err);
/* The same for a list from several words. */
bool setting_parse_list(const struct setting *setting, const char *const *words, size_t count,
                        void *base, struct arena *arena, struct error *err);
/* Appends the value as it would be written in the file. */
void setting_print(const struct setting *setting, const void *base, struct buf *out);
/* Appends text in double quotes, escaped for libConfuse. */
void setting_quote(const char *text, struct buf *out);

/* The i-th section of a kind. */
void *section_at(const struct section *section, const struct conf *conf, size_t i);
size_t section_count(const struct section *section, const struct conf *conf);
/* Finds or makes the section with this title (default values); index in *at, NULL without memory or
 * beyond SECTIONS_MAX. */
void *section_make(struct conf *conf, int kind, const char *title, size_t *at, struct error *err);

/* conf_read.c: the file's settings into conf. text: its octets; path for messages. */
bool conf_read(struct conf *conf, const char *path, const char *text, size_t len,
               struct error *err);

#endif
