/* The process that speaks LMTP with the client: no privileges, an empty root directory, a filter. */
#ifndef LMTPD_PARSER_H
#define LMTPD_PARSER_H

#include "lmtpd/connection.h"

/* Serves the connection; monitor: the descriptor on which the monitor answers. Returns an exit status. */
int lmtp_parser_run(const struct connection *connection, int monitor);

#endif
