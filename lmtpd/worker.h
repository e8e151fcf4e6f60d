/* The delivery to a recipient: a process that becomes a user and then keeps a new message in his mailbox, which another process without
 * privileges writes; then it waits for the next order (crew.h says for whom). Everything after becoming the user runs as that user. */
#ifndef LMTPD_WORKER_H
#define LMTPD_WORKER_H

#include "base/bytes.h"
#include "lmtpd/connection.h"

/* Does what order says, in a conversation on fd, then what comes on control, as lmtpd/wire.h says, until the monitor is gone.
 * Returns an exit status. */
int lmtp_worker_run(const struct connection *connection, int control, int fd, struct bytes order);

#endif
