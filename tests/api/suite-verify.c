/* Verification: verdicts, errors that are no verdicts, and that the session goes on undisturbed. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check.h"
#include "fixture.h"

#include "base/banned.h"

/* Starts a verification; the job's id. */
static struct ident start(const char *session)
{
    _cleanup_(answer_release) struct answer *answer =
        client_post(NULL, "/sessions/%s/verify", session);
    struct ident id = {""};

    STATUS(answer, 202);
    if (SHAPE(answer->json, "job_id:u status:s started_at:t")) {
        TEXT(answer, "status", "pending");
        snprintf(id.text, sizeof(id.text), "%s", answer_text(answer, "job_id"));
    }
    return id;
}

static struct answer *verify(const char *session)
{
    struct ident job = start(session);

    return verification_wait(NULL, session, *job.text ? job.text : "none", 60);
}

static void completed(const struct answer *answer, bool success)
{
    STATUS(answer, 200);
    SHAPE(answer->json, SHAPE_JOB);
    if (!TEXT(answer, "status", "completed"))
        return;
    CHECK(answer_at(answer, "error") == NULL);
    CHECK(answer_at(answer, "started_at") && answer_at(answer, "completed_at"));
    SHAPE(answer_at(answer, "container_info"), SHAPE_CONTAINER);
    SHAPE(answer_at(answer, "result"), SHAPE_RESULT);
    TEXT(answer, "result.tool", "test_suite");
    CHECK_MSG(json_object_get_boolean(answer_at(answer, "result.is_success")) == success, "%s",
              answer->body.data);
}

/* text: in the message. */
static void fails_with(const char *sample, const char *code, const char *text)
{
    struct ident id = session_ready(NULL, DATASET, sample);
    _cleanup_(answer_release) struct answer *answer = verify(id.text);

    SHAPE(answer->json, SHAPE_JOB);
    TEXT(answer, "status", "error");
    CHECK(answer_at(answer, "result") == NULL);
    SHAPE(answer_at(answer, "error"), "code:s message:s");
    TEXT(answer, "error.code", code);
    CHECK_MSG(strstr(answer_text(answer, "error.message"), text) != NULL, "%s",
              answer_text(answer, "error.message"));
    session_close(NULL, id.text);
}

static struct ident fixed_session(const char *sample)
{
    struct ident id = session_ready(NULL, DATASET, sample);
    _cleanup_(answer_release) struct answer *answer = replace(id.text, "add", "$1 - $2", "$1 + $2");

    CHECK_MSG(json_object_get_boolean(answer_at(answer, "success")), "%s", answer->body.data);
    return id;
}

static void the_unchanged_task_fails(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *answer = verify(id.text);

    completed(answer, false);
    INT(answer, "result.total", 3);
    INT(answer, "result.passed", 1);
    INT(answer, "result.failed", 1);
    INT(answer, "result.skipped", 1);
    TEXT(answer, "result.passes.0.name", "adds_nothing");
    TEXT(answer, "result.passes.0.classname", "calc");
    TEXT(answer, "result.failures.0.name", "adds");
    CHECK(strstr(answer_text(answer, "result.failures.0.message"), "is not 5") != NULL);
    TEXT(answer, "result.skips.0.name", "adds_dates");
    TEXT(answer, "result.skips.0.message", "no dates here");
    TEXT(answer, "result.stdout", "running the tests\n");
    TEXT(answer, "result.stderr",
         "--- no success ---\nfail_to_pass: 1 of 1 did not pass\n  failed: calc::adds\n---\n"
         "a line for stderr\n");
    TEXT(answer, "sample_id", SOLVABLE);
    TEXT(answer, "session_id", id.text);
    session_close(NULL, id.text);
}

static void the_fixed_task_passes_and_the_session_goes_on(void)
{
    struct ident id = fixed_session(SOLVABLE);
    _cleanup_(answer_release) struct answer *before =
        exec_run(id.text, "sleep 1000 & echo kept > /tmp/kept", 0);
    _cleanup_(answer_release) struct answer *answer = verify(id.text);
    _cleanup_(answer_release) struct answer *after =
        exec_run(id.text,
                 "cat /tmp/kept; sh add 2 3; ls report.xml 2>&1; ps -o args | grep -q '[s]leep "
                 "1000' && echo runs",
                 0);

    INT(before, "exit_code", 0);
    completed(answer, true);
    INT(answer, "result.passed", 2);
    INT(answer, "result.failed", 0);
    CHECK_MSG(strncmp(answer_text(after, "stdout"), "kept\n5\n", 7) == 0 &&
                  strstr(answer_text(after, "stdout"), "runs\n") &&
                  strstr(answer_text(after, "stdout"), "No such file"),
              "%s", after->body.data);
    session_close(NULL, id.text);
}

/* Only what lies below the repository's folder counts. */
static void a_replaced_verifier_does_not_count(void)
{
    struct ident id = session_ready(NULL, DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *forged = exec_run(
        id.text,
        "printf '#!/bin/sh\\nexit 0\\n' > /verifier.sh; "
        "printf '<testsuite name=\"calc\"><testcase classname=\"calc\" name=\"adds\"/><testcase "
        "classname=\"calc\" name=\"adds_nothing\"/></testsuite>' > report.xml",
        0);
    _cleanup_(answer_release) struct answer *answer = verify(id.text);

    INT(forged, "exit_code", 0);
    completed(answer, false);
    session_close(NULL, id.text);
}

static void a_deleted_file_is_missing_for_the_verifier(void)
{
    struct ident id = fixed_session(SOLVABLE);
    _cleanup_(answer_release) struct answer *removed = exec_run(id.text, "rm add", 0);
    _cleanup_(answer_release) struct answer *answer = verify(id.text);

    INT(removed, "exit_code", 0);
    completed(answer, false);
    INT(answer, "result.failed", 2);
    session_close(NULL, id.text);
}

/* After the commands the verifier sees in the task's folder what the session does. They bring a
 * file of the image along with its folder, by rename(2): it is the inode that it was. */
static void is_graded_as_it_is(const char *commands, const char *from, const char *to)
{
    struct ident id = session_ready(NULL, DATASET, "calc__calc-tree");
    _cleanup_(free_ptr) char *script =
        xasprintf("before=$(stat -c '%%i %%Z' %s); sleep 1; %s; [ \"$before\" = \"$(stat -c '%%i "
                  "%%Z' %s)\" ]",
                  from, commands, to);
    _cleanup_(answer_release) struct answer *change = exec_run(id.text, script, 0);
    _cleanup_(answer_release) struct answer *tree = exec_run(id.text, "sh /tree.sh", 0);
    _cleanup_(answer_release) struct answer *answer = verify(id.text);
    const char *mine = answer_text(tree, "stdout"), *graded = answer_text(answer, "result.stdout");

    INT(change, "exit_code", 0);
    completed(answer, true);
    CHECK_MSG(strstr(mine, to) && strcmp(mine, graded) == 0, "%s\n---\n%s", mine, graded);
    session_close(NULL, id.text);
}

static void a_renamed_folder_is_graded_with_what_is_in_it(void)
{
    is_graded_as_it_is("mv left new; echo more >new/more; rm right/name", "left/deep/name",
                       "new/deep/name");
}

static void swapped_folders_are_graded_as_swapped(void)
{
    is_graded_as_it_is("mv left t; mv right left; mv t right", "left/deep/name", "right/deep/name");
}

static void a_missing_report_is_an_error(void)
{
    fails_with("calc__calc-noreport", "REPORT_MISSING",
               "the verifier left no report. The verifier ended with status 0. Reports were looked "
               "for in /calc: report.xml, test_reports/*.xml\n--- its stdout ---\nno report");
}

static void a_stale_report_is_an_error(void)
{
    fails_with("calc__calc-stale", "REPORT_STALE", "older than its run: stale.xml");
}

static void an_unreadable_report_is_an_error(void)
{
    fails_with("calc__calc-garbage", "REPORT_UNREADABLE", "the report report.xml cannot be read: ");
}

/* The verdict is no success, and its stdout begins with the text. There may have been no run. */
static void is_told_as_failed(const char *session, const char *text)
{
    _cleanup_(answer_release) struct answer *answer = verify(session);

    TEXT(answer, "status", "completed");
    SHAPE(answer_at(answer, "result"), SHAPE_RESULT);
    CHECK(!json_object_get_boolean(answer_at(answer, "result.is_success")));
    CHECK_MSG(strncmp(answer_text(answer, "result.stdout"), text, strlen(text)) == 0, "%s",
              answer->body.data);
    CHECK_MSG(strstr(answer->body.data, "\"name\":\"verifier\"") != NULL, "%s", answer->body.data);
}

static void a_verifier_that_hangs_is_a_failed_verdict(void)
{
    struct ident id = session_ready(NULL, DATASET, "calc__calc-hanging");

    is_told_as_failed(id.text, "VERIFIER_TIMEOUT: the verifier did not end within 2 s and was "
                               "stopped.\n");
    session_close(NULL, id.text);
}

static void what_a_change_does_to_its_verification_is_a_failed_verdict(void)
{
    static const struct {
        const char *command, *text;
    } changes[] = {
        {"echo 'kill -9 -1' >add", "REPORT_"},
        {"echo 'rm -f report.xml; echo 5' >add", "REPORT_MISSING: the verifier left no report. "},
        {"rm -rf /calc", "REPOSITORY_MISSING: the repository's folder cannot be read"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        struct ident id = fixed_session("calc__calc-1");

        answer_free(exec_run(id.text, changes[i].command, 60));
        is_told_as_failed(id.text, changes[i].text);
        session_close(NULL, id.text);
    }
}

static void a_verifier_that_can_not_run_is_explained(void)
{
    static const struct {
        const char *sample, *message;
    } failures[] = {
        {"calc__calc-absent", "127: /absent.sh is not in the image"},
        {"calc__calc-mode", "126: /not-executable.sh is not executable (chmod +x)"},
        {"calc__calc-interpreter", ": the interpreter /no/such/shell, which the first line of "
                                   "/bad-interpreter.sh names, is not in the image"},
        {"calc__calc-returns", ": the first line of /returns.sh ends in a carriage return"},
        {"calc__calc-crash", "status 139, as if signal 11 (SIGSEGV) had killed it"},
        {"calc__calc-elsewhere", "Other XML files that the run left there: out/report.xml"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
        fails_with(failures[i].sample, "REPORT_MISSING", failures[i].message);
}

static void a_hidden_output_is_the_operator_s(void)
{
    struct ident id = session_ready(NULL, DATASET, "calc__calc-hidden");
    struct ident job = start(id.text);
    _cleanup_(answer_release) struct answer *answer =
        verification_wait(NULL, id.text, job.text, 60);
    _cleanup_(buf_release) struct buf shown = BUF_INIT;
    struct ident other = fixed_session("calc__calc-hiddenok");
    _cleanup_(answer_release) struct answer *verdict = verify(other.text);

    CHECK(strstr(answer_text(answer, "error.message"), "status 3") != NULL);
    CHECK_MSG(!strstr(answer->body.data, "secret"), "%s", answer->body.data);
    CHECK(ctl(&shown, "verification show %s", job.text) == 0 && strstr(shown.data, "\nsecret\n"));
    completed(verdict, true);
    CHECK_MSG(!strstr(verdict->body.data, "secret"), "%s", verdict->body.data);
    session_close(NULL, id.text);
    session_close(NULL, other.text);
}

/* A passing report at one depth does not outweigh a failing one at another. */
static void reports_of_all_depths_count(void)
{
    struct ident id = session_ready(NULL, DATASET, "calc__calc-depths");
    struct ident fixed = fixed_session("calc__calc-depths");
    _cleanup_(answer_release) struct answer *fails = verify(id.text);
    _cleanup_(answer_release) struct answer *passes = verify(fixed.text);

    completed(fails, false);
    completed(passes, true);
    session_close(NULL, id.text);
    session_close(NULL, fixed.text);
}

static void a_log_stands_for_a_report(void)
{
    struct ident id = session_ready(NULL, DATASET, "calc__calc-log");
    struct ident fixed = fixed_session("calc__calc-log");
    _cleanup_(answer_release) struct answer *fails = verify(id.text);
    _cleanup_(answer_release) struct answer *passes = verify(fixed.text);

    completed(fails, false);
    TEXT(fails, "result.failures.0.name", "calc adds");
    TEXT(fails, "result.stderr",
         "--- no success ---\nfail_to_pass: 1 of 1 did not pass\n  failed: calc::adds\n---\n");
    completed(passes, true);
    INT(passes, "result.passed", 2);
    session_close(NULL, id.text);
    session_close(NULL, fixed.text);
}

static void a_listed_test_that_is_not_reported_is_a_failure(void)
{
    struct ident id = fixed_session("calc__calc-unlisted");
    _cleanup_(answer_release) struct answer *answer = verify(id.text);

    completed(answer, false);
    INT(answer, "result.failed", 1);
    INT(answer, "result.total", 4);
    TEXT(answer, "result.failures.0.name", "calc::no_such_test");
    TEXT(answer, "result.failures.0.message", "not in the report");
    session_close(NULL, id.text);
}

static void without_lists_every_test_must_pass(void)
{
    struct ident id = session_ready(NULL, DATASET, "calc__calc-nolists");
    _cleanup_(answer_release) struct answer *before = verify(id.text);
    _cleanup_(answer_release) struct answer *change = replace(id.text, "add", "$1 - $2", "$1 + $2");
    _cleanup_(answer_release) struct answer *after = verify(id.text);

    completed(before, false);
    STATUS(change, 200);
    completed(after, true);
    session_close(NULL, id.text);
}

/* linter, static_analysis, custom: without a report the exit status is the verdict. */
static void a_linter_without_a_report_is_judged_by_its_exit(void)
{
    struct ident id = session_ready(NULL, DATASET, "calc__calc-linter");
    _cleanup_(answer_release) struct answer *before = verify(id.text);
    _cleanup_(answer_release) struct answer *change = replace(id.text, "add", "$1 - $2", "$1 + $2");
    _cleanup_(answer_release) struct answer *after = verify(id.text);

    STATUS(change, 200);
    completed(before, false);
    INT(before, "result.total", 1);
    INT(before, "result.failed", 1);
    completed(after, true);
    INT(after, "result.passed", 1);
    session_close(NULL, id.text);
}

static void closing_cancels_an_unfinished_job(void)
{
    struct ident id = session_ready(NULL, DATASET, "calc__calc-slow");
    struct ident job = start(id.text);
    _cleanup_(answer_release) struct answer *running = NULL, *after = NULL;
    char path[160];

    snprintf(path, sizeof(path), "/sessions/%s/verify/%s", id.text, job.text);
    running = SEND(.path = path, .headers = {"Prefer: wait=2"});
    SHAPE(running->json, SHAPE_JOB);
    CHECK(answer_at(running, "result") == NULL && answer_at(running, "completed_at") == NULL);
    session_close(NULL, id.text);
    after = verification_wait(NULL, id.text, job.text, 60);
    TEXT(after, "status", "cancelled");
    SHAPE(after->json, SHAPE_JOB);
}

static void commands_run_while_a_job_does(void)
{
    struct ident id = session_ready(NULL, DATASET, "calc__calc-slow");
    struct ident job = start(id.text);
    _cleanup_(answer_release) struct answer *command = exec_run(id.text, "echo meanwhile", 0);
    _cleanup_(answer_release) struct answer *end = NULL;

    TEXT(command, "stdout", "meanwhile\n");
    for (int i = 1; i < TRIES && command->seconds >= 2; i++) {
        answer_free(TAKE_PTR(command));
        command = exec_run(id.text, "echo meanwhile", 0);
    }
    CHECK_MSG(command->seconds < 2, "%.3f s", command->seconds);
    end = verification_wait(NULL, id.text, job.text, 120);
    completed(end, false);
    session_close(NULL, id.text);
}

static void too_many_unfinished_jobs_are_429(void)
{
    struct ident id = session_ready(NULL, DATASET, "calc__calc-slow");
    _cleanup_(answer_release) struct answer *refused = NULL;

    start(id.text);
    start(id.text);
    refused = client_post(NULL, "/sessions/%s/verify", id.text);
    REFUSED(refused, 429, "VERIFICATION_LIMIT");
    CHECK(answer_has_header(refused, "Retry-After"));
    session_close(NULL, id.text);
}

#define JOBS 4 /* half of them can run at once: verifications_per_user */

/* The places of those that wait, in a string of digits; a second is waited in all, at most. */
static void places_of(const struct ident sessions[2], const struct ident jobs[JOBS],
                      char places[JOBS + 1])
{
    size_t count = 0;

    for (int i = 0; i < JOBS; i++) {
        char path[400], place[16];
        _cleanup_(answer_release) struct answer *answer = NULL;

        snprintf(path, sizeof(path), "/sessions/%s/verify/%s", sessions[i / 2].text, jobs[i].text);
        answer = SEND(.path = path, .headers = {i == 0 ? "Prefer: wait=1" : "Prefer: wait=0"});
        answer_header(answer, "X-Queue-Position", place, sizeof(place));
        CHECK(answer_has_header(answer, "X-Queue-Position") ==
              (strcmp(answer_text(answer, "status"), "pending") == 0));
        if (place[0])
            places[count++] = place[0];
    }
    places[count] = '\0';
}

static void a_job_that_waits_tells_its_place(void)
{
    struct ident sessions[2], jobs[JOBS];
    char places[JOBS + 1] = "";

    for (int i = 0; i < JOBS; i++) {
        if (i % 2 == 0)
            sessions[i / 2] = session_ready(NULL, DATASET, "calc__calc-slow");
        jobs[i] = start(sessions[i / 2].text);
    }
    for (int i = 0; i < 10 && strlen(places) != 2; i++) /* until half of them have been taken */
        places_of(sessions, jobs, places);
    CHECK_MSG(strcmp(places, "12") == 0 || strcmp(places, "21") == 0, "%s", places);
    session_close(NULL, sessions[0].text);
    session_close(NULL, sessions[1].text);
}

/* codesetctl sample try: its status, and what it printed. */
static int try_sample(const char *sample, struct buf *out)
{
    return ctl(out, "sample try " DATASET " %s --user %s --json", sample, fixture_user());
}

static bool says(const struct buf *out, const char *text)
{
    bool found = strstr(out->data, text) != NULL;

    CHECK_MSG(found, "not in: %s", out->data);
    return found;
}

static void an_author_tries_a_sample(void)
{
    _cleanup_(buf_release) struct buf good = BUF_INIT, bad = BUF_INIT, none = BUF_INIT;
    _cleanup_(answer_release) struct answer *sessions = NULL;

    CHECK(try_sample(SOLVABLE, &good) == 0);
    says(&good, "\"good\": true");
    says(&good, "fail_to_pass: 1 of 1 did not pass: calc::adds (failed)");
    CHECK(try_sample("calc__calc-unlisted", &bad) == 1);
    says(&bad, "\"good\": false");
    says(&bad, "calc::no_such_test (missing)");
    CHECK(try_sample("calc__calc-absent", &none) == 1);
    says(&none, "\"error_code\": \"REPORT_MISSING\"");
    sessions = client_get("/sessions?status=ready&page_size=100");
    CHECK_MSG(!strstr(sessions->body.data, "calc__calc-absent"), "%s", sessions->body.data);
}

static void a_test_that_is_held_out_counts_and_is_not_shown(void)
{
    struct ident bad = session_ready(NULL, DATASET, "calc__calc-heldout");
    struct ident good = fixed_session("calc__calc-heldout");
    _cleanup_(answer_release) struct answer *failed = verify(bad.text);
    _cleanup_(answer_release) struct answer *passed = verify(good.text);

    completed(failed, false);
    INT(failed, "result.total", 3);
    INT(failed, "result.failed", 1);
    TEXT(failed, "result.passes.0.name", "adds_nothing");
    CHECK(!strstr(failed->body.data, "\"adds\""));
    TEXT(failed, "result.stdout", "");
    TEXT(failed, "result.stderr", "--- no success ---\nheld_out: 1 of 1 did not pass\n---\n");
    completed(passed, true);
    INT(passed, "result.passed", 2);
    CHECK(!strstr(passed->body.data, "\"adds\""));
    session_close(NULL, bad.text);
    session_close(NULL, good.text);
}

/* The session is gone, and the file that it changed crosses again. */
static void a_verdict_is_reached_again_from_what_was_kept(void)
{
    struct ident good = fixed_session(SOLVABLE), bad = session_ready(NULL, DATASET, SOLVABLE);
    _cleanup_(answer_release) struct answer *passed = verify(good.text);
    _cleanup_(answer_release) struct answer *failed = verify(bad.text);
    _cleanup_(buf_release) struct buf one = BUF_INIT, other = BUF_INIT, all = BUF_INIT;

    completed(passed, true);
    completed(failed, false);
    session_close(NULL, good.text);
    session_close(NULL, bad.text);
    CHECK(ctl(&one, "verify regrade %s --json", answer_text(passed, "job_id")) == 0);
    says(&one, "\"before\": \"success\"");
    says(&one, "\"after\": \"success\"");
    says(&one, "\"changed\": false");
    CHECK(ctl(&other, "verify regrade %s --json", answer_text(failed, "job_id")) == 0);
    says(&other, "\"after\": \"failure\"");
    CHECK(ctl(&all, "verify regrade --dataset " DATASET " --limit 2") == 0);
    says(&all, "2 verdicts, 0 changed, 0 without a verdict");
    CHECK(ctl(NULL, "verify regrade %s", good.text) == 1);
}

/* What became of it, by `sample show`. */
static void expect_state(const char *sample, const char *text)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;

    CHECK(ctl(&out, "sample show " DATASET " %s", sample) == 0);
    says(&out, text);
}

static bool is_runnable(const char *sample)
{
    _cleanup_(answer_release) struct answer *answer =
        client_get("/samples?dataset=" DATASET "&runnable=true");

    STATUS(answer, 200);
    return strstr(answer->body.data, sample) != NULL;
}

static void a_checked_sample_is_runnable_only_if_it_is_good(void)
{
    _cleanup_(buf_release) struct buf good = BUF_INIT, bad = BUF_INIT;
    _cleanup_(answer_release) struct answer *wrong =
        client_get("/samples?dataset=" DATASET "&runnable=odd");

    STATUS(wrong, 422);
    CHECK(ctl(&good, "task check " DATASET " " SOLVABLE " --user %s --repeat 2", fixture_user()) ==
          0);
    says(&good, "1 good, 0 slow, 0 flaky, 0 broken");
    expect_state(SOLVABLE, "good");
    CHECK(is_runnable("\"" SOLVABLE "\""));
    CHECK(ctl(&bad, "task check " DATASET " calc__calc-unlisted --user %s --repeat 1 --json",
              fixture_user()) == 1);
    says(&bad, "\"broken\": 1");
    says(&bad, "with its solution it fails: pass_to_pass: 1 of 2 did not pass");
    expect_state("calc__calc-unlisted", "broken");
    CHECK(!is_runnable("\"calc__calc-unlisted\""));
}

/* Its verifier throws a coin: 32 times the same has a probability of 2^-31. */
static void a_flaky_sample_is_told_with_its_tests(void)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT, list = BUF_INIT;

    CHECK(ctl(&out, "task check " DATASET " calc__calc-flaky --user %s --repeat 16 --jobs 4",
              fixture_user()) == 1);
    says(&out, "0 good, 0 slow, 1 flaky, 0 broken");
    expect_state("calc__calc-flaky", "calc::adds_less");
    CHECK(ctl(&list, "sample list --dataset " DATASET " --runnable") == 0);
    CHECK(!strstr(list.data, "calc__calc-flaky"));
}

static void what_has_no_image_is_broken_without_a_session(void)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT, gone = BUF_INIT;

    CHECK(ctl(&out, "task check " DATASET " calc__calc-noimage --user %s", fixture_user()) == 1);
    says(&out, "it has no image");
    CHECK(ctl(&gone, "task check " DATASET " calc__calc-vanished --user %s", fixture_user()) == 1);
    says(&gone, "IMAGE_MISSING");
    expect_state("calc__calc-vanished", "broken");
}

/* Their images are built of Dockerfiles; their solutions are scripts. One runs as root, one not. */
static void tasks_of_harbor_are_checked(void)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT, again = BUF_INIT;
    _cleanup_(answer_release) struct answer *listed = NULL;

    CHECK(ctl(&out, "task check %s/harbor --dataset harbor --user %s --repeat 2", fixture_folder(),
              fixture_user()) == 0);
    says(&out, "2 good, 0 slow, 0 flaky, 0 broken");
    listed = client_get("/samples?dataset=harbor&runnable=true");
    STATUS(listed, 200);
    CHECK_MSG(strstr(listed->body.data, "make-sum") && strstr(listed->body.data, "user-sum") &&
                  !strstr(listed->body.data, "solve.sh"),
              "%s", listed->body.data);
    CHECK(ctl(&again, "dataset import %s/harbor/make-sum --dataset harbor", fixture_folder()) == 0);
    says(&again, "0 new, 0 changed, 1 unchanged");
}

static void unknown_jobs_are_404(void)
{
    static const char *const ids[] = {"01890000-0000-7000-8000-000000000000", "x"};

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        _cleanup_(answer_release) struct answer *answer =
            client_get("/sessions/%s/verify/%s", fixture_session(), ids[i]);

        REFUSED(answer, 404, "VERIFICATION_NOT_FOUND");
    }
}

static const struct test tests[] = {
    {"the unchanged task fails", the_unchanged_task_fails},
    {"the fixed task passes, and the session goes on",
     the_fixed_task_passes_and_the_session_goes_on},
    {"a replaced verifier and a forged report do not count", a_replaced_verifier_does_not_count},
    {"a file deleted in the session is missing for the verifier",
     a_deleted_file_is_missing_for_the_verifier},
    {"a renamed folder is graded with all that is in it",
     a_renamed_folder_is_graded_with_what_is_in_it},
    {"swapped folders are graded as swapped", swapped_folders_are_graded_as_swapped},
    {"a missing report is an error, no verdict", a_missing_report_is_an_error},
    {"a stale report is an error, no verdict", a_stale_report_is_an_error},
    {"an unreadable report is an error, no verdict", an_unreadable_report_is_an_error},
    {"a verifier that hangs is a failed verdict", a_verifier_that_hangs_is_a_failed_verdict},
    {"what a change does to its verification is a failed verdict",
     what_a_change_does_to_its_verification_is_a_failed_verdict},
    {"a verifier that cannot run, or leaves its report elsewhere, is explained",
     a_verifier_that_can_not_run_is_explained},
    {"a hidden output is for the operator only", a_hidden_output_is_the_operator_s},
    {"reports of all depths count", reports_of_all_depths_count},
    {"a log stands for a report", a_log_stands_for_a_report},
    {"a listed test that is not reported is a failure",
     a_listed_test_that_is_not_reported_is_a_failure},
    {"a job that waits tells its place", a_job_that_waits_tells_its_place},
    {"without lists every test must pass", without_lists_every_test_must_pass},
    {"a linter without a report is judged by its exit status",
     a_linter_without_a_report_is_judged_by_its_exit},
    {"closing cancels an unfinished job", closing_cancels_an_unfinished_job},
    {"commands run while a job does", commands_run_while_a_job_does},
    {"an author tries a sample, unchanged and with its patch", an_author_tries_a_sample},
    {"a test that is held out counts and is not shown",
     a_test_that_is_held_out_counts_and_is_not_shown},
    {"a verdict is reached again from what was kept",
     a_verdict_is_reached_again_from_what_was_kept},
    {"a checked sample is runnable only if it is good",
     a_checked_sample_is_runnable_only_if_it_is_good},
    {"a flaky sample is told, with the tests that differ", a_flaky_sample_is_told_with_its_tests},
    {"what has no image is broken", what_has_no_image_is_broken_without_a_session},
    {"tasks of Harbor's are built, solved and checked", tasks_of_harbor_are_checked},
    {"too many unfinished jobs are 429", too_many_unfinished_jobs_are_429},
    {"unknown jobs are 404", unknown_jobs_are_404},
};

SUITE(verify, tests);
