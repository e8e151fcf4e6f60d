/* Any file is read or refused in one sentence; what is read prints as a file that is read again. */
#include <stdio.h>
#include <stdlib.h>
#include "conf/setting.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf conf, again;
    struct error err;
    char *text = NULL;
    size_t len;
    if (size > 65536 || !conf_load(&conf, "/dev/null", NULL, 0, &err))
        return 0;
    bool good = conf_read(&conf, "fuzz.conf", (const char *)data, size, &err);
    if (!good && err.class != ERROR_INVALID && err.class != ERROR_LIMIT)
        abort();
    FILE *out = good ? open_memstream(&text, &len) : NULL;
    if (out) {
        conf_print(&conf, out, false);
        fclose(out);
        if (!conf_load(&again, "/dev/null", NULL, 0, &err) ||
            !conf_read(&again, "again.conf", text, len, &err))
            abort();
        conf_free(&again);
    }
    free(text);
    conf_free(&conf);
    return 0;
}
