/*
 * metrics.h - every metric of the programs: one table, as settings.h is for settings.
 *
 * To add one: a name here, a row at the same place of the table in metrics.c, METRIC_COUNT or the
 * like where it happens, and a line in docs/monitoring.md, which a test compares with the table.
 * No label may have a value that a stranger chooses, and none is of one session or user.
 */
#ifndef CODESET_METRICS_H
#define CODESET_METRICS_H

#include "base/metrics.h"

enum metric_id {
    /* Workers: */
    HTTP_REQUESTS, /* route, status */
    HTTP_SECONDS,  /* route */
    WORKERS,       /* pool, state */
    WORKER_BUSY,   /* pool */
    GITHUB_CALLS,  /* outcome */
    GITHUB_SECONDS,
    /* Workers and daemon: */
    STRIPE_CALLS,    /* program, outcome */
    STRIPE_SECONDS,  /* program */
    DATABASE_ERRORS, /* program, kind */
    BALANCE_FALLS,   /* program */
    /* The daemon's own: */
    HOLDS,
    HOLDS_MOST,
    HOLDS_ENDED,        /* end */
    CONTAINERS,         /* kind */
    CONTAINER_FAILURES, /* reason */
    SESSION_STARTS,     /* outcome */
    SESSION_START_SECONDS,
    INTERACTIONS,        /* type, outcome */
    INTERACTION_SECONDS, /* type */
    VERIFICATIONS,       /* outcome */
    VERIFICATION_SECONDS,
    AGENT_JOBS, /* outcome */
    AGENT_JOB_SECONDS,
    EGRESS_CONNECTIONS, /* outcome */
    EGRESS_BYTES,       /* direction */
    STRIPE_EVENTS_DONE, /* state */
    DATABASE_PENDING,
    RESULTS_BYTES,
    HEARTBEAT_AGE,
    /* What the database says, of all hosts; not there while it is out of reach: */
    DATABASE_UP,
    SESSIONS_OPEN, /* status */
    QUEUE_LENGTH,  /* queue */
    QUEUE_AGE,     /* queue */
    LEDGER_LAG,
    LEDGER_AUDIT_AGE,
    LEDGER_AUDIT_FINDINGS,
    LOW_BALANCES,
    STRIPE_EVENTS, /* state */
    METRIC_COUNT_OF,
};

extern const struct metric metrics_table[METRIC_COUNT_OF];

enum metric_program { METRIC_API, METRIC_REAPER };
enum metric_pool { METRIC_POOL_API, METRIC_POOL_OUTBOUND, METRIC_POOL_ANY };
enum metric_database_kind { METRIC_DB_UNAVAILABLE, METRIC_DB_BUSY, METRIC_DB_REFUSED };
enum metric_hold_end { METRIC_HOLD_WOKEN, METRIC_HOLD_OVER, METRIC_HOLD_REFUSED };
enum metric_queue {
    METRIC_QUEUE_SESSIONS,
    METRIC_QUEUE_INTERACTIONS,
    METRIC_QUEUE_VERIFICATIONS,
    METRIC_QUEUE_STRIPE_EVENTS,
    METRIC_QUEUE_AGENT_JOBS,
};

/* Where workers' counts are, in the folder of the settings. */
#define METRICS_WORKERS "workers"

/* Opens the table for this program. */
void metrics_begin(enum metric_program program);
size_t metric_program(void);

/* Where a call to a third party that was answered by this HTTP status, 0 for none, counts. */
size_t metric_call_outcome(long status);

#endif
