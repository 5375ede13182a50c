#include "store/containers.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/db.h"

#include "base/banned.h"

static const char *const state_names[] = {
    [CONTAINER_STARTING] = "starting",
    [CONTAINER_RUNNING] = "running",
    [CONTAINER_ENDED] = "ended",
    [CONTAINER_GONE] = "gone",
};

static enum container_state state_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(state_names); i++) {
        if (strcmp(state_names[i], name) == 0)
            return (enum container_state)i;
    }
    abort(); /* the schema knows a state that this program does not */
}

/* Whose it is, and the attempt, are those of the work that it was made for. */
#define COLUMNS(user_id, attempt)                                                                  \
    "SELECT c.container_id, c.kind, c.state, c.work_id, " user_id ", " attempt                     \
    ", c.image, c.address, c.egress, c.profile FROM containers c "

static int each_container(struct db_rows *rows, container_each *each, void *arg)
{
    while (db_next(rows)) {
        struct container_row row = {
            .container_id = db_row_id(rows, 0),
            .state = state_of(db_row_text(rows, 2)),
            .work_id = db_row_id(rows, 3),
            .user_id = db_row_id(rows, 4),
            .attempt = db_row_int(rows, 5),
            .image = db_row_text(rows, 6),
            .address = db_row_text(rows, 7),
            .egress = db_row_text(rows, 8),
            .profile = db_row_text(rows, 9),
        };

        if (container_kind_parse(db_row_text(rows, 1), db_row_length(rows, 1), &row.kind) < 0)
            abort(); /* as above */
        each(&row, arg);
    }
    return 0;
}

int store_container_adopt(struct db *db, const struct run *run, container_each *each, void *arg,
                          struct error *err)
{
    static const struct query select_running = {COLUMNS(
        "s.user_id",
        "s.attempt") "JOIN sessions s ON s.session_id=c.work_id AND s.container_id=c.container_id "
                     "WHERE c.node=? AND c.state='running' AND c.kind='session' AND s.owner=? AND "
                     "s.status='ready' UNION ALL " COLUMNS(
                         "s.user_id",
                         "v.attempt") "JOIN verifications v ON v.job_id=c.work_id AND "
                                      "v.container_id=c.container_id "
                                      "JOIN sessions s ON s.session_id=v.session_id "
                                      "WHERE c.node=? AND c.state='running' AND c.kind='grading' "
                                      "AND "
                                      "v.status IN ('starting','running') UNION ALL " COLUMNS(
                                          "j.user_id",
                                          "j.attempt") "JOIN agent_jobs j ON j.job_id=c.work_id "
                                                       "AND j.container_id=c.container_id "
                                                       "WHERE c.node=? AND c.state='running' AND "
                                                       "c.kind='job' AND "
                                                       "j.status IN ('starting','running')"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_running, err, db_text(run->node), db_id(&run->run_id),
                  db_text(run->node), db_text(run->node));

    return rows ? each_container(rows, each, arg) : -1;
}

int store_container_ended(struct db *db, const struct run *run, int64_t limit, container_each *each,
                          void *arg, struct error *err)
{
    static const struct query select_ended = {COLUMNS(
        "IFNULL(j.user_id, s.user_id)",
        "COALESCE(j.attempt, v.attempt, s.attempt)") "LEFT JOIN agent_jobs j ON c.kind='job' AND "
                                                     "j.job_id=c.work_id "
                                                     "LEFT JOIN verifications v ON "
                                                     "c.kind='grading' AND v.job_id=c.work_id "
                                                     "LEFT JOIN sessions s ON c.kind<>'job' AND "
                                                     "s.session_id=IF(c.kind='grading', "
                                                     "v.session_id, c.work_id) "
                                                     "WHERE c.node=? AND c.state='ended' ORDER BY "
                                                     "c.ended_at LIMIT ?"};
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_ended, err, db_text(run->node), db_int(limit));

    return rows ? each_container(rows, each, arg) : -1;
}

int store_container_gone(struct db *db, const struct run *run, const struct id *container_id,
                         struct error *err)
{
    static const struct query gone = {
        "UPDATE containers SET state='gone', ended_at=IFNULL(ended_at, NOW(6)), gone_at=NOW(6) "
        "WHERE container_id=? AND node=? AND state IN ('starting','running','ended')"};

    return DB_RUN(db, &gone, NULL, err, db_id(container_id), db_text(run->node));
}

int store_container_open(struct db *db, const struct run *run,
                         void (*each)(const struct id *container_id, void *arg), void *arg,
                         struct error *err)
{
    static const struct query select_open = {"SELECT container_id FROM containers WHERE node=? AND "
                                             "state IN ('starting','running','ended')"};
    struct db_rows *rows = DB_SELECT(db, &select_open, err, db_text(run->node));

    if (!rows)
        return -1;
    db_each_id(rows, each, arg);
    return 0;
}

#define OPEN_SESSIONS                                                                              \
    "FROM sessions w JOIN samples p USING (dataset, sample_id, version) "                          \
    "WHERE w.status IN ('creating','ready') AND "

int store_image_users(struct db *db, const char *image,
                      void (*each)(const struct image_user *user, void *arg), void *arg,
                      struct error *err)
{
    static const struct query select_users = {
        "SELECT p.image, 'session', w.session_id, w.status, NULL " OPEN_SESSIONS
        "p.image IS NOT NULL AND (? IS NULL OR p.image=?) "
        "UNION ALL SELECT p.verifier_image, 'session', w.session_id, w.status, NULL " OPEN_SESSIONS
        "NOT p.verifier_image <=> p.image AND p.verifier_image IS NOT NULL AND "
        "(? IS NULL OR p.verifier_image=?) "
        "UNION ALL SELECT c.image, 'container', c.container_id, c.state, c.node FROM containers c "
        "WHERE c.gone_at IS NULL AND c.image IS NOT NULL AND (? IS NULL OR c.image=?) "
        "ORDER BY 1, 2 DESC, 3"};
    struct db_value name = db_text(image);
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(db, &select_users, err, name, name, name, name, name, name);

    if (!rows)
        return -1;
    while (db_next(rows)) {
        struct image_user user = {
            .image = db_row_text(rows, 0),
            .what = db_row_text(rows, 1),
            .id = db_row_id(rows, 2),
            .status = db_row_text(rows, 3),
            .node = db_row_text(rows, 4),
        };

        each(&user, arg);
    }
    return 0;
}
