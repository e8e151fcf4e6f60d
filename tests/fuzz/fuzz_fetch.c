/* The items of FETCH as a client may write them. */
#include "imapd/fetch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct imap imap = { .in = input_memory(bytes_make(data, size)),
                         .arena = arena_create((size_t)16 << 20) };
    struct fetch fetch = { .imap = &imap };
    unsigned count = 0;
    parser_init(&imap.parser, imap.in, NULL, imap.arena, 65536, 65536);
    bool good = fetch_parse(&fetch);
    for (const struct fetch_item *item = fetch.items; item; item = item->next)
        count++;
    if (good != !imap.parser.failed || (good && !count))
        __builtin_trap();
    parser_free(&imap.parser);
    input_close(&imap.in);
    arena_destroy(&imap.arena);
    return 0;
}
