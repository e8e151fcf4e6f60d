/* A SEARCH command up to a NUL, run over the message that follows it. */
#include "../unit/fake_mailbox.h"
#include "imapd/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes octets = bytes_make(data, size), line = bytes_split(&octets, '\0');
    struct imap imap = { .in = input_memory(line), .arena = arena_create((size_t)16 << 20) };
    struct search_command command = { .imap = &imap };
    struct numset found = { 0 };
    char *message = arena_copy(imap.arena, bytes_take(octets, 1 << 20));
    struct fake_message messages[] = { { .octets = message ? message : "" } };
    fake.messages = messages;
    fake.count = 1;
    parser_init(&imap.parser, imap.in, NULL, imap.arena, 65536, 65536);
    if (search_parse(&command))
        search_run(NULL, command.key, &found, NULL, NULL, NULL);
    numset_free(&found);
    search_command_free(&command);
    parser_free(&imap.parser);
    input_close(&imap.in);
    arena_destroy(&imap.arena);
    fake_free();
    return 0;
}
