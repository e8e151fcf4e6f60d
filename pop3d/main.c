/* pop3d: POP3 for one connection; see pop3d(8). */
#include "pop3d/pop3.h"

static const struct service pop3_service = {
    .program = "pop3d",
    .name = "pop3",
    .login = pop3_login,
    .session = pop3_session,
    .refusal = "-ERR ",
    .unavailable = "-ERR [SYS/TEMP] ",
    .pipe_refused = "[SYS/PERM] POP3 is not served over a pipe: connect to its port and log in",
};

int main(int argc, char **argv)
{
    return serve_main(&pop3_service, argc, argv);
}
