/* Memory beyond malloc and free: what a warm parent shares with its children stays shared, and an
 * idle process holds no more pages than it needs. Where libc or kernel cannot, nothing happens. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

#define MEMORY_IDLE 100 /* milliseconds of waiting after which a wait counts as long */

/* Before the first of many forks: fills the holes between what is allocated, so that children get
 * new pages, not holes in shared ones: writing into a shared page costs a fault and a copy. */
void memory_settle(void);
/* Before a long wait: gives back the heap's free pages and the stack's below the caller. */
void memory_release(void);
/* Gives back the whole pages within [data, data + len), which the caller has allocated: they read
 * as zero when they are used again. */
void memory_drop(void *data, size_t len);

#endif
