/*
 * GET /health: is the service able to answer, and able to do the work?
 *
 * unhealthy (503): the database is out of reach. degraded (200): it answers, but some work waits or
 * is refused; `parts` says which. Everybody may ask, so that no host is named.
 *
 * BUGS
 *	Disks are looked at from the host of the workers. Those of other hosts show when they refuse
 *	sessions (HOST_FULL).
 */
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/render.h"
#include "routes/routes.h"
#include "store/runs.h"

#include "base/banned.h"

static void add_part(struct buf *parts, const char *part, const char *message)
{
    render_open(parts, NULL, '{');
    render_text(parts, "part", part);
    render_text(parts, "message", message);
    render_close(parts, '}');
}

/* Not where it can't be asked: then it is another host's. */
static bool is_short(const char *path, int64_t least)
{
    struct statvfs fs;

    return path && *path && statvfs(path, &fs) == 0 &&
           (int64_t)fs.f_bavail * (int64_t)fs.f_frsize < least;
}

static void look_at_disks(const struct api *api, const char *database_dir, struct buf *parts)
{
    const struct engine_settings *engine = &api->settings->engine;
    int64_t reserve = engine->disk_reserve_bytes;
    int64_t share = engine->disk_bytes / 100 * engine->disk_commit_percent;

    if (is_short(engine->scratch_dir, reserve + share))
        add_part(parts, "disk", "The disk of the sandboxes is full: no session can be started.");
    else if (!api->settings->database.db_host[0] && is_short(database_dir, reserve))
        add_part(parts, "disk", "The disk of the database is nearly full.");
}

static void look_at_hosts(const struct hosts_health *health, struct buf *parts)
{
    if (health->alive == 0)
        add_part(parts, "daemon",
                 "No codeset-reaper is running: requests are taken, and their work waits.");
    else if (health->alive < health->hosts)
        add_part(parts, "host",
                 "A host has no codeset-reaper running; 'codesetctl node list' names it.");
}

static int get_health(void *app, const struct request *request, const void *values,
                      struct answer *answer, struct error *err)
{
    struct api *api = app;
    _cleanup_(hosts_health_release) struct hosts_health health = {0};
    _cleanup_(buf_release) struct buf parts = BUF_INIT;
    bool reachable = store_hosts_health(api->db, DAEMON_SILENT_SECONDS, &health, err) == 0;
    struct buf *body = answer_json(answer, reachable ? 200 : 503);

    (void)request;
    (void)values;
    render_open(&parts, NULL, '[');
    if (reachable) {
        look_at_hosts(&health, &parts);
        look_at_disks(api, health.database_dir, &parts);
    } else {
        log_error("unhealthy", err);
        answer_header(answer, "Retry-After", "2");
        add_part(&parts, "database", "The database cannot be reached.");
    }
    answer_header(answer, "Cache-Control", "no-store");
    render_open(body, NULL, '{');
    render_text(body, "status",
                !reachable         ? "unhealthy"
                : parts.length > 1 ? "degraded"
                                   : "healthy");
    render_close(&parts, ']');
    render_text(body, "service", "codeset-api");
    render_text(body, "version", CODESET_VERSION);
    render_time(body, "timestamp", clock_now());
    render_json(body, "parts", parts.data, parts.length);
    render_close(body, '}');
    return 0;
}

static const struct route rows[] = {
    {"GET", "/health", get_health, .pool = "api"},
    {"GET", API "/health", get_health, .pool = "api"},
};
const struct route_list health_routes = {rows, ARRAY_SIZE(rows)};
