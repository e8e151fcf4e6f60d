/* The dialogue before login, in the process without privileges. Its memory is small and fixed: one
 * line, one literal. */
#ifndef IMAPD_LOGIN_H
#define IMAPD_LOGIN_H

#include "imapd/imap.h"

struct dialogue {
    struct login *login;
    struct parser parser;
    struct arena *arena; /* of the command */
    struct bytes tag;
    unsigned errors; /* BAD answers so far */
    bool ended;      /* logged in, logged out, or given up */
    bool cancelled;  /* the client broke off AUTHENTICATE */
};

/* "TAG word [code] text"; code NULL for none. Always true: the command has been answered. */
bool login_answer(struct dialogue *dialogue, const char *word, const char *code, const char *text);
bool login_bad(struct dialogue *dialogue, const char *text);

/* login_auth.c */
bool login_command_login(struct dialogue *dialogue);
bool login_command_authenticate(struct dialogue *dialogue);

#endif
