/* A log with any entries behind those that the records know: the next writer takes them over, and a
 * reader that is behind reads them. Each is a byte of type and items as they come, check values put
 * right. */
#include "tests/fuzz/index_files.h"

static bool count(void *context, enum index_change_type type, uint32_t uid)
{
    *(uint64_t *)context += uid + type;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct index_header header;
    struct error err;
    uint64_t sum = 0;
    struct index *index = files_fresh(20);
    struct index_cursor cursor = { .at = LOG_HEADER };
    files_append_log(data, size);
    if (index_begin(index, 0, &err))
        index_commit(index, NULL);
    if (index_refresh(index) && records_header(index_records(index), &header)) {
        cursor.log = header.log;
        index_follow(index, &header, &cursor, count, &sum);
    }
    index_cursor_stop(&cursor);
    index_close(&index);
    files_end(NULL);
    return 0;
}
