/* LIST and LSUB (RFC 3501, 6.3.8 and 6.3.9) with CHILDREN (RFC 3348), LIST-EXTENDED (RFC 5258),
 * LIST-STATUS (RFC 5819) and SPECIAL-USE (RFC 6154). list_parse.c has the syntax. */
#include "imapd/list.h"

#include "base/log.h"
#include "imapd/status.h"

/* A list of names in the command's arena. */
struct names {
    struct bytes *names;
    size_t count, room;
};

struct listing {
    struct imap *imap;
    const struct list_request *request;
    struct names hidden; /* RECURSIVEMATCH: names that are selected, but match no pattern */
    struct names shown;  /* STATUS is wanted of them */
    bool no_memory;
};

static bool names_add(struct arena *arena, struct names *list, struct bytes name)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 32;
        struct bytes *larger = arena_array(arena, room, sizeof(*larger));
        if (!larger)
            return false;
        if (list->count)
            memcpy(larger, list->names, list->count * sizeof(*larger));
        list->names = larger;
        list->room = room;
    }
    struct bytes copy = arena_bytes(arena, name);
    list->names[list->count++] = copy;
    return copy.data;
}

static bool is_selected(const struct list_request *request, const struct store_entry *entry)
{
    if ((request->select & LIST_SELECT_SUBSCRIBED) && !(entry->attributes & LIST_SUBSCRIBED))
        return false;
    return !(request->select & LIST_SELECT_SPECIAL_USE) || entry->special_use.len > 0;
}

/* ---- RECURSIVEMATCH: which selected names does the client not get to see? ---- */

static bool gather(void *context, const struct store_entry *entry)
{
    struct listing *listing = context;
    if (!is_selected(listing->request, entry))
        return true;
    listing->no_memory = !names_add(listing->imap->arena, &listing->hidden, entry->name);
    return !listing->no_memory;
}

/* Both lists have the store's one order. */
static bool strike(void *context, const struct store_entry *entry)
{
    struct names *hidden = &((struct listing *)context)->hidden;
    for (size_t i = 0; i < hidden->count; i++)
        if (bytes_equal(hidden->names[i], entry->name)) {
            memmove(hidden->names + i, hidden->names + i + 1,
                    (hidden->count - i - 1) * sizeof(*hidden->names));
            hidden->count--;
            break;
        }
    return true;
}

static bool find_hidden(struct listing *listing, const struct store_query *query, struct error *err)
{
    struct bytes everything = BYTES("*");
    struct store_query all = *query;
    all.patterns = &everything;
    all.patterns_count = 1;
    if (!store_list(listing->imap->store, &all, gather, listing, err))
        return false;
    if (listing->no_memory)
        return error_memory(err);
    return store_list(listing->imap->store, query, strike, listing, err);
}

static bool has_hidden_child(const struct listing *listing, const struct store_entry *entry)
{
    for (size_t i = 0; i < listing->hidden.count; i++) {
        struct bytes name = listing->hidden.names[i];
        if (name.len > entry->name.len && bytes_starts(name, entry->name) &&
            name.data[entry->name.len] == entry->separator)
            return true;
    }
    return false;
}

/* ---- one line ---- */

static void write_attributes(struct imap *imap, const struct list_request *request,
                             const struct store_entry *entry)
{
    static const struct {
        unsigned attribute;
        const char *name;
    } names[] = {
        { LIST_NONEXISTENT, "\\NonExistent" },
        { LIST_NOSELECT | LIST_NONEXISTENT, "\\Noselect" },
        { LIST_NOINFERIORS, "\\Noinferiors" },
        { LIST_HASCHILDREN, "\\HasChildren" },
        { LIST_HASNOCHILDREN, "\\HasNoChildren" },
        { LIST_MARKED, "\\Marked" },
        { LIST_UNMARKED, "\\UnMarked" },
        { LIST_SUBSCRIBED, "\\Subscribed" },
    };
    unsigned wanted = entry->attributes;
    if (!(request->select & LIST_SELECT_SUBSCRIBED) && !(request->returns & LIST_RETURN_SUBSCRIBED))
        wanted &= ~(unsigned)LIST_SUBSCRIBED;
    const char *separator = "";
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (!(wanted & names[i].attribute))
            continue;
        output_printf(imap->out, "%s%s", separator, names[i].name);
        separator = " ";
    }
    if (entry->special_use.len > 0) {
        output_string(imap->out, separator);
        output_bytes(imap->out, entry->special_use);
    }
}

static void write_name(struct imap *imap, char separator, struct bytes name)
{
    char text[2] = { separator };
    output_string(imap->out, ") ");
    if (separator)
        imap_write_string(imap, bytes_of(text));
    else
        output_string(imap->out, "NIL");
    output_string(imap->out, " ");
    imap_write_mailbox(imap, name);
}

static void write_childinfo(struct imap *imap, unsigned select)
{
    bool subscribed = select & LIST_SELECT_SUBSCRIBED, special = select & LIST_SELECT_SPECIAL_USE;
    output_printf(imap->out, " (\"CHILDINFO\" (%s%s%s))", subscribed ? "\"SUBSCRIBED\"" : "",
                  subscribed && special ? " " : "", special ? "\"SPECIAL-USE\"" : "");
}

static bool list_entry(void *context, const struct store_entry *entry)
{
    struct listing *listing = context;
    struct imap *imap = listing->imap;
    const struct list_request *request = listing->request;
    bool selected = is_selected(request, entry), child = has_hidden_child(listing, entry);
    if (!selected && !child)
        return true;
    output_string(imap->out, "* LIST (");
    write_attributes(imap, request, entry);
    write_name(imap, entry->separator, entry->name);
    if (child)
        write_childinfo(imap, request->select);
    output_string(imap->out, "\r\n");
    bool has_status = !(entry->attributes & (LIST_NOSELECT | LIST_NONEXISTENT));
    if (selected && has_status && (request->returns & LIST_RETURN_STATUS))
        listing->no_memory = !names_add(imap->arena, &listing->shown, entry->name);
    return !listing->no_memory && !output_failed(imap->out);
}

/* ---- the commands ---- */

/* LIST "" "": the separator, and the root of the reference (RFC 3501, 6.3.8). */
static bool list_root(struct imap *imap, const struct list_request *request, const char *command)
{
    struct store_namespace space;
    struct bytes root = BYTES(""),
                 reference = request->reference.data ? request->reference : BYTES("");
    for (size_t i = 0; store_namespace(imap->store, i, &space); i++)
        if (space.prefix.len > root.len && bytes_starts(reference, space.prefix))
            root = space.prefix;
    output_printf(imap->out, "* %s (\\Noselect", command);
    write_name(imap, store_separator(imap->store, reference), root);
    output_string(imap->out, "\r\n");
    return imap_ok(imap, NULL, "That is the root");
}

/* A mailbox whose STATUS cannot be had has none; the log says why (RFC 5819, 2). */
static void write_statuses(struct listing *listing)
{
    for (size_t i = 0; i < listing->shown.count && !output_failed(listing->imap->out); i++) {
        struct error err = { 0 };
        if (!status_write(listing->imap, listing->shown.names[i], listing->request->status_items,
                          &err))
            log_warning("LIST: status of %.*s: %s", BYTES_FMT(listing->shown.names[i]), err.text);
    }
}

static bool list_mailboxes(struct listing *listing, struct error *err)
{
    const struct list_request *request = listing->request;
    struct store_query query = { .patterns = request->patterns,
                                 .patterns_count = request->patterns_count };
    query.subscribed = request->select & LIST_SELECT_SUBSCRIBED;
    if (query.patterns_count == 0)
        return true;
    if ((request->select & LIST_SELECT_RECURSIVE) && !find_hidden(listing, &query, err))
        return false;
    if (!store_list(listing->imap->store, &query, list_entry, listing, err))
        return false;
    return !listing->no_memory || error_memory(err);
}

bool imap_list(struct imap *imap)
{
    struct list_request request = { 0 };
    struct listing listing = { .imap = imap, .request = &request };
    struct error err = { 0 };
    if (!list_parse(imap, &request))
        return false;
    if (request.root)
        return list_root(imap, &request, "LIST");
    if (!list_mailboxes(&listing, &err))
        return imap_error(imap, &err);
    write_statuses(&listing);
    return imap_ok(imap, NULL, "Those are the mailboxes");
}

/* \Noselect says here that only something below is subscribed (RFC 3501, 6.3.9). */
static bool lsub_entry(void *context, const struct store_entry *entry)
{
    struct imap *imap = context;
    output_string(imap->out,
                  entry->attributes & LIST_SUBSCRIBED ? "* LSUB (" : "* LSUB (\\Noselect");
    write_name(imap, entry->separator, entry->name);
    output_string(imap->out, "\r\n");
    return !output_failed(imap->out);
}

bool imap_lsub(struct imap *imap)
{
    struct list_request request = { 0 };
    struct error err = { 0 };
    if (!list_parse_lsub(imap, &request))
        return false;
    if (request.root)
        return list_root(imap, &request, "LSUB");
    struct store_query query = { .patterns = request.patterns,
                                 .patterns_count = request.patterns_count,
                                 .subscribed = true };
    if (query.patterns_count > 0 && !store_list(imap->store, &query, lsub_entry, imap, &err))
        return imap_error(imap, &err);
    return imap_ok(imap, NULL, "Those are subscribed");
}
