/*
 * codeset-reaper - the daemon of a host: starts and stops its containers, runs what sessions ask
 * for, grades, expires, and holds the requests of those who wait.
 *
 *     codeset-reaper [--config FILE]
 *
 * One event loop; SQL on a few threads (reaper/db_pool.h), the heartbeat on one more; containers by
 * codeset-engined (engine/); commands by agent_client/agent_client.h; reports are read by a process
 * of their own (reaper/grader.h). It may be killed at any instant: the next one adopts the
 * containers, attaches to the commands that run in them, and finishes what was half-done. SIGTERM
 * and SIGINT answer all held requests, wait up to a second for file operations that agents are at,
 * let the database work under way finish for up to ten seconds, and leave the containers running.
 *
 * DIAGNOSTICS
 * One line an event on standard error (base/log.h). What an operator looks for:
 *   ready, adopted            it is up; so many sessions were there already. Without MariaDB it is
 *                             ready, too, and begins its run later (run_begun)
 *   run_ended_by_others       another daemon took this host for lost, or has its name; it stops
 *   database_lost, _back      MariaDB is out of reach; results wait in the agents
 *   engined_lost, _back       codeset-engined is out of reach; starts and stops wait
 *   session_start_failed      with the reason that the user is not told
 *   session_declined          another host may start it
 *   session_container_lost    a container ended by itself
 *   command_overtime          a command outlived its limit, and was ended from outside
 *   container_stop_failed     a container could not be removed; tried again
 *   orphan_stopped            a container that belongs to no row was removed
 *   node_lost                 a host has been silent for long; its sessions end
 *   verification_failed       a job ends in `error`; the sample or the host needs a look
 *   job_failed                an agent job ends in `error`, with the reason its user is not told
 *   job_container_lost        a job's container ended by itself; it is begun anew
 *   egress_lost               codeset-egress is out of reach; jobs wait for it
 *   result_place_failed       a result's file lies beside its place until the next start
 *   billing_failed            what a session cost could not be charged; tried again
 *   balance_low               a balance fell below its user's threshold
 *   credits_exhausted         a session was ended, as its user can't pay any more
 *   holds_shrink, holds_limited   more requests wait than holds_max or the descriptors allow
 *   stripe_event              what came of it; state=quarantined: codesetctl stripe events
 *   stripe_event_undelivered  one that no webhook brought; are the webhooks set up and reachable?
 *   stripe_not_asked, stripe_refused_us   Stripe is out of reach, or refuses the key
 *   interaction_refused, verdict_refused   the database refused it: a bug of this program
 * SIGUSR1 logs a line `status`: what is held, open, running, and waiting for the database.
 * Exit status: 0 after SIGTERM; 1 if it can't start, or its run was ended by others; 64 for a
 * wrong command line; 78 for wrong settings.
 *
 * BUGS
 * An operator's secret that was changed while an agent has the old one is not masked in what that
 * agent prints after a restart of the daemon.
 * The kernel tells when the memory limit killed something in a container, but not what: with
 * two commands at once, each is told of it. A kill between the end of one daemon and the
 * next one's first look is not told at all.
 * A unix datagram socket holds net.unix.max_dgram_qlen datagrams (10 by default); in a burst more
 * than that wait for the next round.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/options.h"
#include "engine/oci.h"
#include "metrics.h"
#include "reaper/await.h"
#include "reaper/billing.h"
#include "reaper/budget.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/doorbell.h"
#include "reaper/egress_client.h"
#include "reaper/exposition.h"
#include "reaper/heartbeat.h"
#include "reaper/interactions.h"
#include "reaper/job_clone.h"
#include "reaper/job_results.h"
#include "reaper/jobs.h"
#include "reaper/reconciler.h"
#include "reaper/rounds.h"
#include "reaper/sessions.h"
#include "reaper/stripe_events.h"
#include "reaper/verifications.h"
#include "service/service.h"
#include "settings.h"
#include "store/retention.h"
#include "store/runs.h"

#include "base/banned.h"

#define DRAIN (10 * CLOCK_SECOND)
#define DRAIN_BRIEF CLOCK_SECOND /* for file operations: they take no longer */
#define DRAIN_LOOK_MS 10
#define HOST_ID_SIZE 65
#define LARGE_ALLOCATION (256 * 1024)

struct reaper {
    struct event_base *base;
    struct context context;
    struct settings settings;
    struct run run;
    char node[65], machine_id[HOST_ID_SIZE], boot_id[HOST_ID_SIZE];
    struct retention retention;
    struct ledger_watch watch;
    struct heartbeat *heartbeat;
    struct billing *billing;
    struct exposition *exposition; /* NULL: nobody may read the metrics */
    struct doorbell *doorbell;
    struct reconciler *reconciler; /* NULL: no key of Stripe's */
    int lock_fd;
    bool told_ready;
    int status; /* of exit */
    struct event *signals[3];
    struct event *watchdog;
    struct event *drain_timer;
    int64_t drain_until, brief_until;
};

/* What there is to be done, and by whom. Sessions first: the others ask them. */
static const struct kind *const kinds[] = {&session_kind,      &interaction_kind,
                                           &verification_kind, &stripe_event_kind,
                                           &job_kind,          &job_result_kind};

static const char usage[] =
    "usage: codeset-reaper [--config FILE]\n"
    "Runs the sessions of this host. Reads its settings from " SETTINGS_PATH ".\n"
    "  --config FILE   read the settings from FILE instead\n"
    "  --help          show this help\n"
    "  --version       show the version\n";

/* Only one daemon may have these sockets: the lock file is beside them. That there is only one of
 * this node, wherever its sockets are, the heartbeat sees to. */
static int take_lock(const char *socket, struct error *err)
{
    const char *slash = strrchr(socket, '/');
    _cleanup_(free_ptr) char *path = NULL;

    if (!slash)
        return error_set(err, ERROR_INVALID, NULL,
                         "the path of a socket must be absolute, and shorter than 108 bytes: %s",
                         socket);
    path = xasprintf("%.*s/reaper.lock", (int)(slash - socket), socket);
    return service_lock("codeset-reaper", path, O_CREAT, err);
}

static void on_doorbell(enum work_kind kind, const struct id *id, void *arg)
{
    const struct context *context = arg;

    kinds_take(&context->kinds, kind, id);
}

/* --- the run --------------------------------------------------------------------------------- */

static void stop_at_once(struct reaper *reaper, int status)
{
    reaper->status = status;
    reaper->context.stopping = true;
    event_base_loopbreak(reaper->base);
}

/* Not before it is known that the node's name is this daemon's, unless nobody can tell now. */
static void tell_ready(void *arg)
{
    struct reaper *reaper = arg;

    if (reaper->told_ready)
        return;
    reaper->told_ready = true;
    log_event(LOG_INFO, "ready", "version=%s node=%s run=%s", CODESET_VERSION, reaper->node,
              reaper->run.run_id.text);
    sd_notify(0, "READY=1");
}

static void run_begun(const struct error *err, void *arg)
{
    struct reaper *reaper = arg;

    if (err) {
        log_error("start_failed", err);
        stop_at_once(reaper, 1);
        return;
    }
    tell_ready(reaper);
    log_event(LOG_INFO, "run_begun", "node=%s run=%s", reaper->node, reaper->run.run_id.text);
    if (reaper->context.stopping)
        return;
    reaper->context.rounds = rounds_new(&reaper->context, &reaper->retention);
    reaper->billing = billing_new(&reaper->context, &reaper->settings.billing);
}

/* Nothing that it holds is its own any more, so nothing is to be written. */
static void run_ended(void *arg)
{
    log_event(LOG_ERROR, "run_ended_by_others",
              "message=\"another daemon of this node has started, or another host has declared "
              "this one lost; this one "
              "stops, and can be started again\"");
    stop_at_once(arg, 1);
}

static const struct heartbeat_events heartbeat_events = {
    .begun = run_begun, .waiting = tell_ready, .ended = run_ended};

/* --- the end --------------------------------------------------------------------------------- */

static void look_whether_drained(evutil_socket_t fd, short what, void *arg)
{
    struct reaper *reaper = arg;
    const struct context *context = &reaper->context;
    size_t pending = db_pool_pending(context->pool);
    size_t brief = kinds_brief(&context->kinds);
    int64_t now = clock_monotonic();

    (void)fd;
    (void)what;
    if (now < reaper->drain_until && (pending > 0 || (brief > 0 && now < reaper->brief_until))) {
        context_timer(context, &reaper->drain_timer, DRAIN_LOOK_MS, look_whether_drained, reaper);
        return;
    }
    log_event(LOG_INFO, "stopped", "unwritten=%zu", pending);
    heartbeat_end(reaper->heartbeat);
    event_base_loopbreak(context->base);
}

static void on_signal(evutil_socket_t signal_number, short what, void *arg)
{
    struct reaper *reaper = arg;
    struct context *context = &reaper->context;

    (void)what;
    if (context->stopping)
        return;
    sd_notify(0, "STOPPING=1");
    log_event(LOG_INFO, "stopping", "signal=%d held=%zu", (int)signal_number,
              await_held(context->await));
    context->stopping = true;
    doorbell_free(TAKE_PTR(reaper->doorbell));
    await_release(context->await);
    reaper->drain_until = clock_monotonic() + DRAIN;
    reaper->brief_until = clock_monotonic() + DRAIN_BRIEF;
    /* Not at once: the answers that were just given are written by the loop. */
    context_timer(context, &reaper->drain_timer, DRAIN_LOOK_MS, look_whether_drained, reaper);
}

static size_t count_of(const struct context *context, enum work_kind word)
{
    for (size_t i = 0; i < context->kinds.count; i++) {
        if (context->kinds.rows[i]->word == word)
            return context->kinds.rows[i]->count(context->kinds.rooms[i]);
    }
    return 0;
}

static void on_status(evutil_socket_t signal_number, short what, void *arg)
{
    struct reaper *reaper = arg;
    const struct context *context = &reaper->context;

    (void)signal_number;
    (void)what;
    log_event(LOG_INFO, "status",
              "held=%zu sessions=%zu interactions=%zu verifications=%zu jobs=%zu containers=%zu "
              "unwritten=%zu kept_bytes=%lld results_waiting=%zu heartbeat_ms=%lld database=%s",
              await_held(context->await), count_of(context, WORK_SESSION),
              count_of(context, WORK_INTERACTION), count_of(context, WORK_VERIFICATION),
              count_of(context, WORK_JOB),
              containers_count(context, CONTAINER_SESSION) +
                  containers_count(context, CONTAINER_GRADING) +
                  containers_count(context, CONTAINER_JOB),
              db_pool_pending(context->pool), (long long)budget_held(context->budget),
              budget_waiting(context->budget), (long long)heartbeat_age_ms(reaper->heartbeat),
              db_pool_available(context->pool) ? "there" : "lost");
}

static void set_gauges(void *arg)
{
    const struct reaper *reaper = arg;
    const struct context *context = &reaper->context;

    metric_set(HOLDS, (int64_t)await_held(context->await), METRIC_AT(0));
    metric_set(HOLDS_MOST, (int64_t)await_most(context->await), METRIC_AT(0));
    metric_set(CONTAINERS, (int64_t)containers_count(context, CONTAINER_SESSION), METRIC_AT(0));
    metric_set(CONTAINERS, (int64_t)containers_count(context, CONTAINER_GRADING), METRIC_AT(1));
    metric_set(CONTAINERS, (int64_t)containers_count(context, CONTAINER_JOB), METRIC_AT(2));
    metric_set(DATABASE_PENDING, (int64_t)db_pool_pending(context->pool), METRIC_AT(0));
    metric_set(RESULTS_BYTES, budget_held(context->budget), METRIC_AT(0));
    metric_set(HEARTBEAT_AGE, heartbeat_age_ms(reaper->heartbeat) * 1000, METRIC_AT(0));
    egress_look(context->egress); /* what it says is in the next answer */
}

/* --- the beginning --------------------------------------------------------------------------- */

static void set_signals(struct reaper *reaper)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    struct event_base *base = reaper->base;

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        reaper->signals[i] = evsignal_new(base, numbers[i], on_signal, reaper);
        event_add(reaper->signals[i], NULL);
    }
    reaper->signals[2] = evsignal_new(base, SIGUSR1, on_status, reaper);
    event_add(reaper->signals[2], NULL);
}

/* A host that has none is told from others by its node's name alone. */
static void read_host_id(const char *path, char text[HOST_ID_SIZE])
{
    _cleanup_(buf_release) struct buf content = BUF_INIT;
    struct error err = ERROR_INIT;
    size_t length;

    if (file_read(AT_FDCWD, path, 4096, &content, &err) < 0)
        log_error("host_id_unknown", &err);
    length = strcspn(content.data, " \n");
    snprintf(text, HOST_ID_SIZE, "%.*s", (int)(length < 64 ? length : 64),
             length ? content.data : "unknown");
}

/* The unit tells it: its /proc has processes only. Without the dashes that the kernel writes. */
static void read_boot_id(char text[HOST_ID_SIZE])
{
    const char *told = getenv("CODESET_BOOT_ID");
    size_t length = 0;

    if (told)
        snprintf(text, HOST_ID_SIZE, "%s", told);
    else
        read_host_id("/proc/sys/kernel/random/boot_id", text);
    for (const char *c = text; *c; c++) {
        if (*c != '-')
            text[length++] = *c;
    }
    text[length] = '\0';
}

static void set_identity(struct reaper *reaper)
{
    const struct reaper_settings *settings = &reaper->settings.reaper;

    if (settings->node[0] || gethostname(reaper->node, sizeof(reaper->node)) < 0)
        snprintf(reaper->node, sizeof(reaper->node), "%s",
                 settings->node[0] ? settings->node : "localhost");
    reaper->node[sizeof(reaper->node) - 1] = '\0';
    read_host_id("/etc/machine-id", reaper->machine_id);
    read_boot_id(reaper->boot_id);
    reaper->run = (struct run){
        .run_id = id_new(),
        .node = reaper->node,
        .machine_id = reaper->machine_id,
        .boot_id = reaper->boot_id,
        .location = settings->location,
        .version = CODESET_VERSION,
        .lease_seconds = settings->lease_seconds,
    };
    reaper->retention = (struct retention){
        .outputs_days = settings->outputs_days,
        .sessions_days = settings->sessions_days,
        .verifications_days = settings->verifications_days,
        .changes_days = settings->changes_days,
        .tokens_days = settings->tokens_days,
        .stripe_events_days = reaper->settings.stripe.events_days,
    };
}

static struct engine_limits limits_of(const struct engine_settings *settings)
{
    return (struct engine_limits){
        .memory_bytes = settings->memory_bytes,
        .disk_bytes = settings->disk_bytes,
        .disk_inodes = settings->disk_inodes,
        .processes = settings->processes,
        .cpu_millicores = settings->cpu_millicores,
    };
}

static int open_rooms(struct reaper *reaper, struct error *err)
{
    const struct settings *settings = &reaper->settings;
    struct context_parts parts = {
        .base = reaper->base,
        .settings = &settings->reaper,
        .jobs = &settings->jobs,
        .accounts = &settings->accounts,
        .database = &settings->database,
        .watch = &reaper->watch,
        .run = &reaper->run,
        .limits = limits_of(&settings->engine),
        .engine = oci_new(reaper->base, settings->engine.engined_socket),
        .agent_path = settings->engine.agent_path,
        .kinds = kinds,
        .kind_count = ARRAY_SIZE(kinds),
    };

    reaper->watch = billing_watch(&settings->billing);
    if (context_open(&reaper->context, &parts, err) < 0)
        return -1;
    reaper->doorbell = doorbell_new(reaper->base, settings->api.doorbell_socket, on_doorbell,
                                    &reaper->context, err);
    if (!reaper->doorbell)
        return -1;
    if (reconciler_new(&settings->stripe, &settings->database, &reaper->watch, &reaper->reconciler,
                       err) < 0)
        return -1;
    reaper->heartbeat = heartbeat_new(reaper->base, &settings->database, &reaper->run,
                                      &heartbeat_events, reaper, err);
    if (!reaper->heartbeat)
        return -1;
    return exposition_new(&reaper->context, &settings->metrics, settings->billing.low_balance_cents,
                          set_gauges, reaper, &reaper->exposition, err);
}

/* The run ends when nothing can be written any more. */
static void close_rooms(struct reaper *reaper)
{
    reconciler_free(reaper->reconciler);
    context_close(&reaper->context);
    billing_free(reaper->billing);
    exposition_free(reaper->exposition);
    heartbeat_free(reaper->heartbeat);
    doorbell_free(reaper->doorbell);
    for (size_t i = 0; i < ARRAY_SIZE(reaper->signals); i++) {
        if (reaper->signals[i])
            event_free(reaper->signals[i]);
    }
    if (reaper->watchdog)
        event_free(reaper->watchdog);
    if (reaper->drain_timer)
        event_free(reaper->drain_timer);
    if (reaper->base)
        event_base_free(reaper->base);
    close_fd(&reaper->lock_fd);
}

static int run(struct reaper *reaper, struct error *err)
{
    log_limit(reaper->settings.log.level);
    service_raise_descriptors(); /* a held request is one, and so is a call to an agent */
    set_identity(reaper);
    reaper->lock_fd = take_lock(reaper->settings.reaper.await_socket, err);
    if (reaper->lock_fd < 0)
        return -1;
    reaper->base = event_base_new();
    if (!reaper->base)
        return error_set(err, ERROR_INTERNAL, NULL, "cannot create an event loop");
    set_signals(reaper);
    reaper->watchdog = service_watchdog_new(reaper->base);
    if (open_rooms(reaper, err) < 0)
        return -1;
    event_base_dispatch(reaper->base);
    return 0;
}

int main(int argc, char **argv)
{
    const char *config = NULL;
    const struct option_row options[] = {{.name = "config", .text = &config}};
    int asked = options_parse("codeset-reaper", usage, options, ARRAY_SIZE(options), argc, argv);
    struct reaper reaper = {.lock_fd = -1};
    struct error err = ERROR_INIT;

    if (asked != OPTIONS_GO_ON)
        return asked;

    /* Results of megabytes come and go: each is a mapping of its own, so that its memory is the
     * host's again when it goes. */
    mallopt(M_MMAP_THRESHOLD, LARGE_ALLOCATION);
    umask(0022);
    log_open("codeset-reaper", LOG_INFO);
    metrics_begin(METRIC_REAPER);
    if (settings_load(config, &reaper.settings, &err) < 0 ||
        job_clone_hosts_check(reaper.settings.jobs.clone_hosts, &err) < 0)
        reaper.status = EX_CONFIG;
    else if (run(&reaper, &err) < 0)
        reaper.status = 1;
    if (err.kind != ERROR_NONE)
        log_error("start_failed", &err);
    close_rooms(&reaper);
    settings_release(&reaper.settings);
    return reaper.status;
}
