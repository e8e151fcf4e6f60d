/* How a connection is served, whatever the protocol: the ways of being started, listener, privilege separation, TLS,
 * sandbox (DESIGN, sections 3 and 4). A protocol gives two functions: one speaks before authentication, in a
 * process without privileges; one speaks after it, in a process that is the user. */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include "auth/auth.h"
#include "base/input.h"
#include "base/output.h"
#include "conf/conf.h"

struct login;
struct session;

struct service {
    const char *program; /* "imapd" */
    const char *name;    /* "imap": PAM, logs, ALPN */
    /* Speaks with a stranger until login_*() says that he is authenticated or he goes. Runs in the login process. Its return ends the process. */
    void (*login)(struct login *login);
    /* Serves the user; conf, input, output, account ready. Runs as that user. Its return value is the exit status. */
    int (*session)(struct session *session);
    /* How a refusal starts where serve_main itself must say one (no PREAUTH for root): "* BYE ", "-ERR "; and how one does that is the
     * administrator's to mend: "* BYE [UNAVAILABLE] ", "-ERR [SYS/TEMP] ". */
    const char *refusal, *unavailable;
    /* Standard input is a pipe: NULL serves the invoking user (session->resume.data NULL); else this sentence is said and the program ends. */
    const char *pipe_refused;
};

/* main() of imapd and pop3d: arguments, how it was started (connected socket, listening socket, pipe, terminal), and all that follows. */
int serve_main(const struct service *service, int argc, char **argv);

/* ---- in the login process ---- */

struct login {
    const struct conf *conf;
    const struct auth_peer *peer;
    struct input *in;    /* plain bytes, whatever TLS does below */
    struct output *out;
    bool tls_active;
    bool tls_possible;   /* a certificate is configured, and tls is not active */
    bool plaintext_ok;   /* passwords may be sent now: TLS, local peer, or the administrator says so */
    char challenge[128]; /* "<...@host>": APOP challenge of this connection, made by the monitor */
    void *private;
};

/* STARTTLS/STLS: call after the OK was flushed. Bytes that were sent in plain behind the command are an injection: they end the connection
 * (returns false, *err). On true in/out speak TLS. */
bool login_starttls(struct login *login, struct error *err);

/* Asks the monitor. On AUTH_OK the connection belongs to the session: what is still buffered in login->in is handed over with it, and
 * resume (the protocol's own: a tag, at most 512 octets) reaches session->resume; login() should then return without writing anything: the
 * session answers the command (tagged OK). On anything else the failure was delayed and logged; the caller answers the client from the verdict. auth_tries
 * failures end the connection: *last is set then. */
enum auth_verdict login_password(struct login *login, struct bytes user, struct bytes password, struct bytes resume, bool *last);
enum auth_verdict login_apop(struct login *login, struct bytes user, struct bytes digest_hex, struct bytes resume, bool *last);
/* SASL: mechanism name and the client's first (decoded) response; initial.data NULL: none was sent. A mechanism asks for more by calling more(),
 * which the protocol implements (send challenge, read and decode an answer; false: cancelled or broken off). */
typedef bool login_more(void *context, struct bytes challenge, struct buf *answer);
enum auth_verdict login_sasl(struct login *login, struct bytes mechanism, struct bytes initial, login_more *more, void *context,
                             struct bytes resume, bool *last);
/* Space-separated mechanisms that can work on this connection now ("PLAIN LOGIN" or ""). */
const char *login_mechanisms(const struct login *login);

/* ---- in the session process ---- */

struct session {
    struct conf *conf;             /* with the user's settings applied */
    const struct account *account;
    const struct auth_peer *peer;
    struct input *in;
    struct output *out;
    struct bytes resume;           /* from login; data NULL for a PREAUTH session (pipe, ssh): greet it yourself */
    bool tls;
    const char *id;                /* session id of the logs */
};

#endif
