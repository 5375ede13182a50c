#include "wire/egress.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define LABEL_MAX 63
#define ALLOW "allow:"

/* --- names ----------------------------------------------------------------------------------- */

bool egress_name_valid(const char *name)
{
    size_t length = strlen(name);
    const char *last = strrchr(name, '.');

    if (length == 0 || length >= EGRESS_HOST_SIZE)
        return false;
    for (const char *at = name; at != NULL; at = strchr(at, '.'), at = at ? at + 1 : NULL) {
        size_t label = strcspn(at, ".");

        if (label == 0 || label > LABEL_MAX || at[0] == '-' || at[label - 1] == '-' ||
            strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789-_") < label)
            return false;
    }
    /* A last label such as 1 or 0x7f makes many take the whole for an address. */
    last = last ? last + 1 : name;
    return *last >= 'a' && *last <= 'z';
}

static bool is_address(int family, const char *text)
{
    struct in6_addr address;

    return inet_pton(family, text, &address) == 1;
}

/* 1 to 65535, and nothing but digits; 0 if it is none. */
static uint16_t port_of(const char *text)
{
    unsigned value = 0;
    size_t length = strlen(text);

    if (length == 0 || length > 5 || strspn(text, "0123456789") != length || text[0] == '0')
        return 0;
    for (const char *c = text; *c != '\0'; c++)
        value = value * 10 + (unsigned)(*c - '0');
    return value <= UINT16_MAX ? (uint16_t)value : 0;
}

/* --- policies -------------------------------------------------------------------------------- */

struct entry {
    char host[EGRESS_HOST_SIZE + 2]; /* with "*." */
    uint16_t port;                   /* 0: 443 and 80 */
};

/* Takes what is before the next comma. NULL: it was the last. *ret_valid: is it an entry? */
static const char *next_entry(const char *at, struct entry *ret_entry, bool *ret_valid)
{
    size_t length = strcspn(at, ",");
    char text[EGRESS_HOST_SIZE + 2 + 6];
    char *colon;

    *ret_valid = false;
    if (length < sizeof(text)) {
        memcpy(text, at, length);
        text[length] = '\0';
        colon = strchr(text, ':');
        if (colon != NULL)
            *colon = '\0';
        ret_entry->port = colon ? port_of(colon + 1) : 0;
        *ret_valid = (colon == NULL || ret_entry->port != 0) &&
                     egress_name_valid(strncmp(text, "*.", 2) == 0 ? text + 2 : text);
        if (*ret_valid)
            memcpy(ret_entry->host, text, strlen(text) + 1);
    }
    return at[length] == ',' ? at + length + 1 : NULL;
}

static int refuse(struct error *err, const char *reason)
{
    return error_set(err, ERROR_INVALID, "EGRESS_POLICY", "%s", reason);
}

int egress_policy_check(const char *policy, struct error *err)
{
    const char *at = policy + strlen(ALLOW);
    struct entry entry;
    size_t count = 0;
    bool valid;

    if (strcmp(policy, "none") == 0 || strcmp(policy, "public") == 0)
        return 0;
    if (strncmp(policy, ALLOW, strlen(ALLOW)) != 0)
        return refuse(err, "egress must be none, public, or allow:HOST,HOST:PORT,...");
    if (strlen(policy) > EGRESS_POLICY_MAX)
        return refuse(err, "the list of hosts is longer than 4096 bytes");
    for (; at != NULL; count++) {
        const char *from = at;

        at = next_entry(from, &entry, &valid);
        if (!valid)
            return error_set(err, ERROR_INVALID, "EGRESS_POLICY",
                             "'%.*s' is not a host; write a name in lower case, as example.com, "
                             "*.example.com or example.com:8443",
                             (int)strcspn(from, ",") < 80 ? (int)strcspn(from, ",") : 80, from);
    }
    if (count > EGRESS_HOSTS_MAX)
        return refuse(err, "there may be at most 64 hosts");
    return 0;
}

static bool matches(const struct entry *entry, const char *host, uint16_t port)
{
    const char *name = entry->host;

    if (entry->port != 0 ? port != entry->port : port != 443 && port != 80)
        return false;
    if (strncmp(name, "*.", 2) == 0) {
        size_t tail = strlen(name) - 1, length = strlen(host);

        return length > tail && strcmp(host + length - tail, name + 1) == 0;
    }
    return strcmp(host, name) == 0;
}

bool egress_policy_allows(const char *policy, const char *host, uint16_t port)
{
    const char *at = policy + strlen(ALLOW);
    struct entry entry;
    bool valid;

    if (strcmp(policy, "public") == 0)
        return true;
    if (strncmp(policy, ALLOW, strlen(ALLOW)) != 0)
        return false;
    while (at != NULL) {
        at = next_entry(at, &entry, &valid);
        if (valid && matches(&entry, host, port))
            return true;
    }
    return false;
}

void egress_policy_each(const char *policy,
                        void (*each)(const char *host, uint16_t port, void *arg), void *arg)
{
    const char *at = strncmp(policy, ALLOW, strlen(ALLOW)) == 0 ? policy + strlen(ALLOW) : NULL;
    struct entry entry;
    bool valid;

    while (at != NULL) {
        at = next_entry(at, &entry, &valid);
        if (valid && entry.host[0] != '*')
            each(entry.host, entry.port, arg);
    }
}

/* --- the operator's pairs -------------------------------------------------------------------- */

/* Takes the next pair; NULL: there is none. *ret_port is 0 where it is no pair. */
static const char *next_pair(const char *at, char host[EGRESS_HOST_SIZE], uint16_t *ret_port)
{
    char text[EGRESS_HOST_SIZE + 8];
    const char *name = text;
    size_t length;
    char *colon;

    at += strspn(at, " \t");
    length = strcspn(at, " \t");
    if (length == 0)
        return NULL;
    *ret_port = 0;
    if (length >= sizeof(text))
        return at + length;
    memcpy(text, at, length);
    text[length] = '\0';
    colon = strrchr(text, ':');
    if (colon == NULL)
        return at + length;
    *colon = '\0';
    if (text[0] == '[' && colon > text + 1 && colon[-1] == ']') {
        colon[-1] = '\0';
        name++;
    }
    if (name > text ? is_address(AF_INET6, name)
                    : egress_name_valid(name) || is_address(AF_INET, name)) {
        memcpy(host, name, strlen(name) + 1);
        *ret_port = port_of(colon + 1);
    }
    return at + length;
}

int egress_always_check(const char *list, struct error *err)
{
    char host[EGRESS_HOST_SIZE];
    uint16_t port;

    for (const char *at = list, *next; (next = next_pair(at, host, &port)) != NULL; at = next) {
        if (port != 0)
            continue;
        at += strspn(at, " \t");
        return error_set(
            err, ERROR_INVALID, NULL,
            "[jobs] egress_always: '%.*s' is not HOST:PORT, as codeset.example.com:443",
            (int)(next - at < 80 ? next - at : 80), at);
    }
    return 0;
}

void egress_always_each(const char *list, void (*each)(const char *host, uint16_t port, void *arg),
                        void *arg)
{
    char host[EGRESS_HOST_SIZE];
    uint16_t port;

    while ((list = next_pair(list, host, &port)) != NULL)
        if (port != 0)
            each(host, port, arg);
}

bool egress_always_has(const char *list, const char *host, uint16_t port)
{
    char name[EGRESS_HOST_SIZE];
    uint16_t number;

    while ((list = next_pair(list, name, &number)) != NULL)
        if (number != 0 && number == port && strcmp(name, host) == 0)
            return true;
    return false;
}

/* --- requests -------------------------------------------------------------------------------- */

void egress_request_make(enum egress_verb verb, uint64_t number, const char *container,
                         const char *policy, struct egress_request *request)
{
    memset(request, 0, sizeof(*request));
    request->verb = verb;
    request->number = number;
    snprintf(request->container, sizeof(request->container), "%s", container);
    if (policy != NULL)
        snprintf(request->policy, sizeof(request->policy), "%s", policy);
}

/* A text that ends within its size, with nothing but NUL behind. */
static bool is_text(const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    for (size_t i = length; i < size; i++)
        if (text[i] != '\0')
            return false;
    return length < size;
}

int egress_request_check(const void *bytes, size_t length, struct egress_request *ret_request,
                         struct error *err)
{
    struct egress_request request;

    if (length != sizeof(request))
        return error_set(err, ERROR_INVALID, NULL, "%zu bytes are no request", length);
    memcpy(&request, bytes, sizeof(request));
    if ((request.verb != EGRESS_SET && request.verb != EGRESS_DROP) || request.zero != 0)
        return error_set(err, ERROR_INVALID, NULL, "there is no verb %u", request.verb);
    if (!is_text(request.container, sizeof(request.container)) || !id_valid(request.container))
        return error_set(err, ERROR_INVALID, NULL, "not an id: %.36s", request.container);
    if (!is_text(request.policy, sizeof(request.policy)))
        return error_set(err, ERROR_INVALID, NULL, "the policy does not end");
    if (request.verb == EGRESS_SET ? egress_policy_check(request.policy, err) < 0
                                   : request.policy[0] != '\0')
        return error_set(err, ERROR_INVALID, NULL, "not a policy that goes with verb %u",
                         request.verb);
    *ret_request = request;
    return 0;
}
