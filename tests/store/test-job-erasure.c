/* The agent jobs of a user who is erased (store/erasure.h): what goes at once, what waits and for
 * whom. */
#include "job_work.h"
#include "store/erasure.h"

#include "base/banned.h"

#define MANY 100

static const struct job_result result = {.bytes = 9, .parts = "[]"};

static int64_t count_of(const char *sql, const struct id *id)
{
    const struct query query = {sql};
    struct error error = ERROR_INIT;
    _cleanup_(db_rows_release) struct db_rows *rows = DB_SELECT(admin, &query, &error, db_id(id));

    CU_ASSERT_FATAL(rows && db_next(rows));
    return db_row_int(rows, 0);
}

/* As codesetctl does it: the user's name goes first. */
static void erases(int64_t limit, int64_t deleted, int64_t left)
{
    int64_t now_deleted, now_left;

    OK(store_user_erase(admin, &payer, &err));
    OK(store_user_jobs_delete(admin, &payer, limit, &now_deleted, &now_left, &err));
    CU_ASSERT_EQUAL(now_deleted, deleted);
    CU_ASSERT_EQUAL(now_left, left);
}

static struct id ended_job(const struct run *run, const struct job_result *of,
                           struct id *ret_container)
{
    struct id id = job_of(&payer, "here");
    int64_t attempt = start(run, &id, "secret", ret_container);
    bool ended;

    OK(store_job_note(reaper, run, &id, attempt, "what it printed", 15, 15, 50, "Reading", &ended,
                      &err));
    OK(store_job_finish(reaper, run, &id, attempt, of, of ? NULL : "JOB_AGENT_FAILED",
                        of ? NULL : "exit 1", &err));
    return id;
}

static void who_has_no_jobs_has_nothing_to_erase(void)
{
    erases(MANY, 0, 0);
}

static void jobs_that_have_not_ended_are_ended_and_paid_back(void)
{
    struct run a = begin("a", "1");
    struct id running = job_of(&payer, "here"), waiting = job_of(&payer, "elsewhere"), container;

    start(&a, &running, "secret", &container);
    CU_ASSERT_EQUAL(balance_of(&payer), 1000 - 2 * PRICE);
    erases(MANY, 1, 1); /* the container of the other is still there */
    CU_ASSERT_EQUAL(balance_of(&payer), 1000);
    CU_ASSERT_TRUE(failed_by(&running, "JOB_CANCELLED"));
    CU_ASSERT_TRUE(container_is(&container, "ended"));
    REFUSED(store_job_get(admin, NULL, waiting.text, &(struct agent_job){0}, &err),
            ERROR_NOT_FOUND);
    OK(store_container_gone(reaper, &a, &container, &err));
    erases(MANY, 1, 0);
    CU_ASSERT_EQUAL(balance_of(&payer), 1000);
    audit();
}

static void what_tells_of_a_repository_goes_at_once_and_the_row_with_the_result(void)
{
    struct run a = begin("a", "1");
    struct id container, id = ended_job(&a, &result, &container);
    _cleanup_(agent_job_release) struct agent_job job = {0};

    OK(store_container_gone(reaper, &a, &container, &err));
    CU_ASSERT_EQUAL(count_of("SELECT COUNT(*) FROM agent_job_logs WHERE job_id=?", &id), 1);
    erases(MANY, 0, 1);
    job = job_now(&id);
    CU_ASSERT_STRING_EQUAL(job.repo, "");
    CU_ASSERT_PTR_NULL(job.ref);
    CU_ASSERT_PTR_NULL(job.progress_stage);
    CU_ASSERT_EQUAL(count_of("SELECT COUNT(*) FROM agent_job_logs WHERE job_id=?", &id), 0);
    CU_ASSERT_TRUE(is_due(&id, 30)); /* however new it is */
    OK(store_job_result_removed(reaper, &id, &err));
    erases(MANY, 1, 0);
    audit();
}

static void what_was_sent_waits_for_whoever_looks_at_it(void)
{
    struct run a = begin("a", "1");
    struct id id = job_of(&payer, "elsewhere"), upload_id = id_new();
    _cleanup_(job_upload_release) struct job_upload upload = {0};
    _cleanup_(agent_job_release) struct agent_job job = {0};
    unsigned char hash[SHA256_SIZE];
    int64_t installation;

    hash_of("secret", hash);
    OK(store_job_take(admin, "elsewhere", hash, &job, &installation, &err));
    OK(store_job_upload_create(api, &upload_id, id.text, hash, 20, &err));
    erases(MANY, 0, 1);
    OK(store_job_upload_claim(reaper, &a, &upload_id, &upload, &err));
    OK(store_job_upload_finish(reaper, &a, &upload_id, upload.attempt, NULL, "JOB_RESULT_REFUSED",
                               "late", &err));
    erases(MANY, 1, 0);
    CU_ASSERT_EQUAL(count_of("SELECT COUNT(*) FROM agent_job_uploads WHERE job_id=?", &id), 0);
    CU_ASSERT_EQUAL(balance_of(&payer), 1000);
    audit();
}

static void it_goes_in_steps_and_touches_nobody_elses(void)
{
    struct id other = user_of("neighbour@example.com"), theirs;

    pay_in(&other, 1000);
    theirs = job_of(&other, "here");
    for (int i = 0; i < 5; i++)
        (void)job_of(&payer, "here");
    erases(2, 2, 3);
    erases(2, 2, 1);
    erases(2, 1, 0);
    CU_ASSERT_TRUE(is(&theirs, AGENT_JOB_PENDING));
    CU_ASSERT_EQUAL(balance_of(&payer), 1000);
    CU_ASSERT_EQUAL(balance_of(&other), 1000 - PRICE);
    audit();
}

int main(void)
{
    static const struct unit_test tests[] = {
        {"who has no jobs has nothing to erase", who_has_no_jobs_has_nothing_to_erase},
        {"jobs that have not ended are ended and paid back",
         jobs_that_have_not_ended_are_ended_and_paid_back},
        {"what tells of a repository goes at once, and the row with the result",
         what_tells_of_a_repository_goes_at_once_and_the_row_with_the_result},
        {"what was sent waits for whoever looks at it",
         what_was_sent_waits_for_whoever_looks_at_it},
        {"it goes in steps, and touches nobody else's", it_goes_in_steps_and_touches_nobody_elses},
    };

    return fixture_main_with("job-erasure", tests, ARRAY_SIZE(tests), fixture_lay_samples,
                             before_each);
}
