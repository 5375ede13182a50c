/*
 * Two hosts and more on one database: what a daemon may write, and what becomes of the work of a
 * host that slept, was lost, came back, or was never what it said. Against a MariaDB of its own
 * (tests/store/run).
 */
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "fixture.h"
#include "store/containers.h"
#include "store/interactions.h"
#include "store/runs.h"
#include "store/sessions.h"
#include "store/verifications.h"

#include "base/banned.h"

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
static struct run begin(const char *node, const char *boot)
{
    struct run run = {id_new(), node, node, boot, "here", "9.9", LEASE};

    OK(store_run_begin(reaper, &run, &err));
    return run;
}

static void run_is_silent_for(const struct run *run, int64_t seconds)
{
    static const struct query silence = {
        "UPDATE runs SET heartbeat_at = NOW(6) - INTERVAL ? SECOND WHERE run_id = ?"};

    OK(DB_RUN(admin, &silence, NULL, &err, db_int(seconds), db_id(&run->run_id)));
}

static void ignore_node(const char *node, void *arg)
{
    (void)node;
    ++*(int *)arg;
}

static int lost_nodes(void)
{
    static const struct run judge = {.node = "judge"};
    int count = 0;

    OK(store_runs_lost(reaper, &judge, LOST, ignore_node, &count, &err));
    return count;
}

/* Nothing of a test before is open, and nobody is left alive. */
static void empty(void)
{
    static const char script[] =
        "UPDATE sessions SET status = 'closed', ended_at = NOW(6) WHERE status IN "
        "('creating','ready'); UPDATE containers SET state = 'gone', gone_at = NOW(6) WHERE state "
        "<> 'gone'; UPDATE interactions SET status = 'failed' WHERE status IN "
        "('pending','processing'); UPDATE verifications SET status = 'cancelled' WHERE status IN "
        "('pending','starting','running'); DELETE FROM runs; DELETE FROM nodes;"
        "DELETE FROM session_declines";

    OK(db_run_script(admin, script, sizeof(script) - 1, &err));
}

/* --- work ------------------------------------------------------------------------------------ */

static struct id user_of(const char *email)
{
    struct id id;

    OK(store_user_create(admin, "U", email, &id, &err));
    return id;
}

static struct id session_of(const struct id *user)
{
    struct new_session wanted = {.session_id = id_new(),
                                 .user_id = *user,
                                 .dataset = "d",
                                 .sample_id = "runnable",
                                 .ttl_minutes = 30,
                                 .open_max = 100000};
    int64_t expires_at;

    OK(store_session_create(api, &wanted, &expires_at, &err));
    return wanted.session_id;
}

static struct id new_session(void)
{
    return session_of(&user_id);
}

/* *ret_container: its id. */
static int64_t claim_session(const struct run *run, const struct id *id, struct id *ret_container)
{
    _cleanup_(session_work_release) struct session_work work = {0};
    struct id container_id = id_new();

    OK(store_session_claim(reaper, run, id, &container_id, &work, &err));
    CU_ASSERT_STRING_EQUAL(work.container_id.text, container_id.text);
    CU_ASSERT_STRING_EQUAL(work.image, "image");
    if (ret_container)
        *ret_container = container_id;
    return work.attempt;
}

static void refuse_claim(const struct run *run, const struct id *id)
{
    struct id container_id = id_new();
    struct session_work none;

    REFUSED(store_session_claim(reaper, run, id, &container_id, &none, &err), ERROR_NOT_FOUND);
}

static int64_t make_ready(const struct run *run, const struct id *id, struct id *ret_container)
{
    int64_t attempt = claim_session(run, id, ret_container);

    OK(store_session_ready(reaper, run, id, attempt, "cs-x", "unix:/x", &err));
    return attempt;
}

static struct session session_now(const struct id *id)
{
    struct session session = {0};

    OK(store_session_get(admin, NULL, id->text, &session, &err));
    return session;
}

static enum session_status status_of(const struct id *id)
{
    _cleanup_(session_release) struct session session = session_now(id);

    return session.status;
}

static bool has_error(const struct id *id, const char *code)
{
    _cleanup_(session_release) struct session session = session_now(id);

    return session.error_code && strcmp(session.error_code, code) == 0;
}

static int64_t number(const struct query *query, const struct id *id)
{
    struct error error = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(admin, query, &error, db_id(id));

    CU_ASSERT_FATAL(rows && db_next(rows));
    return db_row_int(rows, 0);
}

/* "starting", "running", "ended" or "gone". */
static bool container_is(const struct id *container_id, const char *state)
{
    static const struct query query = {
        "SELECT COUNT(*) FROM containers WHERE container_id = ? AND state = ?"};
    struct error error = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows =
        DB_SELECT(admin, &query, &error, db_id(container_id), db_text(state));

    CU_ASSERT_FATAL(rows && db_next(rows));
    return db_row_int(rows, 0) == 1;
}

static int64_t when_ended(const struct id *container_id)
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

static void look(const struct id *id, void *arg)
{
    struct search *search = arg;

    if (search->wanted && strcmp(id->text, search->wanted->text) == 0) {
        search->found++;
        search->place = search->count;
    }
    search->count++;
}

static void look_at_row(const struct container_row *row, void *arg)
{
    look(&row->container_id, arg);
}

static bool may_claim(const struct run *run, const struct id *id)
{
    struct search search = {.wanted = id};

    OK(store_session_claimable(reaper, run, 100000, look, &search, &err));
    return search.found == 1;
}

static bool is_to_stop(const struct run *run, const struct id *container_id)
{
    struct search search = {.wanted = container_id};

    OK(store_container_ended(reaper, run, 100000, look_at_row, &search, &err));
    return search.found == 1;
}

static bool is_adopted(const struct run *run, const struct id *container_id)
{
    struct search search = {.wanted = container_id};

    OK(store_container_adopt(reaper, run, look_at_row, &search, &err));
    return search.found == 1;
}

static bool is_known(const struct run *run, const struct id *container_id)
{
    struct search search = {.wanted = container_id};

    OK(store_container_open(reaper, run, look, &search, &err));
    return search.found == 1;
}

static void close_session(const struct id *id)
{
    double duration;
    bool changed;

    OK(store_session_close(api, &user_id, id->text, &duration, &changed, &err));
    CU_ASSERT_TRUE(changed);
}

static struct id exec_in(const struct id *session_id, const struct id *user)
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

static struct id verification_of(const struct id *session_id, const struct id *user)
{
    struct id job_id = id_new();
    int64_t created_at;

    OK(store_verification_create(api, &job_id, user, session_id->text, 1000, &created_at, &err));
    return job_id;
}

/* --- claims ---------------------------------------------------------------------------------- */

static void a_claim_makes_a_container_and_ends_the_one_before(void)
{
    struct run a = begin("a", "1");
    struct id id = new_session(), first, second;
    _cleanup_(session_work_release) struct session_work again = {0};

    CU_ASSERT_EQUAL(claim_session(&a, &id, &first), 1);
    CU_ASSERT_TRUE(container_is(&first, "starting"));
    /* The answer was lost: the same claim is the same attempt. */
    OK(store_session_claim(reaper, &a, &id, &first, &again, &err));
    CU_ASSERT_EQUAL(again.attempt, 1);
    CU_ASSERT_EQUAL(claim_session(&a, &id, &second), 2);
    CU_ASSERT_TRUE(container_is(&first, "ended"));
    CU_ASSERT_TRUE(is_to_stop(&a, &first));
    CU_ASSERT_FALSE(is_to_stop(&a, &second));
    /* Nor by the name of its former container. */
    CU_ASSERT_EQUAL(status_of(&id), SESSION_CREATING);
    CU_ASSERT_TRUE(is_known(&a, &first) && is_known(&a, &second));
}

static void a_living_run_keeps_its_claim_and_a_dead_one_loses_it(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1");
    struct id id = new_session();

    claim_session(&a, &id, NULL);
    refuse_claim(&b, &id);
    CU_ASSERT_FALSE(may_claim(&b, &id));
    CU_ASSERT_FALSE(may_claim(&a, &id)); /* it has it */
    run_is_silent_for(&a, AFTER_LEASE);
    CU_ASSERT_TRUE(may_claim(&b, &id));
    OK(store_run_end(reaper, &a, &err));
    CU_ASSERT_TRUE(may_claim(&b, &id));
    CU_ASSERT_EQUAL(claim_session(&b, &id, NULL), 2);
    /* One that others have ended claims nothing, not even what is free. */
    id = new_session();
    refuse_claim(&a, &id);
}

static void ready_is_written_once_by_its_claim(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1");
    struct id id = new_session(), container;
    int64_t attempt = claim_session(&a, &id, &container);
    _cleanup_(session_release) struct session first = {0}, second = {0};

    REFUSED(store_session_ready(reaper, &b, &id, attempt, "cs-b", "unix:/b", &err),
            ERROR_NOT_FOUND);
    REFUSED(store_session_ready(reaper, &a, &id, attempt + 1, "cs-b", "unix:/b", &err),
            ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(status_of(&id), SESSION_CREATING);
    OK(store_session_ready(reaper, &a, &id, attempt, "cs-a", "unix:/a", &err));
    first = session_now(&id);
    OK(store_session_ready(reaper, &a, &id, attempt, "cs-a", "unix:/a", &err));
    second = session_now(&id);
    CU_ASSERT_EQUAL(first.created_at, second.created_at);
    CU_ASSERT_STRING_EQUAL(second.container_name, "cs-a");
    CU_ASSERT_STRING_EQUAL(second.location, "here");
    CU_ASSERT_TRUE(container_is(&container, "running"));
}

static void closing_marks_the_container_and_its_node_stops_it(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1");
    struct id id = new_session(), container;
    int64_t attempt = make_ready(&a, &id, &container);

    close_session(&id); /* by the workers' account, which may not touch containers */
    CU_ASSERT_TRUE(container_is(&container, "ended"));
    CU_ASSERT_TRUE(is_to_stop(&a, &container));
    CU_ASSERT_FALSE(is_to_stop(&b, &container));
    OK(store_container_gone(reaper, &b, &container, &err));
    CU_ASSERT_TRUE(container_is(&container, "ended")); /* only its node says so */
    OK(store_container_gone(reaper, &a, &container, &err));
    CU_ASSERT_TRUE(container_is(&container, "gone"));
    CU_ASSERT_FALSE(is_known(&a, &container));
    OK(store_container_gone(reaper, &a, &container, &err));
    REFUSED(store_session_end(reaper, &a, &id, attempt, SESSION_ERROR, "LATE", "late", &err),
            ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(status_of(&id), SESSION_CLOSED);
}

/* --- the four ways of two hosts to destroy each other's sessions ------------------------------ */

/* A sleeps beyond its lease, B starts the session anew; A wakes up and its start has failed. */
static void a_late_failed_start_ends_nobody_elses_session(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1");
    struct id id = new_session(), old, container;
    int64_t late = claim_session(&a, &id, &old);
    bool ended;

    run_is_silent_for(&a, AFTER_LEASE);
    make_ready(&b, &id, &container);
    REFUSED(store_session_end(reaper, &a, &id, late, SESSION_ERROR, "X", "x", &err),
            ERROR_NOT_FOUND);
    REFUSED(store_session_decline(reaper, &a, &id, late, "HOST_FULL", "x", &ended, &err),
            ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(status_of(&id), SESSION_READY);
    CU_ASSERT_TRUE(container_is(&container, "running"));
    CU_ASSERT_TRUE(is_to_stop(&a, &old)); /* and only the old one is A's to stop */
    CU_ASSERT_FALSE(is_to_stop(&a, &container) || is_to_stop(&b, &container));
}

static void a_late_successful_start_takes_nobodys_session(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1");
    struct id id = new_session(), old, container;
    int64_t late = claim_session(&a, &id, &old), attempt;
    _cleanup_(session_release) struct session session = {0};

    run_is_silent_for(&a, AFTER_LEASE);
    attempt = claim_session(&b, &id, &container);
    REFUSED(store_session_ready(reaper, &a, &id, late, "cs-a", "unix:/a", &err), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(status_of(&id), SESSION_CREATING);
    OK(store_session_ready(reaper, &b, &id, attempt, "cs-b", "unix:/b", &err));
    REFUSED(store_session_ready(reaper, &a, &id, late, "cs-a", "unix:/a", &err), ERROR_NOT_FOUND);
    session = session_now(&id);
    CU_ASSERT_STRING_EQUAL(session.container_name, "cs-b");
    CU_ASSERT_TRUE(container_is(&old, "ended"));
    CU_ASSERT_TRUE(container_is(&container, "running"));
}

static void expiry_by_another_host_leaves_the_container_to_its_own(void)
{
    static const struct query past = {
        "UPDATE sessions SET expires_at = NOW(6) - INTERVAL 1 SECOND WHERE session_id = ?"};
    struct run a = begin("a", "1"), b = begin("b", "1");
    struct id id = new_session(), container;
    int64_t attempt = make_ready(&a, &id, &container);
    struct search search = {.wanted = &id};

    OK(store_session_expire(reaper, 1000, look, &search, &err));
    CU_ASSERT_EQUAL(search.found, 0);
    run_is_silent_for(&a, AFTER_LEASE);
    OK(DB_RUN(admin, &past, NULL, &err, db_id(&id)));
    OK(store_session_expire(reaper, 1000, look, &search, &err));
    CU_ASSERT_EQUAL(search.found, 1);
    CU_ASSERT_EQUAL(status_of(&id), SESSION_TERMINATED);
    CU_ASSERT_TRUE(has_error(&id, "SESSION_EXPIRED"));
    CU_ASSERT_FALSE(is_to_stop(&b, &container));
    CU_ASSERT_TRUE(is_to_stop(&a, &container)); /* when A wakes up */
    REFUSED(store_session_end(reaper, &a, &id, attempt, SESSION_ERROR, "X", "x", &err),
            ERROR_NOT_FOUND);
    CU_ASSERT_TRUE(has_error(&id, "SESSION_EXPIRED"));
}

static void a_second_host_of_the_same_name_does_not_begin(void)
{
    struct run a = begin("a", "1");
    struct run twin = {id_new(), "a", "another machine", "1", "here", "9.9", LEASE};
    struct id id = new_session(), container;
    struct error refusal = ERROR_INIT;
    bool alive;

    make_ready(&a, &id, &container);
    CU_ASSERT_EQUAL(store_run_begin(reaper, &twin, &refusal), -1);
    CU_ASSERT_STRING_EQUAL(refusal.code, "NODE_TAKEN");
    CU_ASSERT_PTR_NOT_NULL(strstr(refusal.message, "node forget a"));
    OK(store_run_beat(reaper, &a, &alive, &err));
    CU_ASSERT_TRUE(alive);
    CU_ASSERT_TRUE(container_is(&container, "running"));
    CU_ASSERT_EQUAL(status_of(&id), SESSION_READY);
    OK(store_run_beat(reaper, &twin, &alive, &err));
    CU_ASSERT_FALSE(alive);
    refuse_claim(&twin, &id);
}

/* --- a host that comes back, or does not ------------------------------------------------------ */

static void the_next_run_of_a_host_goes_on_with_what_is_ready(void)
{
    struct run a = begin("a", "1"), next;
    struct id ready = new_session(), starting = new_session(), running, half;
    int64_t attempt = make_ready(&a, &ready, &running), late = claim_session(&a, &starting, &half);
    struct id interaction = exec_in(&ready, &user_id);
    _cleanup_(interaction_work_release) struct interaction_work work = {0};
    struct interaction_work none;
    bool alive;

    next = begin("a", "1");
    OK(store_run_begin(reaper, &next, &err)); /* its answer was lost */
    CU_ASSERT_TRUE(is_adopted(&next, &running));
    CU_ASSERT_FALSE(is_adopted(&next, &half));
    CU_ASSERT_EQUAL(status_of(&ready), SESSION_READY);
    CU_ASSERT_TRUE(is_to_stop(&next, &half));
    CU_ASSERT_TRUE(may_claim(&next, &starting));
    OK(store_run_beat(reaper, &a, &alive, &err));
    CU_ASSERT_FALSE(alive);
    REFUSED(store_session_end(reaper, &a, &ready, attempt, SESSION_ERROR, "X", "x", &err),
            ERROR_NOT_FOUND);
    REFUSED(store_session_ready(reaper, &a, &starting, late, "cs", "unix:/", &err),
            ERROR_NOT_FOUND);
    REFUSED(store_interaction_claim(reaper, &a, &interaction, &none, &err), ERROR_NOT_FOUND);
    OK(store_interaction_claim(reaper, &next, &interaction, &work, &err));
    OK(store_session_end(reaper, &next, &ready, attempt, SESSION_ERROR, "X", "x", &err));
}

static void a_host_that_booted_anew_ends_its_sessions_at_the_last_heartbeat(void)
{
    struct run a = begin("a", "1"), next;
    struct id ready = new_session(), starting = new_session(), running, half;
    _cleanup_(session_release) struct session session = {0};
    static const struct query age = {
        "UPDATE sessions SET created_at = NOW(6) - INTERVAL 1 HOUR WHERE session_id = ?"};
    static const struct query age_container = {
        "UPDATE containers SET created_at = NOW(6) - INTERVAL 1 HOUR WHERE container_id = ?"};
    int64_t slept;

    make_ready(&a, &ready, &running);
    claim_session(&a, &starting, &half);
    OK(DB_RUN(admin, &age, NULL, &err, db_id(&ready)));
    OK(DB_RUN(admin, &age_container, NULL, &err, db_id(&running)));
    run_is_silent_for(&a, 1200);
    next = begin("a", "2");
    session = session_now(&ready);
    slept = (session.now - session.ended_at) / CLOCK_SECOND;
    CU_ASSERT_EQUAL(session.status, SESSION_ERROR);
    CU_ASSERT_STRING_EQUAL(session.error_code, "HOST_LOST");
    CU_ASSERT_TRUE(slept >= 1200 && slept < 2400); /* not when somebody noticed */
    CU_ASSERT_EQUAL(when_ended(&running), session.ended_at);
    CU_ASSERT_FALSE(is_adopted(&next, &running));
    CU_ASSERT_TRUE(is_to_stop(&next, &running) && is_to_stop(&next, &half));
    CU_ASSERT_EQUAL(status_of(&starting), SESSION_CREATING);
    CU_ASSERT_TRUE(may_claim(&next, &starting));
}

static void a_lost_host_ends_what_was_ready_and_gives_back_the_rest(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1");
    struct id ready = new_session(), starting = new_session(), running, half;
    struct id interaction, job;
    int64_t attempt = make_ready(&a, &ready, &running);
    struct search settled = {0};
    bool alive;

    claim_session(&a, &starting, &half);
    interaction = exec_in(&ready, &user_id);
    job = verification_of(&ready, &user_id);
    run_is_silent_for(&a, LOST - 60);
    CU_ASSERT_EQUAL(lost_nodes(), 0);
    CU_ASSERT_EQUAL(status_of(&ready), SESSION_READY);
    run_is_silent_for(&a, AFTER_LOST);
    CU_ASSERT_EQUAL(lost_nodes(), 1);
    CU_ASSERT_EQUAL(lost_nodes(), 0);
    CU_ASSERT_EQUAL(status_of(&ready), SESSION_ERROR);
    CU_ASSERT_TRUE(has_error(&ready, "HOST_LOST"));
    settled.wanted = &interaction;
    OK(store_session_settle(reaper, NULL, look, &settled, &err));
    CU_ASSERT_EQUAL(settled.found, 1);
    CU_ASSERT_TRUE(settled.count >= 2); /* the verification, too */
    OK(store_is_finished(reaper, "verification", &job, &alive, &err));
    CU_ASSERT_TRUE(alive);
    CU_ASSERT_FALSE(is_to_stop(&b, &running)); /* B can't */
    claim_session(&b, &starting, NULL);
    /* A was only cut off, and comes back in the same boot. */
    OK(store_run_beat(reaper, &a, &alive, &err));
    CU_ASSERT_FALSE(alive);
    REFUSED(store_session_end(reaper, &a, &ready, attempt, SESSION_ERROR, "X", "x", &err),
            ERROR_NOT_FOUND);
    a = begin("a", "1");
    CU_ASSERT_FALSE(is_adopted(&a, &running));
    CU_ASSERT_TRUE(is_to_stop(&a, &running) && is_to_stop(&a, &half));
    CU_ASSERT_EQUAL(status_of(&starting), SESSION_CREATING);
    CU_ASSERT_FALSE(may_claim(&a, &starting)); /* B's */
}

static void a_host_that_stopped_politely_is_lost_only_when_it_stays_away(void)
{
    struct run a = begin("a", "1");
    struct id ready = new_session(), running;
    bool alive;

    begin("b", "1");
    make_ready(&a, &ready, &running);
    OK(store_run_end(reaper, &a, &err));
    CU_ASSERT_EQUAL(lost_nodes(), 0);
    CU_ASSERT_TRUE(container_is(&running, "running"));
    OK(store_daemon_alive(api, 15, &alive, &err));
    CU_ASSERT_TRUE(alive); /* b */
    run_is_silent_for(&a, AFTER_LOST);
    CU_ASSERT_EQUAL(lost_nodes(), 1);
    CU_ASSERT_EQUAL(status_of(&ready), SESSION_ERROR);
}

struct found_node {
    const char *name;
    int count;
    int64_t containers;
    bool ended;
};

static void find_node(const struct node *node, void *arg)
{
    struct found_node *found = arg;

    if (strcmp(node->name, found->name) != 0)
        return;
    found->count++;
    found->containers = node->containers;
    found->ended = node->ended;
}

static void a_forgotten_host_leaves_nothing_and_frees_its_name(void)
{
    struct run a = begin("a", "1");
    struct run other = {id_new(), "a", "another machine", "7", "here", "9.9", LEASE};
    struct id ready = new_session(), running;
    struct found_node found = {.name = "a"};
    struct error refusal = ERROR_INIT;
    bool alive;

    make_ready(&a, &ready, &running);
    CU_ASSERT_EQUAL(store_node_forget(admin, "a", 15, &refusal), -1);
    CU_ASSERT_STRING_EQUAL(refusal.code, "NODE_ALIVE");
    CU_ASSERT_EQUAL(store_node_forget(admin, "nobody", 15, &refusal), -1);
    CU_ASSERT_STRING_EQUAL(refusal.code, "NODE_NOT_FOUND");
    run_is_silent_for(&a, 60);
    OK(store_node_list(admin, find_node, &found, &err));
    CU_ASSERT_EQUAL(found.count, 1);
    CU_ASSERT_EQUAL(found.containers, 1);
    OK(store_node_forget(admin, "a", 15, &err));
    CU_ASSERT_EQUAL(status_of(&ready), SESSION_ERROR);
    CU_ASSERT_TRUE(container_is(&running, "gone"));
    found.count = 0;
    OK(store_node_list(admin, find_node, &found, &err));
    CU_ASSERT_EQUAL(found.count, 0);
    OK(store_run_beat(reaper, &a, &alive, &err));
    CU_ASSERT_FALSE(alive);
    OK(store_run_begin(reaper, &other, &err));
    REFUSED(store_run_begin(reaper, &a, &err), ERROR_CONFLICT);
}

/* --- declines -------------------------------------------------------------------------------- */

static void a_declined_session_goes_to_another_host(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1"), dead = begin("c", "1");
    struct id id = new_session(), container;
    int64_t attempt = claim_session(&a, &id, &container);
    bool ended;

    run_is_silent_for(&dead, AFTER_LEASE);
    OK(store_session_decline(reaper, &a, &id, attempt, "IMAGE_MISSING", "no image", &ended, &err));
    CU_ASSERT_FALSE(ended);
    CU_ASSERT_EQUAL(status_of(&id), SESSION_CREATING);
    CU_ASSERT_TRUE(is_to_stop(&a, &container));
    CU_ASSERT_FALSE(may_claim(&a, &id));
    CU_ASSERT_TRUE(may_claim(&b, &id));
    refuse_claim(&a, &id);
    REFUSED(store_session_decline(reaper, &a, &id, attempt, "HOST_FULL", "full", &ended, &err),
            ERROR_NOT_FOUND);
    attempt = claim_session(&b, &id, &container);
    OK(store_session_decline(reaper, &b, &id, attempt, "HOST_FULL", "full", &ended, &err));
    CU_ASSERT_TRUE(ended); /* c is dead, and can't be waited for */
    CU_ASSERT_EQUAL(status_of(&id), SESSION_ERROR);
    CU_ASSERT_TRUE(has_error(&id, "HOST_FULL"));
    CU_ASSERT_TRUE(is_to_stop(&b, &container));
}

static void count_id(const struct id *id, void *arg)
{
    (void)id;
    ++*(int *)arg;
}

static int given_up(const struct run *judge)
{
    int count = 0;

    OK(store_session_give_up(reaper, judge, count_id, &count, &err));
    return count;
}

/* It was left to b, which dies before, or after it has claimed it. */
static void a_declined_session_whose_other_hosts_die_ends(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1");
    struct id waiting = new_session(), claimed = new_session(), other = new_session(), container;
    const struct id *declined[] = {&waiting, &claimed};
    bool ended;

    for (size_t i = 0; i < ARRAY_SIZE(declined); i++) {
        int64_t attempt = claim_session(&a, declined[i], &container);

        OK(store_session_decline(reaper, &a, declined[i], attempt, "HOST_FULL", "full", &ended,
                                 &err));
        CU_ASSERT_FALSE(ended);
    }
    claim_session(&b, &claimed, &container);
    CU_ASSERT_EQUAL(given_up(&a), 0);
    run_is_silent_for(&b, AFTER_LEASE);
    CU_ASSERT_EQUAL(given_up(&a), 2);
    CU_ASSERT_TRUE(has_error(&waiting, "HOST_FULL") && has_error(&claimed, "HOST_FULL"));
    CU_ASSERT_TRUE(is_to_stop(&b, &container));
    CU_ASSERT_EQUAL(status_of(&other), SESSION_CREATING);
}

/* --- fair orders and caps -------------------------------------------------------------------- */

static int place_of(const struct run *run, const struct id *id)
{
    struct search search = {.wanted = id, .place = -1};

    OK(store_session_claimable(reaper, run, 100000, look, &search, &err));
    return search.place;
}

static void sessions_are_claimed_in_an_order_fair_between_users(void)
{
    struct run a = begin("a", "1");
    struct id many = user_of("many@example.com"), few = user_of("few@example.com");
    struct id running = session_of(&many), first = session_of(&many), second = session_of(&many),
              others = session_of(&few);

    CU_ASSERT_TRUE(place_of(&a, &running) < place_of(&a, &others)); /* both have none: by age */
    make_ready(&a, &running, NULL);
    CU_ASSERT_EQUAL(place_of(&a, &others), 0);
    CU_ASSERT_EQUAL(place_of(&a, &first), 1);
    CU_ASSERT_EQUAL(place_of(&a, &second), 2);
}

static int interaction_place(const struct run *run, int64_t most, const struct id *id)
{
    struct search search = {.wanted = id, .place = -1};

    OK(store_interaction_claimable(reaper, run, most, 1000, look, &search, &err));
    return search.place;
}

static void interactions_are_claimed_in_an_order_fair_between_users(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1");
    struct id many = user_of("many2@example.com"), few = user_of("few2@example.com");
    struct id m = session_of(&many), f = session_of(&few), ids[4], others;
    _cleanup_(interaction_work_release) struct interaction_work work = {0};

    make_ready(&a, &m, NULL);
    make_ready(&a, &f, NULL);
    for (int i = 0; i < 4; i++)
        ids[i] = exec_in(&m, &many);
    others = exec_in(&f, &few);
    CU_ASSERT_EQUAL(interaction_place(&b, 100, &others), -1); /* not its session */
    CU_ASSERT_EQUAL(interaction_place(&a, 100, &ids[0]), 0);
    CU_ASSERT_EQUAL(interaction_place(&a, 100, &others), 1);
    CU_ASSERT_EQUAL(interaction_place(&a, 100, &ids[1]), 2);
    OK(store_interaction_claim(reaper, &a, &ids[0], &work, &err));
    CU_ASSERT_STRING_EQUAL(work.user_id.text, many.text);
    CU_ASSERT_EQUAL(interaction_place(&a, 100, &ids[0]), -1);
    CU_ASSERT_EQUAL(interaction_place(&a, 100, &others), 0);
    /* With one running, a cap of two lets one more through. */
    CU_ASSERT_EQUAL(interaction_place(&a, 2, &ids[1]), 1);
    CU_ASSERT_EQUAL(interaction_place(&a, 2, &ids[2]), -1);
    CU_ASSERT_EQUAL(interaction_place(&a, 1, &ids[1]), -1);
}

static int verification_place(const struct run *run, int64_t most, const struct id *id)
{
    struct search search = {.wanted = id, .place = -1};

    OK(store_verification_claimable(reaper, run, most, 1000, look, &search, &err));
    return search.place;
}

static void one_users_verifications_leave_room_for_others(void)
{
    struct run a = begin("a", "1");
    struct id many = user_of("many3@example.com"), few = user_of("few3@example.com");
    struct id m = session_of(&many), f = session_of(&few), ids[3], others;
    _cleanup_(verification_work_release) struct verification_work first = {0}, second = {0};
    struct verification_work none;
    int64_t ahead;

    make_ready(&a, &m, NULL);
    make_ready(&a, &f, NULL);
    for (int i = 0; i < 3; i++)
        ids[i] = verification_of(&m, &many);
    others = verification_of(&f, &few);
    OK(store_verification_ahead(api, &others, &ahead, &err));
    CU_ASSERT_EQUAL(ahead, 3);
    CU_ASSERT_EQUAL(verification_place(&a, 2, &ids[2]), -1);
    CU_ASSERT_EQUAL(verification_place(&a, 2, &others), 1);
    OK(store_verification_claim(reaper, &a, &ids[0], 1, &first, &err));
    REFUSED(store_verification_claim(reaper, &a, &ids[1], 1, &none, &err), ERROR_LIMIT);
    OK(store_verification_ahead(api, &others, &ahead, &err));
    CU_ASSERT_EQUAL(ahead, 2); /* the refused one still waits */
    OK(store_verification_claim(reaper, &a, &others, 1, &second, &err));
    CU_ASSERT_STRING_EQUAL(second.user_id.text, few.text);
    OK(store_verification_finish(reaper, &a, &ids[0], first.attempt, NULL, 0, false, "X", "x",
                                 &err));
    verification_work_release(&first);
    OK(store_verification_claim(reaper, &a, &ids[1], 1, &first, &err));
    REFUSED(store_verification_claim(reaper, &a, &ids[0], 1, &none, &err), ERROR_NOT_FOUND);
}

/* --- grading containers ---------------------------------------------------------------------- */

static void a_grading_container_is_attached_to_or_replaced(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1"), next;
    struct id session = new_session(), job, first = id_new(), second = id_new();
    _cleanup_(verification_work_release) struct verification_work work = {0}, later = {0};
    struct verification_work none;

    make_ready(&a, &session, NULL);
    job = verification_of(&session, &user_id);
    REFUSED(store_verification_claim(reaper, &b, &job, 9, &none, &err), ERROR_NOT_FOUND);
    OK(store_verification_claim(reaper, &a, &job, 9, &work, &err));
    CU_ASSERT_STRING_EQUAL(work.container_id.text, "");
    REFUSED(store_verification_container(reaper, &b, &job, work.attempt, &first, "image", &err),
            ERROR_NOT_FOUND);
    OK(store_verification_container(reaper, &a, &job, work.attempt, &first, "image", &err));
    OK(store_verification_container(reaper, &a, &job, work.attempt, &first, "image", &err));
    OK(store_verification_container(reaper, &a, &job, work.attempt, &second, "image", &err));
    CU_ASSERT_TRUE(is_to_stop(&a, &first));
    OK(store_verification_running(reaper, &a, &job, work.attempt, "cv-x", "unix:/cv", &err));
    CU_ASSERT_TRUE(container_is(&second, "running"));
    next = begin("a", "1");
    CU_ASSERT_TRUE(is_adopted(&next, &second));
    CU_ASSERT_EQUAL(verification_place(&next, 9, &job), 0);
    OK(store_verification_claim(reaper, &next, &job, 9, &later, &err));
    CU_ASSERT_STRING_EQUAL(later.container_id.text, second.text);
    CU_ASSERT_STRING_EQUAL(later.container_address, "unix:/cv");
    REFUSED(
        store_verification_finish(reaper, &a, &job, work.attempt, "{}", 2, true, NULL, NULL, &err),
        ERROR_NOT_FOUND);
    CU_ASSERT_TRUE(container_is(&second, "running"));
    OK(store_verification_finish(reaper, &next, &job, later.attempt, "{}", 2, true, NULL, NULL,
                                 &err));
    CU_ASSERT_TRUE(is_to_stop(&next, &second));
}

/* --- who needs an image ---------------------------------------------------------------------- */

static void count_user(const struct image_user *user, void *arg)
{
    CU_ASSERT_STRING_EQUAL(user->image, "image");
    ++*(int *)arg;
}

static int image_users(void)
{
    int count = 0, all = 0;

    OK(store_image_users(admin, "image", count_user, &count, &err));
    OK(store_image_users(admin, NULL, count_user, &all, &err));
    CU_ASSERT_EQUAL(count, all);
    return count;
}

static void an_image_is_needed_until_its_containers_are_gone(void)
{
    struct run a = begin("a", "1");
    struct id closed = new_session(), ready, container;

    CU_ASSERT_EQUAL(image_users(), 1);
    close_session(&closed); /* before it was claimed: it pins nothing */
    CU_ASSERT_EQUAL(image_users(), 0);
    ready = new_session();
    make_ready(&a, &ready, &container);
    CU_ASSERT_EQUAL(image_users(), 2);
    close_session(&ready);
    CU_ASSERT_EQUAL(image_users(), 1);
    OK(store_container_gone(reaper, &a, &container, &err));
    CU_ASSERT_EQUAL(image_users(), 0);
}

/* --- races ----------------------------------------------------------------------------------- */

#define RACERS 6
#define PRIZES 40

struct racer {
    struct run run;
    struct id *prizes;
    int (*claim)(struct db *db, const struct run *run, const struct id *id);
    int successes;
};

static int race_for_session(struct db *db, const struct run *run, const struct id *id)
{
    _cleanup_(session_work_release) struct session_work work = {0};
    struct id container_id = id_new();
    struct error err = ERROR_INIT;

    if (store_session_claim(db, run, id, &container_id, &work, &err) == 0)
        return store_session_ready(db, run, id, work.attempt, "cs", "unix:/", &err) == 0;
    if (err.kind != ERROR_NOT_FOUND)
        fprintf(stderr, "claim: %s\n", err.message);
    return 0;
}

static int race_for_verification(struct db *db, const struct run *run, const struct id *id)
{
    _cleanup_(verification_work_release) struct verification_work work = {0};
    struct error err = ERROR_INIT;

    return store_verification_claim(db, run, id, 3, &work, &err) == 0;
}

static void *race(void *arg)
{
    struct racer *racer = arg;
    struct error err = ERROR_INIT;
    struct db *db;

    db_thread_begin();
    db = db_new(&settings.database, DB_REAPER, &err);
    for (int i = 0; db && i < PRIZES; i++)
        racer->successes += racer->claim(db, &racer->run, &racer->prizes[i]);
    db_free(db);
    db_thread_end();
    return NULL;
}

/* How many claims were won over all. */
static int run_race(struct racer *racers)
{
    pthread_t threads[RACERS];
    int successes = 0;

    for (int i = 0; i < RACERS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        successes += racers[i].successes;
    }
    return successes;
}

static void racing_hosts_claim_a_session_once(void)
{
    static const char *const nodes[RACERS] = {"r0", "r1", "r2", "r3", "r4", "r5"};
    struct racer racers[RACERS] = {0};
    struct id prizes[PRIZES];

    for (int i = 0; i < PRIZES; i++)
        prizes[i] = new_session();
    for (int i = 0; i < RACERS; i++)
        racers[i] = (struct racer){begin(nodes[i], "1"), prizes, race_for_session, 0};
    CU_ASSERT_EQUAL(run_race(racers), PRIZES);
}

static void racing_claims_keep_a_users_cap(void)
{
    static const struct query under_way = {
        "SELECT COUNT(*) FROM verifications WHERE session_id = ? AND status = 'starting'"};
    struct run a = begin("a", "1");
    struct id session = new_session(), prizes[PRIZES];
    struct racer racers[RACERS] = {0};

    make_ready(&a, &session, NULL);
    for (int i = 0; i < PRIZES; i++)
        prizes[i] = verification_of(&session, &user_id);
    for (int i = 0; i < RACERS; i++) /* threads of one daemon */
        racers[i] = (struct racer){a, prizes, race_for_verification, 0};
    CU_ASSERT_TRUE(run_race(racers) >= 3); /* the same run may claim the same again */
    CU_ASSERT_EQUAL(number(&under_way, &session), 3);
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a claim makes a container and ends the one before",
         a_claim_makes_a_container_and_ends_the_one_before},
        {"a living run keeps its claim, and a dead one loses it",
         a_living_run_keeps_its_claim_and_a_dead_one_loses_it},
        {"ready is written once, by its claim", ready_is_written_once_by_its_claim},
        {"closing marks the container, and its node stops it",
         closing_marks_the_container_and_its_node_stops_it},
        {"a late failed start ends nobody else's session",
         a_late_failed_start_ends_nobody_elses_session},
        {"a late successful start takes nobody's session",
         a_late_successful_start_takes_nobodys_session},
        {"expiry by another host leaves the container to its own",
         expiry_by_another_host_leaves_the_container_to_its_own},
        {"a second host of the same name does not begin",
         a_second_host_of_the_same_name_does_not_begin},
        {"the next run of a host goes on with what is ready",
         the_next_run_of_a_host_goes_on_with_what_is_ready},
        {"a host that booted anew ends its sessions at the last heartbeat",
         a_host_that_booted_anew_ends_its_sessions_at_the_last_heartbeat},
        {"a lost host ends what was ready and gives back the rest",
         a_lost_host_ends_what_was_ready_and_gives_back_the_rest},
        {"a host that stopped politely is lost only when it stays away",
         a_host_that_stopped_politely_is_lost_only_when_it_stays_away},
        {"a forgotten host leaves nothing, and frees its name",
         a_forgotten_host_leaves_nothing_and_frees_its_name},
        {"a declined session ends when the hosts that it was left to die",
         a_declined_session_whose_other_hosts_die_ends},
        {"a declined session goes to another host", a_declined_session_goes_to_another_host},
        {"sessions are claimed in an order fair between users",
         sessions_are_claimed_in_an_order_fair_between_users},
        {"interactions are claimed in an order fair between users",
         interactions_are_claimed_in_an_order_fair_between_users},
        {"one user's verifications leave room for others",
         one_users_verifications_leave_room_for_others},
        {"a grading container is attached to, or replaced",
         a_grading_container_is_attached_to_or_replaced},
        {"an image is needed until its containers are gone",
         an_image_is_needed_until_its_containers_are_gone},
        {"racing hosts claim a session once", racing_hosts_claim_a_session_once},
        {"racing claims keep a user's cap", racing_claims_keep_a_users_cap},
    };

    return fixture_main_with("hosts", tests, ARRAY_SIZE(tests), fixture_lay_samples, empty);
}
