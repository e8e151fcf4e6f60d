/* Files of an index for the fuzz targets: in one directory below /tmp, with check values that hold.
 */
#ifndef INDEX_FILES_H
#define INDEX_FILES_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>
#include "base/file.h"
#include "base/log.h"
#include "index/index_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char files_path[] = "/tmp/fuzz-index-XXXXXX";
static int files_fd = -1;

static void files_remove(void)
{
    file_remove_tree(AT_FDCWD, files_path, NULL);
}

static inline const char *files_directory(void)
{
    if (files_fd >= 0)
        return files_path;
    log_open("fuzz", LOG_TARGET_STDERR, LOG_LEVEL_ERROR);
    file_durable(false);
    if (!mkdtemp(files_path))
        exit(1);
    atexit(files_remove);
    files_fd = open(files_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return files_path;
}

static inline int files_dir(void)
{
    files_directory();
    return files_fd;
}

static inline unsigned char *files_copy(const uint8_t *data, size_t size)
{
    unsigned char *copy = malloc(size + 1);
    if (!copy)
        exit(1);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

static inline void files_put(const char *name, const void *data, size_t size)
{
    int fd = openat(files_dir(), name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || !file_write(fd, bytes_make(data, size), name, NULL))
        exit(1);
    close(fd);
}

static inline void files_end(void *copy)
{
    static const char *const names[] = { INDEX_FILE, LOG_FILE, CACHE_FILE };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlinkat(files_dir(), names[i], 0);
    free(copy);
}

/* A header of 256 octets, bits of 64 slots and records, as a file has them. */
static inline void files_put_records(const uint8_t *data, size_t size)
{
    static unsigned char file[RECORDS_HEADER + 8 + 64 * RECORD_SIZE];
    size_t taken = size < HEADER_SIZE ? size : HEADER_SIZE;
    memset(file, 0, sizeof(file));
    if (taken)
        memcpy(file, data, taken);
    memcpy(file, "PSTIDX2\n", 8);
    put_le(file + 8, 5, 4);
    put_le(file + 44, 64, 4);
    put_le(file + 16, get_le(file + 16, 4) % 65, 4);
    put_le(file + HEADER_SIZE - 8, XXH3_64bits(file, HEADER_SIZE - 8), 8);
    size_t rest = size - taken, most = sizeof(file) - RECORDS_HEADER;
    if (rest)
        memcpy(file + RECORDS_HEADER, data + taken, rest < most ? rest : most);
    for (unsigned i = 0; i < 64; i++) {
        unsigned char *record = file + RECORDS_HEADER + 8 + (size_t)i * RECORD_SIZE;
        put_le(record + 56, XXH3_64bits_withSeed(record, 56, 5), 8);
    }
    files_put(INDEX_FILE, file, sizeof(file));
}

/* The header and every entry that says that it is one. */
static inline size_t files_right_cache(unsigned char *data, size_t size)
{
    if (size < CACHE_HEADER)
        return size;
    memcpy(data, "PSTCCH2\n", 8);
    put_le(data + 8, 5, 4);
    put_le(data + 24, XXH3_64bits(data, 24), 8);
    for (size_t at = CACHE_HEADER; at + CACHE_ENTRY <= size; at += 8) {
        size_t from = at + CACHE_ENTRY;
        if (memcmp(data + at, "pch2", 4) != 0)
            continue;
        for (size_t i = 0; i < INDEX_FIELD_COUNT; i++) {
            size_t len = get_le(data + at + 40 + 8 * i, 4);
            if (len <= size - from)
                put_le(data + at + 44 + 8 * i, (uint32_t)XXH3_64bits(data + from, len), 4);
            from += len <= size - from ? len : 0;
        }
        put_le(data + at + CACHE_ENTRY - 8, XXH3_64bits(data + at, CACHE_ENTRY - 8), 8);
    }
    return size;
}

/* An index of count messages with a log. */
static inline struct index *files_fresh(uint32_t messages)
{
    struct index *index = index_open(files_directory(), true);
    struct error err;
    bool ok = index && index_begin(index, 0, &err) && index_create(index, 5, messages, &err);
    for (uint32_t uid = 1; ok && uid <= messages; uid++)
        ok = index_add(index, &(struct index_record){ .uid = uid });
    if (!ok || !index_commit(index, &err) || !index_begin(index, 0, &err) ||
        !index_change(index, 0, 1, 1, 0, false) || !index_commit(index, &err))
        exit(1);
    return index;
}

/* Entries: a byte of type, one that says how many items, and those; records with their check. */
static inline void files_append_log(const uint8_t *data, size_t size)
{
    struct buf text = BUF_INIT(1 << 20), items = BUF_INIT(1 << 20);
    int fd = openat(files_dir(), LOG_FILE, O_RDWR);
    off_t end = lseek(fd, 0, SEEK_END);
    while (size > 2) {
        unsigned type = data[0] % 4;
        size_t item = type ? log_item_size(type) : 1, most = (size - 2) / item, n = data[1] % 16U;
        n = n < most ? n : most;
        buf_clear(&items);
        buf_append(&items, data + 2, n * item);
        for (size_t i = 0; type == INDEX_ADDED && i < n; i++) {
            unsigned char *record = (unsigned char *)items.data + i * item;
            put_le(record + 56, XXH3_64bits_withSeed(record, 56, 5), 8);
        }
        const struct log_entry entry = { .type = type,
                                         .modseq = data[0],
                                         .items = buf_view(&items) };
        changelog_encode(&text, (uint64_t)end + text.len, &entry);
        data += 2 + n * item;
        size -= 2 + n * item;
    }
    if (pwrite(fd, text.data, text.len, end) < 0)
        exit(1);
    close(fd);
    buf_free(&text);
    buf_free(&items);
}

#endif
