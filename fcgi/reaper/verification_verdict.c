/*
 * verification_verdict.c - from the verifier's end to a verdict: what the grading container's agent
 * tells of reports flows into codeset-grader's input, which answers with the verdict. Nothing of it
 * is kept here but the verdict. Where there is no report, a script looks into the grading container
 * for the reason before the job ends in its error.
 */
#include <errno.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "grade/report_paths.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/diagnosis.h"
#include "reaper/grader.h"
#include "reaper/verification.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

/* The grader's end comes with the tar's, or before it. */
static void got_reports(const struct error *err, void *arg)
{
    struct job *job = arg;

    job->call = NULL;
    if (!err || err->sys_errno == EPIPE) { /* a grader that reads no more has made up its mind */
        close_fd(&job->reports_fd);
        return;
    }
    if (err->kind == ERROR_LIMIT)
        job_give_up(job, "REPORT_TOO_LARGE", err->message, "the verifier's reports are too large");
    else if (error_has_code(err, "AGENT_UNREACHABLE"))
        job_give_up(job, "GRADING_CONTAINER_LOST", err->message,
                    "the grading container ended before its reports were read");
    else
        job_give_up(job, "REPORT_UNREADABLE", err->message,
                    "the verifier's reports could not be read from its container");
}

size_t job_report_patterns(const struct job *job, const char **patterns, size_t most,
                           json_object **ret_array)
{
    const char *const *paths = grade_report_paths(job->work.language);
    const char *text = job->work.report_paths;
    struct error ignored;
    size_t count = 0;

    if (job_is_trial(job)) {
        *ret_array = NULL;
        patterns[0] = AGENT_TRIAL_REPORT;
        return 1;
    }
    if (json_parse(text, strlen(text), ret_array, NULL, &ignored) == 0 &&
        json_object_is_type(*ret_array, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(*ret_array) && count < most; i++) {
            json_object *item = json_object_array_get_idx(*ret_array, i);

            if (json_object_is_type(item, json_type_string))
                patterns[count++] = json_object_get_string(item);
        }
    }
    for (size_t i = 0; count == i && paths[i] && count < most; i++)
        patterns[count++] = paths[i];
    return count;
}

static void grader_is_ready(int fd, void *arg)
{
    struct job *job = arg;
    const char *patterns[AGENT_PATTERNS_MOST];
    _cleanup_(json_release) json_object *array = NULL;
    size_t count = job_report_patterns(job, patterns, ARRAY_SIZE(patterns), &array);

    job->reports_fd = fd;
    job->call = agent_get_files(job_context(job)->agents, container_address(job->container),
                                job->work.repo_path, patterns, count, job->files_from, fd,
                                got_reports, job);
}

/* --- no report: why? ------------------------------------------------------------------------- */

/* Whatever the look came to, the job ends with what is known by then. */
static void give_up_without_report(struct job *job)
{
    const struct error err = job->no_report;

    error_clear(&job->no_report);
    job_give_up(job, err.code, NULL, err.message);
}

static void looked(const struct error *err, const struct agent_result *result, void *arg)
{
    struct job *job = ((struct admission *)arg)->owner;

    job->call = NULL;
    if (!err && result->end == AGENT_END_EXIT) {
        struct buf found = BUF_INIT;
        size_t most = result->out_length;

        most = most < DIAGNOSIS_FOUND_MOST ? most : DIAGNOSIS_FOUND_MOST;
        utf8_sanitize(&found, result->out, strnlen(result->out, most)); /* the cut may be within
                                                                           a character */
        job->found = buf_take(&found);
    }
    admission_return(&job->look_admission);
    give_up_without_report(job);
}

static void look(struct job *job, const struct error *err)
{
    _cleanup_(free_ptr) char *script =
        diagnosis_script(job_is_trial(job) ? "" : job->work.verifier_command, job->files_from);
    const struct id id = id_new();
    const struct agent_command command = {
        .id = id.text,
        .command = script,
        .command_length = strlen(script),
        .workdir = job->work.repo_path,
        .env_json = container_environment(job->container),
        .profile_json = container_profile(job->container),
        .timeout_seconds = DIAGNOSIS_SECONDS,
    };

    job->no_report = *err;
    job->call = agent_run(job_context(job)->agents, container_address(job->container), &command,
                          false, looked, &job->look_admission);
}

/* --- the verdict ----------------------------------------------------------------------------- */

static void not_graded(struct job *job, const struct error *err)
{
    if (strcmp(err->code, "VERDICT_FAILED") == 0)
        job_give_up(job, err->code, err->message, "the reports could not be graded");
    else if (!job->control &&
             (strcmp(err->code, "REPORT_MISSING") == 0 || strcmp(err->code, "REPORT_STALE") == 0))
        look(job, err);
    else
        job_give_up(job, err->code, NULL, err->message);
}

static void graded(const struct error *err, struct grader_verdict *verdict, void *arg)
{
    struct job *job = arg;

    job->grader = NULL;
    if (err) {
        not_graded(job, err);
        return;
    }
    if (job->control) {
        job_control_ended(job, true);
        return;
    }
    job->verdict = *verdict;
    verdict->reason = verdict->result = NULL; /* taken */
    job_write(job);
}

/* Which files they are tells which tests are in lists that are hidden. */
static bool names_files(const struct job *job)
{
    return !job->work.hide_lists && strcmp(job->work.held_out, "[]") == 0;
}

static void tell_kept_back(const struct job *job, struct buf *out)
{
    if (!job->kept_back)
        return;
    if (names_files(job))
        buf_addf(
            out,
            "CHANGES_KEPT_BACK: these files of the change were not used, the verifier ran with "
            "the image's: %s.\n",
            job->kept_back);
    else
        buf_addf(out,
                 "CHANGES_KEPT_BACK: the verifier ran with the image's version of %lld of the "
                 "files of the change; which they are is hidden.\n",
                 (long long)job->kept_back_count);
}

void job_tell_changes(const struct job *job, struct buf *out)
{
    tell_kept_back(job, out);
    if (job->crossed)
        buf_addf(out, "ALSO_CROSSED: the change that was verified has %s.\n",
                 names_files(job) ? job->crossed : job->crossed_counts);
}

void job_grade(struct job *job)
{
    _cleanup_(buf_release) struct buf out = BUF_INIT;
    struct grader_request request = {
        .run = job->run,
        .lists = {.fail_to_pass = job->work.fail_to_pass,
                  .pass_to_pass = job->work.pass_to_pass,
                  .fail_to_fail = job->work.fail_to_fail,
                  .held_out = job->work.held_out,
                  .hidden = job->work.hide_lists},
        .since = job->files_from,
        .log_parser = job_is_trial(job) ? NULL : job->work.log_parser,
        .hide_output = job->work.hide_output,
        .exact_outcomes = job->work.exact_outcomes,
    };

    job_tell_tampered(job, &out);
    job_tell_changes(job, &out);
    request.told = out.length;
    buf_add(&out, request.run.out, request.run.out_length);
    request.run.out = out.length > 0 ? out.data : "";
    request.run.out_length = out.length;
    job->grader =
        grader_start(job_context(job)->graders, &request, -1, grader_is_ready, graded, job);
}
