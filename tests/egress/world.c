#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#include "base/banned.h"

#define NAMES_MAX 128
#define NAME_SIZE 256
#define DATAGRAM_MAX 512
#define LONG_COUNT 40
#define TYPE_A 1
#define TYPE_CNAME 5
#define TYPE_AAAA 28

static const uint16_t ports[] = {22, 80, 443, 3306, 8443};

/* Shared between the tests and the process that is the world. */
static struct shared {
    size_t trespasses, names;
    struct {
        char name[NAME_SIZE];
        size_t asked;
    } asked[NAMES_MAX];
} * shared;

static pid_t world;

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "world: cannot %s: %s\n", what, strerror(errno));
    abort();
}

/* A program with its arguments, a line each. */
static void run(const char *line)
{
    char copy[512], *argv[32], *rest = copy;
    int count = 0, status;
    pid_t pid;

    snprintf(copy, sizeof(copy), "%s", line);
    while (count < 31 && (argv[count] = strsep(&rest, " ")) != NULL)
        count++;
    argv[count] = NULL;
    pid = fork();
    if (pid == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    must(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, line);
}

/* --- whoever is reached ---------------------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_public(const char *address, bool host)
{
    return !host && (begins(address, "93.184.216.") || begins(address, "2606:4700:") ||
                     begins(address, "8.8."));
}

static void echo(struct bufferevent *end, void *arg)
{
    (void)arg;
    bufferevent_write_buffer(end, bufferevent_get_input(end));
}

static void close_when_sent(struct bufferevent *end, void *arg)
{
    (void)arg;
    bufferevent_free(end);
}

static void on_event(struct bufferevent *end, short what, void *arg)
{
    (void)arg;
    if ((what & BEV_EVENT_EOF) && evbuffer_get_length(bufferevent_get_output(end)) > 0)
        bufferevent_setcb(end, NULL, close_when_sent, on_event, NULL);
    else
        bufferevent_free(end);
}

/* arg: not NULL where it is the host's own network. */
static void on_connect(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
                       int length, void *arg)
{
    struct sockaddr_in6 here;
    socklen_t size = sizeof(here);
    char text[INET6_ADDRSTRLEN] = "?";
    const char *address = text;
    struct bufferevent *end;

    (void)peer;
    (void)length;
    getsockname(fd, (struct sockaddr *)&here, &size);
    inet_ntop(AF_INET6, &here.sin6_addr, text, sizeof(text));
    if (begins(text, "::ffff:"))
        address += 7;
    if (!is_public(address, arg != NULL))
        shared->trespasses++;
    end = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    /* On this port nobody ever reads. */
    bufferevent_setcb(end, echo, NULL, on_event, NULL);
    bufferevent_enable(end, ntohs(here.sin6_port) == 22 ? EV_WRITE : EV_READ | EV_WRITE);
    evbuffer_add_printf(bufferevent_get_output(end), "reached %s %u\n", address,
                        ntohs(here.sin6_port));
}

static void listen_on(int fds[ARRAY_SIZE(ports)])
{
    const int on = 1, off = 0;

    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        const struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(ports[i])};

        fds[i] = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        must(fds[i] >= 0 && setsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                 setsockopt(fds[i], IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0 &&
                 bind(fds[i], (const struct sockaddr *)&any, sizeof(any)) == 0,
             "listen");
    }
}

/* --- the name server ------------------------------------------------------------------------- */

struct answer {
    uint8_t bytes[4096];
    size_t length;
    uint16_t count;
};

static void put(struct answer *answer, const void *bytes, size_t length)
{
    must(answer->length + length <= sizeof(answer->bytes), "write an answer");
    memcpy(answer->bytes + answer->length, bytes, length);
    answer->length += length;
}

static void put16(struct answer *answer, unsigned value)
{
    const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

    put(answer, bytes, sizeof(bytes));
}

static void put_name(struct answer *answer, const char *name)
{
    for (const char *at = name; *at != '\0';) {
        uint8_t length = (uint8_t)strcspn(at, ".");

        put(answer, &length, 1);
        put(answer, at, length);
        at += length + (at[length] == '.');
    }
    put(answer, "", 1);
}

static void put_record(struct answer *answer, const char *name, uint16_t type, const void *data,
                       size_t length)
{
    put_name(answer, name);
    put16(answer, type);
    put16(answer, 1); /* IN */
    put16(answer, 0);
    put16(answer, 0); /* good for no time at all */
    put16(answer, (unsigned)length);
    put(answer, data, length);
    answer->count++;
}

static void put_address(struct answer *answer, const char *name, uint16_t type, const char *text)
{
    uint8_t bytes[16];
    bool v6 = strchr(text, ':') != NULL;

    if (v6 != (type == TYPE_AAAA))
        return;
    must(inet_pton(v6 ? AF_INET6 : AF_INET, text, bytes) == 1, "read an address");
    put_record(answer, name, type, bytes, v6 ? 16 : 4);
}

static void put_alias(struct answer *answer, const char *name, const char *target)
{
    struct answer data = {.length = 0};

    put_name(&data, target);
    put_record(answer, name, TYPE_CNAME, data.bytes, data.length);
}

static size_t note(const char *name)
{
    size_t i = 0;

    while (i < shared->names && strcmp(shared->asked[i].name, name) != 0)
        i++;
    must(i < NAMES_MAX, "remember so many names");
    if (i == shared->names) {
        snprintf(shared->asked[i].name, NAME_SIZE, "%s", name);
        shared->names++;
    }
    return shared->asked[i].asked++;
}

/* False: there is no such name. */
static bool put_named(struct answer *answer, const char *name, uint16_t type, size_t before)
{
    static const struct {
        const char *name, *v4, *v6;
    } rows[] = {{"public.test", WORLD_PUBLIC, NULL},
                {"other.test", "93.184.216.35", NULL},
                {"both.test", WORLD_PUBLIC, WORLD_PUBLIC6},
                {"mixed.test", WORLD_PUBLIC, "fd00:ec2::254"},
                {"hidden.test", "10.9.0.2", WORLD_PUBLIC6}};
    char text[NAME_SIZE];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *address = type == TYPE_A ? rows[i].v4 : rows[i].v6;

        if (strcmp(name, rows[i].name) == 0) {
            if (address != NULL)
                put_address(answer, name, type, address);
            return true;
        }
    }
    if (strcmp(name, "rebind.test") == 0) {
        if (type == TYPE_A)
            put_address(answer, name, type, before == 0 ? WORLD_PUBLIC : "10.9.0.2");
    } else if (strcmp(name, "alias.test") == 0) {
        put_alias(answer, name, "between.test");
        put_alias(answer, "between.test", "public.test");
        put_address(answer, "public.test", type, WORLD_PUBLIC);
    } else if (strcmp(name, "trap.test") == 0) {
        put_alias(answer, name, "public.test");
        put_alias(answer, "public.test", "inside.test");
        put_address(answer, "inside.test", type, "10.9.0.2");
    } else if (strcmp(name, "long.test") == 0) {
        for (int i = 0; i < LONG_COUNT; i++)
            put_address(answer, name, type, WORLD_PUBLIC);
    } else if (begins(name, "a-") || begins(name, "six-")) {
        const bool v6 = begins(name, "six-");

        snprintf(text, sizeof(text), "%.*s", (int)strcspn(name, "."), name + (v6 ? 4 : 2));
        text[strcspn(text, ".")] = '\0';
        for (char *c = text; *c != '\0'; c++)
            if (*c == '-')
                *c = v6 ? ':' : '.';
        put_address(answer, name, type, text);
    } else {
        return false;
    }
    return true;
}

static bool read_question(const uint8_t *query, size_t length, char name[NAME_SIZE],
                          uint16_t *ret_type, size_t *ret_end)
{
    size_t at = 12, used = 0;

    while (at < length && query[at] != 0) {
        size_t label = query[at];

        if (label > 63 || at + 1 + label >= length || used + label + 2 > NAME_SIZE)
            return false;
        memcpy(name + used, query + at + 1, label);
        used += label;
        name[used++] = '.';
        at += 1 + label;
    }
    if (used == 0 || at + 5 > length)
        return false;
    name[used - 1] = '\0';
    for (size_t i = 0; i < used; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (char)(name[i] - 'A' + 'a');
    *ret_type = (uint16_t)(query[at + 1] << 8 | query[at + 2]);
    *ret_end = at + 5;
    return true;
}

/* 0: no answer. */
static size_t answer_query(const uint8_t *query, size_t length, struct answer *answer)
{
    char name[NAME_SIZE];
    uint16_t type;
    size_t end, before;
    bool known;

    answer->length = 0;
    answer->count = 0;
    if (!read_question(query, length, name, &type, &end))
        return 0;
    before = type == TYPE_A ? note(name) : 0;
    if (strcmp(name, "silent.test") == 0)
        return 0;
    put(answer, query, end);
    known = put_named(answer, name, type, before);
    answer->bytes[2] = 0x81; /* an answer, as was asked */
    answer->bytes[3] = (uint8_t)(0x80 | (known ? 0 : 3));
    answer->bytes[6] = (uint8_t)(answer->count >> 8);
    answer->bytes[7] = (uint8_t)answer->count;
    memset(answer->bytes + 8, 0, 4);
    return answer->length;
}

static void on_datagram(evutil_socket_t fd, short what, void *arg)
{
    static struct answer answer;
    uint8_t query[DATAGRAM_MAX];
    struct sockaddr_storage peer;
    socklen_t size = sizeof(peer);
    ssize_t got = recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&peer, &size);
    size_t length;

    (void)what;
    (void)arg;
    if (got <= 0 || (length = answer_query(query, (size_t)got, &answer)) == 0)
        return;
    if (length > DATAGRAM_MAX) { /* the head alone, cut off */
        answer.bytes[2] |= 0x02;
        answer.bytes[6] = answer.bytes[7] = 0;
        length = (size_t)got < length ? (size_t)got : length;
        memset(answer.bytes + 8, 0, 4);
    }
    sendto(fd, answer.bytes, length, 0, (struct sockaddr *)&peer, size);
}

static void on_stream(struct bufferevent *end, void *arg)
{
    static struct answer answer;
    struct evbuffer *in = bufferevent_get_input(end);
    uint8_t *bytes = evbuffer_pullup(in, -1);
    size_t got = evbuffer_get_length(in), wanted;
    uint8_t head[2];

    (void)arg;
    if (got < 2 || got < (wanted = 2 + (size_t)(bytes[0] << 8 | bytes[1])))
        return;
    if (answer_query(bytes + 2, wanted - 2, &answer) > 0) {
        head[0] = (uint8_t)(answer.length >> 8);
        head[1] = (uint8_t)answer.length;
        bufferevent_write(end, head, sizeof(head));
        bufferevent_write(end, answer.bytes, answer.length);
    }
    evbuffer_drain(in, wanted);
}

static void on_name_client(struct evconnlistener *listener, evutil_socket_t fd,
                           struct sockaddr *peer, int length, void *arg)
{
    struct bufferevent *end =
        bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);

    (void)peer;
    (void)length;
    (void)arg;
    bufferevent_setcb(end, on_stream, NULL, on_event, NULL);
    bufferevent_enable(end, EV_READ | EV_WRITE);
}

static void serve_names(struct event_base *base)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(WORLD_SERVER_PORT)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    inet_pton(AF_INET, WORLD_SERVER, &address.sin_addr);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "serve names");
    event_add(event_new(base, fd, EV_READ | EV_PERSIST, on_datagram, NULL), NULL);
    must(evconnlistener_new_bind(base, on_name_client, NULL,
                                 LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE, 16,
                                 (struct sockaddr *)&address, sizeof(address)) != NULL,
         "serve names");
}

/* --- the whole ------------------------------------------------------------------------------- */

static void serve(const int host_fds[ARRAY_SIZE(ports)], int ready)
{
    struct event_base *base = event_base_new();
    int fds[ARRAY_SIZE(ports)];
    static int host;

    signal(SIGPIPE, SIG_IGN);
    listen_on(fds);
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        must(evconnlistener_new(base, on_connect, NULL, 0, 256, fds[i]) != NULL, "listen");
        must(evconnlistener_new(base, on_connect, &host, 0, 256, host_fds[i]) != NULL, "listen");
    }
    serve_names(base);
    must(write(ready, "", 1) == 1, "say that it is ready");
    event_base_dispatch(base);
    _exit(1);
}

/* In the world every address is its own, but for those of the net that it shares with the host. */
static void make_world(void)
{
    static const char *const lines[] = {"ip link set lo up",
                                        "ip addr add 93.184.216.254/24 dev out",
                                        "ip addr add " WORLD_PUBLIC "/24 dev out",
                                        "ip addr add 93.184.216.35/24 dev out",
                                        "ip addr add " WORLD_SERVER "/24 dev out",
                                        "ip -6 addr add 2606:4700::fe/64 dev out nodad",
                                        "ip -6 addr add " WORLD_PUBLIC6 "/64 dev out nodad",
                                        "ip link set out up",
                                        "ip route add local default dev lo table main",
                                        "ip -6 route add local default dev lo table main"};

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        run(lines[i]);
}

static void make_host(void)
{
    static const char *const lines[] = {"ip addr add " WORLD_HOST "/24 dev eth",
                                        "ip -6 addr add " WORLD_HOST6 "/64 dev eth nodad",
                                        "ip addr add 10.77.0.1/24 dev lo",
                                        "ip -6 addr add fd77::1/64 dev lo nodad",
                                        "ip link set eth up",
                                        "ip route add default via 93.184.216.254",
                                        "ip -6 route add default via 2606:4700::fe"};

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        run(lines[i]);
}

void world_open(void)
{
    int host_fds[ARRAY_SIZE(ports)], ready[2], go[2];
    char line[96], byte;

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED && pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0 &&
             unshare(CLONE_NEWNET) == 0,
         "unshare the network; this has to run as root");
    run("ip link set lo up");
    listen_on(host_fds);
    world = fork();
    must(world >= 0, "fork");
    if (world == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        must(unshare(CLONE_NEWNET) == 0 && write(ready[1], "", 1) == 1 &&
                 read(go[0], &byte, 1) == 1,
             "unshare the network");
        make_world();
        serve(host_fds, ready[1]);
    }
    must(read(ready[0], &byte, 1) == 1, "start the world");
    snprintf(line, sizeof(line), "ip link add eth type veth peer name out netns %d", (int)world);
    run(line);
    make_host();
    must(write(go[1], "", 1) == 1 && read(ready[0], &byte, 1) == 1, "start the world");
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
        close(host_fds[i]);
    close(ready[0]);
    close(ready[1]);
    close(go[0]);
    close(go[1]);
}

void world_close(void)
{
    kill(world, SIGKILL);
    waitpid(world, NULL, 0);
}

size_t world_trespasses(void)
{
    return shared->trespasses;
}

size_t world_asked(const char *name)
{
    for (size_t i = 0; i < shared->names; i++)
        if (strcmp(shared->asked[i].name, name) == 0)
            return shared->asked[i].asked;
    return 0;
}
