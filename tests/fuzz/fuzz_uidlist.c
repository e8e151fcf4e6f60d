/* dovecot-uidlist in two pieces: UIDs stay in order, names fit, and what is found by its name bears
 * it. */
#include <stdlib.h>
#include "mailbox/maildir_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct uidlist list;
    struct entries entries;
    size_t used, more, cut = size ? data[0] % size : 0;
    bool failed = false;
    uidlist_init(&list, -1, "fuzz");
    if (!entries_init(&entries))
        return 0;
    uidlist_parse(&list, &entries, bytes_make(data, cut), &used);
    if (!list.broken)
        uidlist_parse(&list, &entries, bytes_make(data + used, size - used), &more);
    for (size_t i = 0; i < entries.count; i++) {
        struct bytes name = entry_name(&entries, &entries.at[i]);
        struct maildir_entry *found = entries_find(&entries, name, &failed);
        if ((i && entries.at[i].uid <= entries.at[i - 1].uid) || !entries.at[i].uid || !name.len ||
            failed || !found || !bytes_equal(entry_name(&entries, found), name) ||
            (list.next && list.next <= entries.at[i].uid))
            abort();
    }
    entries_free(&entries);
    uidlist_close(&list);
    return 0;
}
