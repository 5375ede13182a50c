#include "reaper/verifications.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "agent_client/agent_client.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "metrics.h"
#include "reaper/await.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/diagnosis.h"
#include "reaper/grader.h"
#include "reaper/listings.h"
#include "reaper/rehearsals.h"
#include "reaper/rounds.h"
#include "reaper/sessions.h"
#include "reaper/verification.h"
#include "settings.h"
#include "store/changes.h"

#include "base/banned.h"

#define MESSAGE_MAX 8000 /* bytes */
#define AGAIN_MS 2000    /* before a claim or an end that the database refused is tried again */

struct context *job_context(const struct job *job)
{
    return job->verifications->context;
}

/* --- the end --------------------------------------------------------------------------------- */

struct admission *job_admission(struct job *job)
{
    return job->control ? &job->control_admission : &job->admission;
}

bool job_is_regrade(const struct job *job)
{
    return job->work.regrade_of.text[0] != '\0';
}

void job_forget_run(struct job *job)
{
    free(TAKE_PTR(job->run_texts));
    job->planted = NULL;
    free(TAKE_PTR(job->found));
    admission_return(job_admission(job));
}

void job_halt(struct job *job)
{
    overtime_end(&job->overtime);
    agent_call_cancel(TAKE_PTR(job->call));
    job_thaw(job);
    admission_return(&job->look_admission); /* a grant would resume the call */
    if (!job->run_texts)
        admission_return(job_admission(job));
    grader_cancel(TAKE_PTR(job->grader));
    close_fd(&job->reports_fd); /* behind the grader: an end of the tar would be an end */
    if (job->timer)
        event_del(job->timer);
    job->changes_wait = job->reads_ahead = false;
    if (job->container)
        container_stop(TAKE_PTR(job->container));
}

static void free_job(struct job *job)
{
    if (job->timer)
        event_free(job->timer);
    LIST_REMOVE(job, next);
    registry_remove(&job->verifications->all, job);
    verification_work_release(&job->work);
    free(job->address);
    free(job->run_texts);
    free(job->verdict.result);
    free(job->verdict.reason);
    free(job->error_message);
    free(job->reason);
    free(job->found);
    free(job->kept_back);
    free(job->crossed);
    free(job->crossed_counts);
    buf_release(&job->kept.archive);
    buf_release(&job->listed.archive);
    job_fault_release(&job->fault);
    admission_return(&job->admission);
    admission_return(&job->control_admission);
    admission_return(&job->look_admission);
    free(job);
}

void job_over(struct job *job)
{
    struct context *context = job_context(job);

    await_wake(context->await, &job->id);
    job->phase = JOB_OVER;
    job_halt(job);
    if (job->database_busy)
        return;
    free_job(job);
    rounds_soon(context); /* there is room for the next */
}

static int write_end(struct db *db, void *arg, struct error *err)
{
    return job_write_end(db, arg, err);
}

static void log_end(const struct job *job)
{
    METRIC_COUNT(VERIFICATIONS, job->error_code ? 2 : !job->verdict.success);
    metric_observe(VERIFICATION_SECONDS, clock_monotonic() - job->since, METRIC_AT(0));
    log_event(LOG_INFO, "verification_finished",
              "verification=%s success=%d error=%s attempt=%lld took_ms=%lld reason=\"%s\"",
              job->id.text, job->verdict.success, job->error_code ? job->error_code : "-",
              (long long)job->work.attempt, (long long)((clock_monotonic() - job->since) / 1000),
              job->verdict.reason ? job->verdict.reason : "");
}

static bool is_about_reports(const char *code)
{
    return strcmp(code, "REPORT_MISSING") == 0 || strcmp(code, "REPORT_STALE") == 0;
}

/* What is known of the verifier's run completes the message. It may quote a guest, so it is made
 * acceptable to the database. */
static char *message_of(const struct job *job, const char *code, const char *sentence)
{
    const char *patterns[AGENT_PATTERNS_MOST];
    _cleanup_(json_release) json_object *array = NULL;
    struct diagnosis diagnosis = {
        .sentence = sentence,
        .run = job->run_texts ? &job->run : NULL,
        .command = job_is_trial(job) ? "" : job->work.verifier_command,
        .folder = job->work.repo_path,
        .patterns = patterns,
        .found = job->found,
        .hide_output = job->work.hide_output,
    };
    _cleanup_(free_ptr) char *message = NULL;
    struct buf text = BUF_INIT;

    if (is_about_reports(code))
        diagnosis.pattern_count = job_report_patterns(job, patterns, ARRAY_SIZE(patterns), &array);
    message = diagnosis_message(&diagnosis);
    utf8_sanitize(&text, message, strnlen(message, MESSAGE_MAX));
    return buf_take(&text);
}

static void set_error(struct job *job, const char *code, const char *reason, const char *sentence)
{
    free(job->error_message);
    job->error_message = message_of(job, code, sentence);
    free(job->reason);
    job->reason = reason ? xstrdup(reason) : NULL;
    job->error_code = code;
    job->verdict.success = false;
}

static void write_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    job_write(arg);
}

static void end_refused(struct job *job, const struct error *err)
{
    log_error("verdict_refused", err);
    if (!job->error_code) {
        set_error(job, "VERDICT_FAILED", err->message, "the result could not be recorded");
        job_write(job);
    } else { /* a row without an end would be waited for as long as its session lives */
        context_timer(job_context(job), &job->timer, AGAIN_MS, write_again, job);
    }
}

static void end_written(const struct error *err, void *arg)
{
    struct job *job = arg;

    job->database_busy--;
    if (err && err->kind != ERROR_NOT_FOUND && job->phase != JOB_OVER) {
        end_refused(job, err);
        return;
    }
    if (job->phase != JOB_OVER)
        log_end(job);
    job_over(job);
}

void job_write(struct job *job)
{
    bool large = !job->error_code && job->verdict.result_length > DB_SMALL_BYTES;

    job->phase = JOB_WRITING;
    job_halt(job); /* the container is not needed any more */
    job->begins_anew = false;
    job->end_waits = job->keeps;
    if (job->keeps)
        return;
    job->database_busy++;
    db_pool_insist(job_context(job)->pool, large ? DB_LARGE : DB_SMALL, &job->work.user_id,
                   write_end, end_written, job);
}

void job_write_error(struct job *job, const char *code, const char *reason, const char *message)
{
    log_event(LOG_WARNING, "verification_failed", "verification=%s code=%s reason=\"%s\"",
              job->id.text, code, reason ? reason : message);
    set_error(job, code, reason, message);
    job_write(job);
}

void job_give_up(struct job *job, const char *code, const char *reason, const char *message)
{
    const struct error known = job->no_report;

    if (job->phase >= JOB_WRITING)
        return;
    if (known.kind != ERROR_NONE) { /* what ended the look into it is not the reason */
        error_clear(&job->no_report);
        code = known.code;
        message = known.message;
        reason = NULL;
    }
    if (!job_settle(job, code, reason, message))
        job_write_error(job, code, reason, message);
}

/* --- the claim ------------------------------------------------------------------------------- */

static int claim(struct db *db, void *arg, struct error *err)
{
    struct job *job = arg;

    verification_work_release(&job->work); /* of a try whose answer broke off */
    return store_verification_claim(db, job_context(job)->run, &job->id, job->user_most, &job->work,
                                    err);
}

static void claimed(const struct error *err, void *arg);

static void claim_again(evutil_socket_t fd, short what, void *arg)
{
    struct job *job = arg;

    (void)fd;
    (void)what;
    job->database_busy++;
    db_pool_insist(job_context(job)->pool, DB_SMALL, NULL, claim, claimed, job);
}

static void not_claimed(struct job *job, const struct error *err)
{
    struct context *context = job_context(job);

    switch (err->kind) {
    case ERROR_LIMIT: /* a round finds it when its user has room */
        free_job(job);
        return;
    case ERROR_NOT_FOUND:
        await_wake(context->await, &job->id);
        free_job(job);
        return;
    default: /* it may be ours, and then nobody else takes it */
        log_error("verification_claim_failed", err);
        context_timer(context, &job->timer, AGAIN_MS, claim_again, job);
    }
}

static void claimed(const struct error *err, void *arg)
{
    struct job *job = arg;
    struct context *context = job_context(job);
    const struct live_session *session;

    job->database_busy--;
    if (err) {
        not_claimed(job, err);
        return;
    }
    session = sessions_find(context->sessions, &job->work.session_id);
    if (!job_is_regrade(job) && (!session || session_is_ending(session))) {
        job_over(job); /* the session's end settles this row, or has done so */
        return;
    }
    job->phase = JOB_WORKING;
    if (job->work.attempt > context->settings->verify_attempts_max)
        job_give_up(job, "ATTEMPTS_EXHAUSTED", NULL,
                    "given up after several attempts, as the server failed each time");
    else
        job_run(job);
}

/* --- the kind of work ------------------------------------------------------------------------ */

/* A container that is being stopped still takes its place. */
static int64_t taken(const struct verifications *verifications)
{
    int64_t jobs = (int64_t)verifications->all.count;
    int64_t containers = (int64_t)containers_count(verifications->context, CONTAINER_GRADING);

    return jobs > containers ? jobs : containers;
}

/* sysinfo(2) rather than /proc/loadavg, which the daemon's unit hides (ProcSubset). */
static double load_average(void)
{
    struct sysinfo info;

    return sysinfo(&info) == 0 ? (double)info.loads[0] / (1 << SI_LOAD_SHIFT) : 0;
}

static int64_t verifications_space(const void *room)
{
    const struct verifications *verifications = room;
    int64_t before = verifications->places->now, used = taken(verifications);
    int64_t now = places_count(verifications->places, clock_monotonic(), load_average(), used);

    if (now != before)
        log_event(LOG_INFO, "verification_places", "places=%lld", (long long)now);
    return now - used;
}

static int64_t verifications_per_user(const void *room)
{
    const struct verifications *verifications = room;
    int64_t places = verifications->places->now;

    if (verifications->per_user > 0)
        return verifications->per_user;
    return places > 1 ? places / 2 : 1;
}

static void verifications_take(void *room, const struct id *id)
{
    struct verifications *verifications = room;
    struct context *context = verifications->context;
    struct job *job;

    if (!context_takes(context) || registry_find(&verifications->all, id) ||
        verifications_space(verifications) <= 0)
        return;
    job = xcalloc(1, sizeof(*job));
    job->id = job->run_id = *id;
    job->verifications = verifications;
    job->user_most = verifications_per_user(verifications);
    job->reports_fd = -1;
    job->since = clock_monotonic();
    job->admission.budget = context->budget;
    job->admission.user = &job->work.user_id;
    job->admission.owner = job;
    job->look_admission = job->control_admission = job->admission;
    job->database_busy++;
    registry_insert(&verifications->all, job);
    LIST_INSERT_HEAD(&verifications->list, job, next);
    db_pool_insist(context->pool, DB_SMALL, NULL, claim, claimed, job);
}

static bool verifications_expected(const void *room, const struct id *id)
{
    const struct verifications *verifications = room;
    const struct job *job = registry_find(&verifications->all, id);

    return job && job->phase != JOB_CLAIMING;
}

static int verifications_finished(struct db *db, const struct id *id, bool *ret_finished,
                                  struct error *err)
{
    return store_is_finished(db, "verification", id, ret_finished, err);
}

static int verifications_search(struct db *db, const struct kind_search *search, struct error *err)
{
    if (store_verification_claimable(db, search->run, search->per_user, search->limit, search->each,
                                     search->arg, err) < 0)
        return -1;
    return store_regrade_claimable(db, search->run, search->limit, search->each, search->arg, err);
}

static bool belongs_to(const struct job *job, const struct id *session_id)
{
    return job->phase != JOB_CLAIMING && !job_is_regrade(job) &&
           memcmp(&job->work.session_id, session_id, sizeof(*session_id)) == 0;
}

static void session_is_ready(void *room, const struct id *session_id)
{
    struct verifications *verifications = room;
    struct job *job, *following;

    for (job = LIST_FIRST(&verifications->list); job; job = following) {
        following = LIST_NEXT(job, next);
        if (belongs_to(job, session_id))
            job_session_ready(job);
    }
}

static void session_has_ended(void *room, const struct id *session_id)
{
    struct verifications *verifications = room;
    struct job *job, *following;

    for (job = LIST_FIRST(&verifications->list); job; job = following) {
        following = LIST_NEXT(job, next);
        if (belongs_to(job, session_id))
            job_over(job);
    }
}

static size_t verifications_count(const void *room)
{
    return ((const struct verifications *)room)->all.count;
}

static void *verifications_open(struct context *context)
{
    const struct reaper_settings *settings = context->settings;
    struct verifications *verifications = xcalloc(1, sizeof(*verifications));

    verifications->context = context;
    LIST_INIT(&verifications->list);
    verifications->places = xcalloc(1, sizeof(*verifications->places));
    places_init(verifications->places, settings->verifications_max, get_nprocs(),
                clock_monotonic());
    verifications->per_user = settings->verifications_per_user;
    verifications->controls = control_list_new();
    verifications->listings = listings_new();
    verifications->rehearsals = rehearsals_new();
    return verifications;
}

int64_t verifications_most(const struct reaper_settings *settings)
{
    struct places places;

    places_init(&places, settings->verifications_max, get_nprocs(), 0);
    return places.least;
}

static void verifications_close(void *room)
{
    struct verifications *verifications = room;
    struct job *job;

    /* clang-tidy does not see that what is freed leaves the list first. */
    while ((job = LIST_FIRST(&verifications->list))) {
        overtime_end(&job->overtime);           // NOLINT
        agent_call_cancel(TAKE_PTR(job->call)); // NOLINT
        grader_cancel(TAKE_PTR(job->grader));
        close_fd(&job->reports_fd);
        free_job(job);
    }
    while (!LIST_EMPTY(&verifications->freezings))
        freezing_free(LIST_FIRST(&verifications->freezings)); // NOLINT
    control_list_free(verifications->controls);
    listings_free(verifications->listings);
    rehearsals_free(verifications->rehearsals);
    free(verifications->places);
    free(verifications);
}

const struct kind verification_kind = {
    .word = WORK_VERIFICATION,
    .open = verifications_open,
    .close = verifications_close,
    .take = verifications_take,
    .space = verifications_space,
    .per_user = verifications_per_user,
    .find = verifications_search,
    .expected = verifications_expected,
    .finished = verifications_finished,
    .ready = session_is_ready,
    .drop = session_has_ended,
    .count = verifications_count,
};
