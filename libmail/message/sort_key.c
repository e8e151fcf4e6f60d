/* The packed form, numbers little-endian:
 *
 *    0  1  version
 *    1  1  flags: 1 date, 2 subject, 4 reply, 8 subject cut
 *    2  2  zone, signed
 *    4  2  octets of text
 *    6  2  octets of text that are the subject, from its beginning
 *    8  4  base subject: where in text, how long
 *   12  3  lengths of from, to, cc
 *   15  1  zero
 *   16  8  date, signed
 *   24  8  message ID
 *   32  2  number of references
 *   34     text, from, to, cc, references (8 each)
 *
 * The base subject is a part of the subject, or stands behind it where white space had to be
 * squeezed. */
#include "message/sort_key.h"

#include <endian.h>
#include "message/base_subject.h"
#include "message/casemap.h"
#include "message/date.h"
#include "message/message_id.h"
#include "message/text.h"

enum { VERSION = 1, HAS_DATE = 1, HAS_SUBJECT = 2, REPLY = 4, CUT = 8, ALL_FLAGS = 15 };
enum { HEAD = 34, REFERENCE = 8, MAPPED_MAX = 64 << 10 };

static inline void put(char *out, uint64_t n, size_t octets)
{
    n = htole64(n);
    memcpy(out, &n, octets);
}

static inline uint64_t get(const char *in, size_t octets)
{
    uint64_t n = 0;
    memcpy(&n, in, octets);
    return le64toh(n);
}

/* A key on its way into its packed form. */
struct packing {
    struct buf *out;
    char head[HEAD];
    size_t text; /* where the text begins in out */
    unsigned flags;
};

static size_t text_len(const struct packing *p)
{
    return p->out->len - p->text;
}

static void put_base(struct packing *p, size_t at)
{
    put(p->head + 8, at, 2);
    put(p->head + 10, text_len(p) - at, 2);
}

static struct bytes bound(struct packing *p, struct bytes text)
{
    if (text.len <= SORT_SUBJECT_MAX)
        return text;
    p->flags |= CUT;
    size_t len = SORT_SUBJECT_MAX;
    while (len && ((unsigned char)text.data[len] & 0xC0) == 0x80)
        len--;
    return bytes_take(text, len);
}

/* Maps the subject in three pieces, so that it is known where in the whole the base has come to
 * stand. */
static void pack_tight(struct packing *p, struct bytes subject)
{
    bool reply;
    struct bytes base = base_subject(subject, &reply);
    size_t before = base.data ? (size_t)(base.data - subject.data) : 0;
    casemap(p->out, bytes_take(subject, before));
    size_t at = text_len(p);
    casemap(p->out, base);
    put_base(p, at);
    casemap(p->out, bytes_skip(subject, before + base.len));
    put(p->head + 6, text_len(p), 2);
    p->flags |= reply ? REPLY : 0;
}

static void pack_loose(struct packing *p, struct bytes subject)
{
    struct buf tight = BUF_INIT(subject.len);
    bool reply;
    casemap(p->out, subject);
    put(p->head + 6, text_len(p), 2);
    size_t at = text_len(p);
    subject_squeeze(subject, &tight);
    casemap(p->out, base_subject(buf_view(&tight), &reply));
    put_base(p, at);
    p->flags |= reply ? REPLY : 0;
    buf_free(&tight);
}

/* Whether decoding would change nothing. */
static bool is_plain(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] >= 0x80)
            return false;
    return bytes_find(text, BYTES("=?")) < 0;
}

static void pack_subject(struct packing *p, struct bytes value)
{
    struct buf decoded = BUF_INIT(SIZE_MAX);
    if (!value.data)
        return;
    p->flags |= HAS_SUBJECT;
    if (!is_plain(value)) {
        text_header(&decoded, value);
        value = buf_view(&decoded);
    }
    value = bound(p, value);
    if (subject_is_loose(value))
        pack_loose(p, value);
    else
        pack_tight(p, value);
    buf_free(&decoded);
}

static void pack_date(struct packing *p, struct bytes value)
{
    time_t when;
    int zone = 0;
    if (!value.data || !date_parse(value, &when, &zone))
        return;
    p->flags |= HAS_DATE;
    put(p->head + 2, (uint64_t)(int64_t)zone, 2);
    put(p->head + 16, (uint64_t)(int64_t)when, 8);
}

static void pack_mailbox(struct packing *p, const struct address *address, size_t head)
{
    size_t start = p->out->len;
    if (!address || !address->mailbox.data)
        return;
    casemap(p->out, bytes_take(address->mailbox, SORT_MAILBOX_MAX));
    if (p->out->len > start + SORT_MAILBOX_MAX)
        p->out->len = start + SORT_MAILBOX_MAX;
    p->head[head] = (char)(p->out->len - start);
}

static void pack_references(struct packing *p, const struct envelope *envelope)
{
    struct bytes references = envelope->references, reply = envelope->in_reply_to;
    struct buf id = BUF_INIT(references.len + reply.len + 1);
    size_t start = p->out->len, count = 0;
    char octets[REFERENCE];
    for (; message_id_next(&references, &id); count++) {
        put(octets, message_id_hash(buf_view(&id)), REFERENCE);
        buf_append(p->out, octets, REFERENCE);
    }
    if (!count && message_id_next(&reply, &id)) {
        put(octets, message_id_hash(buf_view(&id)), REFERENCE);
        buf_append(p->out, octets, REFERENCE);
        count = 1;
    }
    if (count > SORT_REFERENCES_MAX && !buf_failed(p->out)) {
        size_t kept = SORT_REFERENCES_MAX * (size_t)REFERENCE;
        memmove(p->out->data + start, p->out->data + p->out->len - kept, kept);
        p->out->len = start + kept;
        count = SORT_REFERENCES_MAX;
    }
    put(p->head + 32, count, 2);
    buf_free(&id);
}

static void pack_id(struct packing *p, struct bytes value)
{
    struct buf id = BUF_INIT(value.len + 1);
    if (message_id_next(&value, &id))
        put(p->head + 24, message_id_hash(buf_view(&id)), 8);
    buf_free(&id);
}

void sort_key_pack(struct buf *out, const struct envelope *envelope)
{
    static const struct envelope NONE;
    const struct envelope *e = envelope ? envelope : &NONE;
    size_t start = out->len;
    struct packing p = { .out = out, .text = start + HEAD };
    buf_append(out, p.head, HEAD);
    if (buf_failed(out))
        return;
    pack_subject(&p, e->subject);
    put(p.head + 4, text_len(&p), 2);
    pack_mailbox(&p, e->from, 12);
    pack_mailbox(&p, e->to, 13);
    pack_mailbox(&p, e->cc, 14);
    pack_references(&p, e);
    pack_date(&p, e->date);
    pack_id(&p, e->message_id);
    p.head[0] = VERSION;
    p.head[1] = (char)p.flags;
    if (!buf_failed(out))
        memcpy(out->data + start, p.head, HEAD);
}

static struct bytes take(struct bytes *rest, size_t len)
{
    struct bytes taken = bytes_take(*rest, len);
    *rest = bytes_skip(*rest, len);
    return taken;
}

bool sort_key_unpack(struct sort_key *key, struct bytes packed)
{
    const char *head = packed.data;
    if (packed.len < HEAD || head[0] != VERSION || head[1] & ~ALL_FLAGS)
        return false;
    size_t text = get(head + 4, 2), subject = get(head + 6, 2), base_at = get(head + 8, 2),
           base = get(head + 10, 2), from = (unsigned char)head[12], to = (unsigned char)head[13],
           cc = (unsigned char)head[14], references = get(head + 32, 2);
    if (packed.len != HEAD + text + from + to + cc + references * REFERENCE || subject > text ||
        base_at + base > text || references > SORT_REFERENCES_MAX)
        return false;
    struct bytes rest = bytes_skip(packed, HEAD), all = take(&rest, text);
    *key = (struct sort_key){
        .has_date = head[1] & HAS_DATE,
        .has_subject = head[1] & HAS_SUBJECT,
        .reply = head[1] & REPLY,
        .cut = head[1] & CUT,
        .zone = (int16_t)get(head + 2, 2),
        .date = (int64_t)get(head + 16, 8),
        .subject = bytes_take(all, subject),
        .base = bytes_take(bytes_skip(all, base_at), base),
        .id = get(head + 24, 8),
        .references_count = references,
    };
    key->from = take(&rest, from);
    key->to = take(&rest, to);
    key->cc = take(&rest, cc);
    key->references = rest.data;
    return true;
}

uint64_t sort_key_reference(const struct sort_key *key, size_t i)
{
    return get(key->references + i * REFERENCE, REFERENCE);
}
