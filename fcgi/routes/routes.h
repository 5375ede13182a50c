/*
 * routes.h - the routes of the API: a file per resource, each with a table of rows; and what
 * their handlers share.
 */
#ifndef CODESET_ROUTES_ROUTES_H
#define CODESET_ROUTES_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "http/router.h"
#include "routes/doorbell.h"
#include "settings.h"
#include "store/db.h"
#include "store/interactions.h"
#include "store/users.h"
#include "stripe/signature.h"

struct github;
struct stripe;
struct token_issuer;

#define API "/api/v1"

/* Handed to every handler as `app`. */
struct api {
    const struct settings *settings;
    struct db *db;
    struct doorbell doorbell;
    struct token_issuer *tokens;
    /* Each pool has the secrets of its routes alone; the router sees to it that none is asked for
     * another's. NULL in the pool `api`: */
    struct github *github;
    struct stripe *stripe;
    /* None in the pool `outbound`: */
    struct stripe_secrets webhook_secrets;
    struct credential credential; /* of the request at hand, where the route has ROUTE_BEARER */
    struct caller
        caller; /* the same; where it has ROUTE_JOINED, from when the handler has read it */
};

extern const struct route_list agent_jobs_routes, auth_routes, billing_routes, datasets_routes,
    deposit_routes, health_routes, interactions_routes, job_results_routes, job_runners_routes,
    repos_routes, samples_routes, sessions_routes, users_routes, verifications_routes,
    webhook_routes;

/* The router over all of them; api must outlive it. */
struct router routes_router(struct api *api);

/* Has the caller accepted the terms that the settings name? To be asked before what costs money.
 * Code TERMS_NOT_ACCEPTED. */
int require_terms(const struct api *api, struct error *err);

/* The path's parameter as an id in lower case. What is no UUID gets the same answer, by `code`,
 * as an id that nobody has. */
int path_id(const struct request *request, size_t index, const char *code, struct id *ret_id,
            struct error *err);

/* A GET of something unfinished: if the client is to wait, the answer becomes a redirect to the
 * daemon, which holds the request, and true is returned. False: answer now. See
 * docs/held-requests.md. */
bool hold(struct api *api, const struct request *request, enum work_kind kind, const struct id *id,
          int64_t created_at, int64_t now, struct answer *answer);

/* Did the client say for how long it wants to wait (Prefer: wait)? */
bool prefers_wait(const struct request *request);

/* Has a daemon renewed its claims lately? If not, nobody would end a hold, and holding a request
 * only costs the client time. */
#define DAEMON_AWAY_RETRY 2      /* seconds: what a client that can't be held is asked to wait */
#define DAEMON_SILENT_SECONDS 15 /* a daemon writes a heartbeat every few */
bool daemon_listens(struct api *api);

/* Preference-Applied, where the request had a Prefer: wait. */
void applied_preference(const struct request *request, struct answer *answer);

/* Redirects to the daemon for ms, and then to the path. */
void hold_until(enum work_kind kind, const struct id *id, int64_t ms, const char *path,
                struct answer *answer);

/* "error": {code, message}, or null without a code. */
void render_failure(struct buf *out, const char *code, const char *message);

struct container_info {
    const char *name; /* NULL: "container_info": null */
    const char *sample_id;
    const char *status;
    const char *location;
    int64_t created_at, expires_at;
};

void render_container_info(struct buf *out, const struct container_info *info);

/* A form's text for store; it is not copied. */
struct text text_of(const struct field_text *text);

#endif
