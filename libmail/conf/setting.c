/* The table. One line a setting; the help is mdoc and goes into postern.conf(5). */
#include "conf/setting.h"

#include <stdio.h>

#define HEADING(text)                                                                              \
    {                                                                                              \
        .type = SETTING_HEADING, .help = text                                                      \
    }
#define OF(field) .offset = offsetof(struct conf, field)
#define USER .per_user = true
#define NAME(n, field) .name = n, OF(field)
#define COUNT_MAX UINT32_MAX
#define DAY 86400u

static const char *const tls_words[] = { "no", "starttls", "implicit", NULL };
static const char *const plaintext_words[] = { "never", "local", "always", NULL };
static const char *const auto_words[] = { "no", "create", "subscribe", NULL };
static const char *const log_words[] = { "auto", "journal", "syslog", "stderr", NULL };
static const char *const level_words[] = { "error", "warning", "info", "debug", NULL };
static const char *const type_words[] = { "private", "shared", "public", NULL };

static bool check_driver(const char *value, struct error *err)
{
    if (strcmp(value, "pam") == 0 || strncmp(value, "passwd-file:/", 13) == 0)
        return true;
    return error_set(err, ERROR_INVALID,
                     "`%s' is no way to find users; write pam or passwd-file:/PATH", value);
}

static bool check_path(const char *value, struct error *err)
{
    if (value[0] == '/')
        return true;
    return error_set(err, ERROR_INVALID, "`%s' is not an absolute path", value);
}

static bool check_secret(const char *value, struct error *err)
{
    if (strncmp(value, "credential:", 11) == 0 && value[11] && !strchr(value + 11, '/'))
        return true;
    if (value[0] == '/')
        return true;
    return error_set(err, ERROR_INVALID,
                     "`%s' is neither an absolute path nor credential:NAME (of systemd)", value);
}

static bool check_delimiter(const char *value, struct error *err)
{
    if (strlen(value) <= 8 && !strpbrk(value, "@ \t\"<>"))
        return true;
    return error_set(err, ERROR_INVALID, "`%s' cannot part an address and its detail", value);
}

/* Octets of "08Xu" behind a "%": a width only with zeros, since an id has no blanks; 0 when it is
 * no variable. */
static size_t uidl_variable(const char *at)
{
    size_t width = *at == '0' ? strspn(at, "0123456789") : 0, x = at[width] == 'X';
    const char *letters = width || x ? "uv" : "uvfg%";
    return at[width + x] && strchr(letters, at[width + x]) ? width + x + 1 : 0;
}

/* A wrong format would make a maildrop look empty. */
static bool check_uidl(const char *value, struct error *err)
{
    bool unique = false;
    for (const char *at = value; *at; at++) {
        if (*at <= ' ' || *at > '~')
            return error_set(err, ERROR_INVALID,
                             "POP3's ids cannot have blanks or other than ASCII");
        if (*at != '%')
            continue;
        size_t len = uidl_variable(at + 1);
        if (len == 0)
            return error_set(err, ERROR_INVALID,
                             "`%s' is no variable; write %%u, %%v, %%08Xu, %%08Xv, %%f or %%g", at);
        at += len;
        unique |= strchr("ufg", *at) != NULL;
    }
    return unique ||
           error_set(err, ERROR_INVALID,
                     "all messages would have the id `%s'; it needs %%u, %%f or %%g", value);
}

static bool check_special_use(const char *value, struct error *err)
{
    static const char *const uses[] = { "\\All",  "\\Archive", "\\Drafts",    "\\Flagged",
                                        "\\Junk", "\\Sent",    "\\Important", "\\Trash" };
    for (struct bytes rest = bytes_of(value); rest.data;) {
        struct bytes word = bytes_split(&rest, ' ');
        bool known = word.len == 0;
        for (size_t i = 0; i < sizeof(uses) / sizeof(*uses) && !known; i++)
            known = bytes_equal_nocase(word, bytes_of(uses[i]));
        if (!known)
            return error_set(err, ERROR_INVALID,
                             "`%.*s' is no special use; RFC 6154 has \\All, \\Archive, \\Drafts, "
                             "\\Flagged, \\Junk, \\Sent, \\Trash (write \"\\\\Sent\" in the file)",
                             BYTES_FMT(word));
    }
    return true;
}

const struct setting settings[] = {
    HEADING("Mail"),
    { NAME("mail", mail), .type = SETTING_STRING, USER, .fallback = "",
      .help =
          "Where the mail of a user is:\n.Ql maildir:PATH ,\nthen options set off by colons:\n"
          ".Ql LAYOUT=fs\n(directories in directories; otherwise Maildir++),\n"
          ".Ql INBOX=PATH ,\n.Ql INDEX=PATH\n(or\n.Ql INDEX=MEMORY ) ,\nand\n.Ql CONTROL=PATH .\n"
          "A path may begin with\n.Ql ~/\nand hold variables, see\n.Sx VARIABLES .\n"
          "When empty,\n.Pa ~/Maildir\nis used if it is there, else an mbox spool\n.Pa "
          "/var/mail/%u\n"
          "if that is there, else a new\n.Pa ~/Maildir ." },
    { NAME("mail_home", mail_home), .type = SETTING_STRING, .fallback = "",
      .help = "Home directory of virtual users whose entry in the password file has none, such as\n"
              ".Pa /var/vmail/%d/%n ." },
    { NAME("mail_user", mail_user), .type = SETTING_STRING, .fallback = "",
      .help = "System user that owns the mail of virtual users whose entry has no uid." },
    { NAME("first_valid_uid", first_valid_uid), .type = SETTING_NUMBER, .fallback = "1000",
      .max = COUNT_MAX,
      .help = "Lowest uid that may receive and read mail, that of\n.Ic mail_user\naside.\nUid 0 "
              "never may." },
    { NAME("last_valid_uid", last_valid_uid), .type = SETTING_NUMBER, .fallback = "0",
      .max = COUNT_MAX, .help = "Highest such uid; 0 is no limit." },
    { NAME("durable", durable), .type = SETTING_BOOL, .fallback = "yes",
      .help =
          "Whether mail is on the disk, not only in memory, before it is acknowledged.\nTurning "
          "this off\n"
          "is fast, and a power cut loses mail that was promised to be kept." },
    { NAME("message_size_limit", message_size_limit), .type = SETTING_SIZE, USER, .fallback = "0",
      .max = INT64_MAX,
      .help = "Largest message that is accepted, by delivery and APPEND alike; 0 is no limit." },
    HEADING("Users"),
    { NAME("auth", auth), .type = SETTING_LIST, .fallback = "pam", .check = check_driver,
      .help = "How users are found, tried in this order:\n.Ql pam\n(accounts of the system) and\n"
              ".Ql passwd-file:/PATH\n(virtual users, in Dovecot's format)." },
    { NAME("pam_service", pam_service), .type = SETTING_STRING, .fallback = "postern",
      .help = "Name of the service's file in\n.Pa /etc/pam.d ." },
    { NAME("auth_default_scheme", auth_default_scheme), .type = SETTING_STRING, .fallback = "CRYPT",
      .help = "Scheme of a password hash that has no\n.Ql {SCHEME}\nin front." },
    { NAME("auth_username_chars", auth_username_chars), .type = SETTING_STRING,
      .fallback = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@+",
      .help = "Characters that a login name may have.\nEmpty allows all but control characters "
              "and\n.Ql / ." },
    { NAME("auth_username_lower", auth_username_lower), .type = SETTING_BOOL, .fallback = "yes",
      .help = "Login names are made lower case." },
    { NAME("plaintext", plaintext), .type = SETTING_WORD, .fallback = "local",
      .words = plaintext_words,
      .help =
          "Whether passwords may be sent without TLS: from the machine itself, never, or always." },
    { NAME("auth_failure_delay", auth_failure_delay), .type = SETTING_DURATION, .fallback = "2s",
      .max = 60, .help = "Time that a failed login costs." },
    { NAME("auth_tries", auth_tries), .type = SETTING_NUMBER, .fallback = "3", .min = 1, .max = 100,
      .help = "Failed logins after which the connection ends." },
    HEADING("Connections"),
    { NAME("tls", tls), .type = SETTING_WORD, .fallback = "starttls", .words = tls_words,
      .help = "How TLS starts, where a certificate is:\n.Ql implicit\nfrom the first octet (ports "
              "993 and 995),\n"
              ".Ql starttls\nby command, or not at all." },
    { NAME("tls_cert", tls_cert), .type = SETTING_STRING, .fallback = SYSCONFDIR "/postern/tls.crt",
      .check = check_secret,
      .help = "Certificate and its chain, PEM; a path, or\n.Ql credential:NAME\nof systemd.\nWhen "
              "the default\n"
              "file is absent, there is no TLS." },
    { NAME("tls_key", tls_key), .type = SETTING_STRING, .fallback = SYSCONFDIR "/postern/tls.key",
      .check = check_secret, .help = "Its private key, PEM, in the same way." },
    { NAME("tls_priorities", tls_priorities), .type = SETTING_STRING,
      .fallback = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE",
      .help = "Protocol versions and ciphers, as GnuTLS writes them." },
    { NAME("login_user", login_user), .type = SETTING_STRING, .fallback = "postern-login",
      .help = "System user without privileges that speaks with strangers." },
    { NAME("login_root", login_root), .type = SETTING_STRING, .fallback = "/run/postern/empty",
      .check = check_path,
      .help =
          "Empty directory that is the root of those processes.\nIt is made where it is missing." },
    { NAME("login_timeout", login_timeout), .type = SETTING_DURATION, .fallback = "60s", .min = 1,
      .max = 3600, .help = "Time for a client to log in." },
    { NAME("idle_timeout", idle_timeout), .type = SETTING_DURATION, USER, .fallback = "30m",
      .min = 60, .max = DAY * 7,
      .help =
          "Time without a command after which a session ends (RFC 9051, 5.4: at least 30 minutes;\n"
          "RFC 1939, 3: at least 10)." },
    { NAME("listener_idle", listener_idle), .type = SETTING_DURATION, .fallback = "5m",
      .max = DAY * 365,
      .help = "Time after which a listener without connections exits, to be activated again; 0 is "
              "never." },
    { NAME("listener_max", listener_max), .type = SETTING_NUMBER, .fallback = "4096", .min = 1,
      .max = 1000000, .help = "Connections that one listener serves at once." },
    { NAME("listener_max_per_address", listener_max_per_address), .type = SETTING_NUMBER,
      .fallback = "0", .max = 1000000,
      .help =
          "Connections that one listener serves at once for one address; more are closed.\n0 is "
          "no limit, and UNIX sockets have none." },
    { NAME("hostname", hostname), .type = SETTING_STRING, .fallback = "",
      .help = "Name in greetings and\n.Ql Received\nfields; empty: the machine's." },
    { NAME("log", log), .type = SETTING_CHOICE, .fallback = "auto", .words = log_words,
      .help = "Where the log goes." },
    { NAME("log_level", log_level), .type = SETTING_CHOICE, .fallback = "info",
      .words = level_words, .help = "What is logged: this and everything graver." },
    HEADING("IMAP"),
    { NAME("imap_id", imap_id), .type = SETTING_STRING, USER, .fallback = "name Postern",
      .help = "Answer to the command ID: fields and values by turns; empty: NIL." },
    { NAME("imap_line_max", imap_line_max), .type = SETTING_SIZE, .fallback = "64K", .min = 1000,
      .max = 1 << 24, .help = "Octets of a command without its literals." },
    { NAME("imap_command_memory", imap_command_memory), .type = SETTING_SIZE, USER,
      .fallback = "16M", .min = 1 << 20, .max = 1ULL << 40,
      .help = "Memory that one command may take." },
    { NAME("imap_idle_notify", imap_idle_notify), .type = SETTING_DURATION, USER, .fallback = "2m",
      .min = 10, .max = 1740, .help = "Time between\n.Dq still here\nlines in IDLE." },
    { NAME("imap_poll", imap_poll), .type = SETTING_DURATION, USER, .fallback = "30s", .min = 1,
      .max = 3600,
      .help = "Time between looks for new mail in IDLE when the kernel has no watches left." },
    HEADING("POP3"),
    { NAME("pop3_uidl_format", pop3_uidl_format), .type = SETTING_STRING, USER,
      .fallback = "%08Xu%08Xv", .check = check_uidl,
      .help = "Unique identifier of a message, in Dovecot's variables:\n.Ql %u\nUID,\n.Ql "
              "%v\nUIDVALIDITY,\n"
              ".Ql %f\nbase name of the file,\n.Ql %g\nGUID;\n.Ql %08Xu\nis the UID in eight "
              "hexadecimal digits." },
    { NAME("pop3_delete_expunges", pop3_delete_expunges), .type = SETTING_BOOL, USER,
      .fallback = "yes",
      .help = "QUIT removes messages that were deleted; with\n.Ql no\nit flags them \\eDeleted." },
    HEADING("LMTP and delivery"),
    { NAME("local_domains", local_domains), .type = SETTING_LIST, .fallback = "",
      .help = "Domains whose addresses belong to users of the system.\nWhen not set: the host's "
              "name and\n"
              ".Ql localhost ." },
    { NAME("recipient_delimiter", recipient_delimiter), .type = SETTING_STRING, .fallback = "+",
      .check = check_delimiter,
      .help = "What parts a user and the mailbox in an address; empty: nothing does." },
    { NAME("lmtp_recipients_max", lmtp_recipients_max), .type = SETTING_NUMBER, .fallback = "100",
      .min = 1, .max = 10000, .help = "Recipients of one message." },
    { NAME("lmtp_detail_create", lmtp_detail_create), .type = SETTING_BOOL, USER, .fallback = "no",
      .help = "Mail to user+detail creates the mailbox\n.Ql detail ;\nwith\n.Ql no\nit goes to "
              "INBOX when that is absent." },
    { NAME("lmtp_return_path", lmtp_return_path), .type = SETTING_BOOL, .fallback = "yes",
      .help = "Delivery adds\n.Ql Return-Path ,\n.Ql Delivered-To\nand\n.Ql Received ." },
};
const size_t settings_count = sizeof(settings) / sizeof(*settings);
_Static_assert(sizeof(settings) / sizeof(*settings) <= SETTINGS_MAX, "SETTINGS_MAX");

#define IN(type, field) .offset = offsetof(struct type, field)

static const struct setting mailbox_settings[] = {
    { .name = "auto",
      SETTING_WORD,
      USER,
      IN(conf_mailbox, automatic),
      .fallback = "no",
      .words = auto_words,
      .help = "Whether the mailbox is created, or created and subscribed, at first login." },
    { .name = "special_use",
      SETTING_STRING,
      USER,
      IN(conf_mailbox, special_use),
      .fallback = "",
      .check = check_special_use,
      .help = "Its uses by RFC 6154, such as\n.Ql \\e\\eSent\n; several are set off by blanks." },
    { .name = "autoexpunge",
      SETTING_DURATION,
      USER,
      IN(conf_mailbox, autoexpunge),
      .fallback = "0",
      .max = DAY * 36500,
      .help = "Time after which messages that were put there are removed, such as\n.Ql 30d ;\n0 is "
              "never." },
};

static const struct setting namespace_settings[] = {
    { .name = "prefix",
      SETTING_STRING,
      USER,
      IN(conf_namespace, prefix),
      .fallback = "",
      .help = "What the names of its mailboxes begin with; ends with the separator." },
    { .name = "separator",
      SETTING_SEPARATOR,
      USER,
      IN(conf_namespace, separator),
      .fallback = "",
      .help = "Character between levels of a name,\n.Ql /\nor\n.Ql \\&. ;\nempty: what the format "
              "uses by itself,\n"
              ".Ql \\&.\nfor Maildir++,\n.Ql /\nfor\n.Ql LAYOUT=fs ." },
    { .name = "location",
      SETTING_STRING,
      USER,
      IN(conf_namespace, location),
      .fallback = "",
      .help = "Where its mail is, as in\n.Ic mail ;\nempty: what\n.Ic mail\nsays." },
    { .name = "inbox",
      SETTING_BOOL,
      USER,
      IN(conf_namespace, inbox),
      .fallback = "no",
      .help = "INBOX is here.\nExactly one namespace has it." },
    { .name = "hidden",
      SETTING_BOOL,
      USER,
      IN(conf_namespace, hidden),
      .fallback = "no",
      .help = "Not told to clients that ask for namespaces." },
    { .name = "list",
      SETTING_BOOL,
      USER,
      IN(conf_namespace, list),
      .fallback = "yes",
      .help = "Its mailboxes are listed." },
    { .name = "subscriptions",
      SETTING_BOOL,
      USER,
      IN(conf_namespace, subscriptions),
      .fallback = "yes",
      .help = "It has subscriptions of its own; with\n.Ql no\nthey are kept in the namespace above "
              "it." },
    { .name = "type",
      SETTING_CHOICE,
      USER,
      IN(conf_namespace, type),
      .fallback = "private",
      .words = type_words,
      .help = "How it is told to clients." },
};

#define COUNT_OF(table) sizeof(table) / sizeof(*(table))
_Static_assert(COUNT_OF(mailbox_settings) <= SECTION_SETTINGS_MAX, "SECTION_SETTINGS_MAX");
_Static_assert(COUNT_OF(namespace_settings) <= SECTION_SETTINGS_MAX, "SECTION_SETTINGS_MAX");

const struct section sections[] = {
    [SECTION_MAILBOX] = { "mailbox", mailbox_settings, COUNT_OF(mailbox_settings),
                          sizeof(struct conf_mailbox), offsetof(struct conf, mailboxes),
                          offsetof(struct conf, mailboxes_count),
                          offsetof(struct conf_mailbox, name),
                          "What is to hold for one mailbox, named as users see it." },
    [SECTION_NAMESPACE] = { "namespace", namespace_settings, COUNT_OF(namespace_settings),
                            sizeof(struct conf_namespace), offsetof(struct conf, namespaces),
                            offsetof(struct conf, namespaces_count),
                            offsetof(struct conf_namespace, name),
                            "A part of the tree of mailboxes.\nWith none, there is one with INBOX "
                            "in it, without a prefix." },
};

const struct setting *setting_find(const struct setting *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].name && strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}
