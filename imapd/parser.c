/* The parser's ground: octets of a command with its limits, its end, its literals, and skipping
 * what is left of it. */
#include "imapd/parser.h"

#include <ctype.h>
#include <stdio.h>

/* What may be skipped before the connection is given up: many times a line, and octets of literals
 * that the client sends without asking. */
enum { SKIP_LINES = 16, SKIP_LITERALS = 64 * 1024 * 1024 };

void parser_init(struct parser *parser, struct input *in, struct output *out, struct arena *arena,
                 size_t line_max, size_t literal_max)
{
    *parser = (struct parser){
        .in = in,
        .out = out,
        .arena = arena,
        .line_max = line_max,
        .literal_max = literal_max,
        .scratch = BUF_INIT((line_max > literal_max ? line_max : literal_max) * 3),
    };
}

void parser_free(struct parser *parser)
{
    buf_wipe(&parser->scratch); /* it may have held a password */
}

void parser_next(struct parser *parser)
{
    parser->used = 0;
    parser->failed = parser->complete = false;
    parser->error = (struct error){ 0 };
    parser->code = NULL;
    parser->tail = (struct parser_tail){ 0 };
}

__attribute__((format(printf, 3, 0))) static bool
fail(struct parser *parser, enum error_class class, const char *format, va_list args)
{
    if (parser->failed)
        return false;
    char text[sizeof(parser->error.text)];
    vsnprintf(text, sizeof(text), format, args);
    parser->failed = true;
    return error_set(&parser->error, class, "%s", text);
}

bool parser_fail(struct parser *parser, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(parser, ERROR_INVALID, format, args);
    va_end(args);
    return false;
}

bool parser_refuse(struct parser *parser, const char *code, const char *format, ...)
{
    if (!parser->failed)
        parser->code = code;
    va_list args;
    va_start(args, format);
    fail(parser, ERROR_NOT_PERMITTED, format, args);
    va_end(args);
    return false;
}

static bool break_off(struct parser *parser, enum error_class class, const char *text)
{
    parser->failed = parser->broken = true;
    return error_set(&parser->error, class, "%s", text);
}

/* Makes sure that an octet is buffered. Answers leave only here, where the client has nothing more
 * to say: pipelined commands are answered in one write. */
static bool refill(struct parser *parser)
{
    struct bytes view;
    struct error err = { 0 };
    if (parser->broken)
        return false;
    if (input_buffered(parser->in).len > 0)
        return true;
    if (parser->out && !output_flush(parser->out, &err))
        return break_off(parser, err.class, err.text);
    if (parser->wait && !parser->wait(parser->wait_context))
        return break_off(parser, ERROR_UNAVAILABLE, "The connection is given up");
    int got = input_next(parser->in, &view, &err);
    if (got < 0)
        return break_off(parser, err.class, err.text);
    return got > 0 || break_off(parser, ERROR_UNAVAILABLE, "The client closed the connection");
}

static int raw_peek(struct parser *parser)
{
    return refill(parser) ? (unsigned char)*input_buffered(parser->in).data : -1;
}

static void tail_digit(struct parser_tail *tail, int c)
{
    tail->digits = true;
    if (__builtin_mul_overflow(tail->size, 10, &tail->size) ||
        __builtin_add_overflow(tail->size, (uint64_t)(c - '0'), &tail->size))
        tail->overflow = true;
}

static void tail_take(struct parser_tail *tail, int c)
{
    if (c == '{')
        *tail = (struct parser_tail){ .state = TAIL_DIGITS };
    else if (tail->state == TAIL_NONE || (tail->state == TAIL_LITERAL && (c == '\r' || c == '\n')))
        return;
    else if (tail->state == TAIL_DIGITS && isdigit(c))
        tail_digit(tail, c);
    else if (tail->state == TAIL_DIGITS && tail->digits && c == '+')
        tail->state = TAIL_PLUS;
    else if (c == '}' &&
             (tail->state == TAIL_PLUS || (tail->state == TAIL_DIGITS && tail->digits))) {
        tail->non_synchronising = tail->state == TAIL_PLUS;
        tail->state = TAIL_LITERAL;
    } else
        tail->state = TAIL_NONE;
}

static void raw_take(struct parser *parser)
{
    tail_take(&parser->tail, (unsigned char)*input_buffered(parser->in).data);
    input_consume(parser->in, 1);
    parser->used++;
}

int parser_peek(struct parser *parser)
{
    if (parser->failed)
        return -1;
    int c = raw_peek(parser);
    if (c != '\r' && c != '\n' && parser->used >= parser->line_max) {
        parser_fail(parser, "The command is longer than %zu octets", parser->line_max);
        return -1;
    }
    return c;
}

/* What stands next, for a sentence. */
static const char *found(struct parser *parser, char out[24])
{
    int c = parser_peek(parser);
    if (c == '\r' || c == '\n')
        return "the end of the command";
    if (c < 0)
        return "nothing";
    snprintf(out, 24, c > ' ' && c < 0x7f ? "\"%c\"" : "octet 0x%02x", (unsigned)c);
    return c == ' ' ? "a space" : out;
}

bool parser_char(struct parser *parser, char expected)
{
    char words[24];
    if (parser_try(parser, expected))
        return true;
    if (expected == ' ')
        return parser_fail(parser, "Expected a space and one more argument, found %s",
                           found(parser, words));
    return parser_fail(parser, "Expected \"%c\", found %s", expected, found(parser, words));
}

bool parser_try(struct parser *parser, char c)
{
    if (parser_peek(parser) != (unsigned char)c)
        return false;
    raw_take(parser);
    return true;
}

bool parser_space(struct parser *parser)
{
    return parser_char(parser, ' ');
}

bool parser_end(struct parser *parser)
{
    char words[24];
    bool cr = parser_try(parser, '\r');
    if (parser_try(parser, '\n'))
        return parser->complete = true;
    if (cr)
        return parser_fail(parser, "A carriage return stands alone");
    return parser_fail(parser, "Expected the end of the command, found %s", found(parser, words));
}

static bool literal_size(struct parser *parser, uint64_t *size, bool *synchronising)
{
    int c;
    if (!parser_char(parser, '{'))
        return false;
    while ((c = parser_peek(parser)) == '+' || c == '}' || isdigit(c)) {
        raw_take(parser);
        if (c == '}')
            break;
    }
    if (parser->failed || parser->tail.state != TAIL_LITERAL)
        return parser_fail(parser,
                           "A literal begins with {octets} or {octets+} at the end of a line");
    *size = parser->tail.size;
    *synchronising = !parser->tail.non_synchronising;
    return true;
}

bool parser_literal_head(struct parser *parser, uint64_t max, uint64_t *size, bool *synchronising)
{
    if (!literal_size(parser, size, synchronising))
        return false;
    /* The line end stays: skipping the command then knows what to do with the octets. */
    if (parser->tail.overflow || *size > max)
        return parser_refuse(parser, "TOOBIG", "A literal may have %llu octets here",
                             (unsigned long long)max);
    int c = parser_peek(parser);
    if (c != '\r' && c != '\n')
        return parser_fail(parser, "A literal's {octets} must end the line");
    if (parser_try(parser, '\r') && parser_peek(parser) != '\n')
        return parser_fail(parser, "A carriage return stands alone");
    if (!parser_try(parser, '\n'))
        return false;
    parser->tail = (struct parser_tail){ 0 };
    if (!*synchronising || !parser->out)
        return true;
    struct error err = { 0 };
    output_string(parser->out, "+ OK\r\n");
    return output_flush(parser->out, &err) || break_off(parser, err.class, err.text);
}

static bool skip_octets(struct parser *parser, uint64_t n)
{
    while (n > 0) {
        if (!refill(parser))
            return false;
        struct bytes view = input_buffered(parser->in);
        size_t take = view.len < n ? view.len : (size_t)n;
        input_consume(parser->in, take);
        n -= take;
    }
    return true;
}

/* Behind a line end: goes on behind a literal that the client sends anyway. */
static bool skip_literal(struct parser *parser, uint64_t *skipped)
{
    struct parser_tail tail = parser->tail;
    parser->tail = (struct parser_tail){ 0 };
    if (tail.state != TAIL_LITERAL || !tail.non_synchronising)
        return parser->complete = true;
    if (tail.overflow || tail.size > SKIP_LITERALS - *skipped)
        return break_off(parser, ERROR_TOO_BIG, "A literal is too big to be thrown away");
    *skipped += tail.size;
    return skip_octets(parser, tail.size);
}

bool parser_skip_command(struct parser *parser)
{
    uint64_t lines = 0, literals = 0;
    while (!parser->complete && !parser->broken) {
        int c = raw_peek(parser);
        if (c < 0)
            return false;
        raw_take(parser);
        if (c == '\n')
            skip_literal(parser, &literals);
        else if (++lines > (uint64_t)parser->line_max * SKIP_LINES)
            break_off(parser, ERROR_TOO_BIG, "A line is far too long");
    }
    return !parser->broken;
}
