/* Dates: RFC 5322, 3.3 with obsolete zones; IMAP's date-time and date (RFC 9051, 9). */
#ifndef MESSAGE_DATE_H
#define MESSAGE_DATE_H

#include <time.h>
#include "base/buf.h"

/* Reads a Date field's value leniently (missing day name, two-digit years, zone names, comments); a clock that can't be is midnight.
 * *zone in minutes east of UTC (may be NULL). False when no date can be made out. */
bool date_parse(struct bytes value, time_t *when, int *zone);
/* "17-Jul-1996 02:44:25 -0700" (with a leading space for one-digit days) of APPEND: strict, but for a missing space. */
bool date_parse_imap(struct bytes text, time_t *when);
/* "1-Feb-1994" of SEARCH: midnight UTC of that day. Strict. */
bool date_parse_day(struct bytes text, time_t *day);
/* INTERNALDATE's form in UTC (" 7-Feb-1994 21:52:25 +0000"), without quotes; RFC 5322's form for
 * Received. */
void date_write_imap(struct buf *out, time_t when);
void date_write_rfc5322(struct buf *out, time_t when);

#endif
