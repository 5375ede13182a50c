/*
 * work.h - hosts, and what their daemons do to sessions and their work: for the one file of a test
 * program, as fixture.h is.
 */
#ifndef CODESET_TESTS_STORE_WORK_H
#define CODESET_TESTS_STORE_WORK_H

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "fixture.h"
#include "store/containers.h"
#include "store/interactions.h"
#include "store/runs.h"
#include "store/sessions.h"
#include "store/verifications.h"

#define LEASE 60
#define LOST 300
#define AFTER_LEASE (LEASE + 10)
#define AFTER_LOST (LOST + 10)

#define REFUSED(call, expected_kind)                                                               \
    do {                                                                                           \
        struct error err = ERROR_INIT;                                                             \
        CU_ASSERT_EQUAL_FATAL((call), -1);                                                         \
        CU_ASSERT_EQUAL(err.kind, (expected_kind));                                                \
    } while (0)

/* --- hosts ----------------------------------------------------------------------------------- */

/* A run of the daemon on a host: node and machine share a name, `boot` tells its boots apart. */
static inline struct run begin(const char *node, const char *boot)
{
    struct run run = {id_new(), node, node, boot, "here", "9.9", LEASE};

    OK(store_run_begin(reaper, &run, &err));
    return run;
}

static inline void run_is_silent_for(const struct run *run, int64_t seconds)
{
    static const struct query silence = {
        "UPDATE runs SET heartbeat_at = NOW(6) - INTERVAL ? SECOND WHERE run_id = ?"};

    OK(DB_RUN(admin, &silence, NULL, &err, db_int(seconds), db_id(&run->run_id)));
}

static inline void ignore_node(const char *node, void *arg)
{
    (void)node;
    ++*(int *)arg;
}

static inline int lost_nodes(void)
{
    static const struct run judge = {.node = "judge"};
    int count = 0;

    OK(store_runs_lost(reaper, &judge, LOST, ignore_node, &count, &err));
    return count;
}

/* Nothing of a test before is open, and nobody is left alive. */
static inline void empty(void)
{
    static const char script[] =
        "UPDATE sessions SET status = 'closed', ended_at = NOW(6) WHERE status IN "
        "('creating','ready'); UPDATE containers SET state = 'gone', gone_at = NOW(6) WHERE state "
        "<> 'gone'; UPDATE interactions SET status = 'failed' WHERE status IN "
        "('pending','processing'); UPDATE verifications SET status = 'cancelled' WHERE status IN "
        "('pending','starting','running'); UPDATE agent_jobs SET status = 'error', price_cents = 0 "
        "WHERE "
        "status IN ('pending','starting','running'); DELETE FROM runs; DELETE FROM nodes;"
        "DELETE FROM session_declines";

    OK(db_run_script(admin, script, sizeof(script) - 1, &err));
}

/* --- work ------------------------------------------------------------------------------------ */

static inline struct id user_of(const char *email)
{
    struct id id;

    OK(store_user_create(admin, "U", email, &id, &err));
    return id;
}

static inline struct id session_with(const struct id *user, const char *sample_id)
{
    struct new_session wanted = {.session_id = id_new(),
                                 .user_id = *user,
                                 .dataset = "d",
                                 .sample_id = sample_id,
                                 .ttl_minutes = 30,
                                 .open_max = 100000};
    int64_t expires_at;

    OK(store_session_create(api, &wanted, &expires_at, &err));
    return wanted.session_id;
}

static inline struct id session_of(const struct id *user)
{
    return session_with(user, "runnable");
}

static inline struct id new_session(void)
{
    return session_of(&user_id);
}

/* *ret_container: its id. */
static inline int64_t claim_session(const struct run *run, const struct id *id,
                                    struct id *ret_container)
{
    _cleanup_(session_work_release) struct session_work work = {0};
    struct id container_id = id_new();

    OK(store_session_claim(reaper, run, id, &container_id, 1000, &work, &err));
    CU_ASSERT_STRING_EQUAL(work.container_id.text, container_id.text);
    CU_ASSERT_STRING_EQUAL(work.image, "image");
    if (ret_container)
        *ret_container = container_id;
    return work.attempt;
}

static inline void refuse_claim(const struct run *run, const struct id *id)
{
    struct id container_id = id_new();
    struct session_work none;

    REFUSED(store_session_claim(reaper, run, id, &container_id, 1000, &none, &err),
            ERROR_NOT_FOUND);
}

static inline int64_t make_ready(const struct run *run, const struct id *id,
                                 struct id *ret_container)
{
    int64_t attempt = claim_session(run, id, ret_container);

    OK(store_session_ready(reaper, run, id, attempt, "cs-x", "unix:/x", &err));
    return attempt;
}

static inline struct session session_now(const struct id *id)
{
    struct session session = {0};

    OK(store_session_get(admin, NULL, id->text, &session, &err));
    return session;
}

static inline enum session_status status_of(const struct id *id)
{
    _cleanup_(session_release) struct session session = session_now(id);

    return session.status;
}

static inline bool has_error(const struct id *id, const char *code)
{
    _cleanup_(session_release) struct session session = session_now(id);

    return session.error_code && strcmp(session.error_code, code) == 0;
}

static inline int64_t number(const struct query *query, const struct id *id)
{
    struct error error = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(admin, query, &error, db_id(id));

    CU_ASSERT_FATAL(rows && db_next(rows));
    return db_row_int(rows, 0);
}

/* "starting", "running", "ended" or "gone". */
static inline bool container_is(const struct id *container_id, const char *state)
{
    static const struct query query = {
        "SELECT COUNT(*) FROM containers WHERE container_id = ? AND state = ?"};
    struct error error = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(admin, &query, &error, db_id(container_id), db_text(state));

    CU_ASSERT_FATAL(rows && db_next(rows));
    return db_row_int(rows, 0) == 1;
}

static inline int64_t when_ended(const struct id *container_id)
{
    static const struct query query = {"SELECT ended_at FROM containers WHERE container_id = ?"};
    struct error error = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(admin, &query, &error, db_id(container_id));

    CU_ASSERT_FATAL(rows && db_next(rows));
    return db_row_time(rows, 0);
}

/* How often `wanted` is among what a call lists, and where. */
struct search {
    const struct id *wanted;
    int found, count, place;
};

static inline void look(const struct id *id, void *arg)
{
    struct search *search = arg;

    if (search->wanted && strcmp(id->text, search->wanted->text) == 0) {
        search->found++;
        search->place = search->count;
    }
    search->count++;
}

static inline void look_at_row(const struct container_row *row, void *arg)
{
    look(&row->container_id, arg);
}

static inline bool may_claim(const struct run *run, const struct id *id)
{
    struct search search = {.wanted = id};

    OK(store_session_claimable(reaper, run, 100000, 100000, look, &search, &err));
    return search.found == 1;
}

static inline bool is_to_stop(const struct run *run, const struct id *container_id)
{
    struct search search = {.wanted = container_id};

    OK(store_container_ended(reaper, run, 100000, look_at_row, &search, &err));
    return search.found == 1;
}

static inline bool is_adopted(const struct run *run, const struct id *container_id)
{
    struct search search = {.wanted = container_id};

    OK(store_container_adopt(reaper, run, look_at_row, &search, &err));
    return search.found == 1;
}

static inline bool is_known(const struct run *run, const struct id *container_id)
{
    struct search search = {.wanted = container_id};

    OK(store_container_open(reaper, run, look, &search, &err));
    return search.found == 1;
}

static inline void close_session(const struct id *id)
{
    double duration;
    bool changed;

    OK(store_session_close(api, &user_id, id->text, &duration, &changed, &err));
    CU_ASSERT_TRUE(changed);
}

static inline struct id exec_in(const struct id *session_id, const struct id *user)
{
    struct new_interaction wanted = {
        .interaction_id = id_new(),
        .user_id = *user,
        .session_id = session_id->text,
        .type = INTERACTION_EXEC,
        .command = {(char[]){"true"}, 4},
        .command_timeout = 5,
        .unfinished_max = 1000,
    };

    OK(store_interaction_create(api, &wanted, &err));
    return wanted.interaction_id;
}

static inline struct id verification_of(const struct id *session_id, const struct id *user)
{
    struct id job_id = id_new();
    int64_t created_at;

    OK(store_verification_create(api, &job_id, user, session_id->text, 1000, &created_at, &err));
    return job_id;
}

#endif
