/* A cache with any entries, which records point into; check values put right. */
#include "tests/fuzz/index_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes fields[INDEX_FIELD_COUNT];
    struct buf memory = BUF_INIT(1 << 20);
    struct cache cache = { .fd = -1 };
    unsigned char *copy = files_copy(data, size);
    size_t len = files_right_cache(copy, size);
    files_put(CACHE_FILE, copy, len);
    if (cache_open(&cache, openat(files_dir(), CACHE_FILE, O_RDONLY), 5))
        for (uint64_t at = 0; at < len + 16; at += 8)
            for (unsigned wanted = 1; wanted < 64; wanted = wanted * 2 + 1) {
                const struct index_record record = {
                    .uid = 1,
                    .size = 1,
                    .known = INDEX_CACHED,
                    .cache = at,
                    .cache_size = (uint32_t)(at + CACHE_ENTRY < len ? len - at : 4096)
                };
                buf_clear(&memory);
                if (cache_read(&cache, &record, wanted, &memory, fields, INDEX_FIELD_COUNT) &&
                    memory.len > len)
                    abort();
            }
    cache_close(&cache);
    buf_free(&memory);
    files_end(copy);
    return 0;
}
