/*
 * Two hosts and more on one database: what a daemon may write, and what becomes of the work of a
 * host that slept, was lost, came back, or was never what it said. Against a MariaDB of its own
 * (tests/store/run).
 */
#include "work.h"

#include "base/banned.h"

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

int main(void)
{
    static const struct unit_test tests[] = {
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
    };

    return fixture_main_with("hosts", tests, ARRAY_SIZE(tests), fixture_lay_samples, empty);
}
