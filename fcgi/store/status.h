/*
 * status.h - how the server stands, in a few numbers; for operators.
 */
#ifndef CODESET_STORE_STATUS_H
#define CODESET_STORE_STATUS_H

#include <stdint.h>

#include "base/error.h"

struct db;

/* What waits or is being done. */
struct status_queue {
    int64_t waiting, running;
    int64_t oldest_seconds; /* that one of those waiting has waited; 0: none waits */
};

struct server_status {
    /* Connections of MariaDB: all, most, and those of the workers and of the daemons. */
    int64_t connections, connections_max, worker_connections, daemon_connections;
    int64_t sessions_ready, sessions_ended_today, sessions_failed_today; /* within 24 hours */
    struct status_queue starts, commands, verifications, agent_jobs;
    struct status_queue charges;       /* of ended sessions; none is ever running */
    struct status_queue stripe_events; /* the same */
    int64_t stripe_quarantined;        /* a person must look at them */
    int64_t changes_kept,
        changes_bytes;                 /* of verifications, for regrading; bytes in the database */
    int64_t users;                     /* that can sign in */
    int64_t paid_cents, granted_cents; /* what the balances come to */
    int64_t debtors, debt_cents;       /* those below zero, and by how much */
    int64_t spent_today_cents;         /* charged since midnight (UTC) */
};

/* One snapshot, no lock. Needs the administrator's account. api_user, reaper_user: the accounts
 * whose connections are counted. */
int store_status(struct db *db, const char *api_user, const char *reaper_user,
                 struct server_status *ret_status, struct error *err);

#endif
