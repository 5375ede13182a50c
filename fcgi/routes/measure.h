/*
 * measure.h - a worker counts its requests (fcgi/metrics.h), together with the other workers.
 */
#ifndef CODESET_ROUTES_MEASURE_H
#define CODESET_ROUTES_MEASURE_H

#include "http/router.h"
#include "settings.h"

/* From now on the router's requests are counted, as of a worker of this pool; NULL: of any. Where
 * the file of the counts can't be used, which is logged, the worker goes on without. Call once. */
void measure_begin(struct router *router, const char *pool,
                   const struct metrics_settings *settings);

#endif
