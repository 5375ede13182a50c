/*
 * status.c - codesetctl status: how the server stands, on one screen.
 *
 * BUGS
 *	Whether workers run is told from their connections to the database, which each makes with
 *its first request. Disks are those of this host.
 */
#include "ctl/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/engine_probe.h"
#include "ctl/output.h"
#include "store/runs.h"
#include "store/server.h"
#include "store/status.h"

#include "base/banned.h"

#define ALIVE_SECONDS 15 /* as /health has it */
#define MIB INT64_C(1048576)
#define DEBIANS_DATA_DIR "/var/lib/mysql" /* Debian's, where MariaDB can't be asked for it */
#define BRIEF_HOSTS 8                     /* so many are named in a few lines */

enum state { STATE_OK, STATE_UNKNOWN, STATE_DOWN };

static const char *const state_words[] = {
    [STATE_OK] = "ok", [STATE_UNKNOWN] = "unknown", [STATE_DOWN] = "DOWN"};

struct report {
    struct ctl *ctl;
    struct server_status numbers;
    struct server_info server;
    json_object *parts, *hosts, *queues, *disks;
    int64_t hosts_alive, hosts_silent;
    bool without_database; /* so there are parts and disks only */
    bool down;             /* a part is */
};

static void add_part(struct report *report, const char *part, enum state state, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));

static void add_part(struct report *report, const char *part, enum state state, const char *format,
                     ...)
{
    json_object *row = json_object_new_object();
    char text[600];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    json_add_text(row, "part", part);
    json_add_text(row, "state", state_words[state]);
    json_add_text(row, "text", text);
    json_object_array_add(report->parts, row);
    report->down = report->down || state == STATE_DOWN;
}

/* --- hosts ----------------------------------------------------------------------------------- */

static void add_host(const struct node *node, void *arg)
{
    struct report *report = arg;
    bool alive = !node->ended && node->silent_seconds <= ALIVE_SECONDS;
    json_object *row = json_object_new_object();

    json_add_text(row, "name", node->name);
    json_add_text(row, "state", alive ? "alive" : node->ended ? "stopped" : "silent");
    json_add_text(row, "location", node->location);
    json_add_int(row, "containers", node->containers);
    json_add_text(row, "version", node->version);
    json_add_time(row, "heartbeat_at", node->heartbeat_at);
    json_object_array_add(report->hosts, row);
    report->hosts_alive += alive;
    report->hosts_silent += !alive;
}

/* --- parts ----------------------------------------------------------------------------------- */

static void look_at_engine(struct report *report)
{
    struct error err = ERROR_INIT;
    int count = engine_probe(ctl_settings(report->ctl)->engine.engined_socket, &err);

    if (count >= 0)
        add_part(report, "engine", STATE_OK, "containers on this host: %d", count);
    else if (geteuid() != 0)
        add_part(report, "engine", STATE_UNKNOWN, "only root may ask it");
    else
        add_part(report, "engine", STATE_DOWN, "%s", err.message);
}

static void look_at_parts(struct report *report)
{
    const struct server_status *numbers = &report->numbers;

    add_part(report, "database", STATE_OK,
             "MariaDB %s, %" PRId64 " of %" PRId64 " connections in use", report->server.version,
             numbers->connections, numbers->connections_max);
    if (numbers->worker_connections > 0)
        add_part(report, "workers", STATE_OK, "connected to the database: %" PRId64,
                 numbers->worker_connections);
    else
        add_part(report, "workers", STATE_UNKNOWN,
                 "none has asked the database yet; GET /health tells more");
    if (report->hosts_alive == 0)
        add_part(report, "daemon", STATE_DOWN, "no codeset-reaper is running: work waits");
    else if (report->hosts_silent > 0)
        add_part(report, "daemon", STATE_DOWN, "%" PRId64 " of %" PRId64 " hosts have none running",
                 report->hosts_silent, report->hosts_alive + report->hosts_silent);
    else
        add_part(report, "daemon", STATE_OK, "on %" PRId64 " %s", report->hosts_alive,
                 report->hosts_alive == 1 ? "host" : "hosts");
    look_at_engine(report);
}

/* Who is not root may be all that is wrong. */
static void look_without_database(struct report *report, const struct error *why)
{
    bool refused = geteuid() != 0 && !ctl_settings(report->ctl)->database.db_admin_password_file[0];

    report->without_database = true;
    add_part(report, "database", refused ? STATE_UNKNOWN : STATE_DOWN, "%s", why->message);
    add_part(report, "workers", STATE_UNKNOWN, "'codesetctl doctor' asks them");
    add_part(report, "daemon", STATE_UNKNOWN, "'codesetctl doctor' asks it");
    look_at_engine(report);
}

/* --- queues ---------------------------------------------------------------------------------- */

static void add_queue(struct report *report, const char *what, const struct status_queue *queue)
{
    json_object *row = json_object_new_object();

    json_add_text(row, "queue", what);
    json_add_int(row, "waiting", queue->waiting);
    json_add_int(row, "running", queue->running);
    json_add_int(row, "oldest_seconds", queue->oldest_seconds);
    json_object_array_add(report->queues, row);
}

static void add_queues(struct report *report)
{
    const struct server_status *numbers = &report->numbers;

    add_queue(report, "session starts", &numbers->starts);
    add_queue(report, "commands and edits", &numbers->commands);
    add_queue(report, "verifications", &numbers->verifications);
    add_queue(report, "agent jobs", &numbers->agent_jobs);
    add_queue(report, "charges of sessions", &numbers->charges);
    add_queue(report, "events of Stripe", &numbers->stripe_events);
}

/* --- disks ----------------------------------------------------------------------------------- */

static bool is_listed(json_object *disks, int64_t device)
{
    for (size_t i = 0; i < json_object_array_length(disks); i++) {
        if (json_get_int(json_object_array_get_idx(disks, i), "device", -1) == device)
            return true;
    }
    return false;
}

/* A file system is listed once, by the first of our folders that lies on it. */
static void add_disk(struct report *report, const char *what, const char *path)
{
    int64_t reserve = ctl_settings(report->ctl)->engine.disk_reserve_bytes, left, size;
    json_object *row;
    struct statvfs fs;
    struct stat st;

    if (stat(path, &st) < 0 || statvfs(path, &fs) < 0 ||
        is_listed(report->disks, (int64_t)st.st_dev))
        return;
    left = (int64_t)(fs.f_bavail * fs.f_frsize);
    size = (int64_t)(fs.f_blocks * fs.f_frsize);
    row = json_object_new_object();
    json_add_text(row, "disk", what);
    json_add_int(row, "free_mib", left / MIB);
    json_add_int(row, "size_mib", size / MIB);
    json_add_text(row, "state", left < reserve ? "FULL" : "ok");
    json_add_text(row, "path", path);
    json_add_int(row, "device", (int64_t)st.st_dev);
    json_object_array_add(report->disks, row);
    report->down = report->down || left < reserve;
}

static void add_disks(struct report *report)
{
    const struct settings *settings = ctl_settings(report->ctl);

    add_disk(report, "sandboxes", settings->engine.scratch_dir);
    add_disk(report, "images", settings->engine.image_dir);
    if (!settings->database.db_host[0])
        add_disk(report, "database",
                 report->server.datadir[0] ? report->server.datadir : DEBIANS_DATA_DIR);
}

/* --- what is shown --------------------------------------------------------------------------- */

static json_object *sessions_object(const struct server_status *numbers)
{
    json_object *object = json_object_new_object();

    json_add_int(object, "creating", numbers->starts.waiting + numbers->starts.running);
    json_add_int(object, "ready", numbers->sessions_ready);
    json_add_int(object, "ended_within_a_day", numbers->sessions_ended_today);
    json_add_int(object, "failed_within_a_day", numbers->sessions_failed_today);
    return object;
}

static json_object *money_object(const struct report *report)
{
    const struct server_status *numbers = &report->numbers;
    json_object *object = json_object_new_object();

    json_add_bool(object, "billing_enabled", ctl_settings(report->ctl)->billing.enabled);
    json_add_int(object, "users", numbers->users);
    json_add_int(object, "paid_cents", numbers->paid_cents);
    json_add_int(object, "granted_cents", numbers->granted_cents);
    json_add_int(object, "debtors", numbers->debtors);
    json_add_int(object, "debt_cents", numbers->debt_cents);
    json_add_int(object, "spent_today_cents", numbers->spent_today_cents);
    json_add_int(object, "stripe_events_quarantined", numbers->stripe_quarantined);
    return object;
}

static void add_numbers(const struct report *report, json_object *object)
{
    json_add(object, "hosts", json_object_get(report->hosts));
    json_add(object, "sessions", sessions_object(&report->numbers));
    json_add(object, "queues", json_object_get(report->queues));
    json_add(object, "money", money_object(report));
    json_add_int(object, "changes_kept", report->numbers.changes_kept);
    json_add_int(object, "changes_kept_bytes", report->numbers.changes_bytes);
}

static void show_json(const struct report *report)
{
    _cleanup_(json_release) json_object *object = json_object_new_object();

    json_add_text(object, "version", CODESET_VERSION);
    json_add_time(object, "at", clock_now());
    json_add(object, "parts", json_object_get(report->parts));
    json_add(object, "disks", json_object_get(report->disks));
    if (!report->without_database)
        add_numbers(report, object);
    output_object(true, object);
}

static void show_numbers(const struct report *report)
{
    static const struct output_column hosts[] = {
        {"HOST", "name"},         {"STATE", "state"},
        {"LOCATION", "location"}, {"CONTAINERS", "containers"},
        {"VERSION", "version"},   {"LAST HEARD OF", "heartbeat_at"}};
    static const struct output_column queues[] = {{"QUEUE", "queue"},
                                                  {"WAITING", "waiting"},
                                                  {"RUNNING", "running"},
                                                  {"OLDEST, SECONDS", "oldest_seconds"}};
    const struct server_status *numbers = &report->numbers;

    output_rows(false, report->hosts, hosts, ARRAY_SIZE(hosts), "no daemon has ever run");
    printf("\nsessions: %" PRId64 " being created, %" PRId64 " ready; within 24 hours %" PRId64
           " ended, %" PRId64 " of them in error\n\n",
           numbers->starts.waiting + numbers->starts.running, numbers->sessions_ready,
           numbers->sessions_ended_today, numbers->sessions_failed_today);
    output_rows(false, report->queues, queues, ARRAY_SIZE(queues), "");
    printf("\nmoney: %" PRId64 " cents paid, %" PRId64 " granted are left to %" PRId64
           " users; %" PRId64 " spent today; %" PRId64 " users owe %" PRId64 "%s\n",
           numbers->paid_cents, numbers->granted_cents, numbers->users, numbers->spent_today_cents,
           numbers->debtors, numbers->debt_cents,
           ctl_settings(report->ctl)->billing.enabled ? "" : " (billing is off)");
    if (numbers->stripe_quarantined > 0)
        printf("%" PRId64 " events of Stripe are quarantined: codesetctl stripe events "
               "--quarantined\n",
               numbers->stripe_quarantined);
    if (numbers->changes_kept > 0)
        printf("changes of %" PRId64 " verifications are kept, %" PRId64 " KiB in the database\n",
               numbers->changes_kept, numbers->changes_bytes / 1024);
    putchar('\n');
}

static void show(const struct report *report)
{
    static const struct output_column parts[] = {
        {"PART", "part"}, {"STATE", "state"}, {"", "text"}};
    static const struct output_column disks[] = {{"DISK", "disk"},
                                                 {"STATE", "state"},
                                                 {"FREE, MIB", "free_mib"},
                                                 {"SIZE, MIB", "size_mib"},
                                                 {"PATH", "path"}};

    output_rows(false, report->parts, parts, ARRAY_SIZE(parts), "");
    putchar('\n');
    if (!report->without_database)
        show_numbers(report);
    output_rows(false, report->disks, disks, ARRAY_SIZE(disks), "none of the folders is here");
}

/* --- in a few lines -------------------------------------------------------------------------- */

/* A part that is well is a word; of another one the reason is told. */
static void brief_parts(const struct report *report, struct buf *out)
{
    buf_add_str(out, "parts   ");
    for (size_t i = 0; i < json_object_array_length(report->parts); i++) {
        json_object *part = json_object_array_get_idx(report->parts, i);
        const char *state = json_get_text(part, "state");

        buf_addf(out, "%s%s %s", i > 0 ? ", " : "", json_get_text(part, "part"), state);
        if (strcmp(state, state_words[STATE_DOWN]) == 0)
            buf_addf(out, " (%s)", json_get_text(part, "text"));
    }
    buf_addf(out, "\nworkers %" PRId64 " connected to the database\n",
             report->numbers.worker_connections);
}

static void brief_hosts(const struct report *report, struct buf *out)
{
    size_t count = json_object_array_length(report->hosts);

    buf_add_str(out, "hosts   ");
    for (size_t i = 0; i < count && i < BRIEF_HOSTS; i++) {
        json_object *host = json_object_array_get_idx(report->hosts, i);

        buf_addf(out, "%s%s %s, %" PRId64 " containers", i > 0 ? "; " : "",
                 json_get_text(host, "name"), json_get_text(host, "state"),
                 json_get_int(host, "containers", 0));
    }
    if (count > BRIEF_HOSTS)
        buf_addf(out, "; and %zu more", count - BRIEF_HOSTS);
    buf_add_str(out, count > 0 ? "\n" : "no daemon has ever run\n");
}

/* Those in which there is something. */
static void brief_queues(const struct report *report, struct buf *out)
{
    bool first = true;

    buf_add_str(out, "queues  ");
    for (size_t i = 0; i < json_object_array_length(report->queues); i++) {
        json_object *queue = json_object_array_get_idx(report->queues, i);
        int64_t waiting = json_get_int(queue, "waiting", 0);
        int64_t running = json_get_int(queue, "running", 0);

        if (waiting == 0 && running == 0)
            continue;
        buf_addf(out, "%s%s %" PRId64 " waiting, %" PRId64 " running", first ? "" : "; ",
                 json_get_text(queue, "queue"), waiting, running);
        if (waiting > 0)
            buf_addf(out, ", oldest %" PRId64 " s", json_get_int(queue, "oldest_seconds", 0));
        first = false;
    }
    buf_add_str(out, first ? "nothing waits, nothing is being done\n" : "\n");
}

static void brief_money(const struct report *report, struct buf *out)
{
    const struct server_status *numbers = &report->numbers;

    buf_addf(out,
             "money   %" PRId64 " cents spent today; %" PRId64 " paid and %" PRId64
             " granted are left; %" PRId64 " users owe %" PRId64 "%s\n",
             numbers->spent_today_cents, numbers->paid_cents, numbers->granted_cents,
             numbers->debtors, numbers->debt_cents,
             ctl_settings(report->ctl)->billing.enabled ? "" : " (billing is off)");
}

static void print_brief(const struct report *report)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;

    brief_parts(report, &out);
    brief_hosts(report, &out);
    brief_queues(report, &out);
    brief_money(report, &out);
    output_block(out.data);
}

/* --------------------------------------------------------------------------------------------- */

static int collect(struct report *report, struct error *err)
{
    const struct database_settings *database = &ctl_settings(report->ctl)->database;
    struct db *db = ctl_db(report->ctl, err);

    if (!db || store_server_info(db, &report->server, err) < 0 ||
        store_status(db, database->db_api_user, database->db_reaper_user, &report->numbers, err) <
            0 ||
        store_node_list(db, add_host, report, err) < 0)
        return -1;
    look_at_parts(report);
    add_queues(report);
    return 0;
}

static void report_begin(struct report *report, struct ctl *ctl)
{
    *report = (struct report){.ctl = ctl,
                              .parts = json_object_new_array(),
                              .hosts = json_object_new_array(),
                              .queues = json_object_new_array(),
                              .disks = json_object_new_array()};
}

static void report_release(struct report *report)
{
    json_object_put(report->parts);
    json_object_put(report->hosts);
    json_object_put(report->queues);
    json_object_put(report->disks);
}

int status_print_brief(struct ctl *ctl, struct error *err)
{
    _cleanup_(report_release) struct report report;

    report_begin(&report, ctl);
    if (collect(&report, err) < 0)
        return -1;
    print_brief(&report);
    return 0;
}

int ctl_status(struct ctl *ctl)
{
    _cleanup_(report_release) struct report report;
    struct error err = ERROR_INIT;
    bool known;

    report_begin(&report, ctl);
    known = collect(&report, &err) == 0;
    if (!known)
        look_without_database(&report, &err);
    add_disks(&report);
    if (ctl_json(ctl))
        show_json(&report);
    else
        show(&report);
    if (!known)
        return ctl_fail(ctl, &err);
    return report.down ? CTL_FAILED : CTL_OK;
}
