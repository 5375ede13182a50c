#include "metrics.h"

#include "base/cleanup.h"

#include "base/banned.h"

#define WORDS(...)                                                                                 \
    (const char *const[]){__VA_ARGS__},                                                            \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)
#define LABEL(name, ...)                                                                           \
    {                                                                                              \
        (name), WORDS(__VA_ARGS__)                                                                 \
    }

#define PROGRAM LABEL("program", "codeset-api", "codeset-reaper")
#define POOL LABEL("pool", "api", "outbound", "any")
#define CALL_OUTCOME LABEL("outcome", "ok", "refused", "failed", "unreachable")
#define ROUTE                                                                                      \
    {                                                                                              \
        "route", NULL, 0                                                                           \
    }
#define TYPE LABEL("type", "exec", "str_replace", "upload")
#define QUEUE                                                                                      \
    LABEL("queue", "sessions", "interactions", "verifications", "stripe_events", "agent_jobs")

const struct metric metrics_table[METRIC_COUNT_OF] = {
    [HTTP_REQUESTS] = {"codeset_http_requests_total",
                       "Requests that workers answered. held: handed to the daemon until there is "
                       "an answer, which counts once more.",
                       METRIC_COUNTER,
                       false,
                       {ROUTE, LABEL("status", "held", "200", "201", "202", "204", "206", "304",
                                     "400", "401", "402", "403", "404", "405", "409", "413", "414",
                                     "415", "422", "429", "500", "502", "503", "504", "other")}},
    [HTTP_SECONDS] = {"codeset_http_request_duration_seconds",
                      "Time that a worker took for a request, without the time that it was held.",
                      METRIC_HISTOGRAM,
                      true,
                      {ROUTE}},
    [WORKERS] = {"codeset_workers",
                 "Workers that run.",
                 METRIC_GAUGE,
                 false,
                 {POOL, LABEL("state", "idle", "busy")}},
    [WORKER_BUSY] = {"codeset_worker_busy_seconds_total",
                     "Time that workers spent on requests.",
                     METRIC_COUNTER,
                     true,
                     {POOL}},
    [GITHUB_CALLS] = {"codeset_github_requests_total",
                      "Requests to GitHub.",
                      METRIC_COUNTER,
                      false,
                      {CALL_OUTCOME}},
    [GITHUB_SECONDS] = {"codeset_github_request_duration_seconds", "Time of requests to GitHub.",
                        METRIC_HISTOGRAM, true, .labels = {{NULL}}},
    [STRIPE_CALLS] = {"codeset_stripe_requests_total",
                      "Requests to Stripe.",
                      METRIC_COUNTER,
                      false,
                      {PROGRAM, CALL_OUTCOME}},
    [STRIPE_SECONDS] = {"codeset_stripe_request_duration_seconds",
                        "Time of requests to Stripe.",
                        METRIC_HISTOGRAM,
                        true,
                        {PROGRAM}},
    [DATABASE_ERRORS] = {"codeset_database_errors_total",
                         "Statements that MariaDB did not carry out: it was out of reach, busy (a "
                         "deadlock, a lock, a full disk), or refused them.",
                         METRIC_COUNTER,
                         false,
                         {PROGRAM, LABEL("kind", "unavailable", "busy", "refused")}},
    [BALANCE_FALLS] = {"codeset_balance_falls_total",
                       "How often a balance fell below its user's threshold.",
                       METRIC_COUNTER,
                       false,
                       {PROGRAM}},
    [HOLDS] = {"codeset_held_requests",
               "Requests that the daemon holds until what they wait for has ended.", METRIC_GAUGE,
               false, .labels = {{NULL}}},
    [HOLDS_MOST] = {"codeset_held_requests_limit", "Most requests that are held.", METRIC_GAUGE,
                    false, .labels = {{NULL}}},
    [HOLDS_ENDED] = {"codeset_holds_total",
                     "Holds, by how they ended: what was waited for ended, the time was over or "
                     "the client gone, or they were refused.",
                     METRIC_COUNTER,
                     false,
                     {LABEL("end", "woken", "over", "refused")}},
    [CONTAINERS] = {"codeset_containers",
                    "Containers of this host.",
                    METRIC_GAUGE,
                    false,
                    {LABEL("kind", "session", "grading", "job")}},
    [CONTAINER_FAILURES] = {"codeset_container_failures_total",
                            "Containers that did not start, or ended by themselves.",
                            METRIC_COUNTER,
                            false,
                            {LABEL("reason", "IMAGE_MISSING", "IMAGE_REFUSED", "DISK_SHORT",
                                   "LOOP_DEVICES_SHORT", "ID_RANGES_SHORT", "CONTAINER_LOST",
                                   "HOST_DISK_FULL", "KERNEL_MEMORY_LIMIT", "AGENT_UNREACHABLE",
                                   "other")}},
    [SESSION_STARTS] = {"codeset_session_starts_total",
                        "Sessions that this host claimed, by what became of them.",
                        METRIC_COUNTER,
                        false,
                        {LABEL("outcome", "ready", "declined", "failed")}},
    [SESSION_START_SECONDS] = {"codeset_session_start_duration_seconds",
                               "Time from the claim of a session until it was ready.",
                               METRIC_HISTOGRAM, true, .labels = {{NULL}}},
    [INTERACTIONS] = {"codeset_interactions_total",
                      "Commands, edits and uploads that ended. failed: by themselves; platform: "
                      "this server could not carry them out.",
                      METRIC_COUNTER,
                      false,
                      {TYPE, LABEL("outcome", "success", "failed", "platform")}},
    [INTERACTION_SECONDS] = {"codeset_interaction_duration_seconds",
                             "Time from the claim of an interaction until its result was recorded.",
                             METRIC_HISTOGRAM,
                             true,
                             {TYPE}},
    [VERIFICATIONS] = {"codeset_verifications_total",
                       "Verifications that ended.",
                       METRIC_COUNTER,
                       false,
                       {LABEL("outcome", "success", "failed", "error")}},
    [VERIFICATION_SECONDS] = {"codeset_verification_duration_seconds",
                              "Time from the claim of a verification until its result was "
                              "recorded.",
                              METRIC_HISTOGRAM, true, .labels = {{NULL}}},
    [AGENT_JOBS] = {"codeset_agent_jobs_total",
                    "Agent jobs that this host ended.",
                    METRIC_COUNTER,
                    false,
                    {LABEL("outcome", "completed", "JOB_AGENT_FAILED", "JOB_TIMEOUT",
                           "JOB_NO_RESULT", "JOB_RESULT_REFUSED", "JOB_RESULT_TOO_LARGE",
                           "JOB_CLONE_FAILED", "JOB_RUNNER_LOST", "JOB_IMAGE_MISSING",
                           "JOB_SECRET_MISSING", "JOB_EGRESS_UNAVAILABLE", "JOB_RESULT_FAILED",
                           "JOB_HOST_FULL", "other")}},
    [AGENT_JOB_SECONDS] = {"codeset_agent_job_duration_seconds",
                           "Time from the claim of an agent job until its end was recorded.",
                           METRIC_HISTOGRAM, true, .labels = {{NULL}}},
    [EGRESS_CONNECTIONS] =
        {"codeset_egress_connections_total",
         "Connections that containers of this host asked codeset-egress for. refused: "
         "not in the agent's list, or no public address; failed: no such name, or "
         "no answer.",
         METRIC_COUNTER,
         false,
         {LABEL("outcome", "connected", "refused", "failed")}},
    [EGRESS_BYTES] = {"codeset_egress_bytes_total",
                      "Bytes that passed through codeset-egress, as the containers see it.",
                      METRIC_COUNTER,
                      false,
                      {LABEL("direction", "sent", "received")}},
    [STRIPE_EVENTS_DONE] = {"codeset_stripe_events_total",
                            "What came of events of Stripe's, each time they were looked at.",
                            METRIC_COUNTER,
                            false,
                            {LABEL("state", "due", "applied", "ignored", "quarantined",
                                   "dismissed")}},
    [DATABASE_PENDING] = {"codeset_database_pending", "Work of the daemon that waits for MariaDB.",
                          METRIC_GAUGE, false, .labels = {{NULL}}},
    [RESULTS_BYTES] = {"codeset_results_bytes", "Results and uploads in the daemon's memory.",
                       METRIC_GAUGE, false, .labels = {{NULL}}},
    [HEARTBEAT_AGE] = {"codeset_heartbeat_age_seconds",
                       "Time since the daemon last wrote its heartbeat.", METRIC_GAUGE, true,
                       .labels = {{NULL}}},
    [DATABASE_UP] = {"codeset_database_up", "Did MariaDB answer the daemon just now?", METRIC_GAUGE,
                     false, .labels = {{NULL}}},
    [SESSIONS_OPEN] = {"codeset_sessions",
                       "Open sessions of all hosts.",
                       METRIC_GAUGE,
                       false,
                       {LABEL("status", "creating", "ready")}},
    [QUEUE_LENGTH] = {"codeset_queue_length",
                      "Work of all hosts that waits to start.",
                      METRIC_GAUGE,
                      false,
                      {QUEUE}},
    [QUEUE_AGE] = {"codeset_queue_age_seconds",
                   "Age of the oldest work that waits to start; 0: none does.",
                   METRIC_GAUGE,
                   true,
                   {QUEUE}},
    [LEDGER_LAG] = {"codeset_ledger_lag_seconds",
                    "Time since the end of the oldest session that is not charged; 0: all are.",
                    METRIC_GAUGE, true, .labels = {{NULL}}},
    [LEDGER_AUDIT_AGE] = {"codeset_ledger_audit_age_seconds",
                          "Time since the last audit of the ledger ended.", METRIC_GAUGE, true,
                          .labels = {{NULL}}},
    [LEDGER_AUDIT_FINDINGS] = {"codeset_ledger_audit_findings",
                               "Faults that the last audit of the ledger found.", METRIC_GAUGE,
                               false, .labels = {{NULL}}},
    [LOW_BALANCES] = {"codeset_low_balances", "Balances that are below their user's threshold.",
                      METRIC_GAUGE, false, .labels = {{NULL}}},
    [STRIPE_EVENTS] = {"codeset_stripe_events_waiting",
                       "Events of Stripe's that are not settled.",
                       METRIC_GAUGE,
                       false,
                       {LABEL("state", "due", "quarantined")}},
};

static enum metric_program program;

void metrics_begin(enum metric_program which)
{
    program = which;
    metrics_open(metrics_table, ARRAY_SIZE(metrics_table));
}

size_t metric_program(void)
{
    return program;
}

size_t metric_call_outcome(long status)
{
    if (status <= 0)
        return 3;
    return status >= 500 ? 2 : status >= 400;
}
