/* The process of a connection that keeps its privileges: it starts the parser, which has none, and for each
 * recipient that the parser names a worker (worker.h), which gives its privileges up for the user's; who he is, it has from the
 * finder (finder.h). It reads no protocol and no mail. What of this room ever runs as root: main.c, connection.c, this file, crew.c, recipient.c,
 * finder.c, and until account_become in it worker.c. */
#ifndef LMTPD_MONITOR_H
#define LMTPD_MONITOR_H

#include "lmtpd/connection.h"

/* Serves one connection; returns an exit status. */
int lmtp_monitor_run(const struct connection *connection);

#endif
