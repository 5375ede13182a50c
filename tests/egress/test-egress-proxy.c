/*
 * test-egress-proxy.c - codeset-egress between guests and a world: whom it lets out, and where to.
 * As root; in network namespaces of its own.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/unit.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "egress/connection.h"
#include "egress/ways.h"
#include "guest.h"
#include "wire/engined.h"
#include "world.h"

#include "base/banned.h"

#define NO_WALL "egress_wall = no\n"

static void says(const char *answer, const char *text)
{
    CU_ASSERT_PTR_NOT_NULL(answer);
    if (answer == NULL)
        return;
    CU_ASSERT_PTR_NOT_NULL(strstr(answer, text));
    if (strstr(answer, text) == NULL)
        fprintf(stderr, "(\"%s\", not \"%s\") ", answer, text);
}

static void reaches(const struct guest *guest, const char *target, const char *address)
{
    _cleanup_(free_ptr) char *answer = guest_reach(guest, target);
    _cleanup_(free_ptr) char *expected = xasprintf("reached %s ", address);

    says(answer, "HTTP/1.1 200 ");
    says(answer, expected);
}

static void is_refused(const struct guest *guest, const char *target, const char *sentence)
{
    _cleanup_(free_ptr) char *answer = guest_reach(guest, target);

    says(answer, "HTTP/1.1 403 Forbidden\r\n");
    says(answer, sentence);
}

/* A connection through which "reached" has come. */
static int open_to(const struct guest *guest, const char *target)
{
    _cleanup_(free_ptr) char *text = xasprintf("CONNECT %s HTTP/1.1\r\n\r\n", target);
    int fd = guest_connect(guest);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    CU_ASSERT(guest_wait_for(fd, "reached "));
    return fd;
}

static bool still_echoes(int fd)
{
    return send(fd, "hello\n", 6, MSG_NOSIGNAL) == 6 && guest_wait_for(fd, "hello\n");
}

/* --- who is let out -------------------------------------------------------------------------- */

static void a_host_of_the_list_is_reached(void)
{
    struct guest guest = guest_open("allow:public.test,other.test:8443");
    _cleanup_(free_ptr) char *answer = NULL;

    reaches(&guest, "public.test:443", WORLD_PUBLIC);
    reaches(&guest, "PUBLIC.test.:80", WORLD_PUBLIC);
    reaches(&guest, "other.test:8443", "93.184.216.35");
    answer = guest_ask(&guest, "GET http://public.test/secret?token=1 HTTP/1.1\r\nHost: x\r\n"
                               "Proxy-Authorization: Basic eA==\r\nX-Own: 1\r\n\r\n");
    says(answer, "reached " WORLD_PUBLIC " 80\n");
    says(answer, "GET /secret?token=1 HTTP/1.1\r\nHost: public.test\r\nX-Own: 1\r\n"
                 "Connection: close\r\n\r\n");
    CU_ASSERT_PTR_NULL(strstr(answer, "Proxy-"));
    guest_close(&guest);
}

static void what_is_not_in_the_list_is_not_even_looked_up(void)
{
    struct guest guest = guest_open("allow:public.test,*.below.test");

    is_refused(&guest, "a-93-184-216-34.test:443",
               "codeset-egress: host a-93-184-216-34.test, port 443, is not in this agent's list");
    is_refused(&guest, "public.test:22", "port 22, is not in this agent's list");
    is_refused(&guest, "below.test:443", "is not in this agent's list");
    is_refused(&guest, WORLD_PUBLIC ":443", "is not in this agent's list");
    CU_ASSERT_EQUAL(world_asked("a-93-184-216-34.test"), 0);
    CU_ASSERT_EQUAL(world_asked("below.test"), 0);
    guest_close(&guest);
}

static void none_reaches_nothing(void)
{
    struct guest guest = guest_open("none");

    is_refused(&guest, "public.test:443", "is not in this agent's list");
    is_refused(&guest, WORLD_PUBLIC ":443", "is not in this agent's list");
    is_refused(&guest, "a-10-9-0-9.test:8443", "is not in this agent's list"); /* always */
    guest_close(&guest);
}

/* --- where to -------------------------------------------------------------------------------- */

static const char *const forbidden[] = {
    "0.0.0.0",     "127.0.0.1",     "127.8.9.1",       "10.9.0.2",      "10.77.0.1",
    "100.64.0.9",  "172.16.0.1",    "172.31.255.254",  "192.168.1.1",   "169.254.169.254",
    "192.0.0.192", "192.0.2.1",     "198.18.0.1",      "198.51.100.1",  "203.0.113.1",
    "224.0.0.251", "240.0.0.1",     "255.255.255.255", "168.63.129.16", "100.100.100.200",
    WORLD_HOST,    "93.184.216.255"};
static const char *const forbidden6[] = {
    "::",      "::1",           "::ffff:10.9.0.2", "::ffff:127.0.0.1", "::10.9.0.2",
    "fe80::1", "fd00:ec2::254", "fd77::1",         "ff02::1",          "2001:db8::1",
    "2001::1", "2002:a09:2::1", "64:ff9b::a09:2",  "64:ff9b::7f00:1",  "64:ff9b::a9fe:a9fe",
    "3fff::1", WORLD_HOST6};

static void no_address_but_a_public_one_is_reached(void)
{
    struct guest guest = guest_open("public");
    size_t before = world_trespasses();
    char target[80];

    reaches(&guest, WORLD_PUBLIC ":443", WORLD_PUBLIC);
    reaches(&guest, "[" WORLD_PUBLIC6 "]:443", WORLD_PUBLIC6);
    reaches(&guest, "8.8.8.8:80", "8.8.8.8");
    for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
        snprintf(target, sizeof(target), "%s:443", forbidden[i]);
        is_refused(&guest, target, " is a");
    }
    for (size_t i = 0; i < ARRAY_SIZE(forbidden6); i++) {
        snprintf(target, sizeof(target), "[%s]:443", forbidden6[i]);
        is_refused(&guest, target, " is a");
    }
    CU_ASSERT_EQUAL(world_trespasses(), before);
    guest_close(&guest);
}

/* Whatever a name says, and whoever says it. */
static void no_name_leads_to_an_address_that_is_not_public(void)
{
    struct guest guest = guest_open("allow:*.test");
    size_t before = world_trespasses();
    char target[80];

    for (size_t i = 0; i < ARRAY_SIZE(forbidden) + ARRAY_SIZE(forbidden6); i++) {
        bool v6 = i >= ARRAY_SIZE(forbidden);

        snprintf(target, sizeof(target), v6 ? "six-%s.test:443" : "a-%s.test:443",
                 v6 ? forbidden6[i - ARRAY_SIZE(forbidden)] : forbidden[i]);
        for (char *c = target; c < strstr(target, ".test"); c++)
            if (*c == '.' || *c == ':')
                *c = '-';
        if (strstr(target, "-.test") != NULL || (v6 && strstr(target, "ffff-1") != NULL) ||
            (v6 && strstr(target, "--10-9") != NULL))
            continue; /* it cannot be written as a name */
        is_refused(&guest, target, "resolves to a");
    }
    is_refused(&guest, "trap.test:443", "resolves to a private address");
    CU_ASSERT_EQUAL(world_trespasses(), before);
    guest_close(&guest);
}

static void of_mixed_answers_only_the_public_part_is_used(void)
{
    struct guest guest = guest_open("public");
    size_t before = world_trespasses();
    _cleanup_(free_ptr) char *both = NULL;

    for (int i = 0; i < 5; i++) {
        reaches(&guest, "mixed.test:443", WORLD_PUBLIC);
        reaches(&guest, "hidden.test:443", WORLD_PUBLIC6);
    }
    reaches(&guest, "alias.test:443", WORLD_PUBLIC);
    both = guest_reach(&guest, "both.test:443");
    says(both, "reached ");
    CU_ASSERT_EQUAL(world_trespasses(), before);
    guest_close(&guest);
}

/* The address that was checked is the one that is connected to; the name is asked for once. */
static void a_name_that_changes_its_mind_leads_nowhere(void)
{
    struct guest guest = guest_open("allow:rebind.test");
    size_t before = world_trespasses();

    reaches(&guest, "rebind.test:443", WORLD_PUBLIC);
    CU_ASSERT_EQUAL(world_asked("rebind.test"), 1);
    is_refused(&guest, "rebind.test:443", "resolves to a private address");
    CU_ASSERT_EQUAL(world_asked("rebind.test"), 2);
    CU_ASSERT_EQUAL(world_trespasses(), before);
    guest_close(&guest);
}

static void what_cannot_be_reached_is_told(void)
{
    struct guest guest = guest_open("public");
    _cleanup_(free_ptr) char *unknown = guest_reach(&guest, "nobody.test:443");
    _cleanup_(free_ptr) char *no_search = guest_reach(&guest, "public:443");
    _cleanup_(free_ptr) char *closed = guest_reach(&guest, "public.test:81");
    _cleanup_(free_ptr) char *silent = guest_reach(&guest, "silent.test:443");
    _cleanup_(free_ptr) char *no_proxy = guest_ask(&guest, "GET / HTTP/1.1\r\n\r\n");

    says(unknown, "HTTP/1.1 502 ");
    says(unknown, "there is no address of that name");
    says(no_search, "HTTP/1.1 502 ");
    says(closed, "HTTP/1.1 502 ");
    says(closed, "Connection refused");
    says(silent, "HTTP/1.1 504 ");
    says(no_proxy, "HTTP/1.1 400 ");
    reaches(&guest, "long.test:443", WORLD_PUBLIC); /* by TCP */
    guest_close(&guest);
}

static void what_guests_did_is_counted(void)
{
    struct guest guest = guest_open("allow:public.test,nobody.test,a-10-9-0-2.test");
    struct egress_counts before = egress_counted(), after;
    _cleanup_(free_ptr) char *unknown = NULL;

    reaches(&guest, "public.test:443", WORLD_PUBLIC);
    reaches(&guest, "public.test:80", WORLD_PUBLIC);
    is_refused(&guest, "other.test:443", "is not in this agent's list");
    is_refused(&guest, "a-10-9-0-2.test:443", "resolves to");
    unknown = guest_reach(&guest, "nobody.test:443");
    after = egress_counted();
    CU_ASSERT_EQUAL(after.connected - before.connected, 2);
    CU_ASSERT_EQUAL(after.refused - before.refused, 2);
    CU_ASSERT_EQUAL(after.failed - before.failed, 1);
    CU_ASSERT_TRUE(after.bytes_received - before.bytes_received >= 2 * strlen("reached "));
    CU_ASSERT_EQUAL(after.bytes_sent, before.bytes_sent); /* nothing but heads */
    guest_close(&guest);
}

static void the_operator_s_pairs_are_reached_wherever_they_are(void)
{
    struct guest guest = guest_open("allow:public.test");

    reaches(&guest, "a-10-9-0-9.test:8443", "10.9.0.9");
    reaches(&guest, WORLD_HOST ":8443", WORLD_HOST);
    is_refused(&guest, "a-10-9-0-9.test:443", "is not in this agent's list");
    is_refused(&guest, WORLD_HOST ":443", "is not in this agent's list");
    guest_close(&guest);
}

/* --- the daemon's orders --------------------------------------------------------------------- */

static void a_new_policy_ends_what_it_does_not_allow(void)
{
    struct guest guest = guest_open("allow:public.test,other.test");
    struct guest neighbour = guest_open("allow:public.test");
    _cleanup_(close_fd) int ends = open_to(&guest, "public.test:443");
    _cleanup_(close_fd) int stays = open_to(&guest, "other.test:443");
    _cleanup_(close_fd) int elsewhere = open_to(&neighbour, "public.test:443");

    guest_set(&guest, "allow:other.test");
    CU_ASSERT(guest_ends(ends));
    CU_ASSERT(still_echoes(stays));
    CU_ASSERT(still_echoes(elsewhere));
    is_refused(&guest, "public.test:443", "is not in this agent's list");
    guest_set(&guest, "none");
    CU_ASSERT(guest_ends(stays));
    guest_set(&guest, "public");
    reaches(&guest, "public.test:443", WORLD_PUBLIC);
    guest_close(&guest);
    CU_ASSERT(still_echoes(elsewhere));
    guest_close(&neighbour);
    CU_ASSERT(guest_ends(elsewhere));
}

static void who_is_dropped_has_no_way_out(void)
{
    struct guest guest = guest_open("public");
    _cleanup_(close_fd) int fd = open_to(&guest, "public.test:443");
    _cleanup_(close_fd) int waits = guest_connect(&guest);
    _cleanup_(close_fd) int orders = egress_connect(0);

    CU_ASSERT_EQUAL(egress_order(orders, EGRESS_DROP, guest.id.text, NULL, -1), EGRESS_OK);
    CU_ASSERT(guest_ends(fd));
    CU_ASSERT(guest_ends(waits));
    CU_ASSERT_EQUAL(guest_connect(&guest), -1);
    CU_ASSERT_EQUAL(errno, ECONNREFUSED);
    CU_ASSERT_EQUAL(egress_order(orders, EGRESS_SET, guest.id.text, "public", -1), EGRESS_UNKNOWN);
    guest_close(&guest); /* once more */
}

static void after_a_restart_the_sockets_are_asked_for_again(void)
{
    struct guest guest = guest_open("public");
    _cleanup_(close_fd) int orders = -1;
    _cleanup_(close_fd) int listener = -1;

    CU_ASSERT(egress_stop());
    egress_start(NO_WALL);
    orders = egress_connect(0);
    CU_ASSERT_EQUAL(egress_order(orders, EGRESS_SET, guest.id.text, "public", -1), EGRESS_UNKNOWN);
    CU_ASSERT_EQUAL(guest_connect(&guest), -1);
    listener = guest_listen(guest.network, "127.0.0.1", EGRESS_PORT, SOCK_STREAM);
    CU_ASSERT_EQUAL(egress_order(orders, EGRESS_SET, guest.id.text, "public", listener), EGRESS_OK);
    reaches(&guest, "public.test:443", WORLD_PUBLIC);
    guest_close(&guest);
}

static void only_a_socket_of_a_container_is_taken(void)
{
    struct guest guest = guest_open("none");
    _cleanup_(close_fd) int orders = egress_connect(0);
    int fds[] = {guest_listen(-1, "127.0.0.1", EGRESS_PORT + 1, SOCK_STREAM),
                 guest_listen(guest.network, "127.0.0.1", EGRESS_PORT + 1, SOCK_STREAM),
                 guest_listen(guest.network, "127.0.0.2", EGRESS_PORT, SOCK_STREAM),
                 guest_listen(guest.network, "127.0.0.1", EGRESS_PORT, SOCK_DGRAM),
                 guest_connect(&guest),
                 open("/dev/null", O_RDONLY | O_CLOEXEC)};
    struct id id = id_new();

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        CU_ASSERT_FATAL(fds[i] >= 0);
        CU_ASSERT_EQUAL(egress_order(orders, EGRESS_SET, id.text, "public", fds[i]),
                        EGRESS_REFUSED);
        close(fds[i]);
    }
    CU_ASSERT_EQUAL(egress_order(orders, EGRESS_SET, id.text, "public", -1), EGRESS_UNKNOWN);
    guest_close(&guest);
}

static void nothing_that_listens_on_the_host_is_taken(void)
{
    _cleanup_(close_fd) int orders = egress_connect(0);
    _cleanup_(close_fd) int fd = guest_listen(-1, "127.0.0.1", EGRESS_PORT, SOCK_STREAM);
    struct id id = id_new();

    CU_ASSERT_EQUAL(egress_order(orders, EGRESS_SET, id.text, "public", fd), EGRESS_REFUSED);
}

static void only_the_daemon_gives_orders_and_only_whole_ones(void)
{
    struct guest guest = guest_open("allow:public.test");
    _cleanup_(close_fd) int stranger = egress_connect(GUEST_STRANGER);
    _cleanup_(close_fd) int own = egress_connect(GUEST_EGRESS_USER);
    _cleanup_(close_fd) int cut = egress_connect(60777);
    _cleanup_(close_fd) int two = egress_connect(60777);
    struct egress_request request;
    int fds[2] = {0, 0};

    CU_ASSERT_EQUAL(egress_order(stranger, EGRESS_DROP, guest.id.text, NULL, -1), 999);
    CU_ASSERT_EQUAL(egress_order(own, EGRESS_DROP, guest.id.text, NULL, -1), 999);
    egress_request_make(EGRESS_DROP, 1, guest.id.text, NULL, &request);
    CU_ASSERT(send(cut, &request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
    CU_ASSERT(guest_ends(cut));
    CU_ASSERT(engined_send(two, &request, sizeof(request), fds, 2) > 0);
    CU_ASSERT(guest_ends(two));
    reaches(&guest, "public.test:443", WORLD_PUBLIC);
    guest_close(&guest);
}

/* --- floods ---------------------------------------------------------------------------------- */

static size_t descriptors(void)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/fd", (int)egress_pid());
    DIR *folder = opendir(path);
    size_t count = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static long resident_kib(void)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/status", (int)egress_pid());
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error err = ERROR_INIT;
    const char *line;

    CU_ASSERT_EQUAL_FATAL(file_read(AT_FDCWD, path, 16384, &text, &err), 0);
    line = strstr(text.data, "VmRSS:");
    return line ? strtol(line + 6, NULL, 10) : -1;
}

/* Heads that never come take a container's own places, and nobody else's. */
static void a_flood_of_connections_is_the_container_s_own(void)
{
    struct guest guest = guest_open("public"), neighbour = guest_open("public");
    int fds[2 * WAYS_CONNECTIONS_MAX - 8];
    size_t before = descriptors();

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = guest_connect(&guest);
        CU_ASSERT_FATAL(fds[i] >= 0);
        CU_ASSERT_EQUAL(send(fds[i], "GET http", 8, MSG_NOSIGNAL), 8);
        if (i % 16 == 0)
            reaches(&neighbour, "public.test:443", WORLD_PUBLIC);
    }
    reaches(&neighbour, "public.test:443", WORLD_PUBLIC);
    CU_ASSERT(descriptors() <= before + WAYS_CONNECTIONS_MAX + 4);
    /* Their time is over, and the guest's next one is served. */
    CU_ASSERT(guest_wait_for(fds[0], "HTTP/1.1 408 "));
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close(fds[i]);
    reaches(&guest, "public.test:443", WORLD_PUBLIC);
    guest_close(&guest);
    guest_close(&neighbour);
}

static void a_head_without_an_end_is_refused(void)
{
    struct guest guest = guest_open("public");
    _cleanup_(close_fd) int fd = guest_connect(&guest);
    static char bytes[64 << 10];

    memset(bytes, 'x', sizeof(bytes));
    CU_ASSERT(send(fd, "GET http://public.test/", 23, MSG_NOSIGNAL) == 23);
    send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
    CU_ASSERT(guest_wait_for(fd, "HTTP/1.1 431 "));
    guest_close(&guest);
}

/* Port 22 of the world never reads. */
static void what_is_on_its_way_is_bounded(void)
{
    struct guest guest = guest_open("public");
    int fds[32];
    static char bytes[1 << 20];
    long before;

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        fds[i] = open_to(&guest, "public.test:22");
    before = resident_kib();
    for (int round = 0; round < 64; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
            send(fds[i], bytes, sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
        reaches(&guest, "other.test:443", "93.184.216.35");
    }
    CU_ASSERT(resident_kib() - before < (long)ARRAY_SIZE(fds) * 4 * (CONNECTION_BYTES_MAX >> 10));
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close(fds[i]);
    guest_close(&guest);
}

/* A transfer that is larger than all buffers arrives whole, and its end as well. */
static void much_passes_in_both_directions(void)
{
    struct guest guest = guest_open("public");
    _cleanup_(close_fd) int fd = open_to(&guest, "public.test:443");
    static char sent[8 << 20], got[sizeof(sent)];
    size_t length = 0;
    pid_t writer;

    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)(i * 2654435761U >> 13);
    writer = fork();
    if (writer == 0) {
        for (size_t at = 0; at < sizeof(sent);) {
            ssize_t part = send(fd, sent + at, sizeof(sent) - at, MSG_NOSIGNAL);

            if (part <= 0)
                _exit(1);
            at += (size_t)part;
        }
        shutdown(fd, SHUT_WR);
        _exit(0);
    }
    while (length < sizeof(got)) {
        ssize_t part = recv(fd, got + length, sizeof(got) - length, 0);

        if (part <= 0)
            break;
        length += (size_t)part;
    }
    CU_ASSERT_EQUAL(length, sizeof(sent));
    CU_ASSERT_EQUAL(memcmp(sent, got, sizeof(sent)), 0);
    CU_ASSERT(guest_ends(fd));
    waitpid(writer, NULL, 0);
    guest_close(&guest);
}

/* --- the second wall ------------------------------------------------------------------------- */

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int shell(const char *format, ...)
{
    _cleanup_(free_ptr) char *line = NULL;
    va_list args;
    int status = -1;
    pid_t pid;

    va_start(args, format);
    line = xvasprintf(format, args);
    va_end(args);
    pid = fork();
    if (pid == 0) {
        execl("/bin/bash", "bash", "-o", "pipefail", "-c", line, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void load_rules(void)
{
    CU_ASSERT_EQUAL(shell(BUILD_DIR "/codeset-egress --print-rules --config %s --resolv-conf "
                                    "$(dirname %s)/resolv.conf | nft -f -",
                          egress_conf(), egress_conf()),
                    0);
}

static void nobody_is_served_without_the_wall(void)
{
    struct guest guest = guest_open("public");
    _cleanup_(close_fd) int orders = -1;
    _cleanup_(close_fd) int listener = -1;
    _cleanup_(close_fd) int fd = -1;

    CU_ASSERT(egress_stop());
    egress_start("egress_always = " WORLD_HOST ":8443\n");
    orders = egress_connect(0);
    listener = guest_listen(guest.network, "127.0.0.1", EGRESS_PORT, SOCK_STREAM);
    CU_ASSERT_EQUAL(egress_order(orders, EGRESS_SET, guest.id.text, "public", listener),
                    EGRESS_CLOSED);
    load_rules();
    CU_ASSERT_EQUAL(egress_order(orders, EGRESS_SET, guest.id.text, "public", listener), EGRESS_OK);
    fd = open_to(&guest, "public.test:443");
    reaches(&guest, WORLD_HOST ":8443", WORLD_HOST);
    load_rules(); /* once more: nothing changes for anybody */
    CU_ASSERT(still_echoes(fd));
    CU_ASSERT_EQUAL(shell("nft flush ruleset"), 0);
    CU_ASSERT(guest_ends(fd)); /* nobody gave an order */
    CU_ASSERT_EQUAL(egress_order(orders, EGRESS_SET, guest.id.text, "public", -1), EGRESS_CLOSED);
    load_rules();
    guest_set(&guest, "public");
    reaches(&guest, "public.test:443", WORLD_PUBLIC);
    guest_close(&guest);
}

/* As if codeset-egress had been taken over, and for whoever has an id of a container. */
static void behind_the_wall_its_user_reaches_nothing_but_the_public(void)
{
    static const uid_t users[] = {GUEST_EGRESS_USER, 1879048192, 1879048192 + 5 * 65536 + 1000};
    size_t before;

    for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
        before = world_trespasses();
        for (size_t j = 0; j < ARRAY_SIZE(forbidden); j++)
            CU_ASSERT_NOT_EQUAL(direct_connect(users[i], forbidden[j], 443), 0);
        for (size_t j = 0; j < ARRAY_SIZE(forbidden6); j++)
            CU_ASSERT_NOT_EQUAL(direct_connect(users[i], forbidden6[j], 443), 0);
        CU_ASSERT_NOT_EQUAL(direct_connect(users[i], WORLD_HOST, 443), 0);
        CU_ASSERT_NOT_EQUAL(direct_connect(users[i], "10.9.0.2", 53), 0);
        CU_ASSERT_EQUAL(world_trespasses(), before);
        CU_ASSERT_EQUAL(direct_connect(users[i], WORLD_PUBLIC, 443), 0);
        CU_ASSERT_EQUAL(direct_connect(users[i], WORLD_PUBLIC6, 443), 0);
        CU_ASSERT_EQUAL(direct_connect(users[i], WORLD_SERVER, 53), 0);
        CU_ASSERT_EQUAL(direct_connect(users[i], WORLD_HOST, 8443), 0); /* always */
    }
    /* Nobody else's business. */
    CU_ASSERT_EQUAL(direct_connect(GUEST_STRANGER, "10.9.0.2", 443), 0);
    CU_ASSERT_EQUAL(direct_connect(GUEST_STRANGER, "127.0.0.1", 443), 0);
}

static void the_rules_touch_no_others(void)
{
    CU_ASSERT_EQUAL(shell("nft add table inet mine && nft add chain inet mine own"), 0);
    load_rules();
    CU_ASSERT_EQUAL(shell("nft list chain inet mine own >/dev/null"), 0);
    CU_ASSERT_EQUAL(shell("[ $(nft list tables | wc -l) = 2 ]"), 0);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a host of the list is reached", a_host_of_the_list_is_reached},
        {"what is not in the list is not even looked up",
         what_is_not_in_the_list_is_not_even_looked_up},
        {"none reaches nothing", none_reaches_nothing},
        {"no address but a public one is reached", no_address_but_a_public_one_is_reached},
        {"no name leads to an address that is not public",
         no_name_leads_to_an_address_that_is_not_public},
        {"of mixed answers only the public part is used",
         of_mixed_answers_only_the_public_part_is_used},
        {"a name that changes its mind leads nowhere", a_name_that_changes_its_mind_leads_nowhere},
        {"what cannot be reached is told", what_cannot_be_reached_is_told},
        {"what guests did is counted", what_guests_did_is_counted},
        {"the operator's pairs are reached wherever they are",
         the_operator_s_pairs_are_reached_wherever_they_are},
        {"a new policy ends what it does not allow", a_new_policy_ends_what_it_does_not_allow},
        {"who is dropped has no way out", who_is_dropped_has_no_way_out},
        {"only a socket of a container is taken", only_a_socket_of_a_container_is_taken},
        {"nothing that listens on the host is taken", nothing_that_listens_on_the_host_is_taken},
        {"only the daemon gives orders, and only whole ones",
         only_the_daemon_gives_orders_and_only_whole_ones},
        {"a flood of connections is the container's own",
         a_flood_of_connections_is_the_container_s_own},
        {"a head without an end is refused", a_head_without_an_end_is_refused},
        {"what is on its way is bounded", what_is_on_its_way_is_bounded},
        {"much passes in both directions", much_passes_in_both_directions},
        {"after a restart the sockets are asked for again",
         after_a_restart_the_sockets_are_asked_for_again},
        {"nobody is served without the wall", nobody_is_served_without_the_wall},
        {"behind the wall its user reaches nothing but the public",
         behind_the_wall_its_user_reaches_nothing_but_the_public},
        {"the rules touch no others", the_rules_touch_no_others},
    };
    int status;

    signal(SIGPIPE, SIG_IGN);
    world_open();
    egress_start(NO_WALL "egress_always = a-10-9-0-9.test:8443 " WORLD_HOST ":8443\n");
    status = UNIT_MAIN("egress proxy", tests);
    if (!egress_stop())
        status = 1;
    world_close();
    return status;
}
