/* GET /health: is the service able to answer, and is there a daemon to do the work? */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/render.h"
#include "routes/routes.h"
#include "store/runs.h"

#include "base/banned.h"

static int get_health(void *app, const struct request *request, const void *values,
                      struct answer *answer, struct error *err)
{
    struct api *api = app;
    bool alive = false;
    bool reachable = store_daemon_alive(api->db, DAEMON_SILENT_SECONDS, &alive, err) == 0;
    struct buf *body = answer_json(answer, reachable ? 200 : 503);

    (void)request;
    (void)values;
    if (!reachable) {
        log_error("unhealthy", err);
        answer_header(answer, "Retry-After", "2");
    }
    answer_header(answer, "Cache-Control", "no-store");
    render_open(body, NULL, '{');
    render_text(body, "status", !reachable ? "unhealthy" : alive ? "healthy" : "degraded");
    render_text(body, "service", "codeset-api");
    render_text(body, "version", CODESET_VERSION);
    render_time(body, "timestamp", clock_now());
    render_close(body, '}');
    return 0;
}

static const struct route rows[] = {
    {"GET", "/health", get_health, .pool = "api"},
    {"GET", API "/health", get_health, .pool = "api"},
};
const struct route_list health_routes = {rows, ARRAY_SIZE(rows)};
