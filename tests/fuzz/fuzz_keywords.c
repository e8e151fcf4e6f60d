/* dovecot-keywords, and what stands behind a file name: written again it says the same. */
#include <stdlib.h>
#include "mailbox/maildir_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes names[MAILDIR_KEYWORDS] = { { 0 } }, text = bytes_make(data, size),
                 base = maildir_base(text);
    maildir_keywords_parse(text, names);
    for (size_t i = 0; i < MAILDIR_KEYWORDS; i++)
        if (names[i].len &&
            (names[i].data < text.data || names[i].data + names[i].len > text.data + size))
            abort();
    struct bytes info = bytes_skip(text, base.len);
    struct maildir_info read = maildir_info_parse(info);
    struct buf again = BUF_INIT(1 << 20);
    maildir_info_write(&again, info, read);
    struct maildir_info reread = maildir_info_parse(buf_view(&again));
    if (!buf_failed(&again) && (read.flags != reread.flags || read.keywords != reread.keywords))
        abort();
    if (maildir_name_compare(text, base) != -maildir_name_compare(base, text))
        abort();
    maildir_name_number(base, 'S');
    maildir_name_valid(text);
    buf_free(&again);
    return 0;
}
