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
#include <stdlib.h>
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
#include "store/agents.h"

#include "base/banned.h"

#define START_DAEMON "systemctl start codeset-reaper"
/* A part of the unit of the workers that call others, for the daemon. */
#define DROP_INS "/etc/systemd/system/codeset-reaper.service.d"
#define COPY "mkdir -p " DROP_INS " && cp /usr/lib/systemd/system/codeset-api@outbound.service.d/"
#define COPIED " " DROP_INS " && systemctl daemon-reload && systemctl restart codeset-reaper"
/* systemd takes a worker for started before it listens. */
#define STARTING (10 * CLOCK_SECOND)
#define LOOK_AGAIN_MS 100
#define ANSWER_MS 5000
#define STATUS_MOST 65536 /* bytes of /proc/PID/status: a group is up to 11 */

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
        _cleanup_(free_ptr) char *mend =
            xasprintf("rm %s && systemctl restart codeset-reaper", path);

        doctor_report(doctor, FINDING_FAIL, setting, mend, "%s is not a socket", path);
        return;
    }
    fd = connect_to(path, type);
    if (fd < 0 && errno != EAGAIN) { /* EAGAIN: it is busy */
        reason = xasprintf("%s: %s", path, strerror(errno));
        does_not_run(doctor, setting, errno == EACCES ? DOCTOR_AS_ROOT : START_DAEMON, reason);
    } else if (stat(path, &st) == 0 && !(st.st_mode & 022)) {
        doctor_report(doctor, FINDING_FAIL, setting, "systemctl restart codeset-reaper",
                      "%s has mode %04o, so %s cannot connect to it", path,
                      (unsigned)st.st_mode & 07777, who);
    } else {
        doctor_ok(doctor, setting, "%s", path);
    }
}

/* Of the daemon, as the kernel knows it: its unit may give it groups that its user has not. */
struct daemon_ids {
    long uid;
    char *groups; /* " 4 20 " */
};

/* Returns 0, or -1 if it does not answer, or does not show its groups. */
static int find_daemon_ids(const struct doctor *doctor, struct daemon_ids *ids)
{
    _cleanup_(close_fd) int fd = connect_to(doctor->settings->reaper.await_socket, SOCK_STREAM);
    _cleanup_(buf_release) struct buf status = BUF_INIT;
    _cleanup_(free_ptr) char *path = NULL;
    struct ucred peer;
    socklen_t length = sizeof(peer);
    struct error ignored;
    char *groups, *end;

    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return -1;
    path = xasprintf("/proc/%d/status", (int)peer.pid);
    if (file_read(AT_FDCWD, path, STATUS_MOST, &status, &ignored) < 0 ||
        (groups = strstr(status.data, "\nGroups:")) == NULL ||
        (end = strchr(groups + 1, '\n')) == NULL)
        return -1;
    *end = '\0';
    ids->uid = (long)peer.uid;
    ids->groups = xasprintf(" %s %ld ", groups + strlen("\nGroups:") + 1, (long)peer.gid);
    return 0;
}

static bool daemon_can_read(const struct daemon_ids *ids, const struct stat *st)
{
    _cleanup_(free_ptr) char *group = xasprintf(" %ld ", (long)st->st_gid);

    if (ids->uid == 0 || ids->uid == (long)st->st_uid)
        return ids->uid == 0 || (st->st_mode & S_IRUSR);
    return (st->st_mode & S_IRGRP) && strstr(ids->groups, group);
}

/* A secret that only a drop-in of the daemon's unit lets it read (docs/operator.md). That the file
 * is there was looked at before. */
static void check_daemon_secret(struct doctor *doctor, const struct daemon_ids *ids,
                                enum finding finding, const char *path, const char *mend,
                                const char *without)
{
    struct stat st;

    if (path[0] == '\0' || stat(path, &st) < 0)
        return;
    if (daemon_can_read(ids, &st))
        doctor_ok(doctor, "daemon", "it can read %s", path);
    else
        doctor_report(doctor, finding, "daemon", mend, "it cannot read %s: %s", path, without);
}

static void note_agent(const struct agent *agent, void *arg)
{
    bool *run_here = arg;

    *run_here |= agent->image != NULL;
}

static void check_daemon_secrets(struct doctor *doctor)
{
    static const char unit[] = COPY "{network,github}.conf" COPIED;
    static const char stripe[] = COPY "network.conf" COPIED;
    const struct settings *settings = doctor->settings;
    struct daemon_ids ids = {.groups = NULL};
    bool agents = false;
    struct error ignored = ERROR_INIT;

    /* What is wrong with the daemon or the database was told before. */
    if (find_daemon_ids(doctor, &ids) < 0)
        return;
    check_daemon_secret(doctor, &ids, FINDING_WARN, settings->stripe.api_key_file, stripe,
                        "a payment whose webhook is lost is not credited");
    if (doctor->db && store_agent_list(doctor->db, note_agent, &agents, &ignored) == 0 && agents)
        check_daemon_secret(doctor, &ids, FINDING_FAIL, settings->accounts.github_app_key_file,
                            unit, "jobs on the repositories of the GitHub App fail");
    free(ids.groups);
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
        does_not_run(doctor, what, errno == EACCES ? DOCTOR_AS_ROOT : start, reason);
    } else if (ask_worker(fd) == 0) {
        doctor_ok(doctor, what, "they answer");
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
        doctor_ok(doctor, "nginx", "runs");
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
    check_daemon_secrets(doctor);
    check_pool(doctor, "api");
    check_pool(doctor, "outbound");
    check_nginx(doctor);
}
