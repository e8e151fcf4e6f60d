/* Octets with a length, borrowed from somebody else's memory: the form in which everything that
 * came from outside travels. Never NUL-terminated unless a function says so. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/types.h>

struct bytes {
    const char *data; /* may be NULL only when len is 0; data == NULL also stands for "absent" (NIL) */
    size_t len;
};

#define BYTES(literal) ((struct bytes){ "" literal, sizeof(literal) - 1 })
#define BYTES_FMT(b) (int)(b).len, (b).data /* for "%.*s" in log lines */

static inline struct bytes bytes_of(const char *cstr)
{
    return (struct bytes){ cstr, cstr ? strlen(cstr) : 0 };
}

static inline struct bytes bytes_make(const void *data, size_t len)
{
    return (struct bytes){ data, len };
}

/* Equality, octet for octet, or with ASCII letters folded (never locale). */
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_nocase(struct bytes a, struct bytes b);
bool bytes_starts(struct bytes b, struct bytes prefix);
bool bytes_starts_nocase(struct bytes b, struct bytes prefix);
bool bytes_ends_nocase(struct bytes b, struct bytes suffix);

/* Like strcmp, over octets; shorter sorts first. */
int bytes_compare(struct bytes a, struct bytes b);

/* Offset of the first needle in b, or -1. An empty needle is found at 0. */
ssize_t bytes_find(struct bytes b, struct bytes needle);

/* b without leading and trailing space, tab, CR and LF. */
struct bytes bytes_trim(struct bytes b);

/* b from offset at (clamped) to its end; its first len octets (clamped). */
struct bytes bytes_skip(struct bytes b, size_t at);
struct bytes bytes_take(struct bytes b, size_t len);

/* Cuts *rest at the first sep: returns what is before it and moves *rest behind it. Without a sep
 * returns all and empties *rest (data NULL). */
struct bytes bytes_split(struct bytes *rest, char sep);

/* All of b as a decimal number (digits only, at least one). False when it is not or is too big. */
bool bytes_to_u64(struct bytes b, uint64_t *out);
bool bytes_to_u32(struct bytes b, uint32_t *out);

/* Overwrites a secret so that the compiler cannot leave the store out. */
void bytes_wipe(void *data, size_t len);

#endif
