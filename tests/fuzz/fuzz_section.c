/* A section as a client may write it up to the first line end, looked up in a message that follows.
 */
#include "imapd/section.h"
#include "message/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_from_a_stream(const struct section *section, struct bytes header,
                               struct arena *arena)
{
    struct buf out = BUF_INIT((size_t)16 << 20);
    struct input *in = section_input(input_crlf(input_memory(header)), section);
    section_fields(section, header, &out);
    char *copy = arena_alloc(arena, out.len);
    if (out.len &&
        (!copy || !input_read_all(in, copy, out.len, NULL) || memcmp(copy, out.data, out.len) != 0))
        __builtin_trap();
    buf_free(&out);
    input_close(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes message = bytes_make(data, size), line = bytes_split(&message, '\n');
    struct arena *arena = arena_create((size_t)16 << 20);
    struct input *in = input_memory(line);
    struct part_parser *structure = part_parser_create(arena, NULL);
    struct parser parser;
    struct section section;
    struct part_span span;
    parser_init(&parser, in, NULL, arena, 8192, 8192);
    part_parser_feed(structure, message);
    struct part *root = part_parser_finish(structure, NULL);
    if (section_parse(&parser, &section) && root && section_span(&section, root, &span)) {
        if (span.at > message.len || span.size > message.len - span.at)
            __builtin_trap();
        if (section.fields_count)
            same_from_a_stream(&section,
                               bytes_take(bytes_skip(message, (size_t)span.at), (size_t)span.size),
                               arena);
    }
    parser_free(&parser);
    input_close(&in);
    arena_destroy(&arena);
    return 0;
}
