#include "index/mapping.h"

#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static struct mapping *mappings;

/* The page is not in the file: a zero page takes its place, and that of all behind it. */
static void on_sigbus(int signal_number, siginfo_t *info, void *context)
{
    uintptr_t address = (uintptr_t)info->si_addr, page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)context;
    for (struct mapping *mapping = mappings; mapping; mapping = mapping->next) {
        uintptr_t start = (uintptr_t)mapping->at, end = start + mapping->len;
        if (!mapping->at || address < start || address >= end)
            continue;
        address -= address % page;
        if (mmap((void *)address, end - address, PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
            break;
        mapping->torn = true;
        return;
    }
    signal(signal_number, SIG_DFL); /* not ours: it happens again at once */
}

static void guard(void)
{
    static bool guarded;
    struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
    if (guarded)
        return;
    sigemptyset(&action.sa_mask);
    guarded = sigaction(SIGBUS, &action, NULL) == 0;
}

bool mapping_take(struct mapping *mapping, int fd, size_t len)
{
    guard();
    mapping_drop(mapping);
    void *at = len ? mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (at == MAP_FAILED)
        return false;
    *mapping = (struct mapping){ .at = at, .len = len, .next = mappings };
    mappings = mapping;
    return true;
}

void mapping_drop(struct mapping *mapping)
{
    if (!mapping->at)
        return;
    for (struct mapping **link = &mappings; *link; link = &(*link)->next)
        if (*link == mapping) {
            *link = mapping->next;
            break;
        }
    munmap((void *)(uintptr_t)mapping->at, mapping->len);
    mapping->at = NULL;
    mapping->len = 0;
}
