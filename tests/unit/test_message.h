/* What the tests of libmail/message share. Each file that includes it is one program. */
#ifndef TEST_MESSAGE_H
#define TEST_MESSAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "message/part.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define TEST_MEMORY ((size_t)64 * 1024 * 1024)

/* Compares octets as text, so that a failure shows both. */
#define assert_text(buf, expected) assert_string_equal(buf_cstr(buf), expected)

/* Parses message in pieces of at most step octets (0: all at once). */
static inline struct part *parse_in_steps(struct arena *arena, const struct part_limits *limits,
                                          struct bytes message, size_t step)
{
    struct part_parser *parser = part_parser_create(arena, limits);
    assert_non_null(parser);
    while (message.len) {
        size_t len = step && step < message.len ? step : message.len;
        char *copy = malloc(len); /* its own memory: reading past a piece is seen by ASan */
        assert_non_null(copy);
        memcpy(copy, message.data, len);
        part_parser_feed(parser, bytes_make(copy, len));
        free(copy);
        message = bytes_skip(message, len);
    }
    struct part *root = part_parser_finish(parser, NULL);
    assert_non_null(root);
    return root;
}

static inline struct part *parse(struct arena *arena, const char *message)
{
    return parse_in_steps(arena, NULL, bytes_of(message), 0);
}

#endif
