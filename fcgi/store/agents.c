#include "store/agents.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

void agent_release(struct agent *agent)
{
    free(agent->agent_id);
    free(agent->image);
    free(agent->command);
    free(agent->egress);
    free(agent->secrets);
    memset(agent, 0, sizeof(*agent));
}

static int not_found(const char *agent_id, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "AGENT_NOT_FOUND",
                     "there is no agent '%s'; the operator lists them with 'codesetctl agent list'",
                     agent_id);
}

/* --- put ------------------------------------------------------------------------------------- */

/* A job that waits or runs goes where it was made for. */
static int check_place(struct db *db, const struct agent *agent, struct error *err)
{
    static const struct query lock = {
        "SELECT image IS NULL FROM agents WHERE agent_id=? FOR UPDATE"};
    static const struct query count = {
        "SELECT COUNT(*) FROM agent_jobs WHERE agent_id=? AND elsewhere<>? AND "
        "status IN ('pending','starting','running')"};
    _cleanup_(db_rows_release) struct db_rows *locked =
        DB_SELECT(db, &lock, err, db_text(agent->agent_id));
    _cleanup_(db_rows_release) struct db_rows *rows =
        locked ? DB_SELECT(db, &count, err, db_text(agent->agent_id), db_int(!agent->image)) : NULL;

    if (!rows || !db_next(rows))
        return -1;
    if (db_row_int(rows, 0) == 0)
        return 0;
    return error_set(err, ERROR_CONFLICT, NULL,
                     "%lld jobs of the agent '%s' have not ended, and %s; wait until they have, or "
                     "add the agent under another name",
                     (long long)db_row_int(rows, 0), agent->agent_id,
                     agent->image ? "their runner is elsewhere" : "they run on this server");
}

static int put_locked(struct db *db, const struct agent *agent, int64_t *ret_there,
                      struct error *err)
{
    static const struct query find = {
        "SELECT COUNT(*) FROM agents WHERE agent_id=? AND removed_at IS NULL"};
    static const struct query put = {
        "INSERT INTO agents (agent_id, image, command, timeout_seconds, egress, secrets, "
        "price_cents) VALUES (?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE image=VALUE(image), "
        "command=VALUE(command), timeout_seconds=VALUE(timeout_seconds), egress=VALUE(egress), "
        "secrets=VALUE(secrets), price_cents=VALUE(price_cents), created_at=NOW(6), "
        "removed_at=NULL"};
    _cleanup_(db_rows_release) struct db_rows *rows = NULL;

    if (check_place(db, agent, err) < 0)
        return -1;
    rows = DB_SELECT(db, &find, err, db_text(agent->agent_id));
    if (!rows || !db_next(rows))
        return -1;
    *ret_there = db_row_int(rows, 0);
    return DB_RUN(db, &put, NULL, err, db_text(agent->agent_id), db_text(agent->image),
                  db_text(agent->command), db_int(agent->timeout), db_text(agent->egress),
                  db_text(agent->secrets),
                  agent->price_cents ? db_int(agent->price_cents) : db_null());
}

int store_agent_put(struct db *db, const struct agent *agent, bool *ret_replaced, struct error *err)
{
    int64_t there;

    if (db_begin(db, err) < 0)
        return -1;
    if (put_locked(db, agent, &there, err) < 0 || db_commit(db, err) < 0) {
        db_rollback(db);
        return -1;
    }
    if (ret_replaced)
        *ret_replaced = there > 0;
    return 0;
}

/* --- read ------------------------------------------------------------------------------------ */

#define SELECT_AGENT                                                                               \
    "SELECT agent_id, image, command, timeout_seconds, egress, secrets, price_cents, created_at "  \
    "FROM agents WHERE removed_at IS NULL "

static void read_agent(const struct db_rows *rows, struct agent *agent)
{
    *agent = (struct agent){
        .agent_id = db_row_copy(rows, 0),
        .image = db_row_copy(rows, 1),
        .command = db_row_copy(rows, 2),
        .timeout = db_row_int(rows, 3),
        .egress = db_row_copy(rows, 4),
        .secrets = db_row_copy(rows, 5),
        .price_cents = db_row_int(rows, 6),
        .created_at = db_row_time(rows, 7),
    };
}

int store_agent_get(struct db *db, const char *agent_id, struct agent *ret_agent, struct error *err)
{
    static const struct query query = {SELECT_AGENT "AND agent_id=?"};
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(db, &query, err, db_text(agent_id));

    if (!rows)
        return -1;
    if (!db_next(rows))
        return not_found(agent_id, err);
    read_agent(rows, ret_agent);
    return 0;
}

int store_agent_list(struct db *db, void (*each)(const struct agent *agent, void *arg), void *arg,
                     struct error *err)
{
    static const struct query query = {SELECT_AGENT "ORDER BY agent_id"};
    _cleanup_(db_rows_release) struct db_rows *rows = db_select(db, &query, NULL, 0, err);

    if (!rows)
        return -1;
    while (db_next(rows)) {
        _cleanup_(agent_release) struct agent agent = {0};

        read_agent(rows, &agent);
        each(&agent, arg);
    }
    return 0;
}

int store_agent_remove(struct db *db, const char *agent_id, struct error *err)
{
    static const struct query query = {
        "UPDATE agents SET removed_at=NOW(6) WHERE agent_id=? AND removed_at IS NULL"};
    int64_t changed;

    if (DB_RUN(db, &query, &changed, err, db_text(agent_id)) < 0)
        return -1;
    return changed > 0 ? 0 : not_found(agent_id, err);
}
