/*
 * Verifications: every phase, what dies in it, and turns between users.
 */
#include "suites.h"
#include "verification_stage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "reaper/listings.h"
#include "reaper/verification.h"
#include "reaper/verifications.h"

#include "base/banned.h"

static struct machine m;

/* A file of so many zeros. */
static int make_file(const char *path, off_t size)
{
    _cleanup_(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    return ftruncate(fd, size);
}

static void a_verification_ends_with_a_verdict_and_leaves_nothing(void)
{
    struct id session, job, container;

    verifier_begin(&m, "true");
    session = ready_session();
    job = start_verification(&session);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "1"));
    container = container_of(&job);
    UNTIL(container_is(&container, "gone"));
    CU_ASSERT(session_is(&session, "ready"));
    verifier_is(&m, "false");
    job = start_verification(&session);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "0"));
    CU_ASSERT_EQUAL(scripted_freezes(m.host), 2); /* each time its changes were read */
    verifier_finish(&m);
}

/* A repository that lists something, and one verification of it. */
static struct id verified_once(void)
{
    struct id session, job;

    verifier_begin(&m, "true");
    scripted_touch(m.host, "repo/file");
    session = ready_session();
    job = start_verification(&session);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT_EQUAL(scripted_freezes(m.host), 1);
    return session;
}

static void changes_are_read_while_the_grading_container_starts(void)
{
    const struct id session = verified_once();
    struct id job;

    scripted_hold(m.host, SCRIPTED_START);
    job = start_verification(&session);
    UNTIL(scripted_held(m.host, SCRIPTED_START) == 1);
    UNTIL(scripted_freezes(m.host) == 2);
    CU_ASSERT(job_is(&job, "starting"));
    scripted_release(m.host, SCRIPTED_START);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "1"));
    CU_ASSERT_EQUAL(scripted_freezes(m.host), 2); /* that was all */
    verifier_finish(&m);
}

static void with_another_image_changes_are_read_again(void)
{
    const struct id session = verified_once();
    struct id job;

    scripted_image_time(m.host, 2);
    job = start_verification(&session);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "1"));
    CU_ASSERT_EQUAL(scripted_freezes(m.host), 3);
    job = start_verification(&session); /* by the new image's listing */
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT_EQUAL(scripted_freezes(m.host), 4);
    verifier_finish(&m);
}

static void changes_too_large_to_wait_are_read_again(void)
{
    const struct id session = verified_once();
    _cleanup_(free_ptr) char *large = scripted_path(m.host, "repo/large");
    struct id job;

    CU_ASSERT_EQUAL(make_file(large, 6 << 20), 0);
    scripted_hold(m.host, SCRIPTED_START);
    job = start_verification(&session);
    UNTIL(scripted_freezes(m.host) == 2);
    UNTIL(only_job(&m) && !only_job(&m)->reads_ahead);
    scripted_release(m.host, SCRIPTED_START);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "1"));
    CU_ASSERT_EQUAL(scripted_freezes(m.host), 3);
    verifier_finish(&m);
}

/* In one that was lost as its files had been listed. */
static void what_another_container_listed_is_not_kept_as_its_successor_s(void)
{
    const struct id session = verified_once();
    _cleanup_(free_ptr) char *large = scripted_path(m.host, "repo/large");
    const struct buf *listing;
    const struct job *job;
    int64_t image_time;
    struct id id, container;

    CU_ASSERT_EQUAL(make_file(large, 6 << 20), 0);
    scripted_hold(m.host, SCRIPTED_START);
    id = start_verification(&session);
    UNTIL(scripted_freezes(m.host) == 2);
    UNTIL(only_job(&m) && !only_job(&m)->reads_ahead);
    scripted_hold(m.host, SCRIPTED_FREEZE);
    scripted_release(m.host, SCRIPTED_START);
    UNTIL(scripted_held(m.host, SCRIPTED_FREEZE) == 1);
    container = container_of(&id);
    unlink(large);
    scripted_end(m.host, &container, NULL, NULL);
    UNTIL(scripted_held(m.host, SCRIPTED_FREEZE) == 2);
    scripted_release(m.host, SCRIPTED_FREEZE);
    UNTIL(job_is(&id, "completed"));
    scripted_hold(m.host, SCRIPTED_START);
    id = start_verification(&session);
    UNTIL(scripted_held(m.host, SCRIPTED_START) == 1);
    job = only_job(&m);
    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    listing = listings_find(
        job->verifications->listings,
        &(struct listing_of){job->work.verifier_image, job->work.repo_path, job->work.profile},
        &image_time);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listing);
    CU_ASSERT_PTR_NULL(memmem(listing->data, listing->length, "large", strlen("large")));
    scripted_release(m.host, SCRIPTED_START);
    UNTIL(job_is(&id, "completed"));
    verifier_finish(&m);
}

static void a_session_that_can_t_be_held_still_is_verified_all_the_same(void)
{
    struct id session, job;

    verifier_begin(&m, "true");
    session = ready_session();
    scripted_fail(m.host, SCRIPTED_FREEZE, 1, ERROR_UNAVAILABLE, NULL);
    job = start_verification(&session);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "1"));
    verifier_finish(&m);
}

static void a_start_that_fails_is_an_error_and_no_verdict(void)
{
    static const struct {
        enum error_kind kind;
        const char *code, *told;
    } failures[] = {
        {ERROR_NOT_FOUND, "IMAGE_MISSING", "IMAGE_MISSING"},
        {ERROR_INVALID, "IMAGE_REFUSED", "IMAGE_REFUSED"},
        {ERROR_UNAVAILABLE, NULL, "HOST_FULL"},
        {ERROR_INTERNAL, NULL, "CONTAINER_START_FAILED"},
    };
    struct id session, again;

    verifier_begin(&m, "true");
    session = ready_session();
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        struct id job;

        scripted_fail(m.host, SCRIPTED_START, 2, failures[i].kind, failures[i].code);
        job = start_verification(&session);
        UNTIL(job_is(&job, "error"));
        CU_ASSERT(job_error_is(&job, failures[i].told));
        scripted_fail(m.host, SCRIPTED_START, 0, ERROR_NONE, NULL);
    }
    scripted_fail(m.host, SCRIPTED_START, 1, ERROR_INTERNAL, NULL);
    again = start_verification(&session);
    UNTIL(job_is(&again, "completed"));
    CU_ASSERT(verdict_is(&again, "1"));
    CU_ASSERT(session_is(&session, "ready"));
    verifier_finish(&m);
}

/* Its verifier is the count-th that has begun. */
static void end_container(const struct id *job, off_t count)
{
    struct id container;

    UNTIL(verifiers_begun(&m) == count);
    container = container_of(job);
    scripted_end(m.host, &container, NULL, NULL);
}

static bool begins_with(const struct id *job, const char *text)
{
    const char *out =
        ask("SELECT JSON_VALUE(result, '$.stdout') FROM verifications WHERE job_id=?", job);
    bool begins = strncmp(out, text, strlen(text)) == 0;

    if (!begins)
        fprintf(stderr, "the result's stdout does not begin with: %s\n    %s\n", text, out);
    return begins;
}

/* Once: begun anew. Twice: on the unchanged repository. Where that ends, too, it is the platform's.
 */
static void a_grading_container_that_is_lost_whatever_runs_is_an_error(void)
{
    struct id session, job;

    verifier_begin_waiting(&m);
    daemon_begin(&m);
    session = ready_session();
    job = start_verification(&session);
    for (off_t i = 1; i <= 3; i++)
        end_container(&job, i);
    UNTIL(job_is(&job, "error"));
    CU_ASSERT(job_error_is(&job, "GRADING_CONTAINER_LOST"));
    CU_ASSERT(session_is(&session, "ready"));
    verifier_finish(&m);
}

static void a_grading_container_that_is_lost_once_costs_nothing(void)
{
    struct id session, job;

    verifier_begin_waiting(&m);
    daemon_begin(&m);
    session = ready_session();
    job = start_verification(&session);
    end_container(&job, 1);
    UNTIL(verifiers_begun(&m) == 2);
    scripted_touch(m.host, "go");
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "1"));
    CU_ASSERT_EQUAL(verifiers_begun(&m), 2);
    verifier_finish(&m);
}

static void a_change_that_ends_its_grading_container_has_failed(void)
{
    struct id session, job;

    verifier_begin_waiting(&m);
    daemon_begin(&m);
    session = ready_session();
    job = start_verification(&session);
    end_container(&job, 1);
    end_container(&job, 2);
    UNTIL(verifiers_begun(&m) == 3);
    scripted_touch(m.host, "go");
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "0"));
    CU_ASSERT(begins_with(&job, "GRADING_CONTAINER_LOST: the grading container ended before the "
                                "verification did. With the unchanged repository"));
    CU_ASSERT(session_is(&session, "ready"));
    verifier_finish(&m);
}

/* What runs on the unchanged repository says nothing of the change, whoever finds it. */
static void a_run_on_the_unchanged_repository_is_never_the_verdict(void)
{
    struct id session, job;

    verifier_begin_waiting(&m);
    daemon_begin(&m);
    session = ready_session();
    job = start_verification(&session);
    end_container(&job, 1);
    end_container(&job, 2);
    UNTIL(verifiers_begun(&m) == 3);
    daemon_kill(&m);
    daemon_begin(&m);
    UNTIL(verifiers_begun(&m) == 4);
    scripted_touch(m.host, "go");
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "1"));
    verifier_finish(&m);
}

static void a_session_s_end_ends_a_run_on_the_unchanged_repository(void)
{
    struct id session, job;

    verifier_begin_waiting(&m);
    daemon_begin(&m);
    session = ready_session();
    job = start_verification(&session);
    end_container(&job, 1);
    end_container(&job, 2);
    UNTIL(verifiers_begun(&m) == 3);
    close_session(&session);
    UNTIL(job_is(&job, "cancelled"));
    verifier_finish(&m);
}

static void a_session_s_end_cancels_its_verifications(void)
{
    struct id session, starting, running;

    running = verifier_at_work(&m, &session);
    scripted_hold(m.host, SCRIPTED_START);
    starting = start_verification(&session);
    UNTIL(scripted_held(m.host, SCRIPTED_START) == 1);
    close_session(&session);
    UNTIL(job_is(&running, "cancelled") && job_is(&starting, "cancelled"));
    scripted_release(m.host, SCRIPTED_START);
    verifier_finish(&m);
}

static void the_session_s_container_is_lost_while_it_is_verified(void)
{
    struct id session, job, container;

    job = verifier_at_work(&m, &session);
    container = container_of(&session);
    scripted_end(m.host, &container, NULL, NULL);
    UNTIL(session_is(&session, "error"));
    UNTIL(job_is(&job, "cancelled"));
    verifier_finish(&m);
}

/* --- why there is no verdict ----------------------------------------------------------------- */

static bool message_has(const struct id *job, const char *text)
{
    const char *message = ask("SELECT error_message FROM verifications WHERE job_id=?", job);
    bool has = strstr(message, text) != NULL;

    if (!has)
        fprintf(stderr, "not in the message: %s\n    %s\n", text, message);
    return has;
}

#define TEST_SUITE "UPDATE samples SET verifier='test_suite', language='python', report_paths='[]'"
#define CUSTOM                                                                                     \
    "UPDATE samples SET verifier='custom', language='c', report_paths='[\"no-such-report\"]'"

/* A job of a test suite's verifier that leaves no report. */
static struct id failed_suite(const struct id *session, const char *command)
{
    struct id job;

    verifier_is(&m, command);
    tell(TEST_SUITE);
    job = start_verification(session);
    UNTIL(job_is(&job, "error"));
    tell(CUSTOM);
    return job;
}

static void without_a_report_the_error_says_what_happened(void)
{
    static const struct {
        const char *command, *message;
    } failures[] = {
        {"/no/such/verifier.sh", "127: /no/such/verifier.sh is not in the image"},
        {"echo the tests; echo a fault >&2; exit 3", "--- its stdout ---\nthe tests\n--- its "
                                                     "stderr ---\na fault"},
        {"kill -SEGV $$", "status 139, as if signal 11 (SIGSEGV) had killed it"},
        {"mkdir -p out; echo x >out/junit.xml", "that the run left there: out/junit.xml"},
        {"true", "the verifier left no report. The verifier ended with status 0. Reports were "
                 "looked for in "},
        {"true", "/repo: report.xml, test_reports/*.xml"},
    };
    struct id session;

    verifier_begin(&m, "true");
    session = ready_session();
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        struct id job = failed_suite(&session, failures[i].command);

        CU_ASSERT(job_error_is(&job, "REPORT_MISSING"));
        CU_ASSERT(message_has(&job, failures[i].message));
    }
    verifier_finish(&m);
}

/* A trial whose tests can't be read: is it told that its lists are too long? */
static void lists_are_told_as_too_long(struct id *session, const char *framework, int bytes,
                                       const char *told)
{
    _cleanup_(free_ptr) char *sample =
        xasprintf("UPDATE samples SET trial='{\"framework\":\"%s\",\"tests\":{\"t\":\"/no/t\"}}', "
                  "pass_to_pass=CONCAT('[\"', REPEAT('a', %d), '\"]')",
                  framework, bytes);
    struct id job;

    tell(sample);
    job = start_verification(session);
    UNTIL(job_is(&job, "error"));
    CU_ASSERT(job_error_is(&job, "TRIAL_NOT_PREPARED"));
    CU_ASSERT(answers("SELECT reason LIKE '%are too long for a trial%4194304 are allowed. Take "
                      "names out of pass_to_pass%' FROM verifier_runs WHERE job_id=?",
                      &job, told));
}

static void a_trial_whose_lists_are_too_long_is_refused_with_the_reason(void)
{
    struct id session;

    verifier_begin(&m, "true");
    session = ready_session();
    lists_are_told_as_too_long(&session, "tape", 3 << 20, "0"); /* it fails, as there is no /no/t */
    lists_are_told_as_too_long(&session, "tape", 5 << 20, "1");
    lists_are_told_as_too_long(&session, "ctest", 5 << 20, "0");
    tell("UPDATE samples SET trial=NULL, pass_to_pass='[]'");
    verifier_finish(&m);
}

static void what_the_verifier_did_is_kept_for_the_operator(void)
{
    struct id session, job;

    verifier_begin(&m, "true");
    session = ready_session();
    job = failed_suite(&session, "echo said; echo told >&2; echo x >late.xml; exit 3");
    CU_ASSERT_STRING_EQUAL(ask("SELECT CONCAT_WS('|', exit_status, timed_out, seconds >= 0, "
                               "JSON_VALUE(report_paths, '$[1]'), found, stdout, stderr) "
                               "FROM verifier_runs WHERE job_id=?",
                               &job),
                           "3|0|1|test_reports/*.xml|xml late.xml\n|said\n|told\n");
    verifier_is(&m, "echo as well; false");
    job = start_verification(&session);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(answers("SELECT CONCAT_WS('|', exit_status, reason, IFNULL(stdout, 'in the result')) "
                      "FROM verifier_runs WHERE job_id=?",
                      &job, "1|1 of 1 tests failed|in the result"));
    verifier_finish(&m);
}

static void a_sample_can_hide_its_verifier_s_output(void)
{
    struct id session, job;

    verifier_begin(&m, "true");
    session = ready_session();
    tell("UPDATE samples SET hide_verifier_output=TRUE");
    job = failed_suite(&session, "echo secret; echo secret >&2; exit 3");
    CU_ASSERT(message_has(&job, "status 3"));
    CU_ASSERT(answers("SELECT error_message LIKE '%secret%' FROM verifications WHERE job_id=?",
                      &job, "0"));
    CU_ASSERT(answers("SELECT CONCAT(stdout, stderr) FROM verifier_runs WHERE job_id=?", &job,
                      "secret\nsecret\n"));
    verifier_is(&m, "echo secret; true");
    job = start_verification(&session);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(
        answers("SELECT result LIKE '%secret%' FROM verifications WHERE job_id=?", &job, "0"));
    CU_ASSERT(answers("SELECT stdout FROM verifier_runs WHERE job_id=?", &job, "secret\n"));
    tell("UPDATE samples SET hide_verifier_output=FALSE");
    verifier_finish(&m);
}

/* The look for the reason is not the reason. */
/* Is the only job looked into, for want of a report? */
static bool looks(void)
{
    const struct job *job = only_job(&m);

    return job && job->no_report.kind != ERROR_NONE;
}

static void a_container_lost_while_it_is_looked_into_does_not_hide_the_reason(void)
{
    struct id session, job, container;

    verifier_begin(&m, "true");
    session = ready_session();
    verifier_is(&m, "touch begun; mkfifo late.xml; true");
    tell(TEST_SUITE);
    job = start_verification(&session);
    UNTIL(looks());
    container = container_of(&job);
    scripted_end(m.host, &container, NULL, NULL);
    UNTIL(job_is(&job, "error"));
    CU_ASSERT(job_error_is(&job, "REPORT_MISSING"));
    tell(CUSTOM);
    verifier_finish(&m);
}

static void a_verifier_that_is_timed_out_has_failed_and_shows_its_output(void)
{
    struct id session, job;

    verifier_begin(&m, "echo hanging; sleep 100");
    tell("UPDATE samples SET verify_timeout=1");
    session = ready_session();
    job = start_verification(&session);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "0"));
    CU_ASSERT(begins_with(&job, "VERIFIER_TIMEOUT: the verifier did not end within 1 s and was "
                                "stopped.\nhanging\n"));
    CU_ASSERT(answers("SELECT CONCAT(timed_out, exit_status IS NULL) FROM verifier_runs WHERE "
                      "job_id=?",
                      &job, "11"));
    verifier_finish(&m);
}

/* The first of its runs leaves no report, all later ones do: as where the change is at fault. */
#define REPORTS_LATER                                                                              \
    "echo b >>begun; echo secret; [ ! -e ran ] || cp whole.xml report.xml; touch ran"

static void begin_reporting_later(void)
{
    static const char report[] = "<testsuite><testcase name='a' classname='c'/></testsuite>";
    _cleanup_(free_ptr) char *path = NULL;
    struct error err = ERROR_INIT;

    verifier_begin(&m, REPORTS_LATER);
    tell(TEST_SUITE);
    path = scripted_path(m.host, "repo/whole.xml");
    CU_ASSERT_EQUAL_FATAL(file_write_atomic(AT_FDCWD, path, report, strlen(report), 0644, &err), 0);
}

static off_t runs(void)
{
    _cleanup_(free_ptr) char *path = scripted_path(m.host, "repo/begun");
    struct stat st;

    return stat(path, &st) < 0 ? 0 : st.st_size / 2;
}

static void forget(const char *name)
{
    _cleanup_(free_ptr) char *path = scripted_path(m.host, name);

    unlink(path);
}

static void a_change_that_keeps_the_verifier_from_its_report_has_failed(void)
{
    struct id session, job;

    begin_reporting_later();
    session = ready_session();
    job = start_verification(&session);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "0"));
    CU_ASSERT(begins_with(&job, "REPORT_MISSING: the verifier left no report. With the unchanged "
                                "repository this does not happen, so the change does it.\nsecret"));
    CU_ASSERT_EQUAL(runs(), 2);
    CU_ASSERT(answers("SELECT reason FROM verifier_runs WHERE job_id=?", &job,
                      "the verifier left no report"));
    /* That this verifier leaves reports is known now. */
    forget("repo/ran");
    forget("repo/report.xml");
    job = start_verification(&session);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(verdict_is(&job, "0"));
    CU_ASSERT_EQUAL(runs(), 3);
    tell(CUSTOM);
    verifier_finish(&m);
}

static void a_hidden_output_stays_hidden_in_a_failed_verdict(void)
{
    struct id session, job;

    begin_reporting_later();
    session = ready_session();
    tell("UPDATE samples SET hide_verifier_output=TRUE");
    job = start_verification(&session);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(begins_with(&job, "REPORT_MISSING: "));
    CU_ASSERT(
        answers("SELECT result LIKE '%secret%' FROM verifications WHERE job_id=?", &job, "0"));
    CU_ASSERT(answers("SELECT stdout FROM verifier_runs WHERE job_id=?", &job, "secret\n"));
    tell("UPDATE samples SET hide_verifier_output=FALSE");
    tell(CUSTOM);
    verifier_finish(&m);
}

/* --- turns ----------------------------------------------------------------------------------- */

static void with_one_place_one_after_the_other_is_verified(void)
{
    struct id session, other, jobs[4];

    machine_open(&m, "alone");
    verifier_is(&m, "true");
    m.settings.verifications_max = 1;
    daemon_begin(&m);
    session = ready_session();
    other = create_session(&fixture_other_user);
    UNTIL(session_is(&other, "ready"));
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
        jobs[i] = start_verification(i % 2 ? &other : &session);
    UNTIL(job_is(&jobs[0], "completed"));
    daemon_kill(&m);
    daemon_begin(&m);
    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
        UNTIL(job_is(&jobs[i], "completed"));
    verifier_finish(&m);
}

/* Verifiers that hang take their user's places, not all; whether they are announced or found. */
static void verifiers_that_hang_hold_up_their_user_only(void)
{
    struct id session, other, own[3], job;

    verifier_begin_waiting(&m);
    m.settings.verifications_max = 4;
    m.settings.verifications_per_user = 2;
    daemon_begin(&m);
    session = ready_session();
    other = create_session(&fixture_other_user);
    UNTIL(session_is(&other, "ready"));
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        own[i] = start_verification(&session);
        kinds_take(&m.context.kinds, WORK_VERIFICATION, &own[i]);
    }
    UNTIL(verifiers_begun(&m) == 2);
    verifier_is(&m, "true");
    job = start_verification(&other);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT_EQUAL(verifiers_begun(&m), 2);
    CU_ASSERT(answers("SELECT COUNT(*) FROM verifications WHERE status='pending'", NULL, "1"));
    scripted_touch(m.host, "go");
    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        UNTIL(job_is(&own[i], "completed"));
    verifier_finish(&m);
}

static void a_verifier_s_time_is_kept_from_outside(void)
{
    struct id session, job;

    verifier_begin_waiting(&m);
    tell("UPDATE samples SET verify_timeout=1");
    daemon_begin(&m);
    session = ready_session();
    job = start_verification(&session);
    UNTIL(verifiers_begun(&m) == 1);
    scripted_starve(m.host);
    UNTIL(job_is(&job, "completed"));
    CU_ASSERT(begins_with(&job, "VERIFIER_TIMEOUT: "));
    CU_ASSERT_EQUAL(scripted_clears(m.host), 1);
    tell("UPDATE samples SET verify_timeout=NULL");
    scripted_wake(m.host);
    verifier_finish(&m);
}

static const struct unit_test tests[] = {
    {"a verification ends with a verdict, and leaves nothing",
     a_verification_ends_with_a_verdict_and_leaves_nothing},
    {"changes are read while the grading container starts",
     changes_are_read_while_the_grading_container_starts},
    {"with another image changes are read again", with_another_image_changes_are_read_again},
    {"changes too large to wait are read again", changes_too_large_to_wait_are_read_again},
    {"what another container listed is not kept as its successor's",
     what_another_container_listed_is_not_kept_as_its_successor_s},
    {"a session that can't be held still is verified all the same",
     a_session_that_can_t_be_held_still_is_verified_all_the_same},
    {"a grading container that can't be started is an error, and no verdict",
     a_start_that_fails_is_an_error_and_no_verdict},
    {"a grading container that is lost whatever runs in it is an error",
     a_grading_container_that_is_lost_whatever_runs_is_an_error},
    {"a grading container that is lost once costs nothing",
     a_grading_container_that_is_lost_once_costs_nothing},
    {"a change that ends its grading container has failed",
     a_change_that_ends_its_grading_container_has_failed},
    {"a run on the unchanged repository is never the verdict",
     a_run_on_the_unchanged_repository_is_never_the_verdict},
    {"a session's end ends a run on the unchanged repository",
     a_session_s_end_ends_a_run_on_the_unchanged_repository},
    {"a session's end cancels its verifications", a_session_s_end_cancels_its_verifications},
    {"the session's container is lost while it is verified: cancelled",
     the_session_s_container_is_lost_while_it_is_verified},
    {"a verifier's time is kept from outside when its agent comes to nothing",
     a_verifier_s_time_is_kept_from_outside},
    {"verifiers that hang hold up their user only", verifiers_that_hang_hold_up_their_user_only},
    {"with one place one after the other is verified",
     with_one_place_one_after_the_other_is_verified},
    {"without a report the error says what happened",
     without_a_report_the_error_says_what_happened},
    {"a trial whose lists are too long is refused with the reason",
     a_trial_whose_lists_are_too_long_is_refused_with_the_reason},
    {"what the verifier did is kept for the operator",
     what_the_verifier_did_is_kept_for_the_operator},
    {"a sample can hide its verifier's output", a_sample_can_hide_its_verifier_s_output},
    {"a container lost while it is looked into does not hide the reason",
     a_container_lost_while_it_is_looked_into_does_not_hide_the_reason},
    {"a verifier that is timed out has failed, and shows its output",
     a_verifier_that_is_timed_out_has_failed_and_shows_its_output},
    {"a change that keeps the verifier from its report has failed",
     a_change_that_keeps_the_verifier_from_its_report_has_failed},
    {"a hidden output stays hidden in a failed verdict",
     a_hidden_output_stays_hidden_in_a_failed_verdict},
};

const struct suite suite_verifications = {tests, ARRAY_SIZE(tests)};
