#include "lmtpd/connection.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "serve/start.h"

void connection_start(struct connection *connection)
{
    uint64_t random = 0;
    bool local = true;
    connection->peer = (struct auth_peer){ .service = "lmtp", .address = "local" };
    if (connection->socket)
        start_peer(connection->in, &connection->peer, &local);
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        random = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
    snprintf(connection->id, sizeof(connection->id), "%016llx", (unsigned long long)random);
    log_field("MAIL_REMOTE", connection->peer.address);
    log_field("MAIL_SESSION", connection->id);
}
