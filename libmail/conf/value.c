/* Values of settings: from text, and back to text. One function a type, in a table. */
#include "conf/setting.h"

#include <stdio.h>

struct unit {
    char letter;
    uint64_t factor;
};
static const struct unit durations[] = { { 'w', 604800 }, { 'd', 86400 }, { 'h', 3600 },
                                         { 'm', 60 },     { 's', 1 },     { 0, 0 } };
static const struct unit sizes[] = {
    { 'T', 1ULL << 40 }, { 'G', 1ULL << 30 }, { 'M', 1ULL << 20 }, { 'K', 1ULL << 10 }, { 0, 0 }
};

static const struct unit *units_of(const struct setting *setting)
{
    static const struct unit none[] = { { 0, 0 } };
    return setting->type == SETTING_DURATION ? durations
           : setting->type == SETTING_SIZE   ? sizes
                                             : none;
}

static void quantity_print(const struct setting *setting, uint64_t value, struct buf *out)
{
    const struct unit *unit = units_of(setting);
    while (unit->letter && (value % unit->factor != 0 || value == 0))
        unit++;
    buf_number(out, unit->letter ? value / unit->factor : value);
    if (unit->letter)
        buf_byte(out, unit->letter);
}

static bool wrong_quantity(const struct setting *setting, const char *text, struct error *err)
{
    static const char *const examples[] = { [SETTING_NUMBER] = "a number",
                                            [SETTING_DURATION] =
                                                "a time such as 90s, 5m, 2h or 30d",
                                            [SETTING_SIZE] =
                                                "a size in octets such as 64K, 50M or 2G" };
    struct buf low = BUF_INIT(64), high = BUF_INIT(64);
    quantity_print(setting, setting->min, &low);
    quantity_print(setting, setting->max, &high);
    error_set(err, ERROR_INVALID, "`%s' is not %s from %s to %s", text, examples[setting->type],
              buf_cstr(&low), buf_cstr(&high));
    buf_free(&low);
    buf_free(&high);
    return false;
}

/* A number with at most one unit behind it, in any case, an optional blank between ("30 d",
 * "50MB"). */
static bool quantity(const struct setting *setting, const char *text, uint64_t *value,
                     struct error *err)
{
    struct bytes rest = bytes_of(text);
    size_t digits = strspn(text, "0123456789");
    uint64_t factor = 1, number;
    if (!bytes_to_u64(bytes_take(rest, digits), &number))
        return wrong_quantity(setting, text, err);
    rest = bytes_trim(bytes_skip(rest, digits));
    if (rest.len > 0) {
        const struct unit *unit = units_of(setting);
        while (unit->letter && (unit->letter | 0x20) != (rest.data[0] | 0x20))
            unit++;
        bool octets =
            setting->type == SETTING_SIZE && rest.len == 2 && (rest.data[1] | 0x20) == 'b';
        if (!unit->letter || (rest.len != 1 && !octets))
            return wrong_quantity(setting, text, err);
        factor = unit->factor;
    }
    if (__builtin_mul_overflow(number, factor, value) || *value < setting->min ||
        *value > setting->max)
        return wrong_quantity(setting, text, err);
    return true;
}

static bool parse_number(const struct setting *setting, const char *text, void *field,
                         struct arena *arena, struct error *err)
{
    (void)arena;
    uint64_t value;
    if (!quantity(setting, text, &value, err))
        return false;
    if (value > UINT32_MAX)
        return wrong_quantity(setting, text, err);
    *(unsigned *)field = (unsigned)value;
    return true;
}

static bool parse_size(const struct setting *setting, const char *text, void *field,
                       struct arena *arena, struct error *err)
{
    (void)arena;
    uint64_t value;
    if (!quantity(setting, text, &value, err))
        return false;
    if (setting->max <= UINT32_MAX)
        *(unsigned *)field = (unsigned)value;
    else
        *(uint64_t *)field = value;
    return true;
}

static bool parse_bool(const struct setting *setting, const char *text, void *field,
                       struct arena *arena, struct error *err)
{
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };
    (void)setting, (void)arena;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (bytes_equal_nocase(bytes_of(text), bytes_of(words[i]))) {
            *(bool *)field = i % 2;
            return true;
        }
    return error_set(err, ERROR_INVALID, "`%s' is neither yes nor no", text);
}

static bool wrong_word(const struct setting *setting, const char *text, struct error *err)
{
    struct buf words = BUF_INIT(200);
    for (size_t i = 0; setting->words[i]; i++)
        buf_printf(&words, "%s%s",
                   i == 0                  ? ""
                   : setting->words[i + 1] ? ", "
                                           : " or ",
                   setting->words[i]);
    error_set(err, ERROR_INVALID, "`%s' is none of %s", text, buf_cstr(&words));
    buf_free(&words);
    return false;
}

static bool parse_word(const struct setting *setting, const char *text, void *field,
                       struct arena *arena, struct error *err)
{
    (void)arena;
    for (unsigned i = 0; setting->words[i]; i++)
        if (bytes_equal_nocase(bytes_of(text), bytes_of(setting->words[i]))) {
            if (setting->type == SETTING_CHOICE)
                *(const char **)field = setting->words[i];
            else
                *(unsigned *)field = i;
            return true;
        }
    return wrong_word(setting, text, err);
}

static bool parse_string(const struct setting *setting, const char *text, void *field,
                         struct arena *arena, struct error *err)
{
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            return error_set(err, ERROR_INVALID, "the value has a control character in it");
    if (setting->check && !setting->check(text, err))
        return false;
    char *copy = arena_copy(arena, bytes_of(text));
    if (!copy)
        return error_memory(err);
    *(const char **)field = copy;
    return true;
}

static bool parse_separator(const struct setting *setting, const char *text, void *field,
                            struct arena *arena, struct error *err)
{
    (void)setting, (void)arena;
    if (text[0] && (text[1] || !strchr("/.\\^|:", text[0])))
        return error_set(err, ERROR_INVALID, "`%s' is no separator; write / or . or nothing", text);
    *(char *)field = text[0];
    return true;
}

static bool parse_words(const struct setting *setting, const char *text, void *field,
                        struct arena *arena, struct error *err)
{
    const char **words = arena_array(arena, strlen(text) / 2 + 2, sizeof(*words));
    size_t count = 0;
    (void)field;
    if (!words)
        return error_memory(err);
    for (struct bytes rest = bytes_of(text); rest.data;) {
        struct bytes word = bytes_split(&rest, ' ');
        if (word.len > 0 && !(words[count++] = arena_copy(arena, word)))
            return error_memory(err);
    }
    return setting_parse_list(setting, words, count, (char *)field - setting->offset, arena, err);
}

bool setting_parse_list(const struct setting *setting, const char *const *words, size_t count,
                        void *base, struct arena *arena, struct error *err)
{
    const char **list = arena_array(arena, count + 1, sizeof(*list));
    if (!list)
        return error_memory(err);
    for (size_t i = 0; i < count; i++)
        if (!parse_string(setting, words[i], &list[i], arena, err))
            return false;
    *(const char ***)((char *)base + setting->offset) = list;
    return true;
}

bool setting_parse(const struct setting *setting, const char *text, void *base, struct arena *arena,
                   struct error *err)
{
    static bool (*const parsers[])(const struct setting *, const char *, void *, struct arena *,
                                   struct error *) = {
        [SETTING_STRING] = parse_string,       [SETTING_BOOL] = parse_bool,
        [SETTING_NUMBER] = parse_number,       [SETTING_DURATION] = parse_number,
        [SETTING_SIZE] = parse_size,           [SETTING_WORD] = parse_word,
        [SETTING_CHOICE] = parse_word,         [SETTING_LIST] = parse_words,
        [SETTING_SEPARATOR] = parse_separator,
    };
    return parsers[setting->type](setting, text, (char *)base + setting->offset, arena, err);
}

void setting_quote(const char *text, struct buf *out)
{
    buf_byte(out, '"');
    for (; *text; text++) {
        if (strchr("\"\\$", *text)) /* "${NAME}" is the environment in libConfuse */
            buf_byte(out, '\\');
        buf_byte(out, *text);
    }
    buf_byte(out, '"');
}

static void print_list(const char *const *words, struct buf *out)
{
    buf_string(out, "{ ");
    for (size_t i = 0; words && words[i]; i++) {
        if (i > 0)
            buf_string(out, ", ");
        setting_quote(words[i], out);
    }
    buf_string(out, " }");
}

void setting_print(const struct setting *setting, const void *base, struct buf *out)
{
    const void *field = (const char *)base + setting->offset;
    const char separator[2] = { setting->type == SETTING_SEPARATOR ? *(const char *)field : 0, 0 };
    switch (setting->type) {
    case SETTING_BOOL:
        buf_string(out, *(const bool *)field ? "yes" : "no");
        break;
    case SETTING_NUMBER:
    case SETTING_DURATION:
        quantity_print(setting, *(const unsigned *)field, out);
        break;
    case SETTING_SIZE:
        quantity_print(
            setting,
            setting->max <= UINT32_MAX ? *(const unsigned *)field : *(const uint64_t *)field, out);
        break;
    case SETTING_WORD:
        buf_string(out, setting->words[*(const unsigned *)field]);
        break;
    case SETTING_LIST:
        print_list(*(const char *const *const *)field, out);
        break;
    case SETTING_SEPARATOR:
        setting_quote(separator, out);
        break;
    case SETTING_STRING:
    case SETTING_CHOICE:
        setting_quote(*(const char *const *)field, out);
        break;
    case SETTING_HEADING:
        break;
    }
}
