/* The grammar of IMAP commands (RFC 9051, 9; RFC 3501), pulled token by token from the connection. Command handlers call these in
 * the order of their syntax. Literals are read where they stand: a synchronising one is first asked for ("+ OK"). After the first failure all
 * calls fail, and the dispatcher answers BAD with parser->error and skips the rest of the command. */
#ifndef IMAPD_PARSER_H
#define IMAPD_PARSER_H

#include <time.h>
#include "base/arena.h"
#include "base/input.h"
#include "base/numset.h"
#include "base/output.h"

struct parser {
    struct input *in;
    struct output *out;    /* for "+ " continuation; flushed before waiting */
    struct arena *arena;   /* of the command: all results live there */
    size_t line_max;       /* octets of the command outside literals */
    size_t literal_max;    /* of one literal that is kept in memory (astrings); bigger: NO [TOOBIG] / BAD */
    size_t used;           /* octets of this command so far */
    bool utf8;             /* quoted strings may hold UTF-8 (ENABLE UTF8=ACCEPT / IMAP4rev2; later) */
    bool failed;           /* syntax or limit: error says what */
    bool broken;           /* the connection is gone or can't be resynchronised (too big literal+): end it */
    struct error error;
    const char *code;      /* what failed is a value, not the syntax: the answer is NO [code]; NULL: BAD */
    bool complete;         /* the command's CRLF has been taken: nothing is left to skip */
    struct buf scratch;    /* the token that is being read */
    /* Called before a read that may block, after out was flushed; false ends the connection. NULL: the input waits by itself. */
    bool (*wait)(void *context);
    void *wait_context;
    struct parser_tail {   /* does what was taken last end in "{n}" or "{n+}"? So that a command can be skipped from anywhere in it */
        enum { TAIL_NONE, TAIL_DIGITS, TAIL_PLUS, TAIL_LITERAL } state;
        bool digits, non_synchronising, overflow;
        uint64_t size;
    } tail;
};

/* in, out, arena stay the caller's. parser_free frees the rest. */
void parser_init(struct parser *parser, struct input *in, struct output *out, struct arena *arena, size_t line_max, size_t literal_max);
void parser_free(struct parser *parser);
/* Begins the next command: forgets failures and counts. The arena is the caller's to clear. */
void parser_next(struct parser *parser);

/* The next octet without taking it; -1 at the end of the connection. '\r' or '\n' stand for the end of the command. */
int parser_peek(struct parser *parser);
bool parser_char(struct parser *parser, char expected); /* exactly this octet */
bool parser_try(struct parser *parser, char c);         /* takes it if it is next; no failure */
bool parser_space(struct parser *parser);               /* one SP */
bool parser_end(struct parser *parser);                 /* CRLF (or bare LF): the command is complete */
/* Fails with a sentence ("expected a number"); returns false. */
bool parser_fail(struct parser *parser, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same where the value can't be taken though the syntax is right: the answer is NO [code]. */
bool parser_refuse(struct parser *parser, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));

bool parser_tag(struct parser *parser, struct bytes *tag);
bool parser_atom(struct parser *parser, struct bytes *atom);
bool parser_astring(struct parser *parser, struct bytes *string);
bool parser_string(struct parser *parser, struct bytes *string);           /* quoted or literal */
bool parser_nstring(struct parser *parser, struct bytes *string);          /* NIL: data NULL */
bool parser_list_mailbox(struct parser *parser, struct bytes *pattern);    /* list-mailbox: astring with % and * */
/* A mailbox name: astring, modified UTF-7 decoded to UTF-8 (INBOX in any case becomes "INBOX"). A name that is not valid is refused with
 * NO [CANNOT]. */
bool parser_mailbox(struct parser *parser, struct bytes *utf8);
bool parser_number(struct parser *parser, uint32_t *n);
bool parser_number64(struct parser *parser, uint64_t *n);
bool parser_sequence_set(struct parser *parser, struct bytes *text); /* "1:*,7" as written ("$" too later); resolve with imap_set() */
/* Flags: "\Seen", keywords; system bits and keyword names. "\Recent" is an error. */
struct parser_flags {
    uint8_t system;
    struct bytes *keywords;
    size_t keywords_count;
};
bool parser_flag_list(struct parser *parser, bool parenthesised_required, struct parser_flags *flags);
bool parser_date_time(struct parser *parser, time_t *when); /* quoted */
bool parser_date(struct parser *parser, time_t *day);       /* quoted or not */
/* The head of a literal "{n}" or "{n+}": its size; for a synchronising one the "+ OK" was sent. The octets follow in parser->in and are the caller's
 * to take (APPEND). Bigger than max: NO [TOOBIG] without "+ OK" when synchronising; else it is skipped, or, where it is too big for that, broken. */
bool parser_literal_head(struct parser *parser, uint64_t max, uint64_t *size, bool *synchronising);
/* Throws away what is left of the command, non-synchronising literals too, up to its CRLF. False: broken. */
bool parser_skip_command(struct parser *parser);

#endif
