/*
 * job_work.h - agent jobs, who pays them, and what a daemon does to them: for the one file of a
 * test program, as work.h is.
 */
#ifndef CODESET_TESTS_STORE_JOB_WORK_H
#define CODESET_TESTS_STORE_JOB_WORK_H

#include "base/crypto.h"
#include "store/agents.h"
#include "store/audit.h"
#include "store/jobs.h"
#include "store/ledger.h"
#include "store/usage.h"
#include "work.h"

#define PRICE 100

static struct id payer; /* a new one for each test, with 1000 cents */

static inline struct agent agent_of(const char *name, const char *image)
{
    static char none[] = "none", no_secrets[] = "[]";

    return (struct agent){.agent_id = (char *)(uintptr_t)name,
                          .image = (char *)(uintptr_t)image,
                          .command = (char *)(uintptr_t)(image ? "true" : NULL),
                          .timeout = 600,
                          .egress = none,
                          .secrets = no_secrets};
}

static inline void put(const char *name, const char *image)
{
    struct agent agent = agent_of(name, image);

    OK(store_agent_put(admin, &agent, NULL, &err));
}

static inline int move(struct db *db, const struct ledger_movement *movement, struct error *err)
{
    if (db_begin(db, err) < 0)
        return -1;
    if (store_ledger_move(db, movement, NULL, err) == 0 && db_commit(db, err) == 0)
        return 0;
    db_rollback(db);
    return -1;
}

static inline void pay_in(const struct id *user, int64_t cents)
{
    struct id key = id_new();
    const struct ledger_movement movement = {.event_key = key.text,
                                             .kind = LEDGER_DEPOSIT,
                                             .user_id = *user,
                                             .amount_cents = cents,
                                             .description = "test"};

    OK(move(admin, &movement, &err));
}

static inline void before_each(void)
{
    static const char script[] = "DELETE FROM agent_job_uploads; DELETE FROM agent_job_logs; "
                                 "DELETE FROM agent_jobs; DELETE FROM ledger_entries; "
                                 "DELETE FROM ledger_transactions; DELETE FROM balances; "
                                 "DELETE FROM ledger_counts; DELETE FROM spending";
    static int count;
    char email[64];

    empty();
    OK(db_run_script(admin, script, sizeof(script) - 1, &err));
    snprintf(email, sizeof(email), "payer-%d@example.com", ++count);
    payer = user_of(email);
    pay_in(&payer, 1000);
    put("here", "image");
    put("elsewhere", NULL);
}

static inline int64_t balance_of(const struct id *user)
{
    struct balance balance;

    OK(store_balance_get(api, user, &balance, &err));
    return balance.balance_cents;
}

static inline struct new_agent_job wanted_of(const struct id *user, const char *agent)
{
    return (struct new_agent_job){.job_id = id_new(),
                                  .user_id = *user,
                                  .agent_id = agent,
                                  .repo = "o/r",
                                  .price_cents = PRICE,
                                  .open_max = 100};
}

static inline struct id job_of(const struct id *user, const char *agent)
{
    struct new_agent_job wanted = wanted_of(user, agent);

    OK(store_job_create(api, &wanted, &err));
    return wanted.job_id;
}

static inline struct agent_job job_now(const struct id *id)
{
    struct agent_job job = {0};

    OK(store_job_get(admin, NULL, id->text, &job, &err));
    return job;
}

static inline bool is(const struct id *id, enum agent_job_status status)
{
    _cleanup_(agent_job_release) struct agent_job job = job_now(id);

    return job.status == status;
}

static inline bool failed_by(const struct id *id, const char *code)
{
    _cleanup_(agent_job_release) struct agent_job job = job_now(id);

    return job.status == AGENT_JOB_ERROR && job.error_code && strcmp(job.error_code, code) == 0;
}

static inline void no_finding(const struct audit_finding *finding, void *arg)
{
    (void)arg;
    fprintf(stderr, "%s %s: %s\n", finding->rule, finding->id, finding->detail);
    CU_FAIL("a finding");
}

static inline void audit(void)
{
    struct audit_totals totals;

    OK(store_ledger_audit(admin, no_finding, NULL, &totals, &err));
}
static inline int64_t claim(const struct run *run, const struct id *id)
{
    _cleanup_(agent_job_work_release) struct agent_job_work work = {0};

    OK(store_job_claim(reaper, run, id, 10, 3, &work, &err));
    return work.attempt;
}

static inline void hash_of(const char *secret, unsigned char hash[SHA256_SIZE])
{
    sha256(secret, strlen(secret), hash);
}

/* Claimed and running, with this secret. */
static inline int64_t start(const struct run *run, const struct id *id, const char *secret,
                            struct id *ret_container)
{
    int64_t attempt = claim(run, id);
    unsigned char hash[SHA256_SIZE];
    struct id container = id_new();

    hash_of(secret, hash);
    OK(store_job_container(reaper, run, id, attempt, &container, "image", hash, &err));
    OK(store_job_running(reaper, run, id, attempt, "cj-x", "unix:/x", &err));
    if (ret_container)
        *ret_container = container;
    return attempt;
}

static inline bool is_due(const struct id *id, int64_t days)
{
    struct search search = {.wanted = id};

    OK(store_job_results_due(reaper, "a", days, 100, look, &search, &err));
    return search.found == 1;
}

#endif
