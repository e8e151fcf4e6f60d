/* How program and module know that they were built together: a digest of all headers (Makefile), since
 * structures of one build are nonsense to another. A module says it beside its table:
 * MODULE_EXPORT(tls). */
#ifndef AUTH_MODULE_EXPORT_H
#define AUTH_MODULE_EXPORT_H

#include "module_build.h"

#define MODULE_EXPORT(name)                                                                        \
    extern const char name##_module_build[];                                                       \
    const char name##_module_build[] = MODULE_BUILD

#endif
