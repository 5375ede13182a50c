#include "reaper/verify.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent_client/agent_client.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "grade/report_paths.h"
#include "reaper/await.h"
#include "reaper/db_pool.h"
#include "reaper/environment.h"
#include "reaper/grader.h"
#include "reaper/sessions.h"
#include "reaper/sweep.h"
#include "settings.h"
#include "store/verifications.h"
#include "wire/container.h"

#include "base/banned.h"

#define HELLO_MS 30000
#define VERIFICATIONS_PER_USER 3 /* see sweep.c */
#define TRIES_MAX 3
#define RETRY_MS 250
#define MESSAGE_MAX 500

/*
 * A report counts when its ctime is not before the verifier's start. The kernel stamps files with
 * a clock that moves once a tick (10 ms at HZ=100), so a file may look that much older than it
 * is. And so that none of the laid changes looks fresh by this allowance, the verifier is started
 * well after them.
 */
#define TICK_ALLOWANCE (12 * 1000)
#define RUN_GAP_MS 30

struct verify_job {
    struct id id; /* first */
    struct daemon *daemon;
    struct live_session *session; /* NULL while it is claimed, and when dropped */
    LIST_ENTRY(verify_job) next;
    struct verification_work work;
    struct id container_id;
    char name[ENGINE_NAME_MAX + 1];
    char socket[ENGINE_SOCKET_SIZE];
    struct agent_call *call;
    struct grader *grader;
    struct event *timer;
    int64_t since; /* monotonic: of the claim */
    int tries;
    int listing_fd, changes_fd, reports_fd;
    bool container; /* may be there: to be stopped */
    bool engine_busy, database_busy;
    bool dropped;
    bool finished; /* the row has its end */

    struct verifier_run run; /* out and err are ours */
    int64_t started_at;

    char *json, *reason;
    size_t json_length;
    bool success;
    const char *error_code;
    char *error_message;
};

static void get_changes(struct verify_job *job);
static void write_verdict(struct verify_job *job);
static void run_verifier(struct verify_job *job, bool attach_only);

static void free_job(struct verify_job *job)
{
    struct daemon *daemon = job->daemon;

    if (job->call)
        agent_call_cancel(job->call);
    if (job->grader)
        grader_cancel(job->grader);
    if (job->timer)
        event_free(job->timer);
    if (job->session)
        LIST_REMOVE(job, next);
    daemon_remove(&daemon->jobs, job);
    daemon->job_count--;
    close_fd(&job->listing_fd);
    close_fd(&job->changes_fd);
    close_fd(&job->reports_fd);
    verification_work_release(&job->work);
    free((char *)job->run.out);
    free((char *)job->run.err);
    free(job->json);
    free(job->reason);
    free(job->error_message);
    free(job);
}

static bool code_is(const struct error *err, const char *code)
{
    return err->code && strcmp(err->code, code) == 0;
}

/* --- the container goes, the job ends -------------------------------------------------------- */

static void stopped(const struct error *err, void *arg);

/* When nothing is under way any more: first the container goes, then the job. */
static void wind_up(struct verify_job *job)
{
    struct daemon *daemon = job->daemon;

    if (job->engine_busy)
        return;
    if (job->container) {
        job->container = false;
        job->engine_busy = true;
        engine_stop(daemon->engine, job->name, stopped, job);
        return;
    }
    if (job->database_busy || !(job->finished || job->dropped))
        return;
    free_job(job);
    sweep_soon(daemon); /* there is room for the next */
}

/* One that could not be stopped is found by the sweep: no job wants it. */
static void stopped(const struct error *err, void *arg)
{
    struct verify_job *job = arg;

    job->engine_busy = false;
    if (err)
        log_event(LOG_ERROR, "grading_stop_failed", "verification=%s reason=\"%s\"", job->id.text,
                  err->message);
    wind_up(job);
}

void verify_drop(struct live_session *session)
{
    struct verify_job *job, *following;

    for (job = LIST_FIRST(&session->jobs); job; job = following) {
        following = LIST_NEXT(job, next);
        await_wake(session->daemon->await, &job->id);
        job->dropped = true;
        job->session = NULL;
        LIST_REMOVE(job, next);
        if (job->call)
            agent_call_cancel(TAKE_PTR(job->call));
        if (job->grader)
            grader_cancel(TAKE_PTR(job->grader));
        if (job->timer)
            event_del(job->timer);
        wind_up(job);
    }
}

/* At the start of each callback: has the session ended in between? */
static bool is_dropped(struct verify_job *job)
{
    if (!job->dropped)
        return false;
    wind_up(job); /* which may free it */
    return true;
}

/* The message may quote a guest: whatever it holds, the database takes it. */
static void set_error(struct verify_job *job, const char *code, const char *message)
{
    struct buf text = BUF_INIT;

    utf8_sanitize(&text, message, strnlen(message, MESSAGE_MAX));
    free(job->error_message);
    job->error_message = buf_take(&text);
    job->error_code = code;
}

/* The job ends in `error`. A message for whoever asked for the verdict; reason is for the log. */
static void give_up(struct verify_job *job, const char *code, const char *reason,
                    const char *message)
{
    log_event(LOG_WARNING, "verification_failed", "verification=%s code=%s reason=\"%s\"",
              job->id.text, code, reason ? reason : message);
    set_error(job, code, message);
    write_verdict(job);
}

/* --- the verdict ----------------------------------------------------------------------------- */

static int write_finish(struct db *db, void *arg, struct error *err)
{
    struct verify_job *job = arg;

    return store_verification_finish(db, &job->daemon->run, &job->id, job->work.attempt, job->json,
                                     job->json_length, job->success, job->error_code,
                                     job->error_message, err);
}

static void verdict_written(const struct error *err, void *arg)
{
    struct verify_job *job = arg;

    job->database_busy = false;
    if (err && err->kind == ERROR_INTERNAL && job->json) {
        log_error("verdict_refused", err);
        free(TAKE_PTR(job->json));
        job->json_length = 0;
        job->success = false;
        set_error(job, "VERDICT_FAILED", "the result could not be recorded");
        write_verdict(job);
        return;
    }
    job->finished = true;
    if (!job->dropped)
        log_event(LOG_INFO, "verification_finished",
                  "verification=%s success=%d error=%s attempt=%lld took_ms=%lld reason=\"%s\"",
                  job->id.text, job->success, job->error_code ? job->error_code : "-",
                  (long long)job->work.attempt,
                  (long long)((clock_monotonic() - job->since) / 1000),
                  job->reason ? job->reason : "");
    await_wake(job->daemon->await, &job->id);
    wind_up(job);
}

static void write_verdict(struct verify_job *job)
{
    job->database_busy = true;
    db_pool_insist(job->daemon->pool, write_finish, verdict_written, job);
    wind_up(job); /* the container is not needed any more */
}

static void graded(const struct error *err, struct grader_verdict *verdict, void *arg)
{
    struct verify_job *job = arg;

    job->grader = NULL;
    if (err) {
        give_up(job, err->code, err->message,
                code_is(err, "VERDICT_FAILED") ? "the reports could not be graded" : err->message);
        return;
    }
    job->success = verdict->success;
    job->reason = TAKE_PTR(verdict->reason);
    job->json = TAKE_PTR(verdict->result);
    job->json_length = verdict->result_length;
    write_verdict(job);
}

static void judge(struct verify_job *job)
{
    const struct grader_request request = {
        .run = job->run,
        .lists = {.fail_to_pass = job->work.fail_to_pass,
                  .pass_to_pass = job->work.pass_to_pass,
                  .fail_to_fail = job->work.fail_to_fail},
        .since = job->started_at - TICK_ALLOWANCE,
    };

    job->grader = grader_start(job->daemon->graders, &request, job->reports_fd, NULL, graded, job);
    wind_up(job); /* the container is not needed any more */
}

/* --- the run --------------------------------------------------------------------------------- */

static void got_reports(const struct error *err, void *arg)
{
    struct verify_job *job = arg;

    job->call = NULL;
    if (!err)
        judge(job);
    else if (err->kind == ERROR_LIMIT)
        give_up(job, "REPORT_TOO_LARGE", err->message, "the verifier's reports are too large");
    else if (code_is(err, "AGENT_UNREACHABLE"))
        give_up(job, "GRADING_CONTAINER_LOST", err->message,
                "the grading container ended before its reports were read");
    else
        give_up(job, "REPORT_UNREADABLE", err->message,
                "the verifier's reports could not be read from its container");
}

/* The sample's patterns, or its language's. The texts live as long as *ret_array. */
static size_t report_patterns(const struct verify_job *job, const char **patterns, size_t most,
                              json_object **ret_array)
{
    const char *const *paths = grade_report_paths(job->work.language);
    struct error ignored;
    size_t count = 0;

    if (json_parse(job->work.report_paths, strlen(job->work.report_paths), ret_array, NULL,
                   &ignored) == 0 &&
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

static int temporary_file(struct verify_job *job, struct error *err)
{
    int fd = open(job->daemon->settings->engine.scratch_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    return fd < 0 ? error_errno(err, errno, "a temporary file in scratch_dir") : fd;
}

static void no_file(struct verify_job *job, const struct error *err)
{
    give_up(job, "HOST_FULL", err->message,
            "the host is short of disk or another resource; try again later");
}

static void get_reports(struct verify_job *job)
{
    const char *patterns[64];
    _cleanup_(json_release) json_object *array = NULL;
    struct error err = ERROR_INIT;
    size_t count = report_patterns(job, patterns, ARRAY_SIZE(patterns), &array);

    job->reports_fd = temporary_file(job, &err);
    if (job->reports_fd < 0) {
        no_file(job, &err);
        return;
    }
    job->call =
        agent_get_files(job->daemon->agents, job->socket, job->work.repo_path, patterns, count,
                        job->started_at - TICK_ALLOWANCE, job->reports_fd, got_reports, job);
}

static void keep_run(struct verify_job *job, const struct agent_result *result)
{
    struct engine_usage usage = {0};
    struct error ignored;

    engine_usage(job->daemon->engine, job->name, &usage, &ignored);
    job->run.tool = job->work.verifier;
    job->run.timed_out = result->end == AGENT_END_TIMEOUT;
    job->run.exit_status = result->exit_status;
    job->run.out_of_memory = usage.oom_kills > 0;
    job->run.seconds = result->seconds;
    job->run.out = xmemdup(result->out, result->out_length);
    job->run.out_length = result->out_length;
    job->run.err = xmemdup(result->err, result->err_length);
    job->run.err_length = result->err_length;
    job->started_at = result->started_at;
}

static void start_over(struct verify_job *job);

static void ran(const struct error *err, const struct agent_result *result, void *arg)
{
    struct verify_job *job = arg;

    job->call = NULL;
    if (err && err->kind == ERROR_NOT_FOUND) { /* left before its verifier was started */
        start_over(job);
        return;
    }
    if (err) {
        give_up(job, "GRADING_CONTAINER_LOST", err->message,
                "the grading container ended before the verifier did");
        return;
    }
    if (result->end == AGENT_END_FAILED) {
        give_up(job, "VERIFIER_NOT_STARTED", result->message,
                result->message ? result->message : "the verifier could not be started");
        return;
    }
    keep_run(job, result);
    if (job->run.timed_out)
        give_up(job, "VERIFIER_TIMEOUT", NULL, "the verifier did not end within its time");
    else
        get_reports(job);
}

static int64_t timeout_of(const struct verify_job *job)
{
    return job->work.verify_timeout ? job->work.verify_timeout
                                    : job->daemon->settings->reaper.verify_timeout_seconds;
}

static void run_verifier(struct verify_job *job, bool attach_only)
{
    struct daemon *daemon = job->daemon;
    const struct agent_command command = {
        .id = job->id.text,
        .command = job->work.verifier_command,
        .command_length = strlen(job->work.verifier_command),
        .workdir = job->work.repo_path,
        .env_json = environment_of(daemon->environments, job->work.verifier_image),
        .timeout_seconds = (int)timeout_of(job),
    };

    job->call = agent_run(daemon->agents, job->socket, &command, attach_only, ran, job);
}

/* --- the grading container ------------------------------------------------------------------- */

static void gap_is_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    run_verifier(arg, false);
}

static int write_running(struct db *db, void *arg, struct error *err)
{
    struct verify_job *job = arg;

    char address[ENGINE_SOCKET_SIZE + 5];

    snprintf(address, sizeof(address), "unix:%s", job->socket);
    return store_verification_running(db, &job->daemon->run, &job->id, job->work.attempt, job->name,
                                      address, err);
}

static void running_written(const struct error *err, void *arg)
{
    struct verify_job *job = arg;

    job->database_busy = false;
    if (is_dropped(job))
        return;
    if (err && err->kind == ERROR_NOT_FOUND) { /* cancelled, or somebody else's */
        job->finished = true;
        await_wake(job->daemon->await, &job->id);
        wind_up(job);
        return;
    }
    if (err)
        log_error("verification_running_failed", err); /* only a state that nobody sees */
    daemon_timer(job->daemon, &job->timer, RUN_GAP_MS, gap_is_over, job);
}

static void changes_laid(const struct error *err, void *arg)
{
    struct verify_job *job = arg;

    job->call = NULL;
    close_fd(&job->changes_fd);
    if (err) {
        give_up(job,
                code_is(err, "AGENT_UNREACHABLE")    ? "GRADING_CONTAINER_LOST"
                : code_is(err, "CHANGES_INCOMPLETE") ? "CHANGES_INCOMPLETE"
                                                     : "CHANGES_REFUSED",
                err->message, "the session's changes could not be laid into the grading container");
        return;
    }
    job->database_busy = true;
    db_pool_insist(job->daemon->pool, write_running, running_written, job);
}

/* A grading container that lacks the folder lists nothing: whether the session's is missing is told
 * first. */
static void got_listing(const struct error *err, void *arg)
{
    struct verify_job *job = arg;

    job->call = NULL;
    if (!err || err->kind == ERROR_NOT_FOUND)
        get_changes(job);
    else if (code_is(err, "AGENT_UNREACHABLE"))
        give_up(job, "GRADING_CONTAINER_LOST", err->message,
                "the grading container ended before its files were listed");
    else if (code_is(err, "CHANGES_TOO_LARGE"))
        give_up(job, "CHANGES_TOO_LARGE", err->message,
                "the repository's folder holds too many files to verify");
    else
        give_up(job, "CHANGES_UNREADABLE", err->message,
                "the files of the grading container could not be listed");
}

static void greeted(const struct error *err, void *arg)
{
    struct verify_job *job = arg;
    struct error full = ERROR_INIT;

    job->call = NULL;
    if (err) {
        give_up(job, "CONTAINER_START_FAILED", err->message,
                "the grading container did not come up");
        return;
    }
    close_fd(&job->listing_fd); /* of a run that was started over */
    job->listing_fd = temporary_file(job, &full);
    if (job->listing_fd < 0)
        no_file(job, &full);
    else
        job->call = agent_get_listing(job->daemon->agents, job->socket, job->work.repo_path,
                                      job->listing_fd, got_listing, job);
}

static void started(const struct error *err, void *arg)
{
    struct verify_job *job = arg;

    job->engine_busy = false;
    if (is_dropped(job))
        return;
    if (!err) {
        job->call = agent_hello(job->daemon->agents, job->socket, HELLO_MS, greeted, job);
        return;
    }
    if (code_is(err, "IMAGE_MISSING"))
        give_up(job, "IMAGE_MISSING", err->message,
                "the image that the sample is verified in is not on this host");
    else if (code_is(err, "IMAGE_REFUSED"))
        give_up(job, "IMAGE_REFUSED", err->message,
                "the image that the sample is verified in was refused");
    else if (err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_LIMIT)
        no_file(job, err);
    else
        give_up(job, "CONTAINER_START_FAILED", err->message,
                "the grading container could not be started");
}

static void start_container(struct verify_job *job)
{
    struct daemon *daemon = job->daemon;

    environment_forget(daemon->environments, job->work.verifier_image);
    job->container = true;
    job->engine_busy = true;
    engine_start(daemon->engine, job->name, job->work.verifier_image, &daemon->limits, started,
                 job);
}

/* --- what the session changed ---------------------------------------------------------------- */

static void retry_changes(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    get_changes(arg);
}

static void got_changes(const struct error *err, void *arg)
{
    struct verify_job *job = arg;

    job->call = NULL;
    if (!err) {
        close_fd(&job->listing_fd);
        job->call = agent_put_changes(job->daemon->agents, job->socket, job->work.repo_path,
                                      job->changes_fd, changes_laid, job);
    } else if (code_is(err, "AGENT_UNREACHABLE") && ++job->tries <= TRIES_MAX) {
        /* A session whose container is gone ends, and takes this along. */
        daemon_timer(job->daemon, &job->timer, RETRY_MS, retry_changes, job);
        sessions_suspect(job->session);
    } else if (code_is(err, "CHANGES_TOO_LARGE")) {
        give_up(job, "CHANGES_TOO_LARGE", err->message,
                "what the session changed in the repository's folder is too large to verify");
    } else if (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_INVALID) {
        give_up(job, "REPOSITORY_MISSING", err->message,
                "the repository's folder can't be read in the session's container");
    } else {
        give_up(job, "CHANGES_UNREADABLE", err->message,
                "what the session changed could not be read from its container");
    }
}

static void get_changes(struct verify_job *job)
{
    struct daemon *daemon = job->daemon;
    struct error err = ERROR_INIT;
    int64_t image_time;

    if (engine_image_time(daemon->engine, job->work.image, &image_time, &err) < 0) {
        give_up(job, "IMAGE_MISSING", err.message, "the sample's image is not on this host");
        return;
    }
    close_fd(&job->changes_fd);
    job->changes_fd = temporary_file(job, &err);
    if (job->changes_fd < 0) {
        no_file(job, &err);
        return;
    }
    job->call = agent_get_changes(daemon->agents, job->session->socket, job->work.repo_path,
                                  image_time, job->listing_fd, job->changes_fd, got_changes, job);
}

/* --- the claim ------------------------------------------------------------------------------- */

static void cleared(const struct error *err, void *arg)
{
    struct verify_job *job = arg;

    job->engine_busy = false;
    if (is_dropped(job))
        return;
    if (err)
        give_up(job, "CONTAINER_START_FAILED", err->message,
                "what an interrupted verification left could not be removed");
    else
        start_container(job);
}

/* An earlier run began this: whatever it left is removed. */
static void start_over(struct verify_job *job)
{
    job->engine_busy = true;
    engine_stop(job->daemon->engine, job->name, cleared, job);
}

static void resume(struct verify_job *job)
{
    struct engine_usage usage;
    struct error ignored;

    if (engine_usage(job->daemon->engine, job->name, &usage, &ignored) == 0 && usage.running) {
        job->container = true;
        run_verifier(job, true);
    } else {
        start_over(job);
    }
}

static void set_container(struct verify_job *job, const struct id *container_id)
{
    job->container_id = *container_id;
    container_name(CONTAINER_GRADING, container_id, job->name);
    engine_socket(job->daemon->engine, job->name, job->socket);
}

static int claim(struct db *db, void *arg, struct error *err)
{
    struct verify_job *job = arg;

    const struct run *run = &job->daemon->run;

    if (store_verification_claim(db, run, &job->id, VERIFICATIONS_PER_USER, &job->work, err) < 0)
        return -1;
    if (job->work.container_id.text[0])
        return 0;
    return store_verification_container(db, run, &job->id, job->work.attempt, &job->container_id,
                                        job->work.verifier_image, err);
}

static void claimed(const struct error *err, void *arg)
{
    struct verify_job *job = arg;
    struct daemon *daemon = job->daemon;
    struct live_session *session;

    job->database_busy = false;
    if (err) {
        if (err->kind != ERROR_NOT_FOUND && err->kind != ERROR_LIMIT)
            log_error("verification_claim_failed", err);
        await_wake(daemon->await, &job->id);
        free_job(job);
        return;
    }
    if (job->work.container_id.text[0])
        set_container(job, &job->work.container_id);
    session = sessions_find(daemon, &job->work.session_id);
    if (!session || (session->phase != LIVE_READY && session->phase != LIVE_STARTING)) {
        free_job(job); /* it ends, and its end settles this row */
        return;
    }
    job->session = session;
    job->run.timeout = timeout_of(job);
    LIST_INSERT_HEAD(&session->jobs, job, next);
    if (job->work.attempt > daemon->settings->reaper.verify_attempts_max) {
        job->container = true; /* of the attempt before */
        give_up(job, "ATTEMPTS_EXHAUSTED", NULL,
                "given up after several tries: each time the server failed before the end");
    } else if (job->work.attempt > 1) {
        resume(job);
    } else {
        start_container(job);
    }
}

bool verify_has_room(const struct daemon *daemon)
{
    return daemon->job_count < (size_t)daemon->settings->reaper.verifications_max;
}

void verify_claim(struct daemon *daemon, const struct id *id)
{
    struct verify_job *job;
    struct id container_id;

    if (daemon->stopping || !daemon->adopted || !verify_has_room(daemon) ||
        daemon_find(daemon->jobs, id))
        return;
    job = xcalloc(1, sizeof(*job));
    job->id = *id;
    job->daemon = daemon;
    job->listing_fd = job->changes_fd = job->reports_fd = -1;
    job->since = clock_monotonic();
    container_id = id_new();
    set_container(job, &container_id);
    job->database_busy = true;
    daemon->job_count++;
    daemon_insert(&daemon->jobs, job);
    db_pool_insist(daemon->pool, claim, claimed, job);
}

void verify_free_all(struct daemon *daemon)
{
    /* clang-tidy does not see that what is freed leaves the tree first. */
    while (daemon->jobs)
        free_job(*(struct verify_job **)daemon->jobs); // NOLINT
}
