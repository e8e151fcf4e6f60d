/* Structure: the same in one piece and cut up, positions inside the message, packed and back. The
 * first octet says how to cut. */
#include <stdint.h>
#include <stdlib.h>
#include "message/part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct part *parse(struct arena *arena, struct bytes message, size_t step,
                          struct buf *packed)
{
    struct part_limits limits = { .header_size = 500, .depth = 8, .parts = 50 };
    struct part_parser *parser = part_parser_create(arena, &limits);
    for (; message.len; message = bytes_skip(message, step))
        part_parser_feed(parser, bytes_take(message, step));
    struct part *root = part_parser_finish(parser, NULL);
    envelope_write(packed, root->envelope);
    bodystructure_write(packed, root, true);
    part_pack(packed, root);
    return root;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(64 * 1024 * 1024);
    struct buf whole = BUF_INIT(SIZE_MAX / 2), cut = whole, packed = whole;
    struct bytes message = bytes_skip(bytes_make(data, size), 1);
    struct part *root = parse(arena, message, message.len + 1, &whole);
    parse(arena, message, size ? 1 + data[0] % 40u : 1, &cut);
    part_pack(&packed, root);
    if (root->header.size + root->body.size != message.len ||
        !bytes_equal(buf_view(&whole), buf_view(&cut)) ||
        !part_unpack(arena, buf_view(&packed), NULL))
        abort();
    part_unpack(arena, message, NULL);
    buf_free(&whole);
    buf_free(&cut);
    buf_free(&packed);
    arena_destroy(&arena);
    return 0;
}
