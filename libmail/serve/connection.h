/* One connection as its processes share it: made before the fork, so nothing of it needs a message.
 * And what login and monitor say to each other. Login asks (in this order of life): sign, tls, any
 * number of password or apop, then resume or give up. The monitor tells: signed, verdict. */
#ifndef SERVE_CONNECTION_H
#define SERVE_CONNECTION_H

#include "serve/privsep.h"
#include "serve/serve.h"
#include "serve/tls.h"

#define LOGIN_BUFFER                                                                               \
    16384 /* octets of the login process's input buffer: the most that is handed over */
#define LOGIN_PASSWORD_MAX 4096
#define LOGIN_RESUME_MAX 512
#define LOGIN_GRACE 10000 /* milliseconds that the monitor waits longer than login does */

/* What service, configuration and machine give; in a listener it is made once, before the forks. */
struct serve {
    const struct service *service;
    struct conf *conf;
    struct tls *tls;     /* loaded warm, or NULL */
    bool tls_configured; /* certificate and key are there */
};

struct connection {
    const struct serve *serve;
    int fd;         /* the client's socket */
    int monitor_fd; /* this process's end of the pair between monitor and login */
    struct auth_peer peer;
    char own_address[64];
    char id[16]; /* session id */
    char challenge[128];
    bool plaintext_ok; /* without TLS */
};

/* Message types; the payload is fields. */
enum {
    ASK_TLS = PRIVSEP_OWN, /* TLS is active: description */
    ASK_PASSWORD,          /* method, authorisation identity, user, password */
    ASK_APOP,              /* method, "", user, digest */
    ASK_RESUME,            /* after AUTH_OK: the protocol's own octets, octets already read */
    ASK_GIVE_UP,           /* the connection is over: a reason for the log */
    TELL_VERDICT, /* verdict, whether it was the last try; with TLS and AUTH_OK the session's stream
                     socket goes with it */
};

/* A new session id. Returns out. */
const char *connection_id(char out[16]);
/* The login process, from its fork to its end. */
int login_run(struct connection *connection, int monitor);
/* The monitor until authentication: true when account (in arena) may be served. The process id of
 * login and its end of the pair: login stays where TLS is active. */
struct grant {
    struct account account;
    int stream; /* what the session reads and writes: the client's socket, or one end of the stream
                   pair with TLS */
    bool tls;
    struct buf resume; /* ASK_RESUME: two fields */
};
bool monitor_run(struct connection *connection, int fd, pid_t login, struct grant *grant,
                 struct arena *arena);
/* What a connection's other process died of: where it is a crash, this one dies of it too, so that a
 * listener sees it and starts anew. */
void connection_share_end(const struct connection *connection, int signal);
/* Becomes the user and serves. Exit status. */
int session_run(struct connection *connection, const struct grant *grant);
/* A session over pipes as the user who started us. Exit status. */
int session_preauth(const struct serve *serve, int in, int out);

/* Asks a worker: reads the message that waits at fd. */
struct auth_answer {
    bool read_it;
    enum auth_verdict verdict;
    char user[ACCOUNT_NAME_MAX + 1], method[32];
    struct error error;
    uint32_t account_len;
    char account[ACCOUNT_PACKED_MAX];
};
bool auth_ask(const struct connection *connection, int fd, struct auth_answer *answer,
              struct error *err);

#endif
