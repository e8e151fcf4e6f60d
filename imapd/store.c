/* STORE and UID STORE: RFC 3501, 6.4.6 and 6.4.8.
 *
 * store           = "STORE" SP sequence-set SP store-att-flags
 * store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
 *
 * Every message of the set is answered with its flags unless .SILENT, changed or not: clients wait
 * for it. Messages that another session expunged meanwhile are answered as FETCH does (fetch.c). */
#include "imapd/imap.h"

struct store_command {
    enum store_mode mode;
    bool silent;
    struct parser_flags flags;
    struct numset seqs;
};

static bool read_mode(struct parser *parser, struct store_command *store)
{
    struct bytes name;
    store->mode = parser_try(parser, '+')   ? STORE_ADD
                  : parser_try(parser, '-') ? STORE_REMOVE
                                            : STORE_REPLACE;
    if (!parser_atom(parser, &name))
        return false;
    store->silent = bytes_equal_nocase(name, BYTES("FLAGS.SILENT"));
    return store->silent || bytes_equal_nocase(name, BYTES("FLAGS")) ||
           parser_fail(parser, "Expected FLAGS, +FLAGS or -FLAGS, with or without .SILENT");
}

static bool parse(struct imap *imap, struct store_command *store)
{
    struct parser *parser = &imap->parser;
    struct bytes set;
    return parser_space(parser) && parser_sequence_set(parser, &set) && parser_space(parser) &&
           read_mode(parser, store) && parser_space(parser) &&
           parser_flag_list(parser, false, &store->flags) && parser_end(parser) &&
           imap_set(imap, set, &store->seqs);
}

/* The bits of the keywords. What is to be taken away and does not exist is taken away already. */
static bool keyword_bits(struct imap *imap, const struct store_command *store, uint64_t *bits,
                         struct error *err)
{
    bool create = store->mode != STORE_REMOVE && store->seqs.count;
    *bits = 0;
    for (size_t i = 0; i < store->flags.keywords_count; i++) {
        int bit = mailbox_keyword_bit(imap->mailbox, store->flags.keywords[i], create, err);
        if (bit < 0 && create)
            return false;
        if (bit >= 0)
            *bits |= (uint64_t)1 << bit;
    }
    return true;
}

/* A new keyword is in FLAGS before a FETCH uses it (RFC 3501, 7.2.6): looking for changes tells it.
 * False: the mailbox is gone. */
static bool tell_keywords(struct imap *imap, bool made)
{
    struct error err = { 0 };
    if (made)
        imap_sync(imap, IMAP_SYNC_KEEP, &err);
    return imap->mailbox != NULL;
}

static void tell_flags(struct imap *imap, const struct store_command *store,
                       const struct numset *gone)
{
    size_t cursor = 0;
    uint32_t seq = 0;
    if (store->silent)
        return;
    while (numset_next(&store->seqs, &cursor, &seq))
        if (!numset_has(gone, seq))
            imap_fetch_flags(imap, seq, imap->uid);
}

static bool answer(struct imap *imap, const struct store_command *store, const struct numset *gone)
{
    if (!gone->count)
        return imap_ok(imap, NULL, "STORE done");
    if (!imap->uid && numset_size(gone) == numset_size(&store->seqs))
        return imap_no(imap, "EXPUNGEISSUED", "These messages were expunged");
    return imap_ok(imap, "EXPUNGEISSUED", "STORE done; some messages were expunged meanwhile");
}

static bool change(struct imap *imap, const struct store_command *store, uint64_t bits, bool made)
{
    struct error err = { 0 };
    struct numset gone = { 0 };
    bool good = !store->seqs.count || mailbox_store(imap->mailbox, &store->seqs, store->mode,
                                                    store->flags.system, bits, &gone, &err);
    if (good && tell_keywords(imap, made))
        tell_flags(imap, store, &gone);
    bool answered = good ? answer(imap, store, &gone) : imap_error(imap, &err);
    numset_free(&gone);
    return answered;
}

static bool run(struct imap *imap, const struct store_command *store)
{
    struct error err = { 0 };
    uint64_t bits;
    unsigned keywords = mailbox_keywords(imap->mailbox);
    if (!mailbox_writable(imap->mailbox))
        return imap_no(imap, "READ-ONLY", "The mailbox is open read-only");
    if (keyword_bits(imap, store, &bits, &err))
        return change(imap, store, bits, mailbox_keywords(imap->mailbox) != keywords);
    if (err.class == ERROR_LIMIT)
        return imap_no(imap, "LIMIT", "No more keywords fit into this mailbox");
    return imap_error(imap, &err);
}

bool imap_store(struct imap *imap)
{
    struct store_command store = { 0 };
    bool answered = parse(imap, &store) && run(imap, &store);
    numset_free(&store.seqs);
    return answered;
}
