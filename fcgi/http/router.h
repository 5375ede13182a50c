/*
 * router.h - routes are rows; what all of them have in common happens here: finding the row, 404
 * and 405, CORS, authentication, reading and checking the fields, refusals.
 *
 * Where a worker is asked whether a body may come (request->may_come), it answers 204; or 403, with
 * the refusal as headers, since nginx takes no more from such an answer: X-Refusal-Status and
 * X-Refusal, its body.
 *
 * The order of checks: path, method, pool, credentials, body size, query and body, Idempotency-Key,
 * handler. So nothing is said about what exists, and no body is read, before the caller is known.
 *
 * Once: a handler makes the ids of all that it creates by request_make_id, and finds what is there
 * under such an id already to be its own doing. That is all it has to do for a request that comes
 * twice, whether another worker takes it up or a client repeats it with its Idempotency-Key.
 */
#ifndef CODESET_HTTP_ROUTER_H
#define CODESET_HTTP_ROUTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "http/answer.h"
#include "http/fields.h"
#include "http/request.h"

enum route_flag {
    ROUTE_BEARER = 1,  /* needs Authorization: Bearer */
    ROUTE_AWAITED = 2, /* exists only for POSTs that come back from being held */
    ROUTE_JOINED = 4,  /* with ROUTE_BEARER: the handler's own query checks the credential */
    ROUTE_STREAM = 8,  /* the handler reads the body itself, from request->stream, and knows
                        * request->may_come */
};

/* app is the router's. values: the struct that the route's fields fill, NULL without fields. The
 * body is in request->body, raw, where the route takes one.
 * Returns 0 with the answer filled, or -1 with err, which becomes the answer. */
typedef int route_handler(void *app, const struct request *request, const void *values,
                          struct answer *answer, struct error *err);

struct route {
    const char *method;  /* not HEAD, OPTIONS: those come by themselves */
    const char *pattern; /* "/api/v1/sessions/{session_id}": parameters are whole segments */
    route_handler *handle;
    unsigned flags;
    const char *pool; /* of workers, "api" or "outbound": nginx's configuration says the same */
    /* ROUTE_QUERY, ROUTE_BODY: the rows, and the struct that they fill. */
    const struct field *query;
    size_t query_count, query_size;
    const struct field *body;
    size_t body_count, body_size;
    /* Of a route whose body no fields describe: how many bytes are read; 0: none is read. */
    int64_t raw_body_most;
    size_t raw_body_setting; /* FIELD_SETTING(...): it is in the limits instead */
};

/* Where a route has both, they fill the same struct. */
#define ROUTE_QUERY(type, rows)                                                                    \
    .query = (rows), .query_count = sizeof(rows) / sizeof((rows)[0]), .query_size = sizeof(type)
#define ROUTE_BODY(type, rows)                                                                     \
    .body = (rows), .body_count = sizeof(rows) / sizeof((rows)[0]), .body_size = sizeof(type)

struct route_list {
    const struct route *routes;
    size_t count;
};

struct router {
    const struct route_list *const *lists;
    size_t list_count;
    void *app;
    /* That this worker is of: it serves no route of another, whose secrets it has not read. NULL:
     * it serves all. */
    const char *pool;
    /* Is this bearer token good? Codes INVALID_CREDENTIALS and those of what's down. joined: only
     * its form is checked here, the rest is the handler's. */
    int (*authenticate)(void *app, const char *token, bool joined, struct error *err);
    /* The request has this Idempotency-Key (checked) and is good so far: its origin becomes that of
     * the caller's first request with the key on this path, and `replay` tells whether that was an
     * earlier one. Code IDEMPOTENCY_KEY_REUSED: that one had another body. */
    int (*recall)(void *app, const char *key, struct request *request, struct error *err);
    /* Told of each request behind its answer: the route's row, NULL where there is none, and how
     * long it took. NULL: nobody is. */
    void (*measure)(const struct route *route, const struct answer *answer, int64_t microseconds,
                    void *app);
    const void *limits;       /* for the fields */
    const char *cors_origins; /* space-separated */
};

/* Answers the request, whatever it is. parameters as request_init. */
void router_answer(const struct router *router, char **parameters, const struct body_source *body,
                   struct answer *answer);

/* [{"method","pattern","auth","awaited","pool","body_most"}...], for tests and tools. */
void router_describe(const struct router *router, struct buf *out);

#endif
