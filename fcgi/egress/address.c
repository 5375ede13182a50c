#include "egress/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#include "base/banned.h"

struct range {
    uint8_t first[16];
    int bits;
    const char *reason;
};

#define V4(a, b, c, d)                                                                             \
    {                                                                                              \
        a, b, c, d                                                                                 \
    }

/* IANA's registry of special-purpose IPv4 addresses. */
static const struct range v4[] = {
    {V4(0, 0, 0, 0), 8, "an address of this network (RFC 1122)"},
    {V4(10, 0, 0, 0), 8, "a private address (RFC 1918)"},
    {V4(100, 64, 0, 0), 10, "an address shared by a provider (RFC 6598)"},
    {V4(127, 0, 0, 0), 8, "a loopback address (RFC 1122)"},
    {V4(168, 63, 129, 16), 32, "a cloud's metadata address"}, /* Azure's; public by its range */
    {V4(169, 254, 0, 0), 16, "a link-local or metadata address (RFC 3927)"},
    {V4(172, 16, 0, 0), 12, "a private address (RFC 1918)"},
    {V4(192, 0, 0, 0), 24, "a reserved address (RFC 6890)"}, /* Oracle's metadata, too */
    {V4(192, 0, 2, 0), 24, "an address for documentation (RFC 5737)"},
    {V4(192, 88, 99, 0), 24, "a relay's address (RFC 7526)"},
    {V4(192, 168, 0, 0), 16, "a private address (RFC 1918)"},
    {V4(198, 18, 0, 0), 15, "an address for benchmarks (RFC 2544)"},
    {V4(198, 51, 100, 0), 24, "an address for documentation (RFC 5737)"},
    {V4(203, 0, 113, 0), 24, "an address for documentation (RFC 5737)"},
    {V4(224, 0, 0, 0), 4, "a multicast address (RFC 5771)"},
    {V4(240, 0, 0, 0), 4, "a reserved address (RFC 1112)"}, /* 255.255.255.255 with it */
};

/* Within 2000::/3, all that is assigned to anybody (RFC 4291, section 2.4). */
static const struct range v6[] = {
    {{0x20, 0x01, 0x00}, 23, "a reserved address (RFC 2928)"}, /* Teredo and ORCHID with it */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "an address for documentation (RFC 3849)"},
    {{0x20, 0x02}, 16, "a 6to4 address (RFC 3056)"},
    {{0x3f, 0xff, 0x00}, 20, "an address for documentation (RFC 9637)"},
};

/* What lies outside of 2000::/3, for the message. */
static const struct range outside[] = {
    {{[15] = 1}, 128, "a loopback address (RFC 4291)"},
    {{0xfc}, 7, "a private address (RFC 4193)"},
    {{0xfe, 0x80}, 10, "a link-local address (RFC 4291)"},
    {{0xff}, 8, "a multicast address (RFC 4291)"},
};

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b}; /* RFC 6052; its /96 */

static bool within(const uint8_t *address, const struct range *range)
{
    size_t bytes = (size_t)range->bits / 8;
    int rest = range->bits % 8;

    return memcmp(address, range->first, bytes) == 0 &&
           (rest == 0 || ((address[bytes] ^ range->first[bytes]) >> (8 - rest)) == 0);
}

static const char *find(const uint8_t *address, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (within(address, &ranges[i]))
            return ranges[i].reason;
    return NULL;
}

static const char *refused_v6(const uint8_t *address)
{
    const char *reason;

    if (memcmp(address, mapped, sizeof(mapped)) == 0 || memcmp(address, nat64, sizeof(nat64)) == 0)
        return find(address + sizeof(mapped), v4, ARRAY_SIZE(v4));
    if (address[0] >> 5 == 1) /* 2000::/3 */
        return find(address, v6, ARRAY_SIZE(v6));
    reason = find(address, outside, ARRAY_SIZE(outside));
    return reason ? reason : "a reserved address (RFC 4291)";
}

const char *address_refused(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;

        return find((const uint8_t *)&in->sin_addr, v4, ARRAY_SIZE(v4));
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)address;

        return refused_v6(in6->sin6_addr.s6_addr);
    }
    return "not an address of the internet";
}

static void tell(int family, const uint8_t *first, int bits,
                 void (*each)(int family, const char *prefix, void *arg), void *arg)
{
    char plain[INET6_ADDRSTRLEN], prefix[64];

    inet_ntop(family, first, plain, sizeof(plain));
    snprintf(prefix, sizeof(prefix), "%s/%d", plain, bits);
    each(family, prefix, arg);
}

void address_each_refused(void (*each)(int family, const char *prefix, void *arg), void *arg)
{
    for (size_t i = 0; i < ARRAY_SIZE(v4); i++) {
        uint8_t carried[16];

        memcpy(carried, nat64, sizeof(nat64));
        memcpy(carried + sizeof(nat64), v4[i].first, 4);
        tell(AF_INET, v4[i].first, v4[i].bits, each, arg);
        tell(AF_INET6, carried, 96 + v4[i].bits, each, arg);
    }
    for (size_t i = 0; i < ARRAY_SIZE(v6); i++)
        tell(AF_INET6, v6[i].first, v6[i].bits, each, arg);
}
