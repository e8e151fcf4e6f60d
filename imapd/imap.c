/* The dispatcher: one command is read, looked up, run, answered. */
#include "imapd/imap.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

/* A client that sends so many wrong commands in a row is none. */
enum { ERRORS_MAX = 50 };

static bool end(struct imap *imap, enum imap_end why)
{
    if (imap->end == IMAP_END_NONE)
        imap->end = why;
    return false;
}

static bool wrong_state(struct imap *imap, const struct imap_command *command)
{
    if (imap->mailbox || (command->states & IMAP_AUTHENTICATED))
        return imap_bad(imap, "This command is not allowed while a mailbox is selected");
    if (imap->lost)
        return imap_no(imap, "NONEXISTENT", "The selected mailbox was deleted; select another one");
    return imap_bad(imap, "No mailbox is selected: SELECT one first");
}

/* Commands of the time before login get a sentence of their own. */
static bool unknown(struct imap *imap, struct bytes name)
{
    static const char *const early[] = { "LOGIN", "AUTHENTICATE", "STARTTLS" };
    char text[160], quoted[80];
    for (size_t i = 0; i < sizeof(early) / sizeof(*early); i++)
        if (bytes_equal_nocase(name, bytes_of(early[i])))
            return imap_bad(imap, "You are logged in already");
    log_quote(quoted, sizeof(quoted), name.data, name.len);
    snprintf(text, sizeof(text), "There is no command %s", quoted);
    return imap_bad(imap, text);
}

/* The command's name, "UID FETCH" as one. */
static bool read_name(struct imap *imap, struct bytes *name)
{
    struct bytes second;
    if (!parser_space(&imap->parser) || !parser_atom(&imap->parser, name))
        return false;
    imap->uid = bytes_equal_nocase(*name, BYTES("UID"));
    if (!imap->uid)
        return true;
    if (!parser_space(&imap->parser) || !parser_atom(&imap->parser, &second))
        return false;
    char *both = arena_printf(imap->arena, "UID %.*s", BYTES_FMT(second));
    *name = bytes_of(both ? both : "");
    return true;
}

static void answer_failure(struct imap *imap)
{
    struct parser *parser = &imap->parser;
    if (parser->broken)
        return;
    if (!imap->tag.data) {
        imap_untagged(imap, "BAD %s", parser->error.text);
        imap->errors++;
    } else if (parser->code) {
        imap_no(imap, parser->code, parser->error.text);
    } else {
        imap_bad(imap, parser->error.text);
    }
}

static bool run(struct imap *imap)
{
    struct bytes name;
    if (!parser_tag(&imap->parser, &imap->tag)) {
        imap->tag = (struct bytes){ 0 };
        return false;
    }
    if (!read_name(imap, &name))
        return false;
    imap->command = imap_command_find(name);
    imap->counts.commands++;
    if (!imap->command)
        return unknown(imap, name);
    if (!(imap->command->states & (imap->mailbox ? IMAP_SELECTED : IMAP_AUTHENTICATED)))
        return wrong_state(imap, imap->command);
    return imap->command->run(imap);
}

static bool broken(struct imap *imap)
{
    enum error_class class = imap->parser.error.class;
    if (class == ERROR_TOO_BIG)
        imap_untagged(imap, "BYE [TOOBIG] %s", imap->parser.error.text);
    return end(imap, class == ERROR_TOO_BIG ? IMAP_END_ERRORS : IMAP_END_CLOSED);
}

bool imap_command(struct imap *imap)
{
    arena_clear(imap->arena);
    parser_next(&imap->parser);
    imap->tag = (struct bytes){ 0 };
    imap->command = NULL;
    imap->uid = false;
    imap->keywords_told = -1;
    unsigned errors = imap->errors;
    if (!run(imap) && !output_failed(imap->out)) {
        if (!imap->parser.failed)
            parser_fail(&imap->parser, "The command could not be read");
        answer_failure(imap);
    }
    if (!parser_skip_command(&imap->parser))
        return broken(imap);
    if (output_failed(imap->out))
        return end(imap, IMAP_END_BROKEN);
    if (imap->logout)
        return end(imap, IMAP_END_LOGOUT);
    if (imap->errors == errors)
        imap->errors = 0;
    if (imap->errors < ERRORS_MAX)
        return true;
    imap_untagged(imap, "BYE Too many commands that make no sense");
    return end(imap, IMAP_END_ERRORS);
}

void imap_unselect(struct imap *imap)
{
    mailbox_leave(&imap->mailbox);
    free((char *)(uintptr_t)imap->selected.data);
    imap->selected = (struct bytes){ 0 };
}
