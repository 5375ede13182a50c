#include "routes/measure.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"

#include "base/banned.h"

/* The place of each route's name; a worker has few, so they are looked through. */
#define ROUTES_MOST METRICS_NAMES

static struct {
    const struct route *route;
    size_t name;
} known[ROUTES_MOST];
static size_t known_count;
static enum metric_pool own_pool;

static void know_routes(const struct router *router)
{
    for (size_t i = 0; i < router->list_count; i++) {
        for (size_t j = 0; j < router->lists[i]->count && known_count < ROUTES_MOST; j++) {
            const struct route *route = &router->lists[i]->routes[j];
            _cleanup_(free_ptr) char *name = xasprintf("%s %s", route->method, route->pattern);

            known[known_count].route = route;
            known[known_count++].name = metric_name(name);
        }
    }
}

static size_t name_of(const struct route *route)
{
    for (size_t i = 0; i < known_count; i++)
        if (known[i].route == route)
            return known[i].name;
    return 0;
}

static size_t status_place(const struct answer *answer)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", answer->status);
    return metric_place(HTTP_REQUESTS, 1, answer->held ? "held" : text);
}

static void measure(const struct route *route, const struct answer *answer, int64_t microseconds,
                    void *app)
{
    size_t name = name_of(route);

    (void)app;
    METRIC_COUNT(HTTP_REQUESTS, name, status_place(answer));
    metric_observe(HTTP_SECONDS, microseconds, METRIC_AT(name));
    metric_add(WORKER_BUSY, microseconds, METRIC_AT(own_pool));
}

void measure_begin(struct router *router, const char *pool, const struct metrics_settings *settings)
{
    struct error err = ERROR_INIT;

    own_pool = pool ? (enum metric_pool)metric_place(WORKER_BUSY, 0, pool) : METRIC_POOL_ANY;
    if (settings->folder[0] && metrics_share(settings->folder, METRICS_WORKERS, &err) < 0)
        log_error("metrics_not_shared", &err);
    metrics_join(own_pool);
    know_routes(router);
    router->measure = measure;
}
