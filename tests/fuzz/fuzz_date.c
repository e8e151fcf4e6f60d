/* Dates: what was understood can be written and comes back the same. */
#include <stdint.h>
#include <stdlib.h>
#include "message/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    time_t when, again;
    int zone = 0;
    struct bytes text = bytes_make(data, size);
    struct buf out = BUF_INIT(100);
    bool known = date_parse(text, &when, &zone);
    if (known || date_parse_imap(text, &when) || date_parse_day(text, &when)) {
        date_write_imap(&out, when);
        bool inside = when >= -62135596800 && when <= 253402300799; /* years 1 to 9999 */
        if (zone <= -1440 || zone >= 1440 || !date_parse_imap(buf_view(&out), &again) ||
            (inside && again != when))
            abort();
    }
    buf_free(&out);
    return 0;
}
