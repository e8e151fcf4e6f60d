/* The whole grammar of IMAP commands over memory: the input's first octets choose what is expected
 * next, as command handlers do; whatever happens, the rest of each command is skipped and the next
 * one read. */
#include "imapd/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool expect(struct parser *parser, unsigned kind)
{
    struct bytes text;
    struct parser_flags flags;
    time_t when;
    uint64_t n;
    uint32_t n32;
    bool sync;
    switch (kind % 12) {
    case 0:
        return parser_atom(parser, &text);
    case 1:
        return parser_astring(parser, &text);
    case 2:
        return parser_nstring(parser, &text);
    case 3:
        return parser_list_mailbox(parser, &text);
    case 4:
        return parser_mailbox(parser, &text);
    case 5:
        return parser_number(parser, &n32) && parser_char(parser, '(') &&
               parser_number64(parser, &n);
    case 6:
        return parser_sequence_set(parser, &text);
    case 7:
        return parser_flag_list(parser, kind & 128, &flags);
    case 8:
        return parser_date_time(parser, &when);
    case 9:
        return parser_date(parser, &when);
    case 10:
        return parser_literal_head(parser, 1000, &n, &sync) && input_skip(parser->in, n, NULL);
    default:
        return parser_string(parser, &text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf sent = BUF_INIT(1 << 20);
    struct parser parser;
    struct bytes all = bytes_make(data, size), tag;
    size_t plan = 8 < size ? 8 : size, at = 0;
    struct input *in = input_memory(bytes_skip(all, plan));
    struct output *out = output_buf(&sent);
    struct arena *arena = arena_create(8192);
    parser_init(&parser, in, out, arena, 1024, 256);
    do {
        arena_clear(arena);
        parser_next(&parser);
        if (parser_tag(&parser, &tag))
            while (plan && parser_space(&parser) && expect(&parser, data[at++ % plan]) &&
                   !parser_end(&parser))
                parser.failed = false; /* there is one more argument */
    } while (parser_skip_command(&parser));
    parser_free(&parser);
    output_close(&out);
    input_close(&in);
    arena_destroy(&arena);
    buf_free(&sent);
    return 0;
}
