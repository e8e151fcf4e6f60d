/* COPY and UID COPY: RFC 3501, 6.4.7; MOVE and UID MOVE: RFC 6851; [COPYUID ...]: RFC 4315, 3.
 *
 * copy = ("COPY" / "MOVE") SP sequence-set SP mailbox
 *
 * The pairs of MOVE come untagged, before the EXPUNGEs that take the messages out of the numbering
 * (RFC 6851, 4.3). */
#include "imapd/imap.h"

#include <stdlib.h>

/* "3:5,9", in the order given: rising runs as ranges, so that the n-th of both sets belong
 * together. */
static void write_uids(struct buf *out, const uint32_t *uids, size_t count)
{
    for (size_t i = 0, last; i < count; i = last + 1) {
        for (last = i; last + 1 < count && uids[last + 1] == uids[last] + 1; last++)
            ;
        if (i)
            buf_byte(out, ',');
        buf_number(out, uids[i]);
        if (last > i) {
            buf_byte(out, ':');
            buf_number(out, uids[last]);
        }
    }
}

static void write_code(struct buf *out, const struct copy_result *result)
{
    buf_printf(out, "COPYUID %u ", result->uidvalidity);
    write_uids(out, result->from, result->count);
    buf_byte(out, ' ');
    write_uids(out, result->to, result->count);
}

static const char *words(bool move, bool some_gone)
{
    static const char *const WORDS[2][2] = {
        { "COPY done", "COPY done; some messages were expunged meanwhile" },
        { "MOVE done", "MOVE done; some messages were expunged meanwhile" },
    };
    return WORDS[move][some_gone];
}

static bool answer_pairs(struct imap *imap, const struct copy_result *result, bool move,
                         const char *done)
{
    /* No UID takes more than ten digits and a comma. */
    struct buf code = BUF_INIT(result->count * 22 + 64);
    write_code(&code, result);
    const char *pairs = buf_cstr(&code);
    bool known = *pairs;
    if (known && move) {
        output_string(imap->out, "* OK [");
        output_string(imap->out, pairs);
        output_string(imap->out, "] Moved\r\n");
    }
    bool answered = imap_ok(imap, known && !move ? pairs : NULL, done);
    buf_free(&code);
    return answered;
}

/* What another session expunged meanwhile is left out; the pairs show it (RFC 2180, 4.4). */
static bool answer(struct imap *imap, const struct copy_result *result, bool move, uint64_t asked)
{
    if (result->count)
        return answer_pairs(imap, result, move, words(move, result->count < asked));
    if (imap->uid)
        return imap_ok(imap, "EXPUNGEISSUED", words(move, true));
    return imap_no(imap, "EXPUNGEISSUED", "These messages were expunged");
}

static bool refuse(struct imap *imap, struct bytes to, const struct error *err)
{
    if (err->class == ERROR_NO_SUCH)
        return imap_no(imap, "TRYCREATE", "There is no such mailbox; create it first");
    return imap_mailbox_error(imap, to, err);
}

static bool run(struct imap *imap, const struct numset *seqs, struct bytes to, bool move)
{
    struct error err = { 0 };
    struct copy_result result = { 0 };
    if (move && !mailbox_writable(imap->mailbox))
        return imap_no(imap, "READ-ONLY", "The mailbox is open read-only");
    if (!seqs->count)
        return imap_ok(imap, NULL, "There are no such messages");
    bool good = mailbox_copy(imap->mailbox, seqs, to, move, &result, &err);
    bool answered = good ? answer(imap, &result, move, numset_size(seqs)) : refuse(imap, to, &err);
    if (good && move)
        imap->counts.expunged += result.count;
    free(result.from);
    free(result.to);
    return answered;
}

static bool copy_or_move(struct imap *imap, bool move)
{
    struct parser *parser = &imap->parser;
    struct bytes set, to;
    struct numset seqs = { 0 };
    bool good = parser_space(parser) && parser_sequence_set(parser, &set) && parser_space(parser) &&
                parser_mailbox(parser, &to) && parser_end(parser) && imap_set(imap, set, &seqs);
    bool answered = good && run(imap, &seqs, to, move);
    numset_free(&seqs);
    return answered;
}

bool imap_copy(struct imap *imap)
{
    return copy_or_move(imap, false);
}

bool imap_move(struct imap *imap)
{
    return copy_or_move(imap, true);
}
