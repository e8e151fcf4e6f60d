#include "lmtpd/connection.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "serve/start.h"

void connection_silence(void)
{
    int null = open("/dev/null", O_RDWR);
    if (null < 0)
        return;
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    if (null > STDERR_FILENO)
        close(null);
}

void connection_start(struct connection *connection)
{
    uint64_t random = 0;
    bool local = true;
    connection->peer = (struct auth_peer){ .service = "lmtp", .address = "local" };
    if (connection->socket) {
        start_tune(connection->in);
        start_peer(connection->in, &connection->peer, &local);
        connection_silence(); /* a listening socket may be there */
    }
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        random = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
    snprintf(connection->id, sizeof(connection->id), "%016llx", (unsigned long long)random);
    log_field("MAIL_SERVICE", "lmtp");
    log_field("MAIL_REMOTE", connection->peer.address);
    log_field("MAIL_SESSION", connection->id);
}
