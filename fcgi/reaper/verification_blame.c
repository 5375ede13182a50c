/*
 * verification_blame.c - a run of the verifier that came to no verdict: whose doing was it?
 *
 * `error` is kept for what the platform did or could not do. What the solution did to the grading
 * container is a failed verdict that says why. Some faults tell by themselves whose they are (the
 * time limit, the memory limit); where they don't, the verifier runs once more, on the unchanged
 * repository: if that run leaves reports, the change is what kept the other from it. What may be a
 * moment's trouble of the host is tried again first.
 *
 *     fault --> the solution's ------------------------------------------> failed verdict
 *           --> either's --> begun anew, once, where it may pass --> control run --> failed verdict
 *           |                                                                   --> error
 *           --> the platform's --> begun anew, once ----------------------------> error
 *
 * BUGS: a verifier that leaves reports only sometimes may be taken for one that the change keeps
 * from it. The control's result is remembered for CONTROL_SECONDS, so an image that was replaced by
 * a broken one of the same name in the meantime is noticed late.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/grader.h"
#include "reaper/verification.h"

#include "base/banned.h"

#define CONTROLS_MOST 64
#define CONTROL_SECONDS 600

enum blame { PLATFORM, EITHER, SOLUTION };

static const struct fault_row {
    const char *code;
    enum blame blame;
    bool again; /* it may have been a moment's trouble */
} faults[] = {
    {"VERIFIER_TIMEOUT", SOLUTION, false},
    {"VERIFIER_OUT_OF_MEMORY", SOLUTION, false},
    {CONTAINERS_KERNEL_MEMORY, SOLUTION, false},
    {"REPOSITORY_MISSING", SOLUTION, false},
    {"CHANGES_TOO_LARGE", SOLUTION, false},
    {"REPORT_MISSING", EITHER, false},
    {"REPORT_STALE", EITHER, false},
    {"REPORT_UNREADABLE", EITHER, false},
    {"REPORT_TOO_LARGE", EITHER, false},
    {"VERIFIER_NOT_STARTED", EITHER, false},
    {"VERDICT_FAILED", EITHER, false},
    {"TRIAL_NOT_PREPARED", PLATFORM, false},
    {"TRIAL_BROKEN", EITHER, true},
    {"GRADING_CONTAINER_LOST", EITHER, true},
    {CONTAINERS_DISK_FULL, EITHER, true},
    {"CHANGES_UNREADABLE", PLATFORM, true},
    {"CHANGES_REFUSED", PLATFORM, true},
    {"CHANGES_INCOMPLETE", PLATFORM, true},
    {"CONTAINER_START_FAILED", PLATFORM, true},
};

static const struct fault_row *row_of(const char *code)
{
    static const struct fault_row other = {.blame = PLATFORM};

    for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
        if (strcmp(code, faults[i].code) == 0)
            return &faults[i];
    return &other;
}

/* --- which verifiers are known to leave reports ---------------------------------------------- */

/* Of verifiers whose run on the unchanged repository left what can be graded: a ring, the oldest is
 * overwritten. */
struct control_list {
    struct {
        char *key;
        int64_t at; /* monotonic */
    } items[CONTROLS_MOST];
    size_t next;
};

struct control_list *control_list_new(void)
{
    return xcalloc(1, sizeof(struct control_list));
}

void control_list_free(struct control_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < CONTROLS_MOST; i++)
        free(list->items[i].key);
    free(list);
}

static char *control_key(const struct job *job)
{
    const struct verification_work *work = &job->work;

    return xasprintf("%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s", work->verifier_image, work->verifier,
                     work->language ? work->language : "", work->repo_path, work->verifier_command,
                     work->report_paths ? work->report_paths : "",
                     work->log_parser ? work->log_parser : "", work->trial ? work->trial : "",
                     work->profile);
}

static bool is_known_good(const struct job *job)
{
    const struct control_list *list = job->verifications->controls;
    int64_t oldest = clock_monotonic() - CONTROL_SECONDS * CLOCK_SECOND;
    _cleanup_(free_ptr) char *key = control_key(job);

    for (size_t i = 0; i < CONTROLS_MOST; i++)
        if (list->items[i].key && list->items[i].at >= oldest &&
            strcmp(list->items[i].key, key) == 0)
            return true;
    return false;
}

static void remember_good(struct job *job)
{
    struct control_list *list = job->verifications->controls;

    free(list->items[list->next].key);
    list->items[list->next].key = control_key(job);
    list->items[list->next].at = clock_monotonic();
    list->next = (list->next + 1) % CONTROLS_MOST;
}

/* --- the fault, while something else runs ---------------------------------------------------- */

void job_fault_release(struct job_fault *fault)
{
    free(fault->reason);
    free(fault->message);
    free(fault->run_texts);
    free(fault->found);
    memset(fault, 0, sizeof(*fault));
}

static void keep_fault(struct job *job, const char *code, const char *reason, const char *message)
{
    struct job_fault *fault = &job->fault;

    fault->code = code;
    fault->reason = reason ? xstrdup(reason) : NULL;
    fault->message = xstrdup(message);
    fault->run = job->run;
    fault->run_texts = TAKE_PTR(job->run_texts);
    job->planted = NULL;
    fault->found = TAKE_PTR(job->found);
    fault->files_from = job->files_from;
}

/* The run that the fault is of is the job's again. */
static void restore_run(struct job *job)
{
    struct job_fault *fault = &job->fault;

    job->run = fault->run;
    job->run_texts = TAKE_PTR(fault->run_texts);
    job->found = TAKE_PTR(fault->found);
    job->files_from = fault->files_from;
}

/* --- a failed verdict ------------------------------------------------------------------------ */

static void no_reports(int fd, void *arg)
{
    (void)arg;
    close_fd(&fd);
}

static void error_of_fault(struct job *job)
{
    job_write_error(job, job->fault.code, job->fault.reason, job->fault.message);
}

static void failed(const struct error *err, struct grader_verdict *verdict, void *arg)
{
    struct job *job = arg;

    job->grader = NULL;
    if (err) {
        log_error("fault_not_graded", err);
        error_of_fault(job);
        return;
    }
    job->verdict = *verdict;
    verdict->reason = verdict->result = NULL; /* taken */
    job_write(job);
}

/* What the result's stdout begins with. It may quote a guest. */
static void add_head(struct buf *out, const struct job *job)
{
    const struct job_fault *fault = &job->fault;
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    buf_addf(&text, "%s: %s.%s\n", fault->code, fault->message,
             row_of(fault->code)->blame == EITHER
                 ? " With the unchanged repository this does not happen, so the change does it."
                 : "");
    utf8_sanitize(out, text.data, text.length);
}

static void fail(struct job *job)
{
    struct buf out = BUF_INIT;
    struct grader_request request = {
        .lists = {.fail_to_pass = job->work.fail_to_pass,
                  .pass_to_pass = job->work.pass_to_pass,
                  .fail_to_fail = job->work.fail_to_fail,
                  .held_out = job->work.held_out,
                  .hidden = job->work.hide_lists},
        .fault = job->fault.message,
    };

    add_head(&out, job);
    job_tell_changes(job, &out);
    request.run = job->run;
    request.run.tool = job->work.verifier;
    if (job->run_texts && !job->work.hide_output)
        buf_add(&out, job->run.out, job->run.out_length);
    else
        request.run.err_length = 0;
    request.run.out = out.data;
    request.run.out_length = out.length;
    log_event(LOG_INFO, "verification_blamed", "verification=%s code=%s reason=\"%s\"",
              job->id.text, job->fault.code,
              job->fault.reason ? job->fault.reason : job->fault.message);
    job_halt(job);
    job->grader = grader_start(job_context(job)->graders, &request, -1, no_reports, failed, job);
    buf_release(&out);
}

/* --- the control run ------------------------------------------------------------------------- */

static void begin_control(struct job *job)
{
    log_event(LOG_INFO, "verification_control", "verification=%s code=%s", job->id.text,
              job->fault.code);
    job->control = true;
    job->run_id = id_new();
    job_start_over(job);
}

void job_control_ended(struct job *job, bool good)
{
    job_halt(job);
    job_forget_run(job);
    job->control = false;
    restore_run(job);
    if (good) {
        remember_good(job);
        fail(job);
    } else {
        error_of_fault(job);
    }
}

bool job_settle(struct job *job, const char *code, const char *reason, const char *message)
{
    const struct fault_row *row = row_of(code);

    if (job->control) {
        job_control_ended(job, false);
        return true;
    }
    if (row->again && !job->again) {
        log_event(LOG_INFO, "verification_again", "verification=%s code=%s reason=\"%s\"",
                  job->id.text, code, reason ? reason : message);
        job->again = true;
        job_forget_run(job);
        job_start_over(job);
        return true;
    }
    if (row->blame == PLATFORM)
        return false;
    keep_fault(job, code, reason, message);
    if (row->blame == EITHER && !is_known_good(job)) {
        begin_control(job);
    } else {
        restore_run(job);
        fail(job);
    }
    return true;
}
