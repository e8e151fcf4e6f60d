/* A records file with any content, its check values put right so that what is behind them is
 * reached: by the numbering, by who looks a message up, and by who changes and compacts it. */
#include "tests/fuzz/index_files.h"
#include "mailbox/mailbox_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct index_record record;
    struct error err;
    files_put_records(data, size);
    struct mailbox mailbox = { .index = index_open(files_directory(), true),
                               .name = (char[]){ "fuzz" } };
    if (view_follow(&mailbox, false, NULL, &err))
        for (uint32_t seq = 1; seq <= mailbox_count(&mailbox) && seq < 100; seq++)
            mailbox_seq(&mailbox, view_uid(&mailbox.view, seq));
    for (uint32_t uid = 1; uid < 20; uid++)
        if (index_get(mailbox.index, uid, &record) && record.uid != uid)
            abort();
    if (index_begin(mailbox.index, 0, &err)) {
        for (uint32_t slot = 0; index_records(mailbox.index) && slot < 20; slot += 2)
            index_change(mailbox.index, slot, 3, 1, 0, false);
        index_commit(mailbox.index, NULL);
    }
    view_free(&mailbox.view);
    index_close(&mailbox.index);
    files_end(NULL);
    return 0;
}
