/*
 * codeset-agent - pid 1 of every container: runs commands, touches files, reaps.
 *
 * Usage: codeset-agent                                      serves the socket inherited as fd 3
 *        codeset-agent --listen ADDR:PORT --token-file FILE serves TCP to who bears the token
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/expendable.h"
#include "agent/launch.h"
#include "agent/process.h"
#include "agent/server.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/options.h"

#include "base/banned.h"

#define INHERITED_FD 3
#define TOKEN_LEAST 16
#define TOKEN_MOST 512

static const char help[] =
    "usage: codeset-agent [--listen ADDR:PORT --token-file FILE]\n"
    "The first process of a container: runs commands and edits files for the daemon.\n"
    "\n"
    "Without options it serves the listening socket that it inherited as descriptor 3.\n"
    "  --listen ADDR:PORT  listen on TCP instead; put an IPv6 address in brackets\n"
    "  --token-file FILE   file with the token (16 to 512 characters) that requests need\n"
    "  --help, --version\n";

static _Noreturn void die(const char *message)
{
    fprintf(stderr, "codeset-agent: %s\n", message);
    exit(1);
}

/* Descriptors 0 to 2 must be taken, or a socket of ours would become a command's output. */
static void fill_standard_fds(void)
{
    int fd, ends[2];

    do {
        fd = open("/dev/null", O_RDWR);
        if (fd < 0) {
            if (pipe(ends) < 0)
                die("cannot open descriptors");
            fd = ends[1];
        }
    } while (fd <= STDERR_FILENO);
    close(fd);
}

/*
 * A host that shuts down asks every process to end, and waits a minute and a half for those that
 * don't. The sender of a signal from outside of the pid namespace is 0, and its user, who is not
 * mapped, is nobody. A command can't say so of itself, but where it has used up its user's pending
 * signals (RLIMIT_SIGPENDING) the kernel loses what sigqueue(3) says, and then all is 0, the user
 * too.
 */
static void asked_to_end(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (info->si_code == SI_USER && info->si_pid == 0 && info->si_uid != 0)
        _exit(0);
}

static void protect(void)
{
    const struct sigaction action = {.sa_sigaction = asked_to_end,
                                     .sa_flags = SA_SIGINFO | SA_RESTART};
    struct rlimit files;
    sigset_t blocked;

    expendable_prepare();
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* for when it is not pid 1 */
    prctl(PR_SET_NAME, "codeset-agent");
    launch_prepare();
    clearenv();
    umask(022);
    if (chdir("/") < 0)
        die("cannot enter /");
    signal(SIGPIPE, SIG_IGN);
    if (getpid() == 1)
        sigaction(SIGTERM, &action, NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    process_short_turns(true);
    /* Large buffers go back to the system at once, and one arena is enough for one thread. */
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
    mallopt(M_TRIM_THRESHOLD, 64 * 1024);
    mallopt(M_ARENA_MAX, 1);
}

static int listen_on(const char *address)
{
    struct sockaddr_storage storage;
    int length = sizeof(storage), one = 1;
    int fd;

    if (evutil_parse_sockaddr_port(address, (struct sockaddr *)&storage, &length) < 0)
        die("--listen needs ADDR:PORT with a numeric ADDR");
    fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (struct sockaddr *)&storage, (socklen_t)length) < 0 || listen(fd, SOMAXCONN) < 0) {
        perror("codeset-agent: cannot listen");
        exit(1);
    }
    return fd;
}

static int inherited(void)
{
    int listening = 0;
    socklen_t length = sizeof(listening);

    if (getsockopt(INHERITED_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0 || !listening)
        die("descriptor 3 is not a listening socket; see --help");
    if (fcntl(INHERITED_FD, F_SETFD, FD_CLOEXEC) < 0)
        die("cannot keep descriptor 3");
    return INHERITED_FD;
}

static void token_read(const char *path, struct buf *token)
{
    struct error err = ERROR_INIT;

    if (file_read(AT_FDCWD, path, TOKEN_MOST + 1, token, &err) < 0)
        die(err.message);
    while (token->length > 0 && strchr(" \t\r\n", token->data[token->length - 1]))
        buf_truncate(token, token->length - 1);
    if (token->length < TOKEN_LEAST || strlen(token->data) != token->length)
        die("the token must have 16 to 512 characters");
}

int main(int argc, char **argv)
{
    static struct buf token = BUF_INIT;
    const char *address = NULL, *token_path = NULL;
    const struct option_row options[] = {{.name = "listen", .text = &address},
                                         {.name = "token-file", .text = &token_path}};
    int asked = options_parse("codeset-agent", help, options, ARRAY_SIZE(options), argc, argv);
    struct error err = ERROR_INIT;
    struct event_base *base;
    int fd;

    if (asked != OPTIONS_GO_ON)
        return asked;
    if (!address != !token_path) {
        fputs(help, stderr);
        return EX_USAGE;
    }
    if (token_path)
        token_read(token_path, &token);
    fd = address ? -1 : inherited();
    fill_standard_fds();
    if (address)
        fd = listen_on(address);
    evutil_make_socket_nonblocking(fd);
    protect();
    base = event_base_new();
    if (!base || server_start(base, fd, address ? token.data : NULL, &err) < 0)
        die(base ? err.message : "cannot create an event loop");
    event_base_dispatch(base);
    die("the event loop ended");
}
