/* A list of networks: "192.0.2.0/24,2001:db8::/32,192.0.2.7,local". "local" is a UNIX socket. */
#ifndef AUTH_NETS_H
#define AUTH_NETS_H

#include <stdbool.h>

/* Whether address ("192.0.2.1", "2001:db8::1", "local") is in nets; an IPv4 address mapped into
 * IPv6 counts as IPv4. What is malformed matches nothing. */
bool nets_match(const char *nets, const char *address);

#endif
