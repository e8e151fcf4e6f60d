/* mailadm deliver [-a ADDRESS] [-f SENDER] [-m MAILBOX] [USER]: one message from standard input
 * into a mailbox, for an MTA's mailbox_command, .forward, and fetchmail's mda. As root it becomes
 * the user; as a user it delivers to him alone. The exit status is one of sysexits(3): only what
 * can never work is permanent; everything else makes the MTA try again. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "auth/account.h"
#include "base/log.h"
#include "mailadm/mailadm.h"
#include "mailbox/append.h"

#define MEMORY ((size_t)1 << 20)
#define LINE_MAX_FROM 2000

struct delivery {
    struct conf *conf;
    const char *address, *sender, *mailbox, *user;
    struct account account;
    struct arena *arena;
    struct bytes detail; /* data NULL: none */
    uint64_t octets;
};

/* What the user is not, and what a message can never be, is for the sender to know; the rest is for
 * us to mend. */
static int status_of(enum error_class class)
{
    return class == ERROR_TOO_BIG ? EX_DATAERR : EX_TEMPFAIL;
}

/* The MTA puts standard error into its bounce; the log may be there already. */
static int failed(const struct delivery *delivery, int status, const struct error *err)
{
    const char *log = delivery->conf->log;
    bool seen = strcmp(log, "stderr") == 0 || (strcmp(log, "auto") == 0 && isatty(STDERR_FILENO));
    log_error("delivery to user %s failed: %s", delivery->user, err->text);
    if (!seen)
        fprintf(stderr, "mailadm: delivery to user %s failed: %s\n", delivery->user, err->text);
    return status;
}

static bool is_clean(const char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            return false;
    return true;
}

static bool look_up(struct delivery *delivery, struct bytes name, struct error *err)
{
    char normal[ACCOUNT_NAME_MAX + 1];
    return account_normalise(delivery->conf, name, normal, err) &&
           account_lookup_recipient(delivery->conf, normal, &delivery->account, delivery->arena,
                                    err);
}

/* "user+detail@domain" without "+detail". */
static bool cut_detail(struct delivery *delivery, const char *name, struct buf *out,
                       struct bytes *detail)
{
    struct bytes domain = bytes_of(name), delimiter = bytes_of(delivery->conf->recipient_delimiter);
    struct bytes local = bytes_split(&domain, '@');
    ssize_t at = delimiter.len > 0 ? bytes_find(local, delimiter) : -1;
    if (at <= 0)
        return false;
    buf_bytes(out, bytes_take(local, (size_t)at));
    if (domain.data)
        buf_printf(out, "@%.*s", BYTES_FMT(domain));
    *detail = bytes_skip(local, (size_t)at + delimiter.len);
    return detail->len > 0 && !buf_failed(out);
}

/* The name, and the same without a domain that is the system's own. */
static bool look_up_both(struct delivery *delivery, const char *name, struct error *err)
{
    if (look_up(delivery, bytes_of(name), err))
        return true;
    struct bytes domain = bytes_of(name), local = bytes_split(&domain, '@');
    struct error ignored;
    for (size_t i = 0;
         err->class == ERROR_NO_SUCH && domain.data && delivery->conf->local_domains[i]; i++)
        if (bytes_equal_nocase(domain, bytes_of(delivery->conf->local_domains[i])))
            return look_up(delivery, local, &ignored);
    return false;
}

/* The user as named, else without his detail. */
static bool find_user(struct delivery *delivery, struct error *err)
{
    struct buf bare = BUF_INIT(1000);
    struct bytes detail;
    if (delivery->address && cut_detail(delivery, delivery->address, &bare, &detail))
        delivery->detail = detail;
    buf_clear(&bare);
    bool good = look_up_both(delivery, delivery->user, err);
    if (!good && (err->class == ERROR_NO_SUCH || err->class == ERROR_INVALID) &&
        cut_detail(delivery, delivery->user, &bare, &detail)) {
        good = look_up_both(delivery, buf_cstr(&bare), err);
        if (!delivery->detail.data)
            delivery->detail = detail;
    }
    buf_free(&bare);
    return good;
}

/* The mailbox if it is there or may be made, else INBOX: mail is never refused for a mailbox's
 * name. */
static struct append *begin(struct delivery *delivery, struct store *store, struct bytes *mailbox,
                            struct error *err)
{
    struct error reason = { 0 };
    struct bytes wanted = delivery->mailbox ? bytes_of(delivery->mailbox) : delivery->detail;
    bool exists = false;
    *mailbox = BYTES("INBOX");
    if (wanted.len > 0 && store_exists(store, wanted, &exists, &reason) && !exists &&
        delivery->conf->lmtp_detail_create)
        exists = store_create(store, wanted, (struct bytes){ 0 }, &reason) ||
                 reason.class == ERROR_EXISTS;
    if (exists)
        *mailbox = wanted;
    else if (wanted.len > 0)
        log_info("user %s has no mailbox \"%.*s\"%s%s: delivering to INBOX", delivery->account.name,
                 BYTES_FMT(wanted), reason.text[0] ? ", " : "", reason.text);
    return append_begin(store, *mailbox, err);
}

static bool put(struct delivery *delivery, struct append *append, struct bytes piece,
                struct error *err)
{
    uint64_t limit = delivery->conf->message_size_limit;
    delivery->octets += piece.len;
    if (limit > 0 && delivery->octets > limit)
        return error_set(err, ERROR_TOO_BIG,
                         "the message has more than the %llu octets of message_size_limit",
                         (unsigned long long)limit);
    return append_write(append, piece, err);
}

static bool put_trace(struct delivery *delivery, struct append *append, struct error *err)
{
    struct buf header = BUF_INIT(8192);
    if (!delivery->conf->lmtp_return_path)
        return true;
    if (delivery->sender)
        buf_printf(&header, "Return-Path: <%s>\n", delivery->sender);
    buf_printf(&header, "Delivered-To: %s\n",
               delivery->address ? delivery->address : delivery->account.name);
    bool good = buf_failed(&header) ? error_set(err, ERROR_TOO_BIG, "sender or address is too long")
                                    : append_write(append, buf_view(&header), err);
    buf_free(&header);
    return good;
}

/* Some MTAs put an mbox separator in front ("From ann@example.org Mon ..."): it is no part of the
 * message, but names the sender. */
static bool skip_separator(struct delivery *delivery, struct input *in, struct error *err)
{
    struct bytes line;
    if (!input_fill(in, 5, NULL) || memcmp(input_buffered(in).data, "From ", 5) != 0)
        return true;
    if (input_line(in, LINE_MAX_FROM, &line, err) <= 0)
        return false;
    line = bytes_skip(line, 5);
    struct bytes sender = bytes_split(&line, ' ');
    if (!delivery->sender && sender.len > 0 && !bytes_equal(sender, BYTES("MAILER-DAEMON")))
        delivery->sender = arena_copy(delivery->arena, bytes_trim(sender));
    if (delivery->sender && !is_clean(delivery->sender))
        delivery->sender = NULL;
    return true;
}

static bool copy_message(struct delivery *delivery, struct append *append, struct error *err)
{
    const struct append_info info = { 0 };
    struct input *in = input_fd(STDIN_FILENO, 65536, -1, false);
    struct bytes view;
    if (!in)
        return error_memory(err);
    bool good = skip_separator(delivery, in, err) && append_message(append, &info, err) &&
                put_trace(delivery, append, err);
    int got = 0;
    while (good && (got = input_next(in, &view, err)) > 0) {
        size_t len = view.len;
        good = put(delivery, append, view, err);
        input_consume(in, len);
    }
    good = good && got == 0;
    if (good && delivery->octets == 0)
        good = error_set(err, ERROR_INVALID, "there is no message on standard input");
    input_close(&in);
    return good && append_message_end(append, err);
}

static int deliver(struct delivery *delivery)
{
    struct error err = { 0 };
    struct bytes mailbox;
    struct append_result result;
    const struct store_user user = { delivery->account.name, delivery->account.home, "deliver",
                                     delivery->conf };
    struct store *store = store_open(&user, &err);
    struct append *append = store ? begin(delivery, store, &mailbox, &err) : NULL;
    bool good = append && copy_message(delivery, append, &err);
    bool empty = append && !good && delivery->octets == 0 && err.class == ERROR_INVALID;
    if (good)
        good = append_commit(&append, &result, &err);
    else if (append)
        append_abort(&append);
    if (good)
        log_info("delivered: user=%s mailbox=\"%.*s\" uid=%u size=%llu from=<%s>",
                 delivery->account.name, BYTES_FMT(mailbox), result.first_uid,
                 (unsigned long long)delivery->octets, delivery->sender ? delivery->sender : "");
    store_close(&store);
    return good ? EX_OK : failed(delivery, empty ? EX_DATAERR : status_of(err.class), &err);
}

static int run(struct delivery *delivery)
{
    struct error err = { 0 };
    if (!find_user(delivery, &err))
        return failed(delivery, err.class == ERROR_NO_SUCH ? EX_NOUSER : EX_TEMPFAIL, &err);
    if (!account_become(&delivery->account, &err) ||
        !account_apply(&delivery->account, delivery->conf, &err))
        return failed(delivery, EX_TEMPFAIL, &err);
    log_field("MAIL_USER", delivery->account.name);
    return deliver(delivery);
}

/* "<ann@example.org>" as "ann@example.org", in place. */
static const char *bare_address(char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len < 2 || text[0] != '<' || text[len - 1] != '>')
        return text;
    text[len - 1] = '\0';
    return text + 1;
}

static bool read_options(struct delivery *delivery, int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "+a:d:f:m:")) != -1)
        switch (option) {
        case 'a':
            delivery->address = optarg;
            break;
        case 'd':
            delivery->user = optarg;
            break;
        case 'f':
            delivery->sender = optarg;
            break;
        case 'm':
            delivery->mailbox = optarg;
            break;
        default:
            return false;
        }
    if (optind < argc && !delivery->user)
        delivery->user = argv[optind++];
    if (!delivery->sender)
        delivery->sender = getenv("SENDER"); /* Postfix's local(8) */
    if (delivery->sender)
        delivery->sender = bare_address(arena_copy(delivery->arena, bytes_of(delivery->sender)));
    return optind == argc;
}

/* Options and user are known and make sense, or *status says what is wrong. */
static bool prepare(struct delivery *delivery, int argc, char **argv, int *status)
{
    *status = EX_TEMPFAIL;
    if (!(delivery->arena = arena_create(MEMORY)))
        return false;
    if (!read_options(delivery, argc, argv))
        *status = usage("deliver", "see mailadm(8)");
    const struct passwd *pw = delivery->user ? NULL : getpwuid(getuid());
    if (pw)
        delivery->user = arena_copy(delivery->arena, bytes_of(pw->pw_name));
    if (*status == EX_USAGE)
        return false;
    if (!delivery->user)
        *status = usage("deliver", "name the user");
    else if (isatty(STDIN_FILENO))
        *status = usage("deliver", "the message is read from standard input, which is a terminal");
    else if (!is_clean(delivery->address) || !is_clean(delivery->sender))
        *status = usage("deliver", "control characters in an address");
    return *status != EX_USAGE;
}

int command_deliver(struct conf *conf, int argc, char **argv)
{
    struct delivery delivery = { .conf = conf };
    int status;
    if (prepare(&delivery, argc, argv, &status)) {
        /* Standard error is for the MTA's bounce. */
        if (strcmp(conf->log, "auto") == 0 && !isatty(STDERR_FILENO))
            log_open("mailadm", LOG_TARGET_SYSLOG, LOG_LEVEL_INFO);
        status = run(&delivery);
    }
    arena_destroy(&delivery.arena);
    return status;
}
