/* Sort keys, both ways: packed octets, and a header that is packed. Views stay inside, the base
 * subject is never more than the subject, and a pack that was made can be read. */
#include <stdlib.h>
#include "message/sort_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(struct bytes part, struct bytes whole)
{
    return !part.len || (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

static void check(struct bytes packed, bool must)
{
    struct sort_key key;
    uint64_t sum = 0;
    if (!sort_key_unpack(&key, packed)) {
        if (must)
            abort();
        return;
    }
    if (!inside(key.subject, packed) || !inside(key.base, packed) || !inside(key.from, packed) ||
        !inside(key.to, packed) || !inside(key.cc, packed))
        abort();
    for (size_t i = 0; i < key.references_count; i++)
        sum += sort_key_reference(&key, i);
    if (must && (key.base.len > key.subject.len || (sum && !key.references_count)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create((size_t)64 << 20);
    struct part_parser *parser = part_parser_create(arena, NULL);
    struct buf packed = BUF_INIT(1 << 20);
    part_parser_feed(parser, bytes_make(data, size));
    struct part *root = part_parser_finish(parser, NULL);
    check(bytes_make(data, size), false);
    if (root) {
        sort_key_pack(&packed, root->envelope);
        check(buf_view(&packed), !buf_failed(&packed));
    }
    buf_free(&packed);
    arena_destroy(&arena);
    return 0;
}
