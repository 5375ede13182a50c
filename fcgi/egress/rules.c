#include "egress/rules.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "egress/address.h"
#include "wire/egress.h"

#include "base/banned.h"

#define RESOLV_CONF_MAX (64 << 10)

/* Elements of the two sets of one purpose, of IPv4 and IPv6. */
struct pair {
    struct buf v4, v6;
};

static void pair_release(struct pair *pair)
{
    buf_release(&pair->v4);
    buf_release(&pair->v6);
}

static void add_element(struct buf *set, const char *text)
{
    buf_addf(set, "%s%s", set->length > 0 ? ", " : "", text);
}

/* A set without an element is written without a list of them. */
static void write_set(struct buf *out, const char *name, const char *type, const struct buf *set)
{
    buf_addf(out, "    set %s {\n        type %s\n", name, type);
    if (strncmp(name, "refused", 7) == 0)
        buf_add_str(out, "        flags interval\n");
    if (set->length > 0)
        buf_addf(out, "        elements = { %s }\n", set->data);
    buf_add_str(out, "    }\n");
}

/* --- name servers ---------------------------------------------------------------------------- */

static int read_resolvers(const char *path, struct pair *servers, struct error *err)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    char *rest, *line;

    if (file_read(AT_FDCWD, path, RESOLV_CONF_MAX, &text, err) < 0)
        return -1;
    rest = text.data;
    while ((line = strsep(&rest, "\n")) != NULL) {
        struct in6_addr address;
        char server[64], plain[INET6_ADDRSTRLEN];

        if (sscanf(line, " nameserver %63[0-9a-fA-F.:]", server) != 1)
            continue;
        if (inet_pton(AF_INET, server, &address) == 1)
            add_element(&servers->v4, inet_ntop(AF_INET, &address, plain, sizeof(plain)));
        else if (inet_pton(AF_INET6, server, &address) == 1)
            add_element(&servers->v6, inet_ntop(AF_INET6, &address, plain, sizeof(plain)));
    }
    return 0;
}

/* --- the operator's pairs -------------------------------------------------------------------- */

static void add_always(const char *host, uint16_t port, void *arg)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct pair *always = arg;
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &list);

    if (rc != 0) {
        log_event(LOG_WARNING, "always_unknown", "host=%s reason=\"%s\"", host, gai_strerror(rc));
        return;
    }
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
        bool v6 = at->ai_family == AF_INET6;
        char plain[INET6_ADDRSTRLEN];
        _cleanup_(free_ptr) char *element = NULL;
        const void *bytes = v6 ? (void *)&((struct sockaddr_in6 *)(void *)at->ai_addr)->sin6_addr
                               : (void *)&((struct sockaddr_in *)(void *)at->ai_addr)->sin_addr;

        if (inet_ntop(at->ai_family, bytes, plain, sizeof(plain)) == NULL)
            continue;
        element = xasprintf("%s . %u", plain, port);
        add_element(v6 ? &always->v6 : &always->v4, element);
    }
    freeaddrinfo(list);
}

/* --- the whole ------------------------------------------------------------------------------- */

static void add_refused(int family, const char *prefix, void *arg)
{
    struct pair *refused = arg;

    add_element(family == AF_INET ? &refused->v4 : &refused->v6, prefix);
}

static void write_chains(const struct rules *rules, struct buf *out)
{
    buf_addf(out,
             "    chain output {\n"
             "        type filter hook output priority filter; policy accept;\n"
             "        meta skuid { %u, %u-%u } jump agents\n"
             "    }\n"
             "    chain agents {\n"
             "        ip daddr . tcp dport @always4 accept\n"
             "        ip6 daddr . tcp dport @always6 accept\n"
             "        ip daddr @servers4 meta l4proto { tcp, udp } th dport 53 accept\n"
             "        ip6 daddr @servers6 meta l4proto { tcp, udp } th dport 53 accept\n"
             "        fib daddr type != unicast goto refuse\n"
             "        ip daddr @refused4 goto refuse\n"
             "        ip6 daddr @refused6 goto refuse\n"
             "        ip6 daddr != { %s } goto refuse\n"
             "    }\n"
             /* connect(2) ends at once with a reset; of an ICMP answer it hears a second later. */
             "    chain refuse {\n"
             "        meta l4proto tcp reject with tcp reset\n"
             "        reject\n"
             "    }\n",
             (unsigned)rules->user, rules->first_id, rules->last_id, ADDRESS_V6_PUBLIC);
}

int rules_write(const struct rules *rules, struct buf *out, struct error *err)
{
    _cleanup_(pair_release) struct pair servers = {BUF_INIT, BUF_INIT};
    _cleanup_(pair_release) struct pair always = {BUF_INIT, BUF_INIT};
    _cleanup_(pair_release) struct pair refused = {BUF_INIT, BUF_INIT};

    if (read_resolvers(rules->resolv_conf, &servers, err) < 0)
        return -1;
    egress_always_each(rules->always, add_always, &always);
    address_each_refused(add_refused, &refused);
    /* Made where it is not, so that it can be deleted; nft does all of it or nothing. */
    buf_add_str(out, "table inet " RULES_TABLE "\ndelete table inet " RULES_TABLE "\n"
                     "table inet " RULES_TABLE " {\n");
    write_set(out, "servers4", "ipv4_addr", &servers.v4);
    write_set(out, "servers6", "ipv6_addr", &servers.v6);
    write_set(out, "always4", "ipv4_addr . inet_service", &always.v4);
    write_set(out, "always6", "ipv6_addr . inet_service", &always.v6);
    write_set(out, "refused4", "ipv4_addr", &refused.v4);
    write_set(out, "refused6", "ipv6_addr", &refused.v6);
    write_chains(rules, out);
    buf_add_str(out, "}\n");
    return 0;
}
