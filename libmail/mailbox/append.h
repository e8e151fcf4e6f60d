/* Putting messages into a mailbox: APPEND, MULTIAPPEND, delivery. All messages of one append become visible together at commit, or none does. */
#ifndef MAILBOX_APPEND_H
#define MAILBOX_APPEND_H

#include "mailbox/mailbox.h"

struct append;

struct append_info {
    uint8_t flags;
    const struct bytes *keywords; /* names */
    size_t keywords_count;
    time_t date;                  /* INTERNALDATE; 0: now */
};

/* ERROR_NO_SUCH: no such mailbox. */
struct append *append_begin(struct store *store, struct bytes mailbox, struct error *err);
/* Starts the next message. */
bool append_message(struct append *append, const struct append_info *info, struct error *err);
/* Its octets as they come, CRLF or LF lines in pieces of any size; streams to the disk. */
bool append_write(struct append *append, struct bytes piece, struct error *err);
/* Ends the message: everything is on its way to the disk. */
bool append_message_end(struct append *append, struct error *err);

/* For LMTP, where another process has the octets: a descriptor to write the current message to with LF line ends, or -1 when the format has no
 * file (then use append_write). Owned by append. append_written() says instead of append_write() what was put there (untrusted: checked against fstat). */
int append_fd(struct append *append);
bool append_written(struct append *append, uint64_t size, uint64_t wire_size, struct error *err);

struct append_result {
    uint32_t uidvalidity;
    uint32_t first_uid; /* UIDs are consecutive */
    uint32_t count;
};
/* Durable, visible, UIDs given: then true. Ends append in either case. */
bool append_commit(struct append **append, struct append_result *out, struct error *err);
void append_abort(struct append **append); /* NULL inside is fine */

#endif
