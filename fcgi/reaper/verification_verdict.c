/*
 * verification_verdict.c - from the verifier's end to a verdict: what the grading container's agent
 * tells of reports flows into codeset-grader's input, which answers with the verdict. Nothing of it
 * is kept here but the verdict.
 */
#include <errno.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "grade/report_paths.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/grader.h"
#include "reaper/verification.h"

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
    else if (err->code && strcmp(err->code, "AGENT_UNREACHABLE") == 0)
        job_give_up(job, "GRADING_CONTAINER_LOST", err->message,
                    "the grading container ended before its reports were read");
    else
        job_give_up(job, "REPORT_UNREADABLE", err->message,
                    "the verifier's reports could not be read from its container");
}

/* The sample's patterns, or its language's. The texts live as long as *ret_array. */
static size_t report_patterns(const struct job *job, const char **patterns, size_t most,
                              json_object **ret_array)
{
    const char *const *paths = grade_report_paths(job->work.language);
    const char *text = job->work.report_paths;
    struct error ignored;
    size_t count = 0;

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
    size_t count = report_patterns(job, patterns, ARRAY_SIZE(patterns), &array);

    job->reports_fd = fd;
    job->call = agent_get_files(job_context(job)->agents, container_address(job->container),
                                job->work.repo_path, patterns, count,
                                job->started_at - TICK_ALLOWANCE, fd, got_reports, job);
}

static void graded(const struct error *err, struct grader_verdict *verdict, void *arg)
{
    struct job *job = arg;

    job->grader = NULL;
    if (err) {
        bool ours = strcmp(err->code, "VERDICT_FAILED") == 0;

        job_give_up(job, err->code, err->message,
                    ours ? "the reports could not be graded" : err->message);
        return;
    }
    job->verdict = *verdict;
    verdict->reason = verdict->result = NULL; /* taken */
    job_write(job);
}

void job_grade(struct job *job)
{
    const struct grader_request request = {
        .run = job->run,
        .lists = {.fail_to_pass = job->work.fail_to_pass,
                  .pass_to_pass = job->work.pass_to_pass,
                  .fail_to_fail = job->work.fail_to_fail},
        .since = job->started_at - TICK_ALLOWANCE,
    };

    job->grader =
        grader_start(job_context(job)->graders, &request, -1, grader_is_ready, graded, job);
}
