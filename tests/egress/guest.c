#include "guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "wire/engined.h"
#include "world.h"

#include "base/banned.h"

#define WAIT_MS 60000

static char dir[] = "/tmp/cs-egress-XXXXXX";
static char conf[64], socket_path[64], resolv_conf[64];
static pid_t egress = -1;
static int daemon_fd = -1;
static uint64_t number;
static struct egress_counts counts; /* of the last answer */

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "cannot %s: %s\n", what, strerror(errno));
    abort();
}

/* --- the program ----------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
    struct error err = ERROR_INIT;

    must(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, &err) == 0, path);
    must(chmod(path, 0644) == 0, path);
}

static void become(uid_t user)
{
    if (setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0)
        _exit(126);
}

void egress_start(const char *more)
{
    _cleanup_(free_ptr) char *text = xasprintf(
        "[engine]\nengined_user = 60777\n[jobs]\negress_user = %d\n%s", GUEST_EGRESS_USER, more);

    if (conf[0] == '\0') {
        must(mkdtemp(dir) != NULL && chown(dir, GUEST_EGRESS_USER, 0) == 0 && chmod(dir, 0755) == 0,
             "make a folder");
        snprintf(conf, sizeof(conf), "%s/conf", dir);
        snprintf(socket_path, sizeof(socket_path), "%s/sock", dir);
        snprintf(resolv_conf, sizeof(resolv_conf), "%s/resolv.conf", dir);
        write_file(resolv_conf, "search test\nnameserver " WORLD_SERVER "\n");
    }
    write_file(conf, text);
    egress = fork();
    if (egress == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        become(GUEST_EGRESS_USER);
        execl(BUILD_DIR "/codeset-egress", "codeset-egress", "--config", conf, "--socket",
              socket_path, "--resolv-conf", resolv_conf, (char *)NULL);
        _exit(127);
    }
    must(egress > 0, "fork");
    while ((daemon_fd = egress_connect(60777)) < 0) {
        must(waitpid(egress, NULL, WNOHANG) == 0, "start codeset-egress");
        sched_yield();
    }
}

bool egress_stop(void)
{
    int status = -1;

    close_fd(&daemon_fd);
    kill(egress, SIGTERM);
    waitpid(egress, &status, 0);
    unlink(socket_path);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

pid_t egress_pid(void)
{
    return egress;
}

const char *egress_conf(void)
{
    return conf;
}

/* --- the daemon ------------------------------------------------------------------------------ */

/* The kernel tells the user of whoever connects, so that is done as that user. */
int egress_connect(uid_t user)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    int rc;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    must(fd >= 0 && seteuid(user) == 0, "become another");
    rc = connect(fd, (struct sockaddr *)&address, sizeof(address));
    must(seteuid(0) == 0, "become root again");
    if (rc < 0)
        close_fd(&fd);
    return fd;
}

unsigned egress_order(int connection, enum egress_verb verb, const char *container,
                      const char *policy, int fd)
{
    struct egress_request request;
    struct egress_answer answer;
    struct pollfd waiting = {.fd = connection, .events = POLLIN};

    egress_request_make(verb, ++number, container, policy, &request);
    if (engined_send(connection, &request, sizeof(request), &fd, fd >= 0) < 0 ||
        poll(&waiting, 1, WAIT_MS) <= 0 ||
        recv(connection, &answer, sizeof(answer), 0) != sizeof(answer))
        return 999;
    CU_ASSERT_EQUAL(answer.number, number);
    counts = answer.counts;
    return answer.status;
}

struct egress_counts egress_counted(void)
{
    struct id nobody = id_new();

    CU_ASSERT_EQUAL(egress_order(daemon_fd, EGRESS_DROP, nobody.text, NULL, -1), EGRESS_OK);
    return counts;
}

/* --- guests ---------------------------------------------------------------------------------- */

/* This process's network, from where it went into another. */
static int enter(int network)
{
    int before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    must(before >= 0 && setns(network, CLONE_NEWNET) == 0, "enter a network");
    return before;
}

static void leave(int before)
{
    must(setns(before, CLONE_NEWNET) == 0, "go back to the host's network");
    close(before);
}

static int make_network(void)
{
    int before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd, network;

    must(before >= 0 && unshare(CLONE_NEWNET) == 0, "make a network");
    network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(network >= 0 && fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &loopback) == 0, "make a loopback");
    close(fd);
    leave(before);
    return network;
}

int guest_listen(int network, const char *address, int port, int type)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int before = network >= 0 ? enter(network) : -1;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    inet_pton(AF_INET, address, &here.sin_addr);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof(here)) == 0, "bind");
    if (type == SOCK_STREAM)
        must(listen(fd, 64) == 0, "listen");
    if (before >= 0)
        leave(before);
    return fd;
}

struct guest guest_open(const char *policy)
{
    struct guest guest = {.id = id_new(), .network = make_network()};
    _cleanup_(close_fd) int listener =
        guest_listen(guest.network, "127.0.0.1", EGRESS_PORT, SOCK_STREAM);

    CU_ASSERT_EQUAL_FATAL(egress_order(daemon_fd, EGRESS_SET, guest.id.text, policy, listener),
                          EGRESS_OK);
    return guest;
}

void guest_close(struct guest *guest)
{
    CU_ASSERT_EQUAL(egress_order(daemon_fd, EGRESS_DROP, guest->id.text, NULL, -1), EGRESS_OK);
    close_fd(&guest->network);
}

void guest_set(const struct guest *guest, const char *policy)
{
    CU_ASSERT_EQUAL(egress_order(daemon_fd, EGRESS_SET, guest->id.text, policy, -1), EGRESS_OK);
}

int guest_connect(const struct guest *guest)
{
    const struct sockaddr_in proxy = {.sin_family = AF_INET,
                                      .sin_port = htons(EGRESS_PORT),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int before = enter(guest->network);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), failed;

    must(fd >= 0, "make a socket");
    failed = connect(fd, (const struct sockaddr *)&proxy, sizeof(proxy)) < 0 ? errno : 0;
    leave(before);
    if (failed != 0)
        close_fd(&fd);
    errno = failed;
    return fd;
}

/* Appends what comes; 1, 0 at the end (of whatever sort), -1 when nothing comes for a minute. */
static int read_more(int fd, struct buf *out)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    char bytes[16384];
    ssize_t got;

    if (poll(&waiting, 1, WAIT_MS) <= 0)
        return -1;
    got = recv(fd, bytes, sizeof(bytes), 0);
    if (got <= 0)
        return 0;
    if (out != NULL)
        buf_add(out, bytes, (size_t)got);
    return 1;
}

char *guest_ask(const struct guest *guest, const char *text)
{
    _cleanup_(close_fd) int fd = guest_connect(guest);
    _cleanup_(buf_release) struct buf out = BUF_INIT;
    int more;

    if (fd < 0)
        return xstrdup("no connection");
    CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    shutdown(fd, SHUT_WR);
    while ((more = read_more(fd, &out)) > 0)
        ;
    CU_ASSERT_EQUAL(more, 0);
    return more < 0 ? NULL : xstrdup(out.data);
}

char *guest_reach(const struct guest *guest, const char *target)
{
    _cleanup_(free_ptr) char *text = xasprintf("CONNECT %s HTTP/1.1\r\n\r\n", target);

    return guest_ask(guest, text);
}

bool guest_wait_for(int fd, const char *text)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;

    while (strstr(out.data, text) == NULL)
        if (read_more(fd, &out) <= 0)
            return false;
    return true;
}

bool guest_ends(int fd)
{
    int more;

    while ((more = read_more(fd, NULL)) > 0)
        ;
    return more == 0;
}

int direct_connect(uid_t user, const char *address, int port)
{
    struct sockaddr_storage to = {0};
    socklen_t size = sizeof(struct sockaddr_in);
    int status = -1;
    pid_t pid;

    if (strchr(address, ':') != NULL) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&to;

        size = sizeof(*in6);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        inet_pton(AF_INET6, address, &in6->sin6_addr);
    } else {
        struct sockaddr_in *in = (struct sockaddr_in *)&to;

        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        inet_pton(AF_INET, address, &in->sin_addr);
    }
    pid = fork();
    if (pid == 0) {
        int fd;
        char byte;

        become(user); /* the rules go by who made the socket */
        fd = socket(to.ss_family, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&to, size) < 0)
            _exit(errno);
        if (port != WORLD_SERVER_PORT)
            recv(fd, &byte, 1, 0); /* the world has counted it */
        _exit(0);
    }
    must(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status), "fork");
    return WEXITSTATUS(status);
}
