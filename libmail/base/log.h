/* The log: one line an event, with fields. To the journal with its native protocol (fields as
 * MAIL_USER=...), to syslog, or to standard error, whichever the process was started with. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_target { LOG_TARGET_AUTO, LOG_TARGET_JOURNAL, LOG_TARGET_SYSLOG, LOG_TARGET_STDERR };

/* Chooses where lines go and opens it now (so that it still works in an empty root directory).
 * AUTO: the journal when JOURNAL_STREAM says that standard error is the journal, standard error
 * when it is a terminal, a file or a pipe, else syslog (/dev/log). program: "imapd"; kept. Never fails: the
 * last resort is to drop lines. */
void log_open(const char *program, enum log_target target, enum log_level most);
/* The descriptor in use (to keep open in a sandbox), or -1. */
int log_fd(void);

/* Sets a field that every later line of this process carries, e.g. "MAIL_USER"; NULL removes it.
 * Copied. At most 16 fields. On syslog and stderr they follow the line as "user=... session=...". */
void log_field(const char *name, const char *value);

/* Control characters in the arguments are escaped: a client cannot forge a line. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Copies octets from a client for a log line: printable ASCII and UTF-8 stay, the rest becomes \xNN, at
 * most size - 1 octets. Returns out. */
const char *log_quote(char *out, size_t size, const char *data, size_t len);

#endif
