#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "index/index_private.h"

const char *const index_files[INDEX_FILES] = { INDEX_FILE, LOG_FILE, CACHE_FILE, LOCK_FILE };

bool index_drop(const char *directory, struct error *err)
{
    struct index *index = index_open(directory, false);
    char tmp[64];
    if (!index)
        return error_memory(err);
    if (index->dir < 0) {
        index_close(&index);
        return true; /* no directory, no files */
    }
    index->write = true;
    bool ok = index_begin(index, INDEX_WAIT_MS, err);
    for (int i = 0; ok && i < INDEX_FILES; i++) {
        snprintf(tmp, sizeof(tmp), "%s.tmp", index_files[i]);
        unlinkat(index->dir, tmp, 0);
        if (unlinkat(index->dir, index_files[i], 0) != 0 && errno != ENOENT)
            ok = error_errno(err, errno, "removing %s/%s", directory, index_files[i]);
    }
    index_close(&index);
    return ok;
}
