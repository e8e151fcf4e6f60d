#include "message/lexer.h"

/* RFC 5322, 3.2.3 specials; RFC 2045, 5.1 tspecials. */
static const char SPECIALS[] = "()<>[]:;@\\,.\"";
static const char TSPECIALS[] = "()<>@,;:\\\"/[]?=";

struct lexer lexer_over(struct bytes text)
{
    return (struct lexer){ text.data, text.data + text.len, NULL };
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A quoted pair or an octet of a comment or quoted string; line ends of folds vanish. */
static void take_octet(struct lexer *lexer, struct buf *out)
{
    if (*lexer->at == '\\' && lexer->at + 1 < lexer->end)
        lexer->at++;
    if (out && *lexer->at != '\r' && *lexer->at != '\n')
        buf_byte(out, *lexer->at);
    lexer->at++;
}

static void skip_comment(struct lexer *lexer)
{
    size_t depth = 1;
    if (lexer->comment)
        buf_clear(lexer->comment);
    for (lexer->at++; lexer->at < lexer->end;) {
        if (*lexer->at == '(')
            depth++;
        else if (*lexer->at == ')' && !--depth) {
            lexer->at++;
            return;
        }
        take_octet(lexer, lexer->comment);
    }
}

bool lexer_space(struct lexer *lexer)
{
    const char *start = lexer->at;
    while (lexer->at < lexer->end) {
        if (is_space(*lexer->at))
            lexer->at++;
        else if (*lexer->at == '(')
            skip_comment(lexer);
        else
            break;
    }
    return lexer->at > start;
}

bool lexer_quoted(struct lexer *lexer, struct buf *out)
{
    if (!lexer_accept(lexer, '"'))
        return false;
    while (lexer->at < lexer->end && *lexer->at != '"')
        take_octet(lexer, out);
    lexer_accept(lexer, '"');
    return true;
}

static bool take_word(struct lexer *lexer, const char *specials, struct buf *out)
{
    const char *start = lexer->at;
    while (lexer->at < lexer->end && *lexer->at != '\0' && !is_space(*lexer->at) &&
           !strchr(specials, *lexer->at))
        lexer->at++;
    buf_append(out, start, (size_t)(lexer->at - start));
    return lexer->at > start;
}

bool lexer_atom(struct lexer *lexer, struct buf *out)
{
    return take_word(lexer, SPECIALS, out);
}

bool lexer_token(struct lexer *lexer, struct buf *out)
{
    return take_word(lexer, TSPECIALS, out);
}

bool lexer_accept(struct lexer *lexer, char c)
{
    if (lexer_ended(lexer) || *lexer->at != c)
        return false;
    lexer->at++;
    return true;
}
