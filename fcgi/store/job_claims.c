/*
 * job_claims.c - agent jobs that run here: what the daemon does with them (jobs.h). Their end is in
 * job_ends.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/claims.h"
#include "store/job_rows.h"

#include "base/banned.h"

void agent_job_work_release(struct agent_job_work *work)
{
    free(work->agent_id);
    free(work->repo);
    free(work->ref);
    free(work->image);
    free(work->command);
    free(work->egress);
    free(work->secrets);
    free(work->container_address);
    memset(work, 0, sizeof(*work));
}

/* --- claims ---------------------------------------------------------------------------------- */

/* Of agent_jobs w; its values: this run's id, its lease_seconds, its node. A daemon that is away
 * may come back to the container that its node has; when the node is lost, that has ended. */
#define IS_FREE                                                                                    \
    "NOT w.elsewhere AND w." JOB_UNFINISHED                                                        \
    " AND (w.owner IS NULL OR w.owner=? OR " OWNER_IS_DEAD(                                        \
        "w.owner") ") AND NOT EXISTS (SELECT 1 FROM containers c WHERE "                           \
                   "c.container_id=w.container_id AND c.state IN ('starting','running') AND "      \
                   "c.node<>?)"

/* Claims of a run are made one after the other (its row's lock), so that the cap holds. A run that
 * was ended by others claims nothing. What is attached to goes on with its time and secret. */
#define CLAIM                                                                                      \
    "SELECT run_id INTO mine FROM runs WHERE run_id=? AND ended_at IS NULL FOR UPDATE; "           \
    "SELECT w.user_id, w.owner, TRUE INTO whose, earlier, free FROM agent_jobs w "                 \
    "WHERE mine IS NOT NULL AND w.job_id=? AND " IS_FREE " FOR UPDATE; "                           \
    "IF free THEN "                                                                                \
    "SELECT COUNT(*) INTO under_way FROM agent_jobs o WHERE o.user_id=whose AND "                  \
    "o.status IN ('starting','running') AND o.owner=mine AND o.job_id<>?; "                        \
    "SELECT COUNT(*) > 0 INTO attached FROM agent_jobs j JOIN containers c USING (container_id) "  \
    "WHERE j.job_id=? AND c.state='running' AND c.node=?; "                                        \
    "IF under_way < ? THEN "                                                                       \
    "UPDATE agent_jobs SET lost=lost+(earlier IS NOT NULL AND earlier<>mine), "                    \
    "status=IF(status='pending', 'starting', status), started_at=IF(attached AND started_at IS "   \
    "NOT NULL, started_at, NOW(6)), secret_hash=IF(attached, secret_hash, NULL), "                 \
    "attempt=attempt+1, node=?, owner=mine WHERE job_id=?; SET claimed=TRUE; "                     \
    "END IF; END IF;"

static void read_work(const struct db_rows *rows, struct agent_job_work *work)
{
    *work = (struct agent_job_work){
        .job_id = db_row_id(rows, 2),
        .user_id = db_row_id(rows, 3),
        .attempt = db_row_int(rows, 4),
        .agent_id = db_row_copy(rows, 5),
        .repo = db_row_copy(rows, 6),
        .ref = db_row_copy(rows, 7),
        .installation_id = db_row_int(rows, 8),
        .image = db_row_copy(rows, 9),
        .command = db_row_copy(rows, 10),
        .egress = db_row_copy(rows, 11),
        .secrets = db_row_copy(rows, 12),
        .timeout = db_row_int(rows, 13),
        .seconds_left = db_row_int(rows, 14),
        .asked_to_end = db_row_int(rows, 15) != 0,
        .container_id = db_row_id(rows, 16),
        .container_address = db_row_copy(rows, 17),
    };
}

/* It is this run's, and that is one too many. */
static int give_up(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                   struct error *err)
{
    if (store_job_finish(db, run, id, attempt, NULL, "JOB_RUNNER_LOST",
                         "the server stopped several times while it ran this job; its price was "
                         "paid back",
                         err) < 0)
        return -1;
    return error_set(err, ERROR_NOT_FOUND, NULL, "the agent job lost its runner too often");
}

int store_job_claim(struct db *db, const struct run *run, const struct id *id, int64_t user_max,
                    int64_t attempts_max, struct agent_job_work *ret_work, struct error *err)
{
    static const struct query claim = {DB_ATOMIC_SELECT(
        "DECLARE mine, whose, earlier UUID; DECLARE under_way INT DEFAULT 0; "
        "DECLARE free, claimed, attached BOOLEAN DEFAULT FALSE; ",
        CLAIM,
        "SELECT claimed, w.lost, w.job_id, w.user_id, w.attempt, w.agent_id, w.repo, w.ref, "
        "w.installation_id, a.image, a.command, a.egress, a.secrets, a.timeout_seconds, "
        "GREATEST(0, a.timeout_seconds - TIMESTAMPDIFF(SECOND, w.started_at, NOW(6))), "
        "w.asked_to_end, IF(attached, w.container_id, NULL), c.address FROM agent_jobs w "
        "JOIN agents a USING (agent_id) LEFT JOIN containers c ON attached AND "
        "c.container_id=w.container_id WHERE free AND w.job_id=?;")};
    struct db_value me = db_id(&run->run_id), node = db_text(run->node), job = db_id(id);
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &claim, err, me, job, me, db_int(run->lease_seconds), node, job, job, node,
                  db_int(user_max), node, job, job);

    if (!rows)
        return -1;
    if (!db_next(rows))
        return error_set(err, ERROR_NOT_FOUND, NULL, "nothing to claim");
    if (!db_row_int(rows, 0))
        return error_set(err, ERROR_LIMIT, NULL,
                         "the user has %lld running agent jobs, which is the limit",
                         (long long)user_max);
    if (db_row_int(rows, 1) >= attempts_max)
        return give_up(db, run, id, db_row_int(rows, 4), err);
    read_work(rows, ret_work);
    return 0;
}

int store_job_claimable(struct db *db, const struct run *run, int64_t user_max, int64_t limit,
                        void (*each)(const struct id *id, void *arg), void *arg, struct error *err)
{
    static const struct query query = {
        "WITH running AS (SELECT o.user_id, COUNT(*) AS n FROM agent_jobs o WHERE "
        "o.status IN ('starting','running') AND o.owner=? GROUP BY o.user_id) "
        "SELECT q.job_id FROM (SELECT w.job_id, w.created_at, ROW_NUMBER() OVER (PARTITION BY "
        "w.user_id ORDER BY w.created_at, w.job_id) + IFNULL(r.n, 0) AS place FROM agent_jobs w "
        "LEFT JOIN running r ON r.user_id=w.user_id WHERE (w.owner IS NULL OR w.owner<>?) "
        "AND " IS_FREE ") q WHERE q.place <= ? ORDER BY q.place, q.created_at, q.job_id LIMIT ?"};
    struct db_value me = db_id(&run->run_id);
    struct db_rows *rows = DB_SELECT(db, &query, err, me, me, me, db_int(run->lease_seconds),
                                     db_text(run->node), db_int(user_max), db_int(limit));

    if (!rows)
        return -1;
    db_each_id(rows, each, arg);
    return 0;
}

/* --- what becomes of a claim ----------------------------------------------------------------- */

#define NEW_CONTAINER                                                                              \
    "SELECT container_id, TRUE INTO earlier, ours FROM agent_jobs WHERE job_id=? AND owner=? AND " \
    "attempt=? AND status IN ('starting','running') FOR UPDATE; "                                  \
    "IF ours AND NOT earlier <=> ? THEN "                                                          \
    "UPDATE agent_jobs SET container_id=?, secret_hash=?, status='starting', asked_to_end=FALSE "  \
    "WHERE job_id=?; "                                                                             \
    "UPDATE containers SET state='ended', ended_at=NOW(6) "                                        \
    "WHERE container_id=earlier AND state IN ('starting','running'); "                             \
    "INSERT INTO containers (container_id, node, run_id, kind, work_id, image) "                   \
    "VALUES (?, ?, ?, 'job', ?, ?); END IF;"

int store_job_container(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                        const struct id *container_id, const char *image,
                        const unsigned char hash[SHA256_SIZE], struct error *err)
{
    static const struct query new_container = {
        DB_ATOMIC_SELECT("DECLARE ours BOOLEAN DEFAULT FALSE; DECLARE earlier UUID; ",
                         NEW_CONTAINER, "SELECT ours;")};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(
        db, &new_container, err, db_id(id), db_id(&run->run_id), db_int(attempt),
        db_id(container_id), db_id(container_id), db_bytes(hash, SHA256_SIZE), db_id(id),
        db_id(container_id), db_text(run->node), db_id(&run->run_id), db_id(id), db_text(image));

    if (!rows || !db_next(rows))
        return -1;
    return fenced(0, db_row_int(rows, 0), "agent job", err);
}

int store_job_running(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                      const char *container_name, const char *address, struct error *err)
{
    static const struct query running = {DB_ATOMIC_SELECT(
        "DECLARE container UUID; DECLARE ours BOOLEAN DEFAULT FALSE; ",
        "SELECT container_id, TRUE INTO container, ours FROM agent_jobs WHERE job_id=? AND "
        "owner=? AND attempt=? AND status IN ('starting','running') FOR UPDATE; "
        "IF ours THEN UPDATE agent_jobs SET status='running' WHERE job_id=?; "
        "UPDATE containers SET state='running', started_at=IFNULL(started_at, NOW(6)), address=? "
        "WHERE container_id=container AND state IN ('starting','running'); END IF;",
        "SELECT ours;")};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &running, err, db_id(id), db_id(&run->run_id), db_int(attempt), db_id(id),
                  db_text(address));

    (void)container_name; /* the container's row has its kind and id */
    if (!rows || !db_next(rows))
        return -1;
    return fenced(0, db_row_int(rows, 0), "agent job", err);
}

#define NOTE                                                                                       \
    "SELECT TRUE, asked_to_end INTO ours, asked FROM agent_jobs WHERE job_id=? AND owner=? AND "   \
    "attempt=? FOR UPDATE; "                                                                       \
    "IF ours THEN "                                                                                \
    "UPDATE agent_jobs SET progress_pct=?, progress_stage=? WHERE job_id=? AND ? IS NOT NULL "     \
    "AND status IN ('starting','running'); "                                                       \
    "INSERT INTO agent_job_logs (job_id, log, total_bytes) SELECT j.job_id, ?, ? "                 \
    "FROM agent_jobs j WHERE j.job_id=? AND ? ON DUPLICATE KEY UPDATE log=VALUE(log), "            \
    "total_bytes=VALUE(total_bytes); END IF;"

int store_job_note(struct db *db, const struct run *run, const struct id *id, int64_t attempt,
                   const char *log, size_t log_length, int64_t total_bytes, int64_t pct,
                   const char *stage, bool *ret_asked_to_end, struct error *err)
{
    static const struct query note = {DB_ATOMIC_SELECT(
        "DECLARE ours, asked BOOLEAN DEFAULT FALSE; ", NOTE, "SELECT ours, asked;")};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &note, err, db_id(id), db_id(&run->run_id), db_int(attempt), db_int(pct),
                  db_text(stage), db_id(id), db_text(stage), db_bytes(log ? log : "", log_length),
                  db_int(total_bytes), db_id(id), db_int(log != NULL));

    if (!rows || !db_next(rows) || fenced(0, db_row_int(rows, 0), "agent job", err) < 0)
        return -1;
    *ret_asked_to_end = db_row_int(rows, 1) != 0;
    return 0;
}
