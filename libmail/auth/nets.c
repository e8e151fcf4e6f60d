#include "auth/nets.h"

#include <arpa/inet.h>
#include <string.h>
#include "base/bytes.h"

struct net {
    unsigned char octets[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;
};

static bool parse_address(struct bytes text, struct net *net, bool *v4)
{
    char copy[64];
    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    net->bits = 128;
    memset(net->octets, 0, 10);
    memset(net->octets + 10, 0xFF, 2);
    *v4 = inet_pton(AF_INET, copy, net->octets + 12) == 1;
    return *v4 || inet_pton(AF_INET6, copy, net->octets) == 1;
}

static bool parse_net(struct bytes text, struct net *net)
{
    struct bytes bits = text, address = bytes_split(&bits, '/');
    uint32_t n;
    bool v4;
    if (!parse_address(address, net, &v4))
        return false;
    if (!bits.data)
        return true;
    if (!bytes_to_u32(bits, &n) || n > (v4 ? 32 : 128))
        return false;
    net->bits = v4 ? n + 96 : n;
    return true;
}

static bool inside(const struct net *net, const struct net *address)
{
    unsigned whole = net->bits / 8, rest = net->bits % 8;
    if (memcmp(net->octets, address->octets, whole) != 0)
        return false;
    return rest == 0 || ((net->octets[whole] ^ address->octets[whole]) >> (8 - rest)) == 0;
}

bool nets_match(const char *nets, const char *address)
{
    struct bytes rest = bytes_of(nets);
    struct net who, net;
    bool v4, known = parse_address(bytes_of(address), &who, &v4);
    while (rest.data) {
        struct bytes word = bytes_trim(bytes_split(&rest, ','));
        if (word.len > 0 && bytes_equal(word, bytes_of(address)))
            return true;
        if (known && parse_net(word, &net) && inside(&net, &who))
            return true;
    }
    return false;
}
