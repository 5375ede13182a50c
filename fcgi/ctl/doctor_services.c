/*
 * doctor_services.c - does all of the server run here: the daemon, the workers, nginx?
 *
 * With daemons of other hosts this host may be one of several, each of which has a part of the
 * server; then what does not run here is a warning.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "ctl/doctor.h"

#include "base/banned.h"

#define START_DAEMON "systemctl start codeset-reaper"
/* systemd takes a worker for started before it listens. */
#define STARTING (10 * CLOCK_SECOND)
#define LOOK_AGAIN_MS 100
#define ANSWER_MS 5000

static void does_not_run(struct doctor *doctor, const char *what, const char *mend,
                         const char *reason)
{
    doctor_report(doctor, doctor->others_alive ? FINDING_WARN : FINDING_FAIL, what, mend, "%s%s",
                  reason,
                  doctor->others_alive ? ", which is right if another host does its work" : "");
}

/* Returns a descriptor, or -1 with errno. type: SOCK_STREAM or SOCK_DGRAM. */
static int connect_to(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(close_fd) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return TAKE_FD(fd);
}

/* --- the daemon ------------------------------------------------------------------------------ */

static void check_daemon_socket(struct doctor *doctor, const char *setting, const char *path,
                                int type, const char *who)
{
    _cleanup_(free_ptr) char *reason = NULL;
    _cleanup_(close_fd) int fd = -1;
    struct stat st;

    if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        doctor_report(doctor, FINDING_FAIL, setting, "remove it, systemctl restart codeset-reaper",
                      "%s is not a socket", path);
        return;
    }
    fd = connect_to(path, type);
    if (fd < 0 && errno != EAGAIN) { /* EAGAIN: it is busy */
        reason = xasprintf("%s: %s", path, strerror(errno));
        does_not_run(doctor, setting, errno == EACCES ? "run this as root" : START_DAEMON, reason);
    } else if (stat(path, &st) == 0 && !(st.st_mode & 022)) {
        doctor_report(doctor, FINDING_FAIL, setting, "systemctl restart codeset-reaper",
                      "%s has mode %04o, so %s cannot connect to it", path,
                      (unsigned)st.st_mode & 07777, who);
    } else {
        doctor_report(doctor, FINDING_OK, setting, NULL, "%s", path);
    }
}

/* --- the workers ----------------------------------------------------------------------------- */

/* FastCGI's question for a worker's limits (specification 1.0, section 4.1), which libfcgi answers
 * before any request; but not one without a name or without padding: it waits for more bytes then.
 * Returns 0, or -1 with errno. */
static int ask_worker(int fd)
{
    enum { ANSWER = 10 /* FCGI_GET_VALUES_RESULT */ };
    /* Version 1, FCGI_GET_VALUES; 17 bytes and 7 of padding: a name of 15, no value. */
    static const char question[8 + 24] = "\1\11\0\0\0\21\7\0"
                                         "\17\0FCGI_MPXS_CONNS";
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    char answer[8];

    if (send(fd, question, sizeof(question), MSG_NOSIGNAL) != (ssize_t)sizeof(question))
        return -1;
    if (poll(&waiting, 1, ANSWER_MS) <= 0) {
        errno = ETIMEDOUT;
        return -1;
    }
    if (recv(fd, answer, sizeof(answer), 0) == (ssize_t)sizeof(answer) && answer[1] == ANSWER)
        return 0;
    errno = EPROTO;
    return -1;
}

static int connect_to_pool(const char *path)
{
    int64_t until = clock_monotonic() + STARTING;
    int fd;

    while ((fd = connect_to(path, SOCK_STREAM)) < 0 && (errno == ENOENT || errno == ECONNREFUSED) &&
           access("/run/systemd/system", F_OK) == 0 && clock_monotonic() < until)
        poll(NULL, 0, LOOK_AGAIN_MS);
    return fd;
}

static void check_pool(struct doctor *doctor, const char *pool)
{
    /* nginx looks for the workers beside the daemon (nginx/codeset-http.conf). */
    const char *beside = doctor->settings->reaper.await_socket;
    const char *slash = strrchr(beside, '/');
    _cleanup_(free_ptr) char *what = xasprintf("workers (%s)", pool);
    _cleanup_(free_ptr) char *start = xasprintf("systemctl start codeset-api@%s", pool);
    _cleanup_(free_ptr) char *logs = xasprintf("journalctl -u codeset-api@%s says why", pool);
    _cleanup_(free_ptr) char *path =
        xasprintf("%.*s/pool/%s.sock", slash ? (int)(slash - beside) : 0, beside, pool);
    _cleanup_(free_ptr) char *reason = NULL;
    _cleanup_(close_fd) int fd = connect_to_pool(path);

    if (fd < 0 && errno == EAGAIN) {
        doctor_report(doctor, FINDING_WARN, what, "try again; if it stays so, add workers",
                      "they are busy, and so many requests wait that %s takes no more", path);
    } else if (fd < 0) {
        reason = xasprintf("%s: %s", path, strerror(errno));
        does_not_run(doctor, what, errno == EACCES ? "run this as root" : start, reason);
    } else if (ask_worker(fd) == 0) {
        doctor_report(doctor, FINDING_OK, what, NULL, "they answer");
    } else if (errno == ETIMEDOUT) {
        doctor_report(doctor, FINDING_WARN, what, logs,
                      "none has answered within %d s; are all busy?", ANSWER_MS / 1000);
    } else {
        doctor_report(doctor, FINDING_FAIL, what, logs, "none answers: %s", strerror(errno));
    }
}

/* --- nginx ----------------------------------------------------------------------------------- */

static bool is_nginx(int proc_fd, const char *pid)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/comm", pid);
    _cleanup_(buf_release) struct buf name = BUF_INIT;
    struct error ignored;

    return file_read(proc_fd, path, 64, &name, &ignored) == 0 && strcmp(name.data, "nginx\n") == 0;
}

static void check_nginx(struct doctor *doctor)
{
    DIR *proc = opendir("/proc");
    bool found = false;

    for (struct dirent *entry; proc && !found && (entry = readdir(proc));)
        found = isdigit((unsigned char)entry->d_name[0]) && is_nginx(dirfd(proc), entry->d_name);
    if (proc)
        closedir(proc);
    if (found)
        doctor_report(doctor, FINDING_OK, "nginx", NULL, "runs");
    else
        does_not_run(doctor, "nginx", "nginx -t && systemctl start nginx", "does not run");
}

void doctor_services(struct doctor *doctor)
{
    const struct settings *settings = doctor->settings;

    check_daemon_socket(doctor, "doorbell_socket", settings->api.doorbell_socket, SOCK_DGRAM,
                        "the workers");
    check_daemon_socket(doctor, "await_socket", settings->reaper.await_socket, SOCK_STREAM,
                        "nginx");
    check_pool(doctor, "api");
    check_pool(doctor, "outbound");
    check_nginx(doctor);
}
