/* The fields that a delivery puts in front of a message (RFC 5321, 4.4). */
#ifndef LMTPD_TRACE_H
#define LMTPD_TRACE_H

#include "lmtpd/lmtp.h"

/* Return-Path, Delivered-To and Received for one recipient, LF line ends; in the transaction's arena. context is the
 * struct lmtp. Empty when there is no memory for it. */
struct bytes trace_header(void *context, const struct recipient *recipient);

#endif
