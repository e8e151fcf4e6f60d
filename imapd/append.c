/* APPEND (RFC 3501, 6.3.11) of one message or several at once (MULTIAPPEND, RFC 3502); [APPENDUID
 * ...]: RFC 4315, 3.
 *
 * append  = "APPEND" SP mailbox 1*(SP message)
 * message = [flag-list SP] [date-time SP] literal
 *
 * Whether the mailbox is there is known before a literal is asked for. Octets stream to the disk as
 * they come. All messages become visible together, or none does: a refusal, a broken connection or
 * a full disk leaves nothing. What a client sends without being asked
 * ({n+}) is thrown away, whatever its size, so that the answer reaches it and the connection stays
 * in step. */
#include "imapd/imap.h"

struct append_command {
    struct imap *imap;
    struct append *append; /* NULL after a refusal */
    const char *code;      /* of the refusal, or NULL */
    const char *text;
    struct error error; /* its cause, where there is one */
};

struct literal {
    uint64_t size;
    bool synchronising;
};

/* The first refusal is the one that is answered; reading goes on for what the client sends anyway.
 */
static void refuse(struct append_command *command, const char *code, const char *text)
{
    if (command->text || command->error.class != ERROR_NONE)
        return;
    command->code = code;
    command->text = text;
    append_abort(&command->append);
}

static void refuse_error(struct append_command *command, const struct error *err)
{
    if (command->text || command->error.class != ERROR_NONE)
        return;
    command->error = *err;
    append_abort(&command->append);
}

static bool refused(const struct append_command *command)
{
    return command->text || command->error.class != ERROR_NONE;
}

/* Reads "{n}" without asking for its octets yet: that is for what follows to decide. */
static bool read_head(struct parser *parser, struct literal *literal)
{
    struct output *out = parser->out;
    parser->out = NULL;
    bool good = parser_literal_head(parser, UINT64_MAX, &literal->size, &literal->synchronising);
    parser->out = out;
    return good;
}

/* [flag-list SP] [date-time SP] */
static bool read_info(struct parser *parser, struct append_info *info)
{
    struct parser_flags flags;
    if (parser_peek(parser) == '(') {
        if (!parser_flag_list(parser, true, &flags) || !parser_space(parser))
            return false;
        info->flags = flags.system;
        info->keywords = flags.keywords;
        info->keywords_count = flags.keywords_count;
    }
    if (parser_peek(parser) == '"')
        return parser_date_time(parser, &info->date) && parser_space(parser);
    return !parser->failed;
}

static void check_size(struct append_command *command, const struct literal *literal)
{
    uint64_t limit = command->imap->conf->message_size_limit;
    if (!literal->size)
        refuse(command, NULL, "A message of no octets cannot be saved");
    else if (limit && literal->size > limit)
        refuse(command, "TOOBIG", "The message is bigger than is allowed here");
}

static void begin_message(struct append_command *command, const struct append_info *info)
{
    struct error err = { 0 };
    if (!refused(command) && !append_message(command->append, info, &err))
        refuse_error(command, &err);
}

static bool ask(struct append_command *command)
{
    struct output *out = command->imap->out;
    output_string(out, "+ OK\r\n");
    return output_flush(out, NULL);
}

/* The connection is gone: nobody is there for an answer. */
static bool break_off(struct append_command *command, const struct error *err)
{
    command->imap->parser.broken = true;
    command->imap->parser.failed = true;
    command->imap->parser.error = *err;
    return false;
}

/* Some octets that the client sent; waits for them as for a command: until it is idle for too long,
 * or we have to end. */
static bool next_piece(struct append_command *command, struct bytes *piece, struct error *err)
{
    struct input *in = command->imap->in;
    struct parser *parser = &command->imap->parser;
    if (!input_buffered(in).len && parser->wait && !parser->wait(parser->wait_context))
        return error_set(err, ERROR_UNAVAILABLE, "The connection is given up inside a message");
    int got = input_next(in, piece, err);
    if (got == 0)
        error_set(err, ERROR_UNAVAILABLE, "The client closed the connection inside a message");
    return got > 0;
}

static bool take_octets(struct append_command *command, uint64_t left)
{
    struct error err = { 0 };
    struct bytes piece;
    while (left) {
        if (!next_piece(command, &piece, &err))
            return break_off(command, &err);
        if (piece.len > left)
            piece.len = (size_t)left;
        if (!refused(command) && !append_write(command->append, piece, &err))
            refuse_error(command, &err);
        input_consume(command->imap->in, piece.len);
        left -= piece.len;
    }
    if (!refused(command) && !append_message_end(command->append, &err))
        refuse_error(command, &err);
    return true;
}

/* One message. False: the parser failed, or the connection did. Sets parser.complete where the
 * client waits for a refusal. */
static bool read_message(struct append_command *command)
{
    struct parser *parser = &command->imap->parser;
    struct append_info info = { 0 };
    struct literal literal;
    if (!parser_space(parser) || !read_info(parser, &info) || !read_head(parser, &literal))
        return false;
    check_size(command, &literal);
    begin_message(command, &info);
    if (literal.synchronising) {
        if (refused(command)) {
            parser->complete = true;
            return true;
        }
        if (!ask(command))
            return false;
    }
    return take_octets(command, literal.size);
}

static bool read_messages(struct append_command *command)
{
    struct parser *parser = &command->imap->parser;
    do {
        if (!read_message(command))
            return false;
        if (parser->complete)
            return true;
    } while (parser_peek(parser) == ' ');
    return parser_end(parser);
}

static bool answer_refusal(struct append_command *command, struct bytes mailbox)
{
    if (command->error.class != ERROR_NONE)
        return imap_mailbox_error(command->imap, mailbox, &command->error);
    return imap_no(command->imap, command->code, command->text);
}

static bool commit(struct append_command *command, struct bytes mailbox)
{
    struct error err = { 0 };
    struct append_result result;
    char code[80];
    if (!append_commit(&command->append, &result, &err))
        return imap_mailbox_error(command->imap, mailbox, &err);
    command->imap->counts.appended += result.count;
    if (result.count == 1)
        snprintf(code, sizeof(code), "APPENDUID %u %u", result.uidvalidity, result.first_uid);
    else
        snprintf(code, sizeof(code), "APPENDUID %u %u:%u", result.uidvalidity, result.first_uid,
                 result.first_uid + result.count - 1);
    return imap_ok(command->imap, code, "APPEND done");
}

bool imap_append(struct imap *imap)
{
    struct append_command command = { .imap = imap };
    struct error err = { 0 };
    struct bytes mailbox;
    if (!parser_space(&imap->parser) || !parser_mailbox(&imap->parser, &mailbox))
        return false;
    command.append = append_begin(imap->store, mailbox, &err);
    if (!command.append && err.class == ERROR_NO_SUCH)
        refuse(&command, "TRYCREATE", "There is no such mailbox; create it first");
    else if (!command.append)
        refuse_error(&command, &err);
    bool answered = read_messages(&command);
    if (answered)
        answered =
            refused(&command) ? answer_refusal(&command, mailbox) : commit(&command, mailbox);
    append_abort(&command.append);
    return answered;
}
