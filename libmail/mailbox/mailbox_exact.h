/* A stream that keeps its word about its length. */
#ifndef MAILBOX_MAILBOX_EXACT_H
#define MAILBOX_MAILBOX_EXACT_H

#include "mailbox/mailbox_private.h"

/* Exactly octets of parent (owned), or a read fails with ERROR_CORRUPT. NULL without memory; parent
 * is closed then. */
struct input *input_exact(struct input *parent, uint64_t octets, uint32_t uid);

#endif
