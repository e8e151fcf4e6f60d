/* The packed form of a structure, for the index's cache. Numbers are LEB128 (7 bits an octet, low
 * first); strings have their length in front. A version octet, then the parts in the order of the
 * message, each:
 *
 *   flags, header at/size/wire at/wire size, body size/wire size, lines, type, subtype, encoding,
 * charset, children
 *
 * Where a body begins follows from its header. Positions count from the beginning of the parent's
 * body. */
#include "message/content.h"

enum { VERSION = 1, MULTIPART = 1, MESSAGE = 2, DIGEST = 4, HAS_NUL = 8, ALL_FLAGS = 15 };
enum { MOST_DEPTH = 1000 };

static void put(struct buf *out, uint64_t n)
{
    for (; n > 127; n >>= 7)
        buf_byte(out, (char)(n | 128));
    buf_byte(out, (char)n);
}

/* Absent is 0, else the length + 1 and the octets. */
static void put_string(struct buf *out, struct bytes text)
{
    put(out, text.data ? text.len + 1 : 0);
    buf_bytes(out, text);
}

static void put_part(struct buf *out, const struct part *part)
{
    static const struct part_span WHOLE;
    const struct part_span *origin = part->parent ? &part->parent->body : &WHOLE;
    put(out, (part->is_multipart ? MULTIPART : 0) | (part->is_message ? MESSAGE : 0) |
                 (part->in_digest ? DIGEST : 0) | (part->has_nul ? HAS_NUL : 0));
    put(out, part->header.at - origin->at);
    put(out, part->header.size);
    put(out, part->header.wire_at - origin->wire_at);
    put(out, part->header.wire_size);
    put(out, part->body.size);
    put(out, part->body.wire_size);
    put(out, part->body_lines);
    put_string(out, part->type);
    put_string(out, part->subtype);
    put_string(out, part->encoding);
    put_string(out, content_param(part->params, BYTES("charset")));
    put(out, part->children_count);
}

/* The part after this one in the order of the message; NULL at the end. */
static const struct part *following(const struct part *part, const struct part *root)
{
    if (part->children)
        return part->children;
    while (part != root && !part->next)
        part = part->parent;
    return part == root ? NULL : part->next;
}

void part_pack(struct buf *out, const struct part *root)
{
    put(out, VERSION);
    for (const struct part *part = root; part; part = following(part, root))
        put_part(out, part);
}

struct unpacking {
    struct arena *arena;
    struct bytes rest;
    bool bad;
};

static uint64_t take(struct unpacking *u)
{
    uint64_t n = 0;
    for (unsigned shift = 0; u->rest.len && shift < 63; shift += 7) {
        unsigned char c = (unsigned char)u->rest.data[0];
        u->rest = bytes_skip(u->rest, 1);
        n |= (uint64_t)(c & 127) << shift;
        if (c < 128)
            return n;
    }
    u->bad = true;
    return 0;
}

static struct bytes take_string(struct unpacking *u)
{
    struct bytes none = { NULL, 0 };
    uint64_t len = take(u);
    if (!len)
        return none;
    if (len - 1 > u->rest.len) {
        u->bad = true;
        return none;
    }
    struct bytes text = arena_bytes(u->arena, bytes_make(u->rest.data, (size_t)(len - 1)));
    u->bad |= !text.data;
    u->rest = bytes_skip(u->rest, (size_t)(len - 1));
    return text;
}

static void take_charset(struct unpacking *u, struct part *part)
{
    struct bytes charset = take_string(u);
    if (!charset.data)
        return;
    part->params = arena_alloc(u->arena, sizeof *part->params);
    if (part->params)
        *part->params = (struct part_param){ NULL, BYTES("charset"), charset };
    u->bad |= !part->params;
}

/* at + size stays inside limit, without overflow. */
static bool inside(uint64_t at, uint64_t size, uint64_t limit)
{
    return at <= limit && size <= limit - at;
}

static bool spans_fit(const struct part *part, const struct part *parent)
{
    static const uint64_t MOST = UINT64_MAX / 4;
    const struct part_span *h = &part->header, *b = &part->body;
    uint64_t end = parent ? parent->body.at + parent->body.size : MOST;
    uint64_t wire_end = parent ? parent->body.wire_at + parent->body.wire_size : MOST;
    /* A header's empty line can belong to the boundary behind it: then it reaches over its parent's
     * end. */
    uint64_t slack = parent && !b->size ? 2 : 0;
    return inside(h->at, h->size, end + slack) && inside(b->at, b->size, end + slack) &&
           inside(h->wire_at, h->wire_size, wire_end + slack) &&
           inside(b->wire_at, b->wire_size, wire_end + slack) && h->size <= h->wire_size &&
           b->size <= b->wire_size && b->wire_size / 2 <= b->size && part->body_lines <= b->size;
}

/* One part's own fields. How many children follow, or UINT64_MAX when it makes no sense. */
static uint64_t take_part(struct unpacking *u, struct part *part, const struct part *parent)
{
    static const struct part_span WHOLE;
    const struct part_span *origin = parent ? &parent->body : &WHOLE;
    uint64_t flags = take(u);
    part->is_multipart = flags & MULTIPART;
    part->is_message = flags & MESSAGE;
    part->in_digest = flags & DIGEST;
    part->has_nul = flags & HAS_NUL;
    part->header.at = origin->at + take(u);
    part->header.size = take(u);
    part->header.wire_at = origin->wire_at + take(u);
    part->header.wire_size = take(u);
    part->body.size = take(u);
    part->body.wire_size = take(u);
    uint64_t lines = take(u);
    part->body_lines = (uint32_t)lines;
    part->type = take_string(u);
    part->subtype = take_string(u);
    part->encoding = take_string(u);
    take_charset(u, part);
    uint64_t children = take(u);
    if (u->bad || flags > ALL_FLAGS || lines > UINT32_MAX || !part->type.data ||
        !part->subtype.data || part->header.at < origin->at ||
        part->header.wire_at < origin->wire_at)
        return UINT64_MAX;
    part->body.at = part->header.at + part->header.size;
    part->body.wire_at = part->header.wire_at + part->header.wire_size;
    bool leaf = !part->is_multipart && !part->is_message;
    if (!spans_fit(part, parent) || (leaf && children) || (part->is_message && children != 1) ||
        (part->is_multipart && part->is_message) || children > u->rest.len)
        return UINT64_MAX;
    return children;
}

struct level {
    struct level *up;
    struct part *part, **last;
    uint64_t left;
};

static struct part *unpack(struct unpacking *u)
{
    struct part *root = NULL;
    struct level *level = NULL;
    unsigned depth = 0;
    do {
        struct part *part = arena_alloc(u->arena, sizeof *part);
        struct part *parent = level ? level->part : NULL;
        uint64_t children = part ? take_part(u, part, parent) : UINT64_MAX;
        if (children == UINT64_MAX || depth > MOST_DEPTH)
            return NULL;
        part->parent = parent;
        part->children_count = (unsigned)children;
        if (level) {
            *level->last = part;
            level->last = &part->next;
            level->left--;
        } else {
            root = part;
        }
        if (children) {
            struct level *below = arena_alloc(u->arena, sizeof *below);
            if (!below)
                return NULL;
            *below = (struct level){ level, part, &part->children, children };
            level = below;
            depth++;
        }
        for (; level && !level->left; depth--)
            level = level->up;
    } while (level);
    return u->rest.len ? NULL : root;
}

struct part *part_unpack(struct arena *arena, struct bytes packed, struct error *err)
{
    struct unpacking u = { arena, packed, false };
    struct part *root = take(&u) == VERSION && !u.bad ? unpack(&u) : NULL;
    if (!root)
        error_set(err, ERROR_CORRUPT, "the stored structure of a message is damaged");
    return root;
}
