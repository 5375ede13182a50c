/*
 * verification_end.c - how a verification ended, written down: what the verifier did, for the
 * operator (codesetctl verification show), then the row's end.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "reaper/context.h"
#include "reaper/diagnosis.h"
#include "reaper/verification.h"
#include "store/verifications.h"
#include "wire/agent_protocol.h"

#include "base/banned.h"

#define KEPT_OUTPUT 65536 /* bytes of each of the verifier's outputs, where no result has them */

static char *patterns_of(const struct job *job)
{
    const char *patterns[AGENT_PATTERNS_MOST];
    _cleanup_(json_release) json_object *array = NULL, *listed = json_object_new_array();
    size_t count = job_report_patterns(job, patterns, ARRAY_SIZE(patterns), &array);
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < count; i++)
        json_object_array_add(listed, json_object_new_string(patterns[i]));
    json_write(&text, listed);
    return buf_take(&text);
}

static void add_outputs(const struct job *job, struct verifier_trace *trace)
{
    const struct verifier_run *run = &job->run;
    size_t out = diagnosis_tail(run->out, run->out_length, KEPT_OUTPUT);
    size_t told = diagnosis_tail(run->err, run->err_length, KEPT_OUTPUT);

    trace->out = run->out + out;
    trace->out_length = run->out_length - out;
    trace->err = run->err + told;
    trace->err_length = run->err_length - told;
}

static int write_trace(struct db *db, const struct job *job, struct error *err)
{
    const struct verifier_run *run = &job->run;
    struct verifier_trace trace = {
        .reason = job->error_code ? job->reason : job->verdict.reason,
        .found = job->found,
    };
    _cleanup_(free_ptr) char *patterns = job->run_texts ? patterns_of(job) : NULL;

    trace.report_paths = patterns;
    if (job->run_texts) {
        trace.ran = true;
        trace.timed_out = run->timed_out;
        trace.exit_status = run->exit_status;
        trace.seconds = run->seconds;
    }
    if (job->run_texts && (job->error_code || job->work.hide_output))
        add_outputs(job, &trace);
    if (job->planted) { /* as a whole: it is for programs, too */
        trace.err = job->planted;
        trace.err_length = job->planted_length;
    }
    return store_verification_trace(db, job_context(job)->run, &job->id, job->work.attempt, &trace,
                                    err);
}

int job_write_end(struct db *db, struct job *job, struct error *err)
{
    const char *json = job->error_code ? NULL : job->verdict.result;

    /* A trace that is refused must not keep the job from its end. */
    if (write_trace(db, job, err) < 0) {
        if (err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_NOT_FOUND)
            return -1;
        log_error("verifier_trace_failed", err);
        error_clear(err);
    }
    return store_verification_finish(db, job_context(job)->run, &job->id, job->work.attempt, json,
                                     json ? job->verdict.result_length : 0, job->verdict.success,
                                     job->error_code, job->error_message, err);
}
