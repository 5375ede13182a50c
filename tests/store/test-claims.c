/*
 * Who may claim what, in which order, and how much of one user at once; and what becomes of a
 * claim. Against a MariaDB of its own (tests/store/run).
 */
#include <pthread.h>

#include "store/changes.h"
#include "store/samples.h"
#include "work.h"

#include "base/banned.h"

/* --- claims ---------------------------------------------------------------------------------- */

static void a_claim_makes_a_container_and_ends_the_one_before(void)
{
    struct run a = begin("a", "1");
    struct id id = new_session(), first, second;
    _cleanup_(session_work_release) struct session_work again = {0};

    CU_ASSERT_EQUAL(claim_session(&a, &id, &first), 1);
    CU_ASSERT_TRUE(container_is(&first, "starting"));
    /* The answer was lost: the same claim is the same attempt. */
    OK(store_session_claim(reaper, &a, &id, &first, 1000, &again, &err));
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

    OK(store_session_claimable(reaper, run, 100000, 100000, look, &search, &err));
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
    CU_ASSERT_EQUAL(ahead, 1); /* one of each user first */
    OK(store_verification_ahead(api, &ids[2], &ahead, &err));
    CU_ASSERT_EQUAL(ahead, 3);
    CU_ASSERT_EQUAL(verification_place(&a, 2, &ids[2]), -1);
    CU_ASSERT_EQUAL(verification_place(&a, 2, &others), 1);
    OK(store_verification_claim(reaper, &a, &ids[0], 1, &first, &err));
    REFUSED(store_verification_claim(reaper, &a, &ids[1], 1, &none, &err), ERROR_LIMIT);
    OK(store_verification_ahead(api, &others, &ahead, &err));
    CU_ASSERT_EQUAL(ahead, 0);
    OK(store_verification_ahead(api, &ids[1], &ahead, &err));
    CU_ASSERT_EQUAL(ahead, 1); /* it still waits, and whoever has nothing running comes first */
    OK(store_verification_ahead(api, &ids[0], &ahead, &err));
    CU_ASSERT_EQUAL(ahead, 0); /* it does not wait */
    OK(store_verification_claim(reaper, &a, &others, 1, &second, &err));
    CU_ASSERT_STRING_EQUAL(second.user_id.text, few.text);
    OK(store_verification_finish(reaper, &a, &ids[0], first.attempt, NULL, 0, false, "X", "x",
                                 &err));
    verification_work_release(&first);
    OK(store_verification_claim(reaper, &a, &ids[1], 1, &first, &err));
    REFUSED(store_verification_claim(reaper, &a, &ids[0], 1, &none, &err), ERROR_NOT_FOUND);
}

static void one_users_starts_leave_room_for_others(void)
{
    struct run a = begin("a", "1");
    struct id many = user_of("many4@example.com"), few = user_of("few4@example.com");
    struct id first = session_of(&many), second = session_of(&many), other = session_of(&few);
    _cleanup_(session_work_release) struct session_work work = {0}, next = {0}, others = {0};
    struct session_work none;
    struct id container = id_new();
    struct search search = {.wanted = &second};

    OK(store_session_claim(reaper, &a, &first, &container, 1, &work, &err));
    REFUSED(store_session_claim(reaper, &a, &second, &container, 1, &none, &err), ERROR_LIMIT);
    OK(store_session_claimable(reaper, &a, 1, 1000, look, &search, &err));
    CU_ASSERT_EQUAL(search.found, 0);
    container = id_new();
    OK(store_session_claim(reaper, &a, &other, &container, 1, &others, &err));
    /* A start that is over makes room. */
    OK(store_session_ready(reaper, &a, &first, work.attempt, "cs", "unix:/", &err));
    OK(store_session_claimable(reaper, &a, 1, 1000, look, &search, &err));
    CU_ASSERT_EQUAL(search.found, 1);
    container = id_new();
    OK(store_session_claim(reaper, &a, &second, &container, 1, &next, &err));
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

/* --- the tests' patch ------------------------------------------------------------------------- */

static void render_patched(size_t i, int64_t version, struct buf *json, struct buf *whole,
                           unsigned char hash[32], void *arg)
{
    const struct new_sample *sample = arg;

    (void)i;
    (void)version;
    memset(hash, 'p', 32);
    buf_add_str(sample->hides_answers ? whole : json, "{\"test_patch\":\"--- a/t\\n\"}");
    if (sample->hides_answers)
        buf_add_str(json, "{\"test_patch\":\"\"}");
}

static void import_patched(const char *sample_id, bool hides)
{
    const struct new_sample sample = {.dataset = "d",
                                      .sample_id = sample_id,
                                      .instance_id = sample_id,
                                      .language = "c",
                                      .verifier = "test_suite",
                                      .image = "image",
                                      .repo_path = "/r",
                                      .verifier_command = "/v",
                                      .report_paths = "[]",
                                      .fail_to_pass = "[]",
                                      .pass_to_pass = "[]",
                                      .fail_to_fail = "[]",
                                      .held_out = "[]",
                                      .restore = "[]",
                                      .hides_answers = hides};
    struct sample_batch *batch = sample_batch_new(&sample, 1);
    int64_t version;
    size_t at;

    OK(db_begin(admin, &err));
    OK(sample_batch_find(admin, batch, &err));
    sample_batch_make(batch, render_patched, (void *)(uintptr_t)&sample);
    OK(sample_batch_store(admin, batch, &version, &at, &err));
    OK(db_commit(admin, &err));
    sample_batch_free(batch);
    CU_ASSERT_EQUAL(version, 1);
}

static void the_tests_patch_of_an_imported_sample_is_claimed(void)
{
    static const char *const ids[] = {"patched", "patched-and-hidden"};
    struct run a = begin("a", "1");

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        _cleanup_(verification_work_release) struct verification_work work = {0};
        struct id session, job;

        import_patched(ids[i], i == 1);
        session = session_with(&user_id, ids[i]);
        make_ready(&a, &session, NULL);
        job = verification_of(&session, &user_id);
        OK(store_verification_claim(reaper, &a, &job, 9, &work, &err));
        CU_ASSERT_PTR_NOT_NULL_FATAL(work.test_patch);
        CU_ASSERT_STRING_EQUAL(work.test_patch, "--- a/t\n");
    }
}

/* --- verdicts that are reached again --------------------------------------------------------- */

static bool may_repeat(const struct run *run, const struct id *id)
{
    struct search search = {.wanted = id, .place = -1};

    OK(store_regrade_claimable(reaper, run, 1000, look, &search, &err));
    return search.place >= 0;
}

static void ignore_id(const struct id *id, void *arg)
{
    (void)id;
    (void)arg;
}

/* A verification that ended with a verdict, and whose changes are kept. */
static struct id kept_job(const struct run *run, const struct id *session)
{
    struct id job = verification_of(session, &user_id);
    _cleanup_(verification_work_release) struct verification_work work = {0};

    OK(store_verification_claim(reaper, run, &job, 9, &work, &err));
    CU_ASSERT_STRING_EQUAL(work.regrade_of.text, "");
    OK(store_changes_keep(reaper, run, &job, work.attempt, "archive", 7, &err));
    OK(store_changes_keep(reaper, run, &job, work.attempt, "changes", 7, &err));
    OK(store_verification_finish(reaper, run, &job, work.attempt, "{}", 2, true, NULL, NULL, &err));
    REFUSED(store_changes_keep(reaper, run, &job, work.attempt, "late", 4, &err), ERROR_NOT_FOUND);
    return job;
}

static void any_host_repeats_a_verdict_and_one_alone(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1");
    struct id session = new_session(), job, again = id_new(), last = id_new(), waiting;
    int64_t ahead;
    _cleanup_(verification_work_release) struct verification_work work = {0}, later = {0};
    _cleanup_(verification_release) struct verification shown = {0};
    _cleanup_(buf_release) struct buf archive = BUF_INIT;
    struct verification_work none;

    make_ready(&a, &session, NULL);
    job = kept_job(&a, &session);
    OK(store_regrade_create(admin, &again, &job, false, &err));
    waiting = verification_of(&session, &user_id);
    OK(store_verification_ahead(api, &waiting, &ahead, &err));
    CU_ASSERT_EQUAL(ahead, 0); /* it is no part of the queue that users see */
    close_session(&session);
    OK(store_session_settle(reaper, &session, ignore_id, NULL, &err));
    CU_ASSERT_TRUE(may_repeat(&a, &again) && may_repeat(&b, &again));
    OK(store_verification_claim(reaper, &b, &again, 9, &work, &err));
    CU_ASSERT_STRING_EQUAL(work.regrade_of.text, job.text);
    OK(store_changes_get(reaper, &work.regrade_of, &archive, &err));
    CU_ASSERT_EQUAL(archive.length, 7);
    CU_ASSERT_EQUAL(memcmp(archive.data, "changes", 7), 0);
    CU_ASSERT_FALSE(may_repeat(&a, &again) || may_repeat(&b, &again));
    REFUSED(store_verification_claim(reaper, &a, &again, 9, &none, &err), ERROR_LIMIT);
    run_is_silent_for(&b, AFTER_LEASE);
    CU_ASSERT_TRUE(may_repeat(&a, &again));
    OK(store_verification_claim(reaper, &a, &again, 9, &later, &err));
    CU_ASSERT_EQUAL(later.attempt, 2);
    REFUSED(store_verification_finish(reaper, &b, &again, 1, "{}", 2, true, NULL, NULL, &err),
            ERROR_NOT_FOUND);
    OK(store_verification_finish(reaper, &a, &again, 2, "{}", 2, false, NULL, NULL, &err));
    /* It is nothing of the user's, and nothing that is repeated in turn. */
    REFUSED(store_verification_get(api, &user_id, session.text, again.text, &shown, &err),
            ERROR_NOT_FOUND);
    REFUSED(store_regrade_create(admin, &last, &again, false, &err), ERROR_NOT_FOUND);
}

static void a_verdict_is_repeated_by_the_latest_version_if_asked(void)
{
    static const char newer[] =
        "UPDATE samples SET latest=NULL WHERE sample_id='runnable';"
        "INSERT INTO samples SELECT NULL, dataset, sample_id, 2, TRUE, instance_id, language, "
        "verifier, image, verifier_image, repo_path, '/newer', report_paths, verify_timeout, "
        "fail_to_pass, pass_to_pass, fail_to_fail, version_description, created_at, imported_at, "
        "'y', json, deflated, json_length, json_crc32, FALSE, NULL, NULL, NULL, FALSE, NULL, "
        "NULL, FALSE, NULL "
        "FROM samples WHERE sample_id='runnable' AND version=1";
    static const char before[] = "DELETE FROM samples WHERE sample_id='runnable' AND version=2;"
                                 "UPDATE samples SET latest=TRUE WHERE sample_id='runnable'";
    static const char hidden[] =
        "INSERT INTO sample_answers (row_id, fail_to_pass, pass_to_pass, fail_to_fail) "
        "SELECT row_id, '[\"a\"]', '[\"b\"]', '[\"c\"]' FROM samples "
        "WHERE sample_id='runnable' AND version=2";
    struct run a = begin("a", "1");
    struct id session = new_session(), job, same = id_new(), latest = id_new();
    _cleanup_(verification_work_release) struct verification_work first = {0}, second = {0};

    make_ready(&a, &session, NULL);
    job = kept_job(&a, &session);
    OK(db_run_script(admin, newer, sizeof(newer) - 1, &err));
    OK(db_run_script(admin, hidden, sizeof(hidden) - 1, &err));
    OK(store_regrade_create(admin, &same, &job, false, &err));
    OK(store_regrade_create(admin, &latest, &job, true, &err));
    OK(store_verification_claim(reaper, &a, &same, 9, &first, &err));
    OK(store_verification_claim(reaper, &a, &latest, 9, &second, &err));
    CU_ASSERT_STRING_EQUAL(first.verifier_command, "/v");
    CU_ASSERT_STRING_EQUAL(second.verifier_command, "/newer");
    CU_ASSERT_STRING_EQUAL(first.fail_to_pass, "[]");
    CU_ASSERT_STRING_EQUAL(second.fail_to_pass, "[\"a\"]");
    CU_ASSERT_STRING_EQUAL(second.pass_to_pass, "[\"b\"]");
    CU_ASSERT_STRING_EQUAL(second.fail_to_fail, "[\"c\"]");
    OK(db_run_script(admin, before, sizeof(before) - 1, &err));
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

    if (store_session_claim(db, run, id, &container_id, 1000, &work, &err) == 0)
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
        {"a declined session ends when the hosts that it was left to die",
         a_declined_session_whose_other_hosts_die_ends},
        {"a declined session goes to another host", a_declined_session_goes_to_another_host},
        {"sessions are claimed in an order fair between users",
         sessions_are_claimed_in_an_order_fair_between_users},
        {"interactions are claimed in an order fair between users",
         interactions_are_claimed_in_an_order_fair_between_users},
        {"one user's starts leave room for others", one_users_starts_leave_room_for_others},
        {"one user's verifications leave room for others",
         one_users_verifications_leave_room_for_others},
        {"a grading container is attached to, or replaced",
         a_grading_container_is_attached_to_or_replaced},
        {"the tests' patch of an imported sample is claimed",
         the_tests_patch_of_an_imported_sample_is_claimed},
        {"any host repeats a verdict, and one alone", any_host_repeats_a_verdict_and_one_alone},
        {"a verdict is repeated by the latest version of the sample, if that is asked for",
         a_verdict_is_repeated_by_the_latest_version_if_asked},
        {"an image is needed until its containers are gone",
         an_image_is_needed_until_its_containers_are_gone},
        {"racing hosts claim a session once", racing_hosts_claim_a_session_once},
        {"racing claims keep a user's cap", racing_claims_keep_a_users_cap},
    };

    return fixture_main_with("claims", tests, ARRAY_SIZE(tests), fixture_lay_samples, empty);
}
