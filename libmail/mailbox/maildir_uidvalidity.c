/* The next UIDVALIDITY of a tree of mailboxes, as Dovecot gives it: root/dovecot-uidvalidity holds
 * the last one in hex; an empty file dovecot-uidvalidity.<hex> is renamed from one number to the
 * next, so that two processes never get the same. */
#include "mailbox/maildir_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME "dovecot-uidvalidity"

static bool parse_hex(const char *text, uint32_t *out)
{
    char *end;
    if (strlen(text) != 8 || strspn(text, "0123456789abcdefABCDEF") != 8)
        return false;
    *out = (uint32_t)strtoul(text, &end, 16);
    return true;
}

/* Moves the marker from *value to the next number; false when somebody else did. */
static bool advance(int dir, uint32_t *value)
{
    char from[64], to[64];
    uint32_t next = *value + 1 ? *value + 1 : 1;
    snprintf(from, sizeof(from), FILE_NAME ".%08x", *value);
    snprintf(to, sizeof(to), FILE_NAME ".%08x", next);
    if (renameat(dir, from, dir, to) != 0)
        return false;
    *value = next;
    return true;
}

static bool read_value(int dir, uint32_t *value)
{
    char text[9] = "";
    int fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, text, 8) : -1;
    if (fd >= 0)
        close(fd);
    return n == 8 && parse_hex(text, value);
}

/* The greatest marker in the directory, 0 when there is none. */
static uint32_t greatest_marker(int dir)
{
    uint32_t greatest = 0, value;
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;
    if (!stream) {
        if (copy >= 0)
            close(copy);
        return 0;
    }
    while ((entry = readdir(stream)))
        if (!strncmp(entry->d_name, FILE_NAME ".", sizeof(FILE_NAME)) &&
            parse_hex(entry->d_name + sizeof(FILE_NAME), &value) && value > greatest)
            greatest = value;
    closedir(stream);
    return greatest;
}

static bool create_marker(int dir, uint32_t value)
{
    char path[64];
    snprintf(path, sizeof(path), FILE_NAME ".%08x", value);
    int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno != EEXIST;
}

uint32_t uidvalidity_next(const char *root)
{
    uint32_t value = 0, now = (uint32_t)time(NULL);
    int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return now ? now : 1;
    bool done = read_value(dir, &value) && advance(dir, &value);
    for (int tries = 0; !done && tries < 100; tries++) {
        value = greatest_marker(dir);
        if (value) {
            done = advance(dir, &value);
            continue;
        }
        value = now ? now + (uint32_t)tries : 1;
        done = create_marker(dir, value);
    }
    char text[16];
    snprintf(text, sizeof(text), "%08x", value);
    file_replace(dir, FILE_NAME, bytes_of(text), 0644, NULL); /* the marker alone would do */
    close(dir);
    return value;
}
