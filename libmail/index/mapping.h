/* A file mapped read-only and shared. Whoever cuts it off below us gets zeros read, not a dead
 * session: what is read from a mapping is copied, checked, and only then used. */
#ifndef INDEX_MAPPING_H
#define INDEX_MAPPING_H

#include <stdbool.h>
#include <stddef.h>

struct mapping {
    const unsigned char *at; /* NULL: nothing is mapped */
    size_t len;
    volatile bool torn; /* something behind the file's end was read: zeros */
    struct mapping *next;
};

/* Maps the first len octets of fd in place of what was mapped; len may reach behind the file's end,
 * to be read when the file has grown. The struct stays where it is until mapping_drop(). False: not
 * to be had. */
bool mapping_take(struct mapping *mapping, int fd, size_t len);
void mapping_drop(struct mapping *mapping);

#endif
