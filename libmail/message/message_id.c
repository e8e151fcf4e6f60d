#include "message/message_id.h"

#include <xxhash.h>
#include "message/lexer.h"

/* Behind "<", up to and with ">". On failure the lexer stands where the next one may begin. */
static bool read_id(struct lexer *lexer, struct buf *out)
{
    size_t at = 0; /* where "@" stands, which is never first */
    buf_clear(out);
    while (!lexer_ended(lexer)) {
        if (lexer_space(lexer) || lexer_quoted(lexer, out) || lexer_atom(lexer, out))
            continue;
        char c = lexer_peek(lexer);
        if (c == '<')
            return false;
        lexer->at++;
        if (c == '>')
            return at && out->len > at + 1 && !buf_failed(out);
        if (c == '@' && !at)
            at = out->len;
        buf_byte(out, c);
    }
    return false;
}

bool message_id_next(struct bytes *rest, struct buf *out)
{
    const char *open, *end = rest->len ? rest->data + rest->len : rest->data;
    while (rest->len && (open = memchr(rest->data, '<', rest->len))) {
        struct lexer lexer = lexer_over(bytes_make(open + 1, (size_t)(end - open - 1)));
        bool good = read_id(&lexer, out);
        *rest = bytes_make(lexer.at, (size_t)(end - lexer.at));
        if (good)
            return true;
    }
    rest->len = 0;
    return false;
}

uint64_t message_id_hash(struct bytes id)
{
    uint64_t hash = XXH3_64bits(id.data, id.len);
    return hash ? hash : 1;
}
