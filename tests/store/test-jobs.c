/*
 * Agent jobs: who may create one and what it costs, who may claim it, who may end it, and what its
 * runner says by its secret. Against a MariaDB of its own (tests/store/run). Money under cuts is in
 * test-histories.c.
 */
#include <pthread.h>

#include "base/mem.h"
#include "job_work.h"

#include "base/banned.h"

static void refuse_create(const struct new_agent_job *wanted, const char *code, const char *words)
{
    struct error err = ERROR_INIT;

    CU_ASSERT_EQUAL_FATAL(store_job_create(api, wanted, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.code ? err.code : "", code);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, words));
}

/* --- creation -------------------------------------------------------------------------------- */

static void a_job_is_charged_when_it_is_created_and_once(void)
{
    struct new_agent_job wanted = wanted_of(&payer, "here");
    _cleanup_(agent_job_release) struct agent_job job = {0};

    wanted.ref = "main";
    for (int i = 0; i < 3; i++)
        OK(store_job_create(api, &wanted, &err));
    CU_ASSERT_EQUAL(balance_of(&payer), 1000 - PRICE);
    OK(store_job_get(api, &payer, wanted.job_id.text, &job, &err));
    CU_ASSERT_EQUAL(job.status, AGENT_JOB_PENDING);
    CU_ASSERT_STRING_EQUAL(job.ref, "main");
    CU_ASSERT_FALSE(job.result_available);
    audit();
}

static void an_agents_own_price_counts_and_without_billing_nothing_does(void)
{
    struct agent dear = agent_of("dear", "image");
    struct new_agent_job wanted = wanted_of(&payer, "dear");

    dear.price_cents = 250;
    OK(store_agent_put(admin, &dear, NULL, &err));
    OK(store_job_create(api, &wanted, &err));
    CU_ASSERT_EQUAL(balance_of(&payer), 750);
    wanted = wanted_of(&payer, "dear");
    wanted.price_cents = 0;
    OK(store_job_create(api, &wanted, &err));
    CU_ASSERT_EQUAL(balance_of(&payer), 750);
    audit();
}

static void a_job_needs_its_price_and_what_sessions_have_used(void)
{
    struct new_session session = {.session_id = id_new(),
                                  .user_id = payer,
                                  .dataset = "d",
                                  .sample_id = "runnable",
                                  .ttl_minutes = 30,
                                  .open_max = 10,
                                  .price_cents = 950};
    struct new_agent_job wanted = wanted_of(&payer, "here");
    int64_t expires_at;

    OK(store_session_create(api, &session, &expires_at, &err));
    refuse_create(&wanted, "INSUFFICIENT_CREDITS", "your balance is 1000 cents");
    refuse_create(&wanted, "INSUFFICIENT_CREDITS", "the agent job needs 1050");
    CU_ASSERT_EQUAL(balance_of(&payer), 1000);
    pay_in(&payer, 50);
    OK(store_job_create(api, &wanted, &err));
    audit();
}

struct racer {
    struct db *db;
    int made;
};

static void *race(void *arg)
{
    struct racer *racer = arg;

    db_thread_begin();
    for (int i = 0; i < 10; i++) {
        struct new_agent_job wanted = wanted_of(&payer, "here");
        struct error err = ERROR_INIT;

        if (store_job_create(racer->db, &wanted, &err) == 0)
            racer->made++;
        else if (!err.code || strcmp(err.code, "INSUFFICIENT_CREDITS") != 0)
            racer->made += 1000; /* no other refusal */
    }
    db_thread_end();
    return NULL;
}

static void of_eighty_creates_at_once_with_funds_for_ten_ten_succeed(void)
{
    struct racer racers[8];
    pthread_t threads[8];
    int made = 0;

    for (int i = 0; i < 8; i++) {
        struct error err = ERROR_INIT;

        racers[i] = (struct racer){.db = db_new(&settings.database, DB_API, &err)};
        pthread_create(&threads[i], NULL, race, &racers[i]);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        made += racers[i].made;
        db_free(racers[i].db);
    }
    CU_ASSERT_EQUAL(made, 10);
    CU_ASSERT_EQUAL(balance_of(&payer), 0);
    audit();
}

static void limits_name_their_value(void)
{
    struct new_agent_job wanted = wanted_of(&payer, "here");
    struct id key = id_new();

    job_of(&payer, "here");
    wanted.open_max = 1;
    refuse_create(&wanted, "JOB_LIMIT", "unfinished agent jobs per user is 1");
    wanted.open_max = 10;
    wanted.creates_per_minute = 1;
    refuse_create(&wanted, "JOB_RATE_LIMIT", "new agent jobs per user is 1 a minute");
    wanted.creates_per_minute = 2;
    wanted.cents_per_day = 150;
    refuse_create(&wanted, "SPENDING_LIMIT", "may spend 150 cents a day (UTC) and has spent 100");
    wanted.cents_per_day = 0;
    wanted.key_id = &key;
    wanted.key_cents_per_day = 50;
    refuse_create(&wanted, "SPENDING_LIMIT", "this API key may spend 50 cents");
    wanted.key_cents_per_day = 100;
    OK(store_job_create(api, &wanted, &err));
    CU_ASSERT_EQUAL(balance_of(&payer), 800);
    audit();
}

static void an_agent_that_is_removed_takes_no_new_jobs_and_finishes_the_old(void)
{
    struct run a = begin("a", "1");
    struct id id = job_of(&payer, "here");
    struct new_agent_job wanted = wanted_of(&payer, "here");
    _cleanup_(agent_job_work_release) struct agent_job_work work = {0};

    OK(store_agent_remove(admin, "here", &err));
    REFUSED(store_agent_remove(admin, "here", &err), ERROR_NOT_FOUND);
    refuse_create(&wanted, "AGENT_NOT_FOUND", "no agent");
    wanted.agent_id = "no such one";
    refuse_create(&wanted, "AGENT_NOT_FOUND", "no agent");
    OK(store_job_claim(reaper, &a, &id, 10, 3, &work, &err));
    CU_ASSERT_STRING_EQUAL(work.image, "image");
    CU_ASSERT_EQUAL(balance_of(&payer), 900);
}

static void an_agent_does_not_move_while_it_has_jobs(void)
{
    struct agent moved = agent_of("here", NULL);
    struct id id = job_of(&payer, "here");
    bool changed, replaced;

    REFUSED(store_agent_put(admin, &moved, NULL, &err), ERROR_CONFLICT);
    OK(store_job_cancel(admin, id.text, &changed, &err));
    OK(store_agent_put(admin, &moved, &replaced, &err));
    CU_ASSERT_TRUE(replaced);
}

/* --- lists ----------------------------------------------------------------------------------- */

struct page {
    struct id ids[16];
    int count;
};

static void add_to_page(const struct agent_job *job, void *arg)
{
    struct page *page = arg;

    page->ids[page->count++] = job->job_id;
}

static void pages_are_newest_first_and_stable_while_jobs_are_added(void)
{
    struct page page = {.count = 0};
    _cleanup_(free_ptr) char *next = NULL, *second = NULL, *last = NULL;
    struct id ids[5], other = user_of("lists@example.com");

    for (int i = 0; i < 5; i++)
        ids[i] = job_of(&payer, "here");
    pay_in(&other, 1000);
    job_of(&other, "here");
    OK(store_job_list(api, &payer, NULL, 2, add_to_page, &page, &next, &err));
    CU_ASSERT_PTR_NOT_NULL_FATAL(next);
    job_of(&payer, "here");
    OK(store_job_list(api, &payer, next, 2, add_to_page, &page, &second, &err));
    CU_ASSERT_PTR_NOT_NULL_FATAL(second);
    OK(store_job_list(api, &payer, second, 2, add_to_page, &page, &last, &err));
    CU_ASSERT_PTR_NULL(last);
    CU_ASSERT_EQUAL_FATAL(page.count, 5);
    for (int i = 0; i < 5; i++)
        CU_ASSERT_STRING_EQUAL(page.ids[i].text, ids[4 - i].text);
    page.count = 0;
    OK(store_job_list(admin, NULL, NULL, 16, add_to_page, &page, &last, &err));
    CU_ASSERT_EQUAL(page.count, 7);
}

static void a_cursor_that_nobody_gave_is_refused(void)
{
    static const char *const cursors[] = {"x",
                                          "0",
                                          "00062f1a2b3c4d5e",
                                          "00062f1a2b3c4d5e-",
                                          "00062f1a2b3c4d5e-nonsense",
                                          "ffffffffffffffff-01900000-0000-7000-8000-000000000000",
                                          "0000000000000000-01900000-0000-7000-8000-000000000000",
                                          "00062F1A2B3C4D5E-01900000-0000-7000-8000-000000000000"};

    for (size_t i = 0; i < ARRAY_SIZE(cursors); i++) {
        struct page page = {.count = 0};
        char *next = NULL;

        REFUSED(store_job_list(api, &payer, cursors[i], 2, add_to_page, &page, &next, &err),
                ERROR_INVALID);
    }
}

static void somebody_elses_job_is_like_nobodys(void)
{
    struct id id = job_of(&payer, "here"), other = user_of("stranger@example.com");
    struct agent_job job;
    char *log;
    size_t length;
    int64_t total;

    REFUSED(store_job_get(api, &other, id.text, &job, &err), ERROR_NOT_FOUND);
    REFUSED(store_job_log(api, &other, id.text, &log, &length, &total, &err), ERROR_NOT_FOUND);
    REFUSED(store_job_get(api, &other, "no id", &job, &err), ERROR_NOT_FOUND);
}

/* --- claims ---------------------------------------------------------------------------------- */

static void refuse_job_claim(const struct run *run, const struct id *id, enum error_kind kind)
{
    struct agent_job_work none;

    REFUSED(store_job_claim(reaper, run, id, 10, 3, &none, &err), kind);
}

static bool job_claimable(const struct run *run, const struct id *id, int64_t user_max)
{
    struct search search = {.wanted = id};

    OK(store_job_claimable(reaper, run, user_max, 1000, look, &search, &err));
    return search.found == 1;
}

static void a_job_goes_from_its_claim_to_its_end(void)
{
    static const struct job_result result = {
        .bytes = 5, .parts = "[{\"name\":\"here\",\"offset\":0,\"length\":5}]"};
    struct run a = begin("a", "1");
    struct id id = job_of(&payer, "here"), container;
    int64_t attempt = start(&a, &id, "secret", &container);
    _cleanup_(agent_job_release) struct agent_job job = {0};

    CU_ASSERT_TRUE(is(&id, AGENT_JOB_RUNNING));
    CU_ASSERT_TRUE(container_is(&container, "running"));
    for (int i = 0; i < 2; i++)
        OK(store_job_finish(reaper, &a, &id, attempt, &result, NULL, NULL, &err));
    OK(store_job_get(api, &payer, id.text, &job, &err));
    CU_ASSERT_EQUAL(job.status, AGENT_JOB_COMPLETED);
    CU_ASSERT_TRUE(job.result_available);
    CU_ASSERT_EQUAL(job.result_bytes, 5);
    CU_ASSERT_STRING_EQUAL(job.result_parts, result.parts);
    CU_ASSERT_EQUAL(job.progress_pct, 100);
    CU_ASSERT_TRUE(container_is(&container, "ended"));
    CU_ASSERT_EQUAL(balance_of(&payer), 900);
    REFUSED(store_job_finish(reaper, &a, &id, attempt, NULL, "JOB_TIMEOUT", "late", &err),
            ERROR_NOT_FOUND);
    audit();
}

static void a_job_in_error_is_paid_back_once_whoever_says_so_how_often(void)
{
    struct run a = begin("a", "1");
    struct id id = job_of(&payer, "here");
    int64_t attempt = start(&a, &id, "secret", NULL);
    bool changed;

    for (int i = 0; i < 2; i++)
        OK(store_job_finish(reaper, &a, &id, attempt, NULL, "JOB_AGENT_FAILED", "exit 1", &err));
    OK(store_job_cancel(admin, id.text, &changed, &err));
    CU_ASSERT_FALSE(changed);
    CU_ASSERT_TRUE(failed_by(&id, "JOB_AGENT_FAILED"));
    CU_ASSERT_EQUAL(balance_of(&payer), 1000);
    audit();
}

static void what_an_operator_gave_back_is_not_given_back_again(void)
{
    struct id id = job_of(&payer, "here");
    _cleanup_(free_ptr) char *charge = xasprintf("job:%s", id.text);
    const struct ledger_movement part = {.event_key = "jobs:part",
                                         .kind = LEDGER_REFUND,
                                         .user_id = payer,
                                         .amount_cents = 30,
                                         .description = "test",
                                         .of_event = charge};
    bool changed;

    OK(move(admin, &part, &err));
    OK(store_job_cancel(admin, id.text, &changed, &err));
    CU_ASSERT_TRUE(changed);
    CU_ASSERT_EQUAL(balance_of(&payer), 1000);
    audit();
}

static void a_dead_daemons_job_is_another_ones_when_its_container_is_gone(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1");
    struct id id = job_of(&payer, "here"), container;
    int64_t attempt = start(&a, &id, "secret", &container);

    refuse_job_claim(&b, &id, ERROR_NOT_FOUND);
    run_is_silent_for(&a, AFTER_LEASE);
    /* The daemon of that host may come back to it. */
    CU_ASSERT_FALSE(job_claimable(&b, &id, 10));
    refuse_job_claim(&b, &id, ERROR_NOT_FOUND);
    run_is_silent_for(&a, AFTER_LOST);
    CU_ASSERT_EQUAL(lost_nodes(), 1);
    CU_ASSERT_TRUE(container_is(&container, "ended"));
    CU_ASSERT_TRUE(job_claimable(&b, &id, 10));
    CU_ASSERT_EQUAL(claim(&b, &id), attempt + 1);
    REFUSED(store_job_finish(reaper, &a, &id, attempt, NULL, "JOB_TIMEOUT", "late", &err),
            ERROR_NOT_FOUND);
    REFUSED(store_job_running(reaper, &a, &id, attempt, "cj-x", "unix:/x", &err), ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(balance_of(&payer), 900);
}

static void a_restarted_daemon_goes_on_with_its_container_and_its_secret(void)
{
    struct run first = begin("a", "1"), second;
    struct id id = job_of(&payer, "here"), container;
    _cleanup_(agent_job_work_release) struct agent_job_work work = {0};
    unsigned char hash[SHA256_SIZE];

    start(&first, &id, "secret", &container);
    OK(store_run_end(reaper, &first, &err));
    second = begin("a", "1");
    CU_ASSERT_TRUE(is_adopted(&second, &container));
    OK(store_job_claim(reaper, &second, &id, 10, 1, &work, &err)); /* a polite end is no loss */
    CU_ASSERT_STRING_EQUAL(work.container_id.text, container.text);
    CU_ASSERT_STRING_EQUAL(work.container_address, "unix:/x");
    CU_ASSERT_TRUE(work.seconds_left > 500 && work.seconds_left <= 600);
    hash_of("secret", hash);
    OK(store_job_progress(api, id.text, hash, 7, NULL, &err));
}

static void a_job_that_loses_its_daemon_too_often_ends_and_is_paid_back(void)
{
    struct id id = job_of(&payer, "here"), container;

    for (int i = 0; i < 3; i++) {
        struct run run = begin("a", "1");

        start(&run, &id, "secret", &container);
        run_is_silent_for(&run, AFTER_LEASE);
    }
    {
        struct run run = begin("a", "1");

        CU_ASSERT_TRUE(job_claimable(&run, &id, 10));
        refuse_job_claim(&run, &id, ERROR_NOT_FOUND);
    }
    CU_ASSERT_TRUE(failed_by(&id, "JOB_RUNNER_LOST"));
    CU_ASSERT_TRUE(container_is(&container, "ended"));
    CU_ASSERT_EQUAL(balance_of(&payer), 1000);
    audit();
}

static void one_users_jobs_leave_places_to_others(void)
{
    struct run a = begin("a", "1");
    struct id ids[3], other = user_of("fair@example.com"), theirs;
    struct search search = {.wanted = &theirs};

    pay_in(&other, 1000);
    for (int i = 0; i < 3; i++)
        ids[i] = job_of(&payer, "here");
    theirs = job_of(&other, "here");
    OK(store_job_claimable(reaper, &a, 2, 10, look, &search, &err));
    CU_ASSERT_EQUAL(search.count, 3); /* two of the first, one of the other */
    CU_ASSERT_EQUAL(search.place, 1);
    for (int i = 0; i < 2; i++) {
        _cleanup_(agent_job_work_release) struct agent_job_work work = {0};

        OK(store_job_claim(reaper, &a, &ids[i], 2, 3, &work, &err));
    }
    {
        struct agent_job_work none;

        REFUSED(store_job_claim(reaper, &a, &ids[2], 2, 3, &none, &err), ERROR_LIMIT);
    }
    CU_ASSERT_TRUE(is(&ids[2], AGENT_JOB_PENDING));
    CU_ASSERT_FALSE(job_claimable(&a, &ids[2], 2));
    claim(&a, &theirs);
}

static void a_new_attempt_has_its_own_secret_and_time(void)
{
    struct run a = begin("a", "1");
    struct id id = job_of(&payer, "here"), first, second = id_new();
    int64_t attempt = start(&a, &id, "one", &first);
    unsigned char one[SHA256_SIZE], two[SHA256_SIZE];
    enum agent_job_status status;
    bool ask;

    hash_of("one", one);
    hash_of("two", two);
    OK(store_job_complete(api, id.text, one, true, NULL, &status, &err));
    OK(store_job_container(reaper, &a, &id, attempt, &second, "image", two, &err));
    OK(store_job_note(reaper, &a, &id, attempt, NULL, 0, 0, 0, NULL, &ask, &err));
    CU_ASSERT_FALSE(ask);
    CU_ASSERT_TRUE(is(&id, AGENT_JOB_STARTING));
    CU_ASSERT_TRUE(container_is(&first, "ended") && container_is(&second, "starting"));
    REFUSED(store_job_progress(api, id.text, one, 7, NULL, &err), ERROR_CONFLICT);
    OK(store_job_progress(api, id.text, two, 7, NULL, &err));
}

static void notes_replace_the_log_and_tell_whether_to_end(void)
{
    struct run a = begin("a", "1");
    struct id id = job_of(&payer, "here");
    int64_t attempt = start(&a, &id, "secret", NULL), total;
    _cleanup_(agent_job_release) struct agent_job job = {0};
    unsigned char hash[SHA256_SIZE];
    enum agent_job_status status;
    _cleanup_(free_ptr) char *log = NULL;
    size_t length;
    bool ask;

    hash_of("secret", hash);
    OK(store_job_note(reaper, &a, &id, attempt, "first", 5, 5, 0, NULL, &ask, &err));
    CU_ASSERT_FALSE(ask);
    OK(store_job_complete(api, id.text, hash, true, NULL, &status, &err));
    CU_ASSERT_EQUAL(status, AGENT_JOB_RUNNING);
    OK(store_job_note(reaper, &a, &id, attempt, NULL, 0, 0, 40, "Reading", &ask, &err));
    CU_ASSERT_TRUE(ask);
    OK(store_job_note(reaper, &a, &id, attempt, "second", 6, 11, 0, NULL, &ask, &err));
    OK(store_job_log(api, &payer, id.text, &log, &length, &total, &err));
    CU_ASSERT_STRING_EQUAL(log, "second");
    CU_ASSERT_EQUAL(total, 11);
    OK(store_job_get(api, &payer, id.text, &job, &err));
    CU_ASSERT_EQUAL(job.progress_pct, 40);
    CU_ASSERT_STRING_EQUAL(job.progress_stage, "Reading");
    REFUSED(store_job_note(reaper, &a, &id, attempt + 1, "x", 1, 1, 0, NULL, &ask, &err),
            ERROR_NOT_FOUND);
}

/* --- by its secret --------------------------------------------------------------------------- */

static struct id taken(const char *secret)
{
    struct id id = job_of(&payer, "elsewhere");
    _cleanup_(agent_job_release) struct agent_job job = {0};
    unsigned char hash[SHA256_SIZE];
    int64_t installation;

    hash_of(secret, hash);
    OK(store_job_take(admin, "elsewhere", hash, &job, &installation, &err));
    CU_ASSERT_STRING_EQUAL(job.job_id.text, id.text);
    return id;
}

static void a_runner_elsewhere_takes_the_oldest_and_the_same_again(void)
{
    struct run a = begin("a", "1");
    struct id first = job_of(&payer, "elsewhere"), second = job_of(&payer, "elsewhere");
    const struct id *expected[] = {&first, &first, &second};
    const char *secrets[] = {"one", "one", "two"};

    for (int i = 0; i < 3; i++) {
        _cleanup_(agent_job_release) struct agent_job job = {0};
        unsigned char hash[SHA256_SIZE];
        int64_t installation;

        hash_of(secrets[i], hash);
        OK(store_job_take(admin, "elsewhere", hash, &job, &installation, &err));
        CU_ASSERT_STRING_EQUAL(job.job_id.text, expected[i]->text);
        CU_ASSERT_EQUAL(job.status, AGENT_JOB_RUNNING);
    }
    refuse_job_claim(&a, &first, ERROR_NOT_FOUND);
    CU_ASSERT_FALSE(job_claimable(&a, &first, 10));
}

static void completion_elsewhere_needs_a_result_and_is_told_twice(void)
{
    static const struct job_result result = {.bytes = 9, .parts = "[]"};
    struct run a = begin("a", "1");
    struct id id = taken("secret"), upload_id = id_new();
    _cleanup_(job_upload_release) struct job_upload upload = {0};
    unsigned char hash[SHA256_SIZE], wrong[SHA256_SIZE];
    enum agent_job_status status;

    hash_of("secret", hash);
    hash_of("wrong", wrong);
    REFUSED(store_job_complete(api, id.text, hash, true, NULL, &status, &err), ERROR_CONFLICT);
    REFUSED(store_job_upload_check(api, id.text, wrong, &err), ERROR_CONFLICT);
    OK(store_job_upload_check(api, id.text, hash, &err));
    for (int i = 0; i < 2; i++)
        OK(store_job_upload_create(api, &upload_id, id.text, hash, 20, &err));
    OK(store_job_upload_claim(reaper, &a, &upload_id, &upload, &err));
    CU_ASSERT_EQUAL(upload.bytes, 20);
    for (int i = 0; i < 2; i++)
        OK(store_job_upload_finish(reaper, &a, &upload_id, upload.attempt, &result, NULL, NULL,
                                   &err));
    for (int i = 0; i < 2; i++) {
        OK(store_job_complete(api, id.text, hash, true, NULL, &status, &err));
        CU_ASSERT_EQUAL(status, AGENT_JOB_COMPLETED);
    }
    OK(store_job_complete(api, id.text, hash, false, "too late", &status, &err));
    CU_ASSERT_EQUAL(status, AGENT_JOB_COMPLETED);
    REFUSED(store_job_complete(api, id.text, wrong, false, "x", &status, &err), ERROR_CONFLICT);
    REFUSED(store_job_progress(api, id.text, hash, 1, NULL, &err), ERROR_CONFLICT);
    CU_ASSERT_EQUAL(balance_of(&payer), 900);
    audit();
}

static void an_error_that_is_reported_is_paid_back_and_stays(void)
{
    struct id id = taken("secret");
    unsigned char hash[SHA256_SIZE];
    enum agent_job_status status;

    hash_of("secret", hash);
    OK(store_job_complete(api, id.text, hash, false, "no idea", &status, &err));
    CU_ASSERT_EQUAL(status, AGENT_JOB_ERROR);
    OK(store_job_complete(api, id.text, hash, true, NULL, &status, &err));
    CU_ASSERT_EQUAL(status, AGENT_JOB_ERROR);
    CU_ASSERT_TRUE(failed_by(&id, "JOB_AGENT_REPORTED"));
    CU_ASSERT_EQUAL(balance_of(&payer), 1000);
    audit();
}

static void a_result_that_is_refused_is_no_result(void)
{
    struct run a = begin("a", "1"), b = begin("b", "1");
    struct id id = taken("secret"), upload_id = id_new();
    _cleanup_(job_upload_release) struct job_upload upload = {0}, read = {0};
    struct search search = {.wanted = &upload_id};
    unsigned char hash[SHA256_SIZE];
    struct job_upload none;
    enum agent_job_status status;
    bool finished = true;

    hash_of("secret", hash);
    OK(store_job_upload_create(api, &upload_id, id.text, hash, 20, &err));
    OK(store_is_finished(reaper, "job-result", &upload_id, &finished, &err));
    CU_ASSERT_FALSE(finished);
    OK(store_job_upload_claim(reaper, &a, &upload_id, &upload, &err));
    REFUSED(store_job_upload_claim(reaper, &b, &upload_id, &none, &err), ERROR_NOT_FOUND);
    run_is_silent_for(&a, AFTER_LEASE);
    OK(store_job_upload_claimable(reaper, &b, 10, look, &search, &err));
    CU_ASSERT_EQUAL(search.found, 1);
    {
        _cleanup_(job_upload_release) struct job_upload second = {0};

        OK(store_job_upload_claim(reaper, &b, &upload_id, &second, &err));
        REFUSED(store_job_upload_finish(reaper, &a, &upload_id, upload.attempt, NULL, "X", "late",
                                        &err),
                ERROR_NOT_FOUND);
        OK(store_job_upload_finish(reaper, &b, &upload_id, second.attempt, NULL,
                                   "JOB_RESULT_REFUSED", "no tar", &err));
    }
    OK(store_job_upload_get(api, upload_id.text, &read, &err));
    CU_ASSERT_EQUAL(read.status, UPLOAD_REFUSED);
    CU_ASSERT_STRING_EQUAL(read.message, "no tar");
    OK(store_is_finished(reaper, "job-result", &upload_id, &finished, &err));
    CU_ASSERT_TRUE(finished);
    REFUSED(store_job_complete(api, id.text, hash, true, NULL, &status, &err), ERROR_CONFLICT);
}

static void a_result_that_is_checked_behind_the_end_is_not_kept(void)
{
    static const struct job_result result = {.bytes = 9, .parts = "[]"};
    struct run a = begin("a", "1");
    struct id id = taken("secret"), upload_id = id_new();
    _cleanup_(job_upload_release) struct job_upload upload = {0}, read = {0};
    unsigned char hash[SHA256_SIZE];
    bool changed;

    hash_of("secret", hash);
    OK(store_job_upload_create(api, &upload_id, id.text, hash, 20, &err));
    OK(store_job_upload_claim(reaper, &a, &upload_id, &upload, &err));
    OK(store_job_cancel(admin, id.text, &changed, &err));
    OK(store_job_upload_finish(reaper, &a, &upload_id, upload.attempt, &result, NULL, NULL, &err));
    OK(store_job_upload_get(api, upload_id.text, &read, &err));
    CU_ASSERT_EQUAL(read.status, UPLOAD_REFUSED);
    CU_ASSERT_EQUAL(balance_of(&payer), 1000);
    audit();
}

static void what_an_agent_here_put_is_its_result_where_it_left_none(void)
{
    static const struct job_result result = {.bytes = 9, .parts = "[]"};
    struct run a = begin("a", "1");
    struct id id = job_of(&payer, "here"), upload_id = id_new();
    int64_t attempt = start(&a, &id, "secret", NULL);
    _cleanup_(job_upload_release) struct job_upload upload = {0};
    unsigned char hash[SHA256_SIZE];

    hash_of("secret", hash);
    OK(store_job_upload_create(api, &upload_id, id.text, hash, 20, &err));
    OK(store_job_upload_claim(reaper, &a, &upload_id, &upload, &err));
    OK(store_job_upload_finish(reaper, &a, &upload_id, upload.attempt, &result, NULL, NULL, &err));
    OK(store_job_finish(reaper, &a, &id, attempt, NULL, "JOB_NO_RESULT", "nothing", &err));
    CU_ASSERT_TRUE(is(&id, AGENT_JOB_COMPLETED));
    audit();
}

static void make_older(const struct id *id, int64_t seconds)
{
    static const struct query query = {
        "UPDATE agent_jobs SET created_at=created_at - INTERVAL ? SECOND, started_at=started_at - "
        "INTERVAL ? SECOND, completed_at=completed_at - INTERVAL ? SECOND WHERE job_id=?"};

    OK(DB_RUN(admin, &query, NULL, &err, db_int(seconds), db_int(seconds), db_int(seconds),
              db_id(id)));
}

static void jobs_elsewhere_end_when_their_time_is_over(void)
{
    struct id running = taken("secret"), waiting = job_of(&payer, "elsewhere"),
              here = job_of(&payer, "here"), fresh = job_of(&payer, "elsewhere");
    int64_t count;

    make_older(&running, 700);
    make_older(&waiting, 700);
    make_older(&here, 700);
    OK(store_jobs_overdue(reaper, 100, &count, &err));
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT_TRUE(failed_by(&running, "JOB_TIMEOUT") && failed_by(&waiting, "JOB_TIMEOUT"));
    CU_ASSERT_TRUE(is(&here, AGENT_JOB_PENDING) && is(&fresh, AGENT_JOB_PENDING));
    CU_ASSERT_EQUAL(balance_of(&payer), 800);
    audit();
}

static void old_results_are_due_and_then_gone(void)
{
    static const struct job_result result = {.bytes = 9, .parts = "[]"};
    struct run a = begin("a", "1");
    struct id id = job_of(&payer, "here");
    int64_t attempt = start(&a, &id, "secret", NULL);
    _cleanup_(agent_job_release) struct agent_job job = {0};

    OK(store_job_finish(reaper, &a, &id, attempt, &result, NULL, NULL, &err));
    CU_ASSERT_FALSE(is_due(&id, 30));
    make_older(&id, INT64_C(31) * 86400);
    CU_ASSERT_FALSE(is_due(&id, 0));
    CU_ASSERT_TRUE(is_due(&id, 30));
    OK(store_job_result_removed(reaper, &id, &err));
    CU_ASSERT_FALSE(is_due(&id, 30));
    OK(store_job_get(api, &payer, id.text, &job, &err));
    CU_ASSERT_FALSE(job.result_available);
    CU_ASSERT_EQUAL(job.status, AGENT_JOB_COMPLETED);
}

static void found(const struct audit_finding *finding, void *arg)
{
    (void)finding;
    ++*(int *)arg;
}

static void an_audit_finds_jobs_whose_money_is_wrong(void)
{
    static const char *const wrongs[] = {
        "UPDATE agent_jobs SET status='error', completed_at=NOW(6)", /* not paid back */
        "UPDATE agent_jobs SET price_cents=price_cents+1",           /* not what was charged */
        "UPDATE agent_jobs SET status='completed' WHERE status='error'",
    };

    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        struct audit_totals totals;
        struct id id;
        int findings = 0;
        bool changed;

        before_each();
        id = job_of(&payer, "here");
        if (i == 2)
            OK(store_job_cancel(admin, id.text, &changed, &err));
        audit();
        OK(db_run_script(admin, wrongs[i], strlen(wrongs[i]), &err));
        OK(store_ledger_audit(admin, found, &findings, &totals, &err));
        CU_ASSERT_EQUAL(findings, 1);
    }
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"a job is charged when it is created, and once",
         a_job_is_charged_when_it_is_created_and_once},
        {"an agent's own price counts, and without billing nothing does",
         an_agents_own_price_counts_and_without_billing_nothing_does},
        {"a job needs its price and what sessions have used",
         a_job_needs_its_price_and_what_sessions_have_used},
        {"of eighty creates at once with funds for ten, ten succeed",
         of_eighty_creates_at_once_with_funds_for_ten_ten_succeed},
        {"limits name their value", limits_name_their_value},
        {"an agent that is removed takes no new jobs and finishes the old ones",
         an_agent_that_is_removed_takes_no_new_jobs_and_finishes_the_old},
        {"an agent does not move between here and elsewhere while it has jobs",
         an_agent_does_not_move_while_it_has_jobs},
        {"pages are newest first, and stable while jobs are added",
         pages_are_newest_first_and_stable_while_jobs_are_added},
        {"a cursor that nobody gave is refused", a_cursor_that_nobody_gave_is_refused},
        {"somebody else's job is like nobody's", somebody_elses_job_is_like_nobodys},
        {"a job goes from its claim to its end", a_job_goes_from_its_claim_to_its_end},
        {"a job in error is paid back once, whoever says so how often",
         a_job_in_error_is_paid_back_once_whoever_says_so_how_often},
        {"what an operator gave back is not given back again",
         what_an_operator_gave_back_is_not_given_back_again},
        {"a dead daemon's job is another one's when its container is gone",
         a_dead_daemons_job_is_another_ones_when_its_container_is_gone},
        {"a restarted daemon goes on with its container and its secret",
         a_restarted_daemon_goes_on_with_its_container_and_its_secret},
        {"a job that loses its daemon too often ends and is paid back",
         a_job_that_loses_its_daemon_too_often_ends_and_is_paid_back},
        {"one user's jobs leave places to others", one_users_jobs_leave_places_to_others},
        {"a new container has its own secret", a_new_attempt_has_its_own_secret_and_time},
        {"notes replace the log, and tell whether to end",
         notes_replace_the_log_and_tell_whether_to_end},
        {"a runner elsewhere takes the oldest job, and the same one when it asks again",
         a_runner_elsewhere_takes_the_oldest_and_the_same_again},
        {"completion elsewhere needs a result, and says the same twice",
         completion_elsewhere_needs_a_result_and_is_told_twice},
        {"an error that is reported is paid back and stays",
         an_error_that_is_reported_is_paid_back_and_stays},
        {"a result that is refused is no result", a_result_that_is_refused_is_no_result},
        {"a result that is checked behind the job's end is not kept",
         a_result_that_is_checked_behind_the_end_is_not_kept},
        {"what an agent here PUT is its result where it left none",
         what_an_agent_here_put_is_its_result_where_it_left_none},
        {"jobs elsewhere end when their time is over", jobs_elsewhere_end_when_their_time_is_over},
        {"old results are due, and then gone", old_results_are_due_and_then_gone},
        {"an audit finds jobs whose money is wrong", an_audit_finds_jobs_whose_money_is_wrong},
    };

    return fixture_main_with("jobs", tests, ARRAY_SIZE(tests), fixture_lay_samples, before_each);
}
