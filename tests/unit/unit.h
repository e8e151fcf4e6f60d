/* What every unit test needs: cmocka with its prerequisites, and checks of octets. */
#ifndef UNIT_H
#define UNIT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/bytes.h"

/* struct bytes against a string literal that may hold NULs. */
#define assert_bytes(b, literal) assert_bytes_equal(b, BYTES(literal))
#define assert_bytes_equal(b, wanted)                                                              \
    do {                                                                                           \
        struct bytes unit_b = (b), unit_w = (wanted);                                              \
        if (!bytes_equal(unit_b, unit_w))                                                          \
            fail_msg("\"%.*s\" (%zu) is not \"%.*s\" (%zu)", BYTES_FMT(unit_b), unit_b.len,        \
                     BYTES_FMT(unit_w), unit_w.len);                                               \
    } while (0)

#endif
