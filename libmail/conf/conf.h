/* postern.conf: the one table of settings. A program works without the file; every setting has a default here, can be
 * given on the command line as -o name=value, and some can be overridden per user by the user data base. An
 * unknown name or a bad value is an error with file and line. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

#define CONF_VERSION "0.1"

enum conf_tls { CONF_TLS_NO, CONF_TLS_STARTTLS, CONF_TLS_IMPLICIT };
enum conf_plaintext { CONF_PLAINTEXT_NEVER, CONF_PLAINTEXT_LOCAL, CONF_PLAINTEXT_ALWAYS };
enum conf_auto { CONF_AUTO_NO, CONF_AUTO_CREATE, CONF_AUTO_SUBSCRIBE };

/* mailbox "Sent" { auto = subscribe  special_use = "\\Sent"  autoexpunge = 30d } */
struct conf_mailbox {
    const char *name; /* UTF-8, with the separator of its namespace */
    enum conf_auto automatic;
    const char *special_use; /* "\\Sent", several separated by spaces, "" for none */
    unsigned autoexpunge;    /* seconds; 0: never */
};

/* namespace "inbox" { prefix = ""  separator = "/"  location = ""  inbox = yes ... } */
struct conf_namespace {
    const char *name;
    const char *prefix;    /* UTF-8, ends with the separator unless empty */
    char separator;        /* '/' or '.'; 0: what the format uses by itself ('.' for Maildir++, '/' for LAYOUT=fs) */
    const char *location;  /* as `mail`; "" means the setting `mail` */
    bool inbox, hidden, list, subscriptions;
    const char *type;      /* "private", "shared", "public": how NAMESPACE shows it */
};

struct conf {
    /* mail */
    const char *mail;          /* "maildir:~/Maildir:LAYOUT=fs:INBOX=...:INDEX=...:CONTROL=...", "" = look (DESIGN, issue) */
    const char *mail_home;     /* home of virtual users whose entry has none: "/var/vmail/%d/%n" or "" */
    const char *mail_user;     /* system user that owns virtual users' mail whose entry has no uid; "" = none */
    unsigned first_valid_uid, last_valid_uid; /* 1000; 0 = no limit */
    bool durable;              /* fsync before OK */
    uint64_t message_size_limit; /* octets; 0 = none; default 0 for delivery and APPEND alike */
    struct conf_namespace *namespaces;
    size_t namespaces_count;   /* 0: one private namespace with prefix "" and inbox */
    struct conf_mailbox *mailboxes;
    size_t mailboxes_count;
    /* users */
    const char **auth;         /* tried in order, NULL-terminated: "pam", "passwd-file:/etc/postern/users"; default { "pam" } */
    const char *pam_service;   /* "postern"; */
    const char *auth_default_scheme; /* scheme of a hash without {SCHEME}: "CRYPT" */
    const char *auth_username_chars; /* allowed in login names */
    bool auth_username_lower;
    enum conf_plaintext plaintext; /* passwords without TLS: local = from loopback, UNIX sockets and the machine's own addresses */
    unsigned auth_failure_delay;   /* seconds that a failed login costs: 2 */
    unsigned auth_tries;           /* failed logins before the connection ends: 3... */
    /* connections */
    enum conf_tls tls;         /* STARTTLS by default, where a certificate is */
    const char *tls_cert, *tls_key; /* PEM paths or "credential:NAME"; default SYSCONFDIR/postern/tls.crt and .key; absent file: no TLS */
    const char *tls_priorities;     /* GnuTLS priority string */
    const char *login_user;    /* unprivileged user of the login process: "postern-login" */
    const char *login_root;    /* its empty root directory: "/run/postern/empty" */
    unsigned login_timeout;    /* seconds before authentication: 60 */
    unsigned idle_timeout;     /* seconds without a command after it: 1800 (RFC 9051, 5.4); POP3 600 */
    unsigned listener_idle;    /* seconds after which a listener without children exits: 300; 0 = never */
    unsigned listener_max;     /* children at once: 4096 */
    unsigned listener_max_per_address; /* the same of one peer: 0, no limit */
    const char *hostname;      /* greeting, Received, Message-ID; "" = the machine's */
    const char *log;           /* auto, journal, syslog, stderr */
    const char *log_level;     /* error, warning, info, debug */
    /* imap */
    const char *imap_id;       /* answer to ID: "name Postern" pairs "" = NIL */
    unsigned imap_line_max;    /* octets of a command without literals: 65536 */
    uint64_t imap_command_memory; /* arena per command: 16M... */
    unsigned imap_idle_notify; /* seconds between "still here": 120 */
    unsigned imap_poll;        /* seconds between looks where inotify is exhausted: 30 */
    /* pop3 */
    const char *pop3_uidl_format; /* Dovecot's variables: "%08Xu%08Xv" */
    bool pop3_delete_expunges; /* QUIT removes (yes) or flags \\Deleted (no) */
    /* lmtp */
    const char **local_domains; /* user@DOMAIN is the system user; NULL-terminated; default { hostname, "localhost" } */
    const char *recipient_delimiter; /* "+" ; "" = none */
    unsigned lmtp_recipients_max; /* 100 */
    bool lmtp_detail_create;   /* user+detail creates the mailbox (no: INBOX when it is absent) */
    bool lmtp_return_path;     /* trace headers that are added */

    void *private; /* owned by conf.c: memory, sources of values */
};

/* Reads path (NULL: SYSCONFDIR/postern/postern.conf, which may be absent; a named file must be there), then the overrides ("name=value", in order).
 * *err names file, line, setting, and what would be right. */
bool conf_load(struct conf *conf, const char *path, const char *const *overrides, size_t count, struct error *err);
void conf_free(struct conf *conf);

/* Sets one setting by name; source says where from ("-o", "/etc/postern/users:3") for messages and `conf`. A list is its words ("a b c"); a
 * setting of a section is "mailbox/Sent/auto" or "namespace/inbox/prefix", which makes the section when there is none. */
bool conf_set(struct conf *conf, const char *name, const char *value, const char *source, struct error *err);
/* The same for a value from the user data base: only settings that the table marks as per-user. ERROR_NO_SUCH: there is no such setting. */
bool conf_set_user(struct conf *conf, const char *name, const char *value, const char *source, struct error *err);

/* Common start of every program: -c FILE, -o name=value, -V; conf loaded, log opened. Returns the index of the first other argument, or -1 with
 * *err; after -V (the version is printed) -1 with ERROR_NONE: exit with success. */
int conf_main(struct conf *conf, const char *program, int argc, char **argv, struct error *err);

/* Prints all settings as a file that can be read again; only_changed: those that differ from the default, with their source as a comment. */
void conf_print(const struct conf *conf, FILE *out, bool only_changed);
/* The reference part of postern.conf(5), mdoc, from the same table. */
void conf_manual(FILE *out);
/* How a setting got its value: "default", "/etc/postern/postern.conf:12", "-o". */
const char *conf_source(const struct conf *conf, const char *name);

/* The path that conf_load(path) reads. */
const char *conf_path(const struct conf *conf);
/* The setting as text, as one would write it in the file; false when there is none of that name. */
bool conf_get(const struct conf *conf, const char *name, struct buf *out);

/* Expands Dovecot's variables: %u user, %n local part, %d domain, %h home, %s service, %% ; modifiers L U (case), H (hash: %2.256Hu, %256Hn...), N, M (MD5),
 * width and offset %1.1n, and long names %{user}, %{username}, %{domain}, %{home}. Appends to *out; ERROR_INVALID on an unknown variable. */
struct conf_vars {
    const char *user, *home, *service; /* home may be NULL */
};
bool conf_expand(const char *text, const struct conf_vars *vars, struct buf *out, struct error *err);

#endif
