/* What this process was given: DESIGN, section 3. Used by serve_main and by lmtpd, whose processes differ. */
#ifndef SERVE_START_H
#define SERVE_START_H

#include "auth/auth.h"
#include "conf/conf.h"

enum start_kind {
    START_CONNECTED, /* standard input is a connected socket with a name or peer: inetd nowait, Accept=yes */
    START_LISTENING, /* a listening socket: inetd wait, LISTEN_FDS with Accept=no */
    START_PIPE,      /* a pipe or unnamed socket pair: ssh, a tunnel command */
    START_TERMINAL,  /* a person at a terminal, or anything else */
};

struct start {
    enum start_kind kind;
    int listen_fds[16]; /* START_LISTENING */
    size_t listen_count;
    int in, out;        /* the connection otherwise */
};

/* Looks at standard input and LISTEN_FDS/LISTEN_PID (which are removed from the environment). Replaces standard error where it is
 * the client's socket (same inode as standard input). Signals that the starter ignored or blocked are as usual again. */
void start_detect(struct start *start);

/* Fills peer->address from a connected socket ("local" for UNIX sockets and when it has none). local: the peer is on this machine. */
void start_peer(int fd, struct auth_peer *peer, bool *local);

/* The address that the peer connected to, as start_peer writes it. */
void start_local(int fd, char out[64]);
/* TCP_NODELAY and keep-alive where fd is TCP. */
void start_tune(int fd);
/* Makes descriptors 0 and 1 /dev/null. */
void start_release_standard(void);
/* Says a line (CRLF is added) to who waits at what was given, and no more: the connection, or all that are in the queues of the listening
 * sockets. For a program that cannot serve anybody; where argv says tls=implicit nothing is said, since the client would not understand. */
void start_refuse(const struct start *start, char **argv, const char *line);
/* The connection of START_CONNECTED as one descriptor (close-on-exec, above 2); descriptors 0 and 1 become /dev/null. -1 when there is none left. */
int start_socket(const struct start *start);

/* The listener: accepts on all of start->listen_fds and calls serve(context, fd) in a forked child per connection, whose return is the child's exit status. Returns when
 * idle for conf->listener_idle seconds with no child left, or on SIGTERM (children live on). When a child dies of SEGV, ABRT, BUS or SYS the
 * process executes itself anew (argv). Returns an exit status. */
int start_listen(const struct start *start, const struct conf *conf, char **argv, int (*serve)(void *context, int fd), void *context);

#endif
