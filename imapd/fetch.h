/* A FETCH command taken apart, and one message's answer to it. Private to fetch*.c. */
#ifndef IMAPD_FETCH_H
#define IMAPD_FETCH_H

#include "imapd/imap.h"
#include "imapd/section.h"

enum fetch_kind {
    FETCH_FLAGS,
    FETCH_UID,
    FETCH_INTERNALDATE,
    FETCH_SIZE,
    FETCH_ENVELOPE,
    FETCH_BODY,
    FETCH_BODYSTRUCTURE,
    FETCH_SECTION,
};

struct fetch_item {
    struct fetch_item *next;
    enum fetch_kind kind;
    const char *label; /* what the answer calls it; NULL: "BODY[...]" */
    struct section section;
    bool partial;
    uint32_t origin, count; /* octets, when partial */
};

struct fetch {
    struct imap *imap;
    struct fetch_item *items, **last;
    unsigned fields;       /* FIELD_* that the items need */
    bool flags, uid;       /* are among the items */
    bool seen;             /* sets \Seen */
    bool streams;          /* some item is read from the message itself */
    struct arena *scratch; /* of one message */
    struct buf text;       /* header fields of one item */
};

/* Reads the items behind the sequence set, up to the end of the line. False: the parser failed. */
bool fetch_parse(struct fetch *fetch);

enum fetch_result {
    FETCH_SENT,
    FETCH_GONE,   /* expunged by another session: nothing, or NIL for what was missing, was sent */
    FETCH_FAILED, /* could not be read; the same */
    FETCH_BROKEN, /* the answer stops inside a literal, the connection has to end */
};
/* Writes "* seq FETCH (...)". set_seen: \Seen is being set by this command, and shown. */
enum fetch_result fetch_message(struct fetch *fetch, uint32_t seq, bool set_seen,
                                struct error *err);

/* The value of a FETCH_SECTION item: opened first, so that what fails fails before its line is
 * begun. */
struct fetch_value {
    bool exists;         /* false: NIL */
    struct bytes memory; /* the octets, where they are in memory already; */
    struct input *in;    /* or where they come from */
    uint64_t size;
};
bool fetch_value_open(struct fetch *fetch, const struct fetch_item *item, uint32_t seq,
                      const struct message_fields *fields, const struct part *root,
                      struct fetch_value *value, struct error *err);
/* Writes it as an nstring and closes it. False: broken off inside. */
bool fetch_value_write(struct fetch *fetch, struct fetch_value *value, struct error *err);
void fetch_value_close(struct fetch_value *value);

#endif
