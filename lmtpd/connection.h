/* What all processes of one connection know from its start. */
#ifndef LMTPD_CONNECTION_H
#define LMTPD_CONNECTION_H

#include "auth/auth.h"
#include "conf/conf.h"
#include "serve/tls.h"

struct connection {
    const struct conf *conf;
    struct tls *tls;    /* NULL: no TLS here */
    int in, out;        /* the same socket (above 2), or standard input and output */
    bool socket;        /* in is a socket with a peer */
    struct auth_peer peer;
    char id[24];        /* of the session, for the logs and Received */
    const struct account *only; /* pipe: whose mail alone it may be; NULL: any user's */
};

/* Standard input and output become /dev/null. */
void connection_silence(void);
/* Fills peer and id and sets the log's fields. */
void connection_start(struct connection *connection);

#endif
