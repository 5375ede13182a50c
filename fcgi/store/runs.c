#include "store/runs.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

/* A run of the release before: its daemon may be up, but keeps no heartbeat since the schema was
 * brought up to date, and the operator may take a while to start this release on every host. */
#define LAST_SIGN "IF(r.boot_id = '', r.heartbeat_at + INTERVAL 1 HOUR, r.heartbeat_at)"

/* --- what a lost host leaves ----------------------------------------------------------------- */

/* Not `owner IN (SELECT ...)`: MariaDB 11.8 makes a join of that, and then refuses the prepared
 * UPDATE to an account that may not read the tables that the triggers of sessions write to (error
 * 1142). */
#define RUN_OF_NODE "EXISTS (SELECT 1 FROM runs WHERE run_id=sessions.owner AND node=?)"

/* Within a transaction. The trigger of sessions ends their containers, too. */
static int lose_work(struct db *db, const char *node, int64_t when, struct error *err)
{
    static const struct query end_sessions = {
        "UPDATE sessions SET status='error', ended_at=GREATEST(created_at, ?), "
        "error_code='HOST_LOST', error_message='the host that ran the session was lost, and so "
        "were its files; create a new session' WHERE status='ready' AND " RUN_OF_NODE};
    static const struct query return_sessions = {
        "UPDATE sessions SET owner=NULL WHERE status='creating' AND " RUN_OF_NODE};
    static const struct query end_containers = {
        "UPDATE containers SET state='ended', ended_at=GREATEST(created_at, ?) "
        "WHERE node=? AND state IN ('starting','running')"};

    /* Ends last: they lock rows of session_counts, and whoever creates a session waits for one
     * with a row in hand that the first statement waits for. */
    if (DB_RUN(db, &return_sessions, NULL, err, db_text(node)) < 0 ||
        DB_RUN(db, &end_sessions, NULL, err, db_time(when), db_text(node)) < 0)
        return -1;
    return DB_RUN(db, &end_containers, NULL, err, db_time(when), db_text(node));
}

static int end_runs(struct db *db, const char *node, const struct id *except, struct error *err)
{
    static const struct query end = {"UPDATE runs SET ended_at=heartbeat_at WHERE node=? AND "
                                     "ended_at IS NULL AND NOT run_id <=> ?"};

    return DB_RUN(db, &end, NULL, err, db_text(node), db_text(except ? except->text : NULL));
}

/* --- the lock -------------------------------------------------------------------------------- */

/* Of a connection, so that it ends with its daemon, however that ends. The name of a lock may have
 * 64 characters. */
#define LOCK_NAME "CONCAT('codeset:', SHA1(CONCAT_WS('/', DATABASE(), ?, ?)))"

static int take_lock(struct db *db, const struct run *run, int64_t seconds, bool *ret_held,
                     struct error *err)
{
    static const struct query lock = {"SELECT IF(IFNULL(IS_USED_LOCK(" LOCK_NAME
                                      ") = CONNECTION_ID(), FALSE), 1, GET_LOCK(" LOCK_NAME
                                      ", ?))"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &lock, err, db_text(run->node), db_text(run->machine_id), db_text(run->node),
                  db_text(run->machine_id), db_int(seconds));

    if (!rows || !db_next(rows))
        return -1;
    *ret_held = !db_is_null(rows, 0) && db_row_int(rows, 0) == 1;
    return 0;
}

int store_run_lock(struct db *db, const struct run *run, int64_t seconds, int64_t *ret_rival_beat,
                   struct error *err)
{
    static const struct query select_rival = {
        "SELECT MAX(heartbeat_at) FROM runs WHERE node=? AND machine_id=? AND boot_id=? AND "
        "run_id<>? AND ended_at IS NULL"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;
    bool held;

    if (take_lock(db, run, seconds, &held, err) < 0)
        return -1;
    *ret_rival_beat = 0;
    if (held)
        return 0;
    rows = DB_SELECT(db, &select_rival, err, db_text(run->node), db_text(run->machine_id),
                     db_text(run->boot_id), db_id(&run->run_id));
    if (!rows)
        return -1;
    if (db_next(rows) && !db_is_null(rows, 0))
        *ret_rival_beat = db_row_time(rows, 0);
    return 0;
}

/* --- the beginning --------------------------------------------------------------------------- */

/* Binds the name to the machine, and holds the node's row until the transaction ends. */
static int take_node(struct db *db, const struct run *run, struct error *err)
{
    static const struct query bind = {
        "INSERT INTO nodes (name, machine_id, location, version) VALUES (?, ?, ?, ?) "
        "ON DUPLICATE KEY UPDATE machine_id=IF(machine_id='', VALUE(machine_id), machine_id)"};
    static const struct query select_machine = {"SELECT machine_id FROM nodes WHERE name=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (DB_RUN(db, &bind, NULL, err, db_text(run->node), db_text(run->machine_id),
               db_text(run->location), db_text(run->version)) < 0)
        return -1;
    rows = DB_SELECT(db, &select_machine, err, db_text(run->node));
    if (!rows || !db_next(rows))
        return -1;
    if (strcmp(db_row_text(rows, 0), run->machine_id) == 0)
        return 0;
    return error_set(err, ERROR_CONFLICT, "NODE_TAKEN",
                     "the name '%s' belongs to another machine (machine-id %.8s..., here it is "
                     "%.8s...). Give this host another name ([reaper] node). If that "
                     "machine is gone for good, run 'codesetctl node forget %s'",
                     run->node, db_row_text(rows, 0), run->machine_id, run->node);
}

/* The node's run before this one. *ret_heartbeat 0: there was none. */
static int last_run(struct db *db, const struct run *run, int64_t *ret_heartbeat,
                    bool *ret_other_boot, struct error *err)
{
    static const struct query select_last = {
        "SELECT heartbeat_at, boot_id <> '' AND boot_id <> ? FROM runs WHERE node=? AND run_id<>? "
        "ORDER BY heartbeat_at DESC, started_at DESC LIMIT 1"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(
        db, &select_last, err, db_text(run->boot_id), db_text(run->node), db_id(&run->run_id));

    if (!rows)
        return -1;
    *ret_heartbeat = 0;
    *ret_other_boot = false;
    if (db_next(rows)) {
        *ret_heartbeat = db_row_time(rows, 0);
        *ret_other_boot = db_row_int(rows, 1) != 0;
    }
    return 0;
}

/* The containers live on: what is ready is ours now, what was being started is not gone on with. */
static int take_over(struct db *db, const struct run *run, struct error *err)
{
    static const struct query take_sessions = {
        "UPDATE sessions SET owner=? WHERE status='ready' AND " RUN_OF_NODE};
    static const struct query return_sessions = {
        "UPDATE sessions SET owner=NULL WHERE status='creating' AND owner<>? AND " RUN_OF_NODE};
    /* Made ready by a daemon of the release before, which knew no containers. */
    static const struct query mark_running = {
        "UPDATE containers SET state='running', started_at=NOW(6) WHERE node=? AND "
        "state='starting' AND EXISTS (SELECT 1 FROM sessions s WHERE s.status='ready' AND "
        "s.session_id=containers.work_id AND s.container_id=containers.container_id)"};
    static const struct query end_starting = {
        "UPDATE containers SET state='ended', ended_at=NOW(6) "
        "WHERE node=? AND state='starting' AND NOT run_id <=> ?"};

    if (DB_RUN(db, &take_sessions, NULL, err, db_id(&run->run_id), db_text(run->node)) < 0 ||
        DB_RUN(db, &return_sessions, NULL, err, db_id(&run->run_id), db_text(run->node)) < 0 ||
        DB_RUN(db, &mark_running, NULL, err, db_text(run->node)) < 0)
        return -1;
    return DB_RUN(db, &end_starting, NULL, err, db_text(run->node), db_id(&run->run_id));
}

static int begin_locked(struct db *db, const struct run *run, struct error *err)
{
    static const struct query insert_run = {
        "INSERT INTO runs (run_id, node, machine_id, boot_id, location, version) "
        "VALUES (?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE heartbeat_at=NOW(6)"};
    int64_t heartbeat;
    bool other_boot;

    if (take_node(db, run, err) < 0 || last_run(db, run, &heartbeat, &other_boot, err) < 0 ||
        end_runs(db, run->node, &run->run_id, err) < 0 ||
        (other_boot && lose_work(db, run->node, heartbeat, err) < 0) ||
        DB_RUN(db, &insert_run, NULL, err, db_id(&run->run_id), db_text(run->node),
               db_text(run->machine_id), db_text(run->boot_id), db_text(run->location),
               db_text(run->version)) < 0)
        return -1;
    return take_over(db, run, err);
}

int store_run_begin(struct db *db, const struct run *run, struct error *err)
{
    if (db_begin(db, err) < 0)
        return -1;
    if (begin_locked(db, run, err) == 0 && db_commit(db, err) == 0)
        return 0;
    db_rollback(db);
    return -1;
}

/* --- its life -------------------------------------------------------------------------------- */

int store_run_beat(struct db *db, const struct run *run, bool *ret_alive, struct error *err)
{
    static const struct query beat = {
        "UPDATE runs SET heartbeat_at=NOW(6) WHERE run_id=? AND ended_at IS NULL"};
    int64_t changed;

    if (DB_RUN(db, &beat, &changed, err, db_id(&run->run_id)) < 0)
        return -1;
    *ret_alive = changed > 0;
    return 0;
}

int store_run_end(struct db *db, const struct run *run, struct error *err)
{
    static const struct query end = {
        DB_ATOMIC("UPDATE agent_jobs SET owner=NULL WHERE owner=? AND "
                  "status IN ('pending','starting','running'); "
                  "UPDATE runs SET heartbeat_at=NOW(6), ended_at=NOW(6) "
                  "WHERE run_id=? AND ended_at IS NULL;")};

    return DB_RUN(db, &end, NULL, err, db_id(&run->run_id), db_id(&run->run_id));
}

int store_daemon_alive(struct db *db, int64_t seconds, bool *ret_alive, struct error *err)
{
    static const struct query alive = {"SELECT COUNT(*) FROM runs WHERE ended_at IS NULL AND "
                                       "heartbeat_at > NOW(6) - INTERVAL ? SECOND"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &alive, err, db_int(seconds));

    if (!rows || !db_next(rows))
        return -1;
    *ret_alive = db_row_int(rows, 0) > 0;
    return 0;
}

void hosts_health_release(struct hosts_health *health)
{
    free(health->database_dir);
    health->database_dir = NULL;
}

int store_hosts_health(struct db *db, int64_t seconds, struct hosts_health *ret_health,
                       struct error *err)
{
    static const struct query query = {
        "SELECT COUNT(*), IFNULL(SUM(n.alive), 0), @@datadir FROM (SELECT MAX(r.ended_at IS NULL "
        "AND "
        "r.heartbeat_at > NOW(6) - INTERVAL ? SECOND) AS alive FROM runs r GROUP BY r.node) n"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_int(seconds));

    if (!rows || !db_next(rows))
        return -1;
    *ret_health = (struct hosts_health){
        .hosts = db_row_int(rows, 0),
        .alive = db_row_int(rows, 1),
        .database_dir = db_row_copy(rows, 2),
    };
    return 0;
}

/* --- lost and forgotten nodes ---------------------------------------------------------------- */

/* The node's last sign of life, its row and its runs' held. *ret_silent: for longer than that.
 * *ret_heartbeat 0: it has no run. */
static int lock_node(struct db *db, const char *node, int64_t seconds, int64_t *ret_heartbeat,
                     bool *ret_silent, struct error *err)
{
    static const struct query lock = {"SELECT name FROM nodes WHERE name=? FOR UPDATE"};
    static const struct query select_runs = {"SELECT r.heartbeat_at, " LAST_SIGN
                                             " >= NOW(6) - INTERVAL ? SECOND FROM runs r "
                                             "WHERE r.node=? ORDER BY r.heartbeat_at FOR UPDATE"};
    _cleanup_(db_rows_release) struct db_rows *locked = DB_SELECT(db, &lock, err, db_text(node));
    _cleanup_(db_rows_release) struct db_rows *runs = NULL;

    if (!locked)
        return -1;
    if (!db_next(locked))
        return error_set(err, ERROR_NOT_FOUND, "NODE_NOT_FOUND",
                         "there is no node '%s'; list them with 'codesetctl node list'", node);
    runs = DB_SELECT(db, &select_runs, err, db_int(seconds), db_text(node));
    if (!runs)
        return -1;
    *ret_heartbeat = 0;
    *ret_silent = true;
    while (db_next(runs)) {
        *ret_heartbeat = db_row_time(runs, 0);
        *ret_silent = *ret_silent && !db_row_int(runs, 1);
    }
    return 0;
}

/* *ret_lost false: it was heard of meanwhile. */
static int lose_node(struct db *db, const char *node, int64_t seconds, bool *ret_lost,
                     struct error *err)
{
    int64_t heartbeat;

    if (db_begin(db, err) < 0)
        return -1;
    if (lock_node(db, node, seconds, &heartbeat, ret_lost, err) == 0 &&
        (!*ret_lost ||
         (end_runs(db, node, NULL, err) == 0 && lose_work(db, node, heartbeat, err) == 0)) &&
        db_commit(db, err) == 0)
        return 0;
    db_rollback(db);
    return -1;
}

int store_runs_lost(struct db *db, const struct run *run, int64_t node_lost_seconds,
                    void (*each)(const char *node, void *arg), void *arg, struct error *err)
{
    static const struct query select_silent = {
        "SELECT r.node FROM runs r JOIN nodes n ON n.name=r.node WHERE r.node<>? GROUP BY r.node "
        "HAVING MAX(" LAST_SIGN
        ") < NOW(6) - INTERVAL ? SECOND AND (SUM(r.ended_at IS NULL) > 0 OR "
        "EXISTS (SELECT 1 FROM containers c WHERE c.node=r.node AND "
        "c.state IN ('starting','running')))"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_silent, err, db_text(run->node), db_int(node_lost_seconds));

    if (!rows)
        return -1;
    while (db_next(rows)) {
        bool lost;

        if (lose_node(db, db_row_text(rows, 0), node_lost_seconds, &lost, err) < 0)
            return -1;
        if (lost)
            each(db_row_text(rows, 0), arg);
    }
    return 0;
}

/* A run that has ended politely is not alive, however fresh its last heartbeat is. */
static int any_goes_on(struct db *db, const char *node, bool *ret_goes_on, struct error *err)
{
    static const struct query open_runs = {
        "SELECT COUNT(*) FROM runs WHERE node=? AND ended_at IS NULL"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &open_runs, err, db_text(node));

    if (!rows || !db_next(rows))
        return -1;
    *ret_goes_on = db_row_int(rows, 0) > 0;
    return 0;
}

static int forget_locked(struct db *db, const char *name, int64_t alive_seconds, struct error *err)
{
    static const struct query end_containers = {
        "UPDATE containers SET state='gone', gone_at=NOW(6) WHERE node=? AND state<>'gone'"};
    static const struct query delete_runs = {"DELETE FROM runs WHERE node=?"};
    static const struct query delete_node = {"DELETE FROM nodes WHERE name=?"};
    int64_t heartbeat;
    bool silent, goes_on;

    if (lock_node(db, name, alive_seconds, &heartbeat, &silent, err) < 0 ||
        any_goes_on(db, name, &goes_on, err) < 0)
        return -1;
    if (!silent && goes_on)
        return error_set(err, ERROR_CONFLICT, "NODE_ALIVE",
                         "the daemon on '%s' is running; stop it first", name);
    if (lose_work(db, name, heartbeat, err) < 0 ||
        DB_RUN(db, &end_containers, NULL, err, db_text(name)) < 0 ||
        DB_RUN(db, &delete_runs, NULL, err, db_text(name)) < 0)
        return -1;
    return DB_RUN(db, &delete_node, NULL, err, db_text(name));
}

int store_node_forget(struct db *db, const char *name, int64_t alive_seconds, struct error *err)
{
    if (db_begin(db, err) < 0)
        return -1;
    if (forget_locked(db, name, alive_seconds, err) == 0 && db_commit(db, err) == 0)
        return 0;
    db_rollback(db);
    return -1;
}

int store_node_list(struct db *db, void (*each)(const struct node *node, void *arg), void *arg,
                    struct error *err)
{
    static const struct query query = {
        "SELECT n.name, n.machine_id, IFNULL(r.location, n.location), "
        "IFNULL(r.version, n.version), IFNULL(r.heartbeat_at, n.heartbeat_at), "
        "TIMESTAMPDIFF(SECOND, IFNULL(r.heartbeat_at, n.heartbeat_at), NOW(6)), "
        "r.ended_at IS NOT NULL, (SELECT COUNT(*) FROM containers c WHERE c.node=n.name AND "
        "c.state IN ('starting','running','ended')) FROM nodes n "
        "LEFT JOIN runs r ON r.run_id=(SELECT x.run_id FROM runs x WHERE x.node=n.name "
        "ORDER BY x.heartbeat_at DESC, x.started_at DESC LIMIT 1) ORDER BY n.name"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct node node = {
            .name = db_row_text(rows, 0),
            .machine_id = db_row_text(rows, 1),
            .location = db_row_text(rows, 2),
            .version = db_row_text(rows, 3),
            .heartbeat_at = db_row_time(rows, 4),
            .silent_seconds = db_row_int(rows, 5),
            .ended = db_row_int(rows, 6) != 0,
            .containers = db_row_int(rows, 7),
        };

        each(&node, arg);
    }
    return 0;
}
