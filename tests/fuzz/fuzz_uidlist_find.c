/* The line of a UID in any list: what is found is a name, and asked for again it is the same one.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "mailbox/maildir_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct uidlist list;
    struct uidlist_line line;
    uidlist_init(&list, -1, "fuzz");
    list.fd = memfd_create("list", MFD_CLOEXEC);
    for (int i = 0; i < 40; i++) /* often enough that it is more than a window */
        if (write(list.fd, data, size) != (ssize_t)size)
            break;
    for (uint32_t uid = 0; uid < 40; uid++)
        if (uidlist_find(&list, uid, &line) &&
            (!maildir_name_valid(line.name) || line.name.data < list.window.text ||
             line.name.data + line.name.len > list.window.text + list.window.len))
            abort();
    uidlist_close(&list);
    return 0;
}
