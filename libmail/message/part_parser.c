/* The push parser of MIME structure. It goes by lines, which memchr finds; a body line is looked at
 * only when it begins with "--" while a boundary is open. Such a line is held back until it is
 * decided (a few octets more than the longest open boundary); everything else is only counted as it
 * passes. Where a piece ends makes no difference. */
#include "message/content.h"
#include "message/envelope.h"
#include "message/part.h"

enum {
    HEADER_SIZE = 256 * 1024,
    DEPTH = 100,
    PARTS = 10000,
    KEPT = 4 * 1024 * 1024, /* octets of fields that all parts together may keep */
    PADDING = 128           /* white space behind a boundary that is looked at (RFC 2046, 5.1.1) */
};

struct mark { /* a place in the message */
    uint64_t at, wire, lines;
};

struct node { /* a part and what only the parser knows of it */
    struct part part;
    struct node *parent, *last_child;
    struct bytes boundary; /* of a multipart that is open */
    uint64_t first_line;   /* of its body */
    unsigned depth;
};

struct growing { /* in the arena, doubled when full */
    char *data;
    size_t len, capacity;
};

struct part_parser {
    struct arena *arena;
    struct part_limits limits;
    size_t budget;
    struct node *root, *current;
    unsigned parts;
    bool opaque;    /* a limit was reached: no boundary counts any more */
    bool in_header; /* of current */
    enum { LINE_START, LINE_CANDIDATE, LINE_REST, LINE_BOUNDARY } line;
    bool child_begins; /* behind this boundary line */
    bool nul_in_piece;
    bool last_cr;      /* the last octet was CR */
    unsigned last_end; /* octets of the line end before line_start: 0, 1, 2 */
    struct mark now, line_start;
    struct growing header, candidate;
    size_t candidate_size; /* when so many octets are there, it is decided */
};

static bool growing_append(struct arena *arena, struct growing *g, const char *data, size_t len)
{
    if (len > g->capacity - g->len) {
        size_t capacity = g->capacity ? g->capacity : 1024;
        while (capacity - g->len < len)
            capacity *= 2;
        char *bigger = arena_alloc(arena, capacity);
        if (!bigger)
            return false;
        if (g->len)
            memcpy(bigger, g->data, g->len);
        g->data = bigger;
        g->capacity = capacity;
    }
    memcpy(g->data + g->len, data, len);
    g->len += len;
    return true;
}

/* Beyond a limit a part is what nobody looks into. */
static void make_opaque(struct part *part)
{
    part->type = BYTES("application");
    part->subtype = BYTES("octet-stream");
    part->params = NULL;
    part->is_multipart = part->is_message = false;
}

static struct node *node_create(struct part_parser *parser, struct node *parent)
{
    struct node *node = arena_alloc(parser->arena, sizeof *node);
    if (!node)
        return NULL;
    parser->parts++;
    node->parent = parent;
    node->depth = parent ? parent->depth + 1 : 0;
    node->part.parent = parent ? &parent->part : NULL;
    node->part.header.at = node->part.body.at = parser->now.at;
    node->part.header.wire_at = node->part.body.wire_at = parser->now.wire;
    node->first_line = parser->now.lines;
    parser->current = node;
    parser->in_header = true;
    parser->header.len = 0;
    return node;
}

/* A part below the current one begins here. The last that the limit allows swallows the rest. */
static void child_create(struct part_parser *parser)
{
    struct node *parent = parser->current, *node = node_create(parser, parent);
    if (!node) {
        parser->opaque = true;
        return;
    }
    if (parent->last_child)
        parent->last_child->part.next = &node->part;
    else
        parent->part.children = &node->part;
    parent->last_child = node;
    parent->part.children_count++;
    node->part.in_digest =
        parent->part.is_multipart && bytes_equal_nocase(parent->part.subtype, BYTES("digest"));
    if (parent->part.is_multipart && parser->parts >= parser->limits.parts) {
        make_opaque(&node->part);
        parser->opaque = true;
        parser->in_header = false;
    }
}

struct part_parser *part_parser_create(struct arena *arena, const struct part_limits *limits)
{
    struct part_parser *parser = arena_alloc(arena, sizeof *parser);
    if (!parser)
        return NULL;
    parser->arena = arena;
    if (limits)
        parser->limits = *limits;
    if (!parser->limits.header_size)
        parser->limits.header_size = HEADER_SIZE;
    if (!parser->limits.depth)
        parser->limits.depth = DEPTH;
    if (!parser->limits.parts)
        parser->limits.parts = PARTS;
    parser->budget = KEPT;
    parser->root = node_create(parser, NULL);
    return parser->root ? parser : NULL;
}

static void open_multipart(struct part_parser *parser, struct node *node)
{
    node->boundary = content_param(node->part.params, BYTES("boundary"));
    if (2 + node->boundary.len + 2 + PADDING > parser->candidate_size)
        parser->candidate_size = 2 + node->boundary.len + 2 + PADDING;
}

/* The current header is over. Reads it; what it holds decides what comes now. */
static void header_end(struct part_parser *parser)
{
    struct node *node = parser->current;
    struct part *part = &node->part;
    struct bytes header = { parser->header.data, parser->header.len };
    part->header.size = parser->now.at - part->header.at;
    part->header.wire_size = parser->now.wire - part->header.wire_at;
    part->body.at = parser->now.at;
    part->body.wire_at = parser->now.wire;
    node->first_line = parser->now.lines;
    parser->in_header = false;
    content_read(part, header, parser->arena, &parser->budget);
    if (!node->parent || node->parent->part.is_message)
        part->envelope = envelope_read(header, parser->arena, &parser->budget);
    if (!part->is_multipart && !part->is_message)
        return;
    if (node->depth >= parser->limits.depth || parser->parts >= parser->limits.parts) {
        make_opaque(part);
    } else if (part->is_multipart) {
        open_multipart(parser, node);
    } else {
        child_create(parser);
        if (!part->children)
            make_opaque(part);
    }
}

/* The part's body ends at end. Where the line end of a boundary is also the empty line behind the
 * header, a message loses that line, so that it stays inside the part that holds it (RFC
 * 2046, 5.1.1). */
static void node_close(struct node *node, const struct mark *end)
{
    struct part *part = &node->part;
    struct part_span *header = &part->header, *body = &part->body;
    if (end->at > body->at) {
        body->size = end->at - body->at;
        body->wire_size = end->wire - body->wire_at;
        uint64_t lines = end->lines - node->first_line;
        part->body_lines = lines > UINT32_MAX ? UINT32_MAX : (uint32_t)lines;
    } else if (part->envelope && end->at >= header->at) {
        header->size = end->at - header->at;
        header->wire_size = end->wire - header->wire_at;
        body->at = end->at;
        body->wire_at = end->wire;
    }
}

static void mark_nul(struct part_parser *parser)
{
    struct node *node = parser->in_header ? parser->current->parent : parser->current;
    for (; node && !node->part.has_nul; node = node->parent)
        node->part.has_nul = true;
}

/* Counts octets that pass; only their last may be a LF. */
static void pass(struct part_parser *parser, const char *data, size_t len)
{
    bool lf = data[len - 1] == '\n', cr = len > 1 ? data[len - 2] == '\r' : parser->last_cr;
    parser->now.at += len;
    parser->now.wire += len + (lf && !cr);
    parser->now.lines += lf;
    parser->last_cr = data[len - 1] == '\r';
    if (lf)
        parser->last_end = cr ? 2 : 1;
    if (parser->line == LINE_BOUNDARY)
        return;
    if (parser->nul_in_piece && memchr(data, '\0', len))
        mark_nul(parser);
    if (parser->in_header) {
        size_t room = parser->limits.header_size - parser->header.len;
        growing_append(parser->arena, &parser->header, data, len < room ? len : room);
    }
}

static void line_end(struct part_parser *parser)
{
    bool boundary = parser->line == LINE_BOUNDARY;
    bool empty = parser->now.at - parser->line_start.at == parser->last_end;
    parser->line = LINE_START;
    parser->line_start = parser->now;
    if (boundary) {
        if (parser->child_begins)
            child_create(parser);
        parser->child_begins = false;
    } else if (parser->in_header && empty) {
        header_end(parser);
    }
}

static bool only_white(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != ' ' && text.data[i] != '\t' && text.data[i] != '\r')
            return false;
    }
    return true;
}

/* The open multipart whose boundary a line (without LF) is, NULL for none. RFC 2046, 5.1.1 wants
 * the beginning of the line compared; since one boundary may begin another, the whole line counts
 * more, then length. */
static struct node *boundary_owner(const struct part_parser *parser, struct bytes line,
                                   bool *closes)
{
    struct node *best = NULL;
    bool best_whole = false;
    for (struct node *node = parser->current; node; node = node->parent) {
        struct bytes rest = bytes_skip(line, 2);
        if (!node->boundary.len || !bytes_starts(rest, node->boundary))
            continue;
        rest = bytes_skip(rest, node->boundary.len);
        bool end = bytes_starts(rest, BYTES("--"));
        bool whole = only_white(bytes_skip(rest, end ? 2 : 0));
        if (best && (whole < best_whole ||
                     (whole == best_whole && node->boundary.len <= best->boundary.len)))
            continue;
        best = node;
        best_whole = whole;
        *closes = end;
    }
    return best;
}

/* Everything below owner ends before the line end in front of this line. */
static void close_below(struct part_parser *parser, struct node *owner)
{
    struct mark end = parser->line_start;
    if (parser->last_end) {
        end.at -= parser->last_end;
        end.wire -= 2;
        end.lines--;
    }
    while (parser->in_header)
        header_end(parser);
    for (; parser->current != owner; parser->current = parser->current->parent)
        node_close(parser->current, &end);
}

static void candidate_decide(struct part_parser *parser)
{
    struct bytes line = { parser->candidate.data, parser->candidate.len };
    bool ended = line.data[line.len - 1] == '\n', closes = false;
    struct node *owner = NULL;
    if (bytes_starts(line, BYTES("--")))
        owner = boundary_owner(parser, bytes_take(line, line.len - ended), &closes);
    parser->line = LINE_REST;
    if (owner) {
        close_below(parser, owner);
        parser->line = LINE_BOUNDARY;
        parser->child_begins = !closes;
        if (closes)
            owner->boundary = bytes_make(NULL, 0);
    }
    parser->candidate.len = 0;
    pass(parser, line.data, line.len);
    if (ended)
        line_end(parser);
}

/* Takes from piece what the candidate needs: up to LF, or until it can be decided. How many octets.
 */
static size_t candidate_take(struct part_parser *parser, struct bytes piece)
{
    struct growing *candidate = &parser->candidate;
    struct bytes take = bytes_take(piece, parser->candidate_size - candidate->len);
    const char *lf = memchr(take.data, '\n', take.len);
    if (lf)
        take.len = (size_t)(lf - take.data) + 1;
    if (!growing_append(parser->arena, candidate, take.data, take.len)) {
        parser->opaque = true; /* no memory: the line counts as text */
        if (candidate->len)
            candidate_decide(parser);
        parser->line = LINE_REST;
        return 0;
    }
    bool second = candidate->len < 2 || candidate->data[1] == '-';
    if (lf || !second || candidate->len >= parser->candidate_size)
        candidate_decide(parser);
    return take.len;
}

/* Whole lines of a body in one go, up to one that might be a boundary. How many octets. */
static size_t body_lines(struct part_parser *parser, struct bytes piece, bool bounded)
{
    const char *at = piece.data, *end = at + piece.len, *last = at;
    uint64_t lines = 0, bare = 0;
    while (at < end && !(bounded && *at == '-' && (at + 1 == end || at[1] == '-'))) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        if (!lf)
            break;
        bare += lf == at || lf[-1] != '\r';
        lines++;
        last = at;
        at = lf + 1;
    }
    size_t len = (size_t)(at - piece.data);
    if (!len)
        return 0;
    parser->last_end = at - last > 1 && at[-2] == '\r' ? 2 : 1;
    parser->last_cr = false;
    parser->now.at += len;
    parser->now.wire += len + bare;
    parser->now.lines += lines;
    parser->line_start = parser->now;
    if (parser->nul_in_piece && memchr(piece.data, '\0', len))
        mark_nul(parser);
    return len;
}

static size_t line_rest(struct part_parser *parser, struct bytes piece)
{
    const char *lf = memchr(piece.data, '\n', piece.len);
    size_t len = lf ? (size_t)(lf - piece.data) + 1 : piece.len;
    pass(parser, piece.data, len);
    if (lf)
        line_end(parser);
    return len;
}

static size_t line_begin(struct part_parser *parser, struct bytes piece)
{
    bool bounded = parser->candidate_size && !parser->opaque;
    parser->line_start = parser->now;
    if (bounded && piece.data[0] == '-' && (piece.len == 1 || piece.data[1] == '-')) {
        parser->line = LINE_CANDIDATE;
        return 0;
    }
    size_t len = parser->in_header ? 0 : body_lines(parser, piece, bounded);
    if (!len)
        parser->line = LINE_REST;
    return len;
}

void part_parser_feed(struct part_parser *parser, struct bytes piece)
{
    if (!piece.len)
        return;
    parser->nul_in_piece = parser->nul_in_piece && parser->line == LINE_CANDIDATE;
    parser->nul_in_piece |= memchr(piece.data, '\0', piece.len) != NULL;
    while (piece.len) {
        size_t len = 0;
        if (parser->line == LINE_START)
            len = line_begin(parser, piece);
        else if (parser->line == LINE_CANDIDATE)
            len = candidate_take(parser, piece);
        else
            len = line_rest(parser, piece);
        piece = bytes_skip(piece, len);
    }
}

struct part *part_parser_finish(struct part_parser *parser, struct error *err)
{
    (void)err; /* the root has been there since create */
    if (parser->line == LINE_CANDIDATE && parser->candidate.len)
        candidate_decide(parser);
    if (parser->line == LINE_BOUNDARY && parser->child_begins)
        child_create(parser);
    while (parser->in_header)
        header_end(parser);
    for (struct node *node = parser->current; node; node = node->parent)
        node_close(node, &parser->now);
    return &parser->root->part;
}
