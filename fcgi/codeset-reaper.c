/*
 * codeset-reaper - the daemon of a host: starts and stops its containers, runs what sessions ask
 * for, grades, expires, and holds the requests of those who wait.
 *
 *     codeset-reaper [--config FILE]
 *
 * One event loop; SQL on a few threads (reaper/db_pool.h); containers by engine/; commands by
 * agent_client/agent_client.h; reports are read by a process of their own (reaper/grader.h). It may
 * be killed at any instant: the next one adopts the containers, attaches to the commands that run
 * in them, and finishes what was half-done. SIGTERM and SIGINT answer all held requests, let the
 * database work under way finish for up to ten seconds, and leave the containers running.
 *
 * DIAGNOSTICS
 * One line an event on standard error (base/log.h). What an operator looks for:
 *   ready, adopted            it is up; so many sessions were there already
 *   database_lost, _back      MariaDB is out of reach; results wait in memory and in the agents
 *   session_start_failed      with the reason that the user is not told
 *   session_container_lost    a container ended by itself
 *   session_stop_failed       a container could not be removed; tried again with each sweep
 *   orphan_stopped            a container that belongs to no session or job was removed
 *   verification_failed       a job ends in `error`; the sample or the host needs a look
 *   holds_shrink, holds_limited   more requests wait than holds_max or the descriptors allow
 *   interaction_refused, verdict_refused   the database took none of it: a fault to be mended
 * SIGUSR1 logs a line `status`: what is held, open, running, and waiting for the database.
 * Exit status: 0 after SIGTERM, 1 if it can't start, 2 for a wrong command line.
 *
 * BUGS
 * Of the memory limit's strikes in a session's container it is known when, not whom they hit: with
 * two commands at once, each is told of it. A strike between the death of one daemon and the
 * next one's first look is not told at all.
 * A str_replace that a dying daemon had handed to the agent is tried again; if its text is then
 * gone, nobody knows whether it was made, and it ends with -1000.
 * A unix datagram socket holds net.unix.max_dgram_qlen datagrams (10 by default); in a burst more
 * than that wait for the sweep.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent_client/agent_client.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "reaper/await.h"
#include "reaper/daemon.h"
#include "reaper/db_pool.h"
#include "reaper/doorbell.h"
#include "reaper/environment.h"
#include "reaper/grader.h"
#include "reaper/interactions.h"
#include "reaper/sessions.h"
#include "reaper/sweep.h"
#include "reaper/verify.h"
#include "settings.h"

#include "base/banned.h"

#define LOCK_WAIT (2 * CLOCK_SECOND) /* one that was just killed may still be dying */
#define DRAIN (10 * CLOCK_SECOND)
#define DRAIN_LOOK_MS 10

struct reaper {
    struct daemon daemon;
    struct settings settings;
    char node[65], machine_id[65], boot_id[65];
    int lock_fd;
    struct event *signals[3];
    struct event *watchdog;
    struct event *drain_timer;
    int64_t drain_until;
};

static const char usage[] = "usage: codeset-reaper [--config FILE]\n"
                            "Runs a host's sessions. Settings: " SETTINGS_PATH " unless named.\n"
                            "  --config FILE   read the settings from FILE\n"
                            "  --help          this text\n"
                            "  --version       the version\n";

/* Only one daemon may deal with the containers below state_dir. */
static int take_lock(const char *state_dir, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/reaper.lock", state_dir);
    int64_t until = clock_monotonic() + LOCK_WAIT;
    _cleanup_(close_fd) int fd = -1;

    if (make_dirs(state_dir, 0711, err) < 0)
        return -1;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_errno(err, errno, "opening %s", path);
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(err, errno, "locking %s", path);
        if (clock_monotonic() > until)
            return error_set(err, ERROR_CONFLICT, NULL,
                             "another codeset-reaper works with %s (it holds %s)", state_dir, path);
        usleep(20 * 1000);
    }
    return TAKE_FD(fd);
}

/* A held request is a descriptor, and so is a call to an agent. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void rung(enum work_kind kind, const struct id *id, void *arg)
{
    sweep_take(arg, (int)kind, id);
}

/* Whatever is in the tables is told of its end. A session that is ready has had it. */
static bool expected(enum work_kind kind, const struct id *id, void *arg)
{
    const struct daemon *daemon = arg;
    const struct live_session *session;

    switch (kind) {
    case WORK_SESSION:
        session = sessions_find(arg, id);
        return session && session->phase <= LIVE_STARTING;
    case WORK_INTERACTION:
        return daemon_find(daemon->interactions, id) != NULL;
    case WORK_VERIFICATION:
        return daemon_find(daemon->jobs, id) != NULL;
    }
    return false;
}

/* --- the end --------------------------------------------------------------------------------- */

static size_t unwritten(const struct daemon *daemon)
{
    return db_pool_pending(daemon->pool) + graders_pending(daemon->graders);
}

static void look_whether_drained(evutil_socket_t fd, short what, void *arg)
{
    struct reaper *reaper = arg;
    size_t pending = unwritten(&reaper->daemon);

    (void)fd;
    (void)what;
    if (pending == 0 || clock_monotonic() > reaper->drain_until) {
        log_event(LOG_INFO, "stopped", "unwritten=%zu", pending);
        event_base_loopbreak(reaper->daemon.base);
        return;
    }
    daemon_timer(&reaper->daemon, &reaper->drain_timer, DRAIN_LOOK_MS, look_whether_drained,
                 reaper);
}

static void on_signal(evutil_socket_t signal_number, short what, void *arg)
{
    struct reaper *reaper = arg;
    struct daemon *daemon = &reaper->daemon;

    (void)what;
    if (daemon->stopping)
        return;
    sd_notify(0, "STOPPING=1");
    log_event(LOG_INFO, "stopping", "signal=%d held=%zu", (int)signal_number,
              await_held(daemon->await));
    daemon->stopping = true;
    doorbell_free(TAKE_PTR(daemon->doorbell));
    await_release(daemon->await);
    reaper->drain_until = clock_monotonic() + DRAIN;
    /* Not at once: the answers that were just given are written by the loop. */
    daemon_timer(daemon, &reaper->drain_timer, DRAIN_LOOK_MS, look_whether_drained, reaper);
}

static void on_status(evutil_socket_t signal_number, short what, void *arg)
{
    const struct daemon *daemon = arg;

    (void)signal_number;
    (void)what;
    log_event(LOG_INFO, "status",
              "held=%zu sessions=%zu verifications=%zu unwritten=%zu kept_bytes=%zu database=%s",
              await_held(daemon->await), daemon->session_count, daemon->job_count,
              unwritten(daemon), daemon->kept_bytes,
              db_pool_available(daemon->pool) ? "there" : "lost");
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    sd_notify(0, "WATCHDOG=1");
}

/* --- the beginning --------------------------------------------------------------------------- */

static void set_signals(struct reaper *reaper)
{
    static const int numbers[] = {SIGTERM, SIGINT};

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        reaper->signals[i] = evsignal_new(reaper->daemon.base, numbers[i], on_signal, reaper);
        event_add(reaper->signals[i], NULL);
    }
    reaper->signals[2] = evsignal_new(reaper->daemon.base, SIGUSR1, on_status, &reaper->daemon);
    event_add(reaper->signals[2], NULL);
}

static void set_watchdog(struct reaper *reaper)
{
    struct timeval half;
    uint64_t limit;

    if (sd_watchdog_enabled(0, &limit) <= 0)
        return;
    half.tv_sec = (time_t)(limit / 2 / CLOCK_SECOND);
    half.tv_usec = (suseconds_t)(limit / 2 % CLOCK_SECOND);
    reaper->watchdog = event_new(reaper->daemon.base, -1, EV_PERSIST, on_watchdog, reaper);
    evtimer_add(reaper->watchdog, &half);
}

/* A host that has none is told from others by its node's name alone. */
static void read_host_id(const char *path, char text[65])
{
    _cleanup_(buf_release) struct buf content = BUF_INIT;
    struct error err = ERROR_INIT;
    size_t length;

    if (file_read(AT_FDCWD, path, 4096, &content, &err) < 0)
        log_error("host_id_unknown", &err);
    length = strcspn(content.length ? content.data : "", " \n");
    snprintf(text, 65, "%.*s", (int)(length < 64 ? length : 64), length ? content.data : "unknown");
}

static void set_identity(struct reaper *reaper)
{
    const struct settings *settings = &reaper->settings;
    struct daemon *daemon = &reaper->daemon;

    if (settings->reaper.node[0] || gethostname(reaper->node, sizeof(reaper->node)) < 0)
        snprintf(reaper->node, sizeof(reaper->node), "%s",
                 settings->reaper.node[0] ? settings->reaper.node : "localhost");
    reaper->node[sizeof(reaper->node) - 1] = '\0';
    read_host_id("/etc/machine-id", reaper->machine_id);
    read_host_id("/proc/sys/kernel/random/boot_id", reaper->boot_id);
    daemon->run = (struct run){
        .run_id = id_new(),
        .node = reaper->node,
        .machine_id = reaper->machine_id,
        .boot_id = reaper->boot_id,
        .location = settings->reaper.location,
        .version = CODESET_VERSION,
        .lease_seconds = settings->reaper.lease_seconds,
    };
    daemon->limits = (struct engine_limits){
        .memory_bytes = settings->engine.memory_bytes,
        .disk_bytes = settings->engine.disk_bytes,
        .disk_inodes = settings->engine.disk_inodes,
        .processes = settings->engine.processes,
        .cpu_millicores = settings->engine.cpu_millicores,
    };
}

static int open_rooms(struct reaper *reaper, struct error *err)
{
    struct daemon *daemon = &reaper->daemon;
    const struct settings *settings = daemon->settings;

    daemon->base = event_base_new();
    if (!daemon->base)
        return error_set(err, ERROR_INTERNAL, NULL, "libevent gives no event loop");
    daemon->engine = engine_new(daemon->base, &settings->engine, err);
    if (!daemon->engine)
        return -1;
    daemon->agents = agent_client_new(daemon->base, err);
    if (!daemon->agents)
        return -1;
    daemon->pool =
        db_pool_new(daemon->base, &settings->database, (size_t)settings->reaper.db_threads, err);
    if (!daemon->pool)
        return -1;
    daemon->graders = graders_new(daemon->base, settings->engine.agent_path,
                                  (size_t)settings->reaper.verifications_max, err);
    if (!daemon->graders)
        return -1;
    daemon->environments = environments_new(&settings->engine);
    daemon->await = await_new(daemon->base, settings->reaper.await_socket,
                              settings->reaper.holds_max, daemon->pool, expected, daemon, err);
    if (!daemon->await)
        return -1;
    daemon->doorbell = doorbell_new(daemon->base, settings->api.doorbell_socket, rung, daemon, err);
    return daemon->doorbell ? 0 : -1;
}

/* Nothing is told, nobody is stopped: memory and descriptors only. Threads first, for they use
 * what follows; the engine and the agents call back no more once they are gone. */
static void close_rooms(struct reaper *reaper)
{
    struct daemon *daemon = &reaper->daemon;

    daemon->stopping = true;
    db_pool_free(daemon->pool);
    verify_free_all(daemon);
    graders_free(daemon->graders);
    interactions_free_all(daemon);
    sessions_free_all(daemon);
    sweep_free(daemon->sweep);
    agent_client_free(daemon->agents);
    engine_free(daemon->engine);
    doorbell_free(daemon->doorbell);
    await_free(daemon->await);
    environments_free(daemon->environments);
    for (size_t i = 0; i < ARRAY_SIZE(reaper->signals); i++) {
        if (reaper->signals[i])
            event_free(reaper->signals[i]);
    }
    if (reaper->watchdog)
        event_free(reaper->watchdog);
    if (reaper->drain_timer)
        event_free(reaper->drain_timer);
    if (daemon->base)
        event_base_free(daemon->base);
    close_fd(&reaper->lock_fd);
}

static int run(struct reaper *reaper, struct error *err)
{
    struct daemon *daemon = &reaper->daemon;

    daemon->settings = &reaper->settings;
    TAILQ_INIT(&daemon->session_list);
    raise_descriptors();
    set_identity(reaper);
    reaper->lock_fd = take_lock(reaper->settings.engine.state_dir, err);
    if (reaper->lock_fd < 0 || open_rooms(reaper, err) < 0)
        return -1;
    set_signals(reaper);
    set_watchdog(reaper);
    daemon->sweep = sweep_new(daemon);
    log_event(LOG_INFO, "ready", "version=%s node=%s owner=%s", CODESET_VERSION, reaper->node,
              daemon->run.run_id.text);
    sd_notify(0, "READY=1");
    event_base_dispatch(daemon->base);
    return 0;
}

/* Exits for --help, --version and a wrong command line. */
static const char *parse_options(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    const char *config = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            config = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        case 'v':
            puts("codeset-reaper " CODESET_VERSION);
            exit(0);
        default:
            fputs(usage, stderr);
            exit(EX_USAGE);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "codeset-reaper: unexpected argument '%s'\n%s", argv[optind], usage);
        exit(EX_USAGE);
    }
    return config;
}

int main(int argc, char **argv)
{
    const char *config = parse_options(argc, argv);
    struct reaper reaper = {.lock_fd = -1};
    struct error err = ERROR_INIT;
    int status = 0;

    umask(0022);
    log_open("codeset-reaper", LOG_INFO);
    if (settings_load(config, &reaper.settings, &err) < 0)
        status = EX_CONFIG;
    else if (run(&reaper, &err) < 0)
        status = 1;
    if (status != 0)
        log_error("start_failed", &err);
    close_rooms(&reaper);
    settings_release(&reaper.settings);
    return status;
}
