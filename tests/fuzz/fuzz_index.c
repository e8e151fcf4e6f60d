/* Both index files with any content, their check values put right so that what is behind them is
 * reached. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>
#include "base/file.h"
#include "base/log.h"
#include "index/index_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_right(unsigned char *file, size_t size, size_t header, size_t step)
{
    if (size >= header)
        put_le(file + header - 8, XXH64(file, header - 8, 0), 8);
    for (size_t at = header; size >= at + step; at += step)
        put_le(file + at + step - 8, XXH64(file + at, step - 8, header == HEADER_SIZE ? 5 : 0), 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char directory[] = "/tmp/fuzz-index-XXXXXX";
    struct index_record record;
    struct bytes fields[INDEX_FIELD_COUNT];
    struct buf memory = BUF_INIT(1 << 20);
    size_t cut = size ? (size_t)data[0] * 8 % size : 0;
    unsigned char *copy = malloc(size + 1);
    if (!copy || (directory[sizeof(directory) - 2] == 'X' && !mkdtemp(directory)))
        return 0;
    memcpy(copy, data, size);
    put_right(copy, cut, HEADER_SIZE, RECORD_SIZE);
    put_right(copy + cut, size - cut, CACHE_HEADER_SIZE, ENTRY_SIZE);
    log_open("fuzz", LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
    int dir = open(directory, O_RDONLY | O_DIRECTORY);
    file_durable(false);
    file_replace(dir, INDEX_FILE, bytes_make(copy, cut), 0600, NULL);
    file_replace(dir, CACHE_FILE, bytes_make(copy + cut, size - cut), 0600, NULL);
    struct index *index = index_open(directory, 5, true);
    for (uint32_t uid = 1; index && uid < 20; uid++)
        if (index_get(index, uid, &record) &&
            (record.uid != uid || index_fields(index, &record, &memory, fields)))
            buf_clear(&memory);
    index_close(&index);
    buf_free(&memory);
    free(copy);
    close(dir);
    return 0;
}
