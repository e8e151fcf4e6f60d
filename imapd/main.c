/* imapd: IMAP4rev1 for one connection, or for those of a listening socket. */
#include "imapd/imap.h"

int main(int argc, char **argv)
{
    static const struct service service = {
        .program = "imapd",
        .name = "imap",
        .login = imap_login,
        .session = imap_session,
        .refusal = "* BYE ",
        .unavailable = "* BYE [UNAVAILABLE] ",
    };
    return serve_main(&service, argc, argv);
}
