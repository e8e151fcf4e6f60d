/* What a Maildir file name says: "BASE:2,LETTERS", BASE being unique and perhaps ending in
 * ",S=,W=". */
#include "mailbox/maildir_private.h"

static const struct {
    char letter;
    uint8_t flag;
} letters[] = {
    { 'D', FLAG_DRAFT }, { 'F', FLAG_FLAGGED }, { 'R', FLAG_ANSWERED },
    { 'S', FLAG_SEEN },  { 'T', FLAG_DELETED },
};

struct bytes maildir_base(struct bytes name)
{
    const char *colon = name.len ? memchr(name.data, ':', name.len) : NULL;
    return colon ? bytes_take(name, (size_t)(colon - name.data)) : name;
}

static uint8_t letter_flag(char letter)
{
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        if (letters[i].letter == letter)
            return letters[i].flag;
    return 0;
}

static bool is_keyword(char c)
{
    return c >= 'a' && c <= 'z';
}

/* The letters between ":2," and a further ",". */
static struct bytes info_letters(struct bytes info, struct bytes *tail)
{
    *tail = (struct bytes){ NULL, 0 };
    if (!bytes_starts(info, BYTES(":2,")))
        return *tail;
    info = bytes_skip(info, 3);
    const char *comma = info.len ? memchr(info.data, ',', info.len) : NULL;
    if (!comma)
        return info;
    *tail = bytes_skip(info, (size_t)(comma - info.data));
    return bytes_take(info, (size_t)(comma - info.data));
}

struct maildir_info maildir_info_parse(struct bytes info)
{
    struct maildir_info out = { 0 };
    struct bytes tail, text = info_letters(info, &tail);
    for (size_t i = 0; i < text.len; i++) {
        if (is_keyword(text.data[i]))
            out.keywords |= UINT32_C(1) << (text.data[i] - 'a');
        else
            out.flags |= letter_flag(text.data[i]);
    }
    return out;
}

void maildir_flags_write(char out[MAILDIR_FLAGS_SIZE], uint8_t flags)
{
    memcpy(out, ":2,", 3);
    out += 3;
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        if (flags & letters[i].flag)
            *out++ = letters[i].letter;
    *out = '\0';
}

void maildir_info_write(struct buf *out, struct bytes old, struct maildir_info info)
{
    bool present[256] = { false };
    struct bytes tail, text = info_letters(old, &tail);
    for (size_t i = 0; i < text.len; i++)
        if (!is_keyword(text.data[i]) && !letter_flag(text.data[i]))
            present[(unsigned char)text.data[i]] = true;
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        present[(unsigned char)letters[i].letter] = info.flags & letters[i].flag;
    for (int i = 0; i < MAILDIR_KEYWORDS; i++)
        present['a' + i] = info.keywords >> i & 1;
    buf_string(out, ":2,");
    for (int c = 1; c < 256; c++)
        if (present[c])
            buf_byte(out, (char)c);
    buf_bytes(out, tail);
}

uint64_t maildir_name_number(struct bytes base, char letter)
{
    const char key[3] = { ',', letter, '=' };
    ssize_t at = bytes_find(base, (struct bytes){ key, sizeof(key) });
    if (at < 0)
        return 0;
    struct bytes rest = bytes_skip(base, (size_t)at + sizeof(key));
    uint64_t number;
    return bytes_to_u64(bytes_split(&rest, ','), &number) ? number : 0;
}

/* The decimal number at the start of *text, which moves behind it. Saturates. */
static uint64_t leading_number(struct bytes *text)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; i < text->len && text->data[i] >= '0' && text->data[i] <= '9'; i++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(text->data[i] - '0'), &number))
            number = UINT64_MAX;
    *text = bytes_skip(*text, i);
    return number;
}

int maildir_name_compare(struct bytes a, struct bytes b)
{
    struct bytes rest_a = a, rest_b = b;
    uint64_t seconds_a = leading_number(&rest_a), seconds_b = leading_number(&rest_b);
    if (seconds_a != seconds_b)
        return seconds_a < seconds_b ? -1 : 1;
    if (bytes_starts(rest_a, BYTES(".M")) && bytes_starts(rest_b, BYTES(".M"))) {
        rest_a = bytes_skip(rest_a, 2);
        rest_b = bytes_skip(rest_b, 2);
        uint64_t micro_a = leading_number(&rest_a), micro_b = leading_number(&rest_b);
        if (micro_a != micro_b)
            return micro_a < micro_b ? -1 : 1;
    }
    return bytes_compare(a, b);
}

bool maildir_name_valid(struct bytes name)
{
    struct bytes base = maildir_base(name);
    return base.len && name.len <= 255 && base.data[0] != '.' &&
           !memchr(name.data, '\n', name.len) && !memchr(name.data, '\r', name.len) &&
           !memchr(name.data, '/', name.len);
}
