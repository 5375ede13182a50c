#include "egress/route.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#include "base/banned.h"

#define ANSWER_SIZE 8192

struct question {
    struct nlmsghdr head;
    struct rtmsg route;
    struct rtattr destination;
    uint8_t address[16];
};

static void fill(const struct sockaddr *address, struct question *question)
{
    const void *bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    size_t length = 16;

    if (address->sa_family == AF_INET) {
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
        length = 4;
    }
    memset(question, 0, sizeof(*question));
    memcpy(question->address, bytes, length);
    question->destination.rta_type = RTA_DST;
    question->destination.rta_len = (unsigned short)RTA_LENGTH(length);
    question->route.rtm_family = (unsigned char)address->sa_family;
    question->route.rtm_dst_len = (unsigned char)(length * 8);
    question->head.nlmsg_type = RTM_GETROUTE;
    question->head.nlmsg_flags = NLM_F_REQUEST;
    question->head.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof(struct rtmsg)) + RTA_LENGTH(length));
}

/* The kernel answers within the call that asks. */
static int ask(const struct sockaddr *address, unsigned char *ret_type, struct error *err)
{
    _cleanup_(close_fd) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct question question;
    union {
        struct nlmsghdr head;
        char bytes[ANSWER_SIZE];
    } answer;
    ssize_t got;

    fill(address, &question);
    if (fd < 0 || send(fd, &question, question.head.nlmsg_len, 0) < 0)
        return error_errno(err, errno, "cannot ask for a route");
    got = recv(fd, &answer, sizeof(answer), 0);
    if (got < 0)
        return error_errno(err, errno, "cannot read a route");
    if (got < (ssize_t)NLMSG_LENGTH(sizeof(struct rtmsg)) || answer.head.nlmsg_len > (size_t)got)
        return error_set(err, ERROR_INTERNAL, NULL, "a route of %zd bytes", got);
    if (answer.head.nlmsg_type == NLMSG_ERROR)
        *ret_type = RTN_UNREACHABLE;
    else
        *ret_type = ((const struct rtmsg *)NLMSG_DATA(&answer.head))->rtm_type;
    return 0;
}

const char *route_refused(const struct sockaddr *address)
{
    unsigned char type = RTN_LOCAL;
    struct error err = ERROR_INIT;

    if (ask(address, &type, &err) < 0)
        log_error("route_unknown", &err);
    switch (type) {
    case RTN_UNICAST:
    case RTN_UNREACHABLE:
    case RTN_BLACKHOLE:
    case RTN_PROHIBIT:
    case RTN_THROW:
        return NULL;
    case RTN_BROADCAST:
    case RTN_ANYCAST:
    case RTN_MULTICAST:
        return "an address of many hosts";
    default:
        return "an address of this host";
    }
}
