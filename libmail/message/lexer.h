/* Words of structured header fields: white space and comments, quoted strings, atoms (RFC
 * 5322, 3.2) and MIME tokens (RFC 2045, 5.1). Private to this room. Octets above 127 count as
 * letters everywhere. */
#ifndef MESSAGE_LEXER_H
#define MESSAGE_LEXER_H

#include "base/buf.h"

struct lexer {
    const char *at, *end;
    struct buf *comment; /* when not NULL: keeps the text of the last comment */
};

struct lexer lexer_over(struct bytes text);
/* The octet that comes next, 0 at the end. */
static inline char lexer_peek(const struct lexer *lexer)
{
    return lexer->at < lexer->end ? *lexer->at : '\0';
}
static inline bool lexer_ended(const struct lexer *lexer)
{
    return lexer->at >= lexer->end;
}
/* Skips white space and comments; true when there were any. */
bool lexer_space(struct lexer *lexer);
/* Each appends a word to *out when one comes next (and then returns true). */
bool lexer_quoted(struct lexer *lexer, struct buf *out); /* unquoted; may be unterminated */
bool lexer_atom(struct lexer *lexer, struct buf *out);
bool lexer_token(struct lexer *lexer, struct buf *out);
/* Moves behind c when it comes next. */
bool lexer_accept(struct lexer *lexer, char c);

#endif
