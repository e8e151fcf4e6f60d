/* "LOCATION\nMAILBOX": whatever both are, paths stay below the places that the location names. */
#include <stdlib.h>
#include <string.h>
#include "mailbox/location.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct conf conf;
    const struct store_user user = { "ann@example.org", "/home/ann", "imap", &conf };
    struct bytes name = bytes_make(data, size), text = bytes_split(&name, '\n');
    struct arena *arena = arena_create(1 << 22);
    char *copy = arena_copy(arena, text);
    struct location location;
    struct maildir_paths paths;
    struct error err;
    if (copy && location_parse(copy, &user, arena, &location, &err) && location.root[0] != '/')
        abort();
    if (copy && location_parse(copy, &user, arena, &location, &err) &&
        !bytes_equal(name, BYTES("INBOX")) &&
        maildir_layout(&location, name, arena, &paths, &err) &&
        (strncmp(paths.mail, location.root, strlen(location.root)) != 0 ||
         strstr(paths.mail + strlen(location.root), "/../")))
        abort();
    arena_destroy(&arena);
    return 0;
}
