/* What SORT, THREAD and SEARCH SUBJECT ask of a message (RFC 5256), computed once, when it is
 * parsed, and kept packed in the index. Text is decoded and mapped (i;unicode-casemap), so that it
 * is compared and searched octet by octet. */
#ifndef MESSAGE_SORT_KEY_H
#define MESSAGE_SORT_KEY_H

#include "message/part.h"

enum {
    SORT_SUBJECT_MAX = 2048, /* octets of a decoded subject; the rest of a longer one is cut off */
    SORT_MAILBOX_MAX = 255,  /* octets of a mapped addr-mailbox */
    SORT_REFERENCES_MAX = 1000, /* of more, the last ones are kept: those next to the message */
};

struct sort_key {
    bool has_date, has_subject;
    bool reply; /* the subject is that of a reply or forward */
    bool cut;   /* subject is not all of it */
    int zone;   /* of date, in minutes east */
    int64_t date;
    struct bytes subject;      /* whole */
    struct bytes base;         /* the base subject, RFC 5256, 2.1 */
    struct bytes from, to, cc; /* addr-mailbox of the first address */
    /* Message IDs are 64 bits of their hash (XXH3). Among a million messages with five each, chance
     * makes two alike once in a million mailboxes; who makes them alike on purpose gains what
     * naming the other's ID would give him. 0: none, or none that is valid. */
    uint64_t id;
    size_t references_count; /* References, else the first of In-Reply-To */
    const char *references;  /* packed: sort_key_reference() */
};

/* Appends the key of a header, packed; envelope NULL: of an empty one. */
void sort_key_pack(struct buf *out, const struct envelope *envelope);
/* The views in *key are of packed. False: it is damaged. */
bool sort_key_unpack(struct sort_key *key, struct bytes packed);
uint64_t sort_key_reference(const struct sort_key *key, size_t i);

#endif
