/* An arena: many small allocations with one lifetime, freed whole. One per command, one per open
 * mailbox. It has a limit, so that no input grows a process without bound. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena;

/* limit: octets that may be handed out in all. NULL when there is no memory. */
struct arena *arena_create(size_t limit);
void arena_destroy(struct arena **arena); /* NULL inside is fine; sets it to NULL */
void arena_clear(struct arena *arena);    /* frees all but the first block, for the next command */
void arena_wipe(struct arena *arena);     /* the same, and nothing of it stays in memory: passwords */

/* Zeroed memory aligned for any type; NULL when the limit or the machine's memory is reached. */
void *arena_alloc(struct arena *arena, size_t size);
/* count elements of size octets, checked for overflow. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* A copy of b with a NUL behind it; NULL as above. */
char *arena_copy(struct arena *arena, struct bytes b);
/* The same as bytes; data is NULL on failure (and for an absent b). */
struct bytes arena_bytes(struct arena *arena, struct bytes b);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
