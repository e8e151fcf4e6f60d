#include "lmtpd/path.h"

#include "base/unicode.h"

static bool is_8bit(char c)
{
    return (unsigned char)c >= 0x80;
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_atext(char c)
{
    return is_letter_or_digit(c) || is_8bit(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_domain(char c)
{
    return is_letter_or_digit(c) || is_8bit(c) || c == '-' || c == '.' || c == '_';
}

static bool next_is(struct bytes rest, char c)
{
    return rest.len > 0 && rest.data[0] == c;
}

static bool put(struct path *path, char c)
{
    if (path->local_len >= PATH_LOCAL_MAX)
        return false;
    path->local[path->local_len++] = c;
    return true;
}

/* Dot-string; leading, doubled and trailing dots are found in the wild and harm nobody. */
static bool dot_string(struct bytes *rest, struct path *path)
{
    while (rest->len > 0 && (is_atext(rest->data[0]) || rest->data[0] == '.')) {
        if (!put(path, rest->data[0]))
            return false;
        *rest = bytes_skip(*rest, 1);
    }
    return path->local_len > 0;
}

/* DQUOTE *(qtext / quoted-pair) DQUOTE: printable octets only. */
static bool quoted_string(struct bytes *rest, struct path *path)
{
    *rest = bytes_skip(*rest, 1);
    while (rest->len > 0 && rest->data[0] != '"') {
        if (rest->data[0] == '\\')
            *rest = bytes_skip(*rest, 1);
        if (rest->len == 0 || (unsigned char)rest->data[0] < ' ' || rest->data[0] == 0x7f ||
            !put(path, rest->data[0]))
            return false;
        *rest = bytes_skip(*rest, 1);
    }
    if (!next_is(*rest, '"'))
        return false;
    *rest = bytes_skip(*rest, 1);
    return path->local_len > 0;
}

static bool literal(struct bytes *rest, struct bytes *domain)
{
    size_t n = 1;
    while (n < rest->len && rest->data[n] > ' ' && rest->data[n] < 0x7f &&
           !strchr("[]\\<>", rest->data[n]))
        n++;
    if (n < 2 || n >= rest->len || rest->data[n] != ']')
        return false;
    *domain = bytes_take(*rest, n + 1);
    *rest = bytes_skip(*rest, n + 1);
    return true;
}

static bool domain_name(struct bytes *rest, struct bytes *domain)
{
    if (next_is(*rest, '['))
        return literal(rest, domain) && domain->len <= PATH_DOMAIN_MAX;
    size_t n = 0;
    while (n < rest->len && is_domain(rest->data[n]))
        n++;
    *domain = bytes_take(*rest, n);
    *rest = bytes_skip(*rest, n);
    return n > 0 && n <= PATH_DOMAIN_MAX && domain->data[0] != '.' && domain->data[n - 1] != '.';
}

/* A-d-l: "@a,@b:" (RFC 5321, appendix C): read and ignored. */
static bool source_route(struct bytes *rest)
{
    struct bytes domain;
    while (next_is(*rest, '@')) {
        *rest = bytes_skip(*rest, 1);
        if (!domain_name(rest, &domain))
            return false;
        if (!next_is(*rest, ','))
            break;
        *rest = bytes_skip(*rest, 1);
    }
    if (!next_is(*rest, ':'))
        return false;
    *rest = bytes_skip(*rest, 1);
    return true;
}

static bool mailbox(struct bytes *rest, struct path *path)
{
    bool good = next_is(*rest, '"') ? quoted_string(rest, path) : dot_string(rest, path);
    if (!good || !next_is(*rest, '@'))
        return good;
    *rest = bytes_skip(*rest, 1);
    return domain_name(rest, &path->domain);
}

static bool has_8bit(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (is_8bit(text.data[i]))
            return true;
    return false;
}

bool path_parse(struct bytes *rest, struct path *path)
{
    *path = (struct path){ .domain = BYTES(""), .text = BYTES("") };
    if (!next_is(*rest, '<'))
        return false;
    *rest = bytes_skip(*rest, 1);
    if (!next_is(*rest, '>')) {
        if (next_is(*rest, '@') && !source_route(rest))
            return false;
        const char *start = rest->data;
        if (!mailbox(rest, path) || !next_is(*rest, '>'))
            return false;
        path->text = bytes_make(start, (size_t)(rest->data - start));
        path->utf8 = has_8bit(path->text);
    }
    *rest = bytes_skip(*rest, 1);
    return !path->utf8 || utf8_valid(path->text);
}

int path_parameter(struct bytes *rest, struct bytes *key, struct bytes *value)
{
    size_t n = 0;
    while (n < rest->len && rest->data[n] == ' ')
        n++;
    if (n == rest->len)
        return 0;
    if (n == 0)
        return -1;
    *rest = bytes_skip(*rest, n);
    struct bytes word = bytes_split(rest, ' ');
    if (rest->data) /* the space belongs to the next one */
        *rest = bytes_make(rest->data - 1, rest->len + 1);
    *value = word;
    *key = bytes_split(value, '=');
    for (size_t i = 0; i < key->len; i++)
        if (!is_letter_or_digit(key->data[i]) && key->data[i] != '-')
            return -1;
    return key->len > 0 ? 1 : -1;
}
