#include "base/memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL /* a larger page is only given back less often */
#define STACK_MOST (512 * 1024UL)

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
#define OWN_MALLOC 0
#elif __GLIBC_PREREQ(2, 33)
#define OWN_MALLOC 1
#else
#define OWN_MALLOC 0
#endif

#if OWN_MALLOC

enum { HOLE_MOST = 65536, HOLE_SMALL = 1032, HOLE_LEAST = 24, HOLE_STEP = 16 };

/* Where memory begins that was never handed out. */
static uintptr_t heap_top(void)
{
    return (uintptr_t)sbrk(0) - mallinfo2().keepcost;
}

/* Takes all holes of this size for good. */
static void fill_holes(size_t size, uintptr_t top)
{
    void *hole;
    while ((hole = malloc(size)) && (uintptr_t)hole < top)
        ;
    /* This one is new memory. Where it is large, it becomes a part of that again, not of a list. */
    void *large = hole ? realloc(hole, (size_t)HOLE_SMALL * 2) : NULL;
    free(large ? large : hole);
}

void memory_settle(void)
{
    malloc_trim(0);
    uintptr_t top = heap_top();
    for (size_t size = HOLE_MOST; size > HOLE_SMALL; size /= 2)
        fill_holes(size, top);
    for (size_t size = HOLE_SMALL; size >= HOLE_LEAST; size -= HOLE_STEP)
        fill_holes(size, top);
    /* What follows begins on a page of its own. */
    size_t rest = PAGE - heap_top() % PAGE;
    if (rest >= 2 * HOLE_LEAST && !malloc(rest - sizeof(size_t) * 2))
        return;
    malloc_trim(0);
}

#else

void memory_settle(void)
{
}

#endif

void memory_drop(void *data, size_t len)
{
    uintptr_t from = ((uintptr_t)data + PAGE - 1) & ~(PAGE - 1),
              to = ((uintptr_t)data + len) & ~(PAGE - 1);
    if (to > from)
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
}

/* A stack grows down: what lies below this frame was left by calls that have returned. A page stays
 * for what is called next. */
static __attribute__((noinline)) void drop_stack(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (here > STACK_MOST)
        memory_drop((void *)(here - PAGE - STACK_MOST), STACK_MOST);
}

void memory_release(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    drop_stack();
}
