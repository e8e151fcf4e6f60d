/* The delivery to one recipient: a process that finds the user, becomes him, and then keeps a new message in his
 * mailbox, which another process without privileges writes. Everything after becoming the user runs as that user. */
#ifndef LMTPD_WORKER_H
#define LMTPD_WORKER_H

#include "base/bytes.h"
#include "lmtpd/connection.h"

/* Answers on fd as lmtpd/wire.h says until it is told or the other side is gone. Returns an exit status. */
int lmtp_worker_run(const struct connection *connection, int fd, struct bytes local,
                    struct bytes domain);

#endif
