#include "reaper/job_results.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "reaper/await.h"
#include "reaper/context.h"
#include "reaper/db_pool.h"
#include "reaper/job_files.h"
#include "reaper/registry.h"
#include "reaper/result_grader.h"
#include "reaper/rounds.h"
#include "settings.h"
#include "store/jobs.h"
#include "store/sessions.h"

#include "base/banned.h"

#define CHECKS_MAX 16 /* at once; more than processors only wait */
#define AGAIN_MS 2000
#define CARE_ROUNDS 30 /* rounds of the daemon from one look at old results to the next */
#define CARE_MOST 100  /* jobs in one look */

struct job_results {
    struct context *context;
    struct registry all;
    LIST_HEAD(check_list, check) list;
    struct event *care_timer;
    bool caring;
    int64_t opened_at; /* µs since 1970 */
    bool recovered;    /* what an earlier daemon left half-done */
};

/* An upload that is being checked. */
struct check {
    struct id id; /* first */
    struct job_results *results;
    LIST_ENTRY(check) next;
    struct job_upload upload;
    bool claimed;
    size_t others; /* results that are being written besides */
    int in_fd, file_fd;
    struct result_grader *grader;
    struct event *timer;
    int64_t bytes;
    struct result_parts parts;
    const char *code; /* a literal; NULL: it is accepted */
    char *message;
};

/* --- the end --------------------------------------------------------------------------------- */

static void free_check(struct check *check)
{
    LIST_REMOVE(check, next);
    registry_remove(&check->results->all, check);
    job_upload_release(&check->upload);
    close_fd(&check->in_fd);
    close_fd(&check->file_fd);
    if (check->timer)
        event_free(check->timer);
    free(check->message);
    free(check);
}

static void over(struct check *check)
{
    struct context *context = check->results->context;

    await_wake(context->await, &check->id);
    free_check(check);
    rounds_soon(context);
}

static int finish(struct db *db, void *arg, struct error *err)
{
    const struct check *check = arg;
    const struct context *context = check->results->context;
    const struct jobs_settings *settings = context->jobs;
    const struct id *job = &check->upload.job_id;
    _cleanup_(free_ptr) char *parts = check->code ? NULL : result_parts_json(&check->parts);
    const struct job_result result = {.bytes = check->bytes, .parts = parts};
    _cleanup_(job_upload_release) struct job_upload upload = {.bytes = 0};

    if (!check->code && job_file_sync(settings, job, check->file_fd, err) < 0)
        return -1;
    if (store_job_upload_finish(db, context->run, &check->id, check->upload.attempt,
                                check->code ? NULL : &result, check->code, check->message,
                                err) < 0 ||
        store_job_upload_get(db, check->id.text, &upload, err) < 0)
        return -1;
    if (upload.status != UPLOAD_ACCEPTED) {
        job_file_discard(settings, job, &check->id);
    } else if (job_file_place(settings, job, &check->id, err) < 0) {
        log_error("result_place_failed", err); /* the next start tries again */
        error_clear(err);
    }
    job_upload_discard(settings, &check->id);
    return 0;
}

static void finish_begin(struct check *check);

static void finish_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    finish_begin(arg);
}

static void finished(const struct error *err, void *arg)
{
    struct check *check = arg;

    if (err && err->kind != ERROR_NOT_FOUND) {
        log_error("upload_end_refused", err);
        if (!check->code) {
            check->code = "RESULT_FAILED";
            check->message = xstrdup("the server could not keep the result; send it again");
        }
        context_timer(check->results->context, &check->timer, AGAIN_MS, finish_again, check);
        return;
    }
    if (!err)
        log_event(LOG_INFO, "result_checked", "job=%s upload=%s error=%s bytes=%lld",
                  check->upload.job_id.text, check->id.text, check->code ? check->code : "-",
                  (long long)check->bytes);
    over(check);
}

static void finish_begin(struct check *check)
{
    db_pool_insist(check->results->context->pool, DB_LARGE, NULL, finish, finished, check);
}

static void refuse(struct check *check, const char *code, const char *message)
{
    check->code = code;
    check->message = xstrdup(message);
    finish_begin(check);
}

/* --- the check ------------------------------------------------------------------------------- */

static void graded(const struct error *err, int64_t bytes, const struct result_parts *parts,
                   void *arg)
{
    struct check *check = arg;

    check->grader = NULL;
    if (!err) {
        check->bytes = bytes;
        check->parts = *parts;
        finish_begin(check);
    } else if (strcmp(err->code, "RESULT_FAILED") == 0) {
        log_error("result_not_checked", err);
        refuse(check, "RESULT_FAILED", "the server could not check the result; send it again");
    } else {
        refuse(check, err->code, err->message);
    }
}

/* Claims it, and opens its files, on a thread. */
static int claim(struct db *db, void *arg, struct error *err)
{
    struct check *check = arg;
    const struct context *context = check->results->context;
    struct error fault = ERROR_INIT;

    job_upload_release(&check->upload); /* of a try whose answer broke off */
    close_fd(&check->in_fd);
    close_fd(&check->file_fd);
    if (store_job_upload_claim(db, context->run, &check->id, &check->upload, err) < 0)
        return -1;
    if (job_upload_open(context->jobs, &check->id, check->upload.bytes, &check->in_fd, &fault) <
            0 ||
        job_file_create(context->jobs, &check->upload.job_id, &check->id, check->others,
                        &check->file_fd, &fault) < 0)
        log_error("upload_not_opened", &fault);
    return 0;
}

static void claim_again(evutil_socket_t fd, short what, void *arg);

static void claimed(const struct error *err, void *arg)
{
    struct check *check = arg;
    struct context *context = check->results->context;
    const struct jobs_settings *settings = context->jobs;
    const struct result_limits limits = {
        .packed = settings->result_bytes_max,
        .unpacked = settings->result_unpacked_max,
        .entries = settings->result_files_max,
    };

    if (err && err->kind == ERROR_NOT_FOUND) {
        over(check);
        return;
    }
    if (err) { /* it may be ours, and then nobody else takes it */
        log_error("upload_claim_failed", err);
        context_timer(context, &check->timer, AGAIN_MS, claim_again, check);
        return;
    }
    check->claimed = true;
    if (check->in_fd < 0 || check->file_fd < 0)
        refuse(check, "RESULT_FAILED", "the server could not keep the result; send it again");
    else
        check->grader = result_grader_start(context->result_graders, &limits, check->in_fd,
                                            check->file_fd, NULL, graded, check);
}

static void claim_again(evutil_socket_t fd, short what, void *arg)
{
    struct check *check = arg;

    (void)fd;
    (void)what;
    db_pool_insist(check->results->context->pool, DB_SMALL, NULL, claim, claimed, check);
}

/* --- by the clock ---------------------------------------------------------------------------- */

static int remove_old(struct db *db, const struct context *context, struct error *err)
{
    struct id_list due = {.count = 0};
    int rc = store_job_results_due(db, context->run->node, context->jobs->result_days, CARE_MOST,
                                   id_list_add, &due, err);

    for (size_t i = 0; rc == 0 && i < due.count; i++) {
        rc = job_files_remove(context->jobs, &due.ids[i], err);
        if (rc == 0)
            rc = store_job_result_removed(db, &due.ids[i], err);
        if (rc == 0)
            log_event(LOG_INFO, "result_removed", "job=%s", due.ids[i].text);
    }
    id_list_release(&due);
    return rc;
}

static int care(struct db *db, void *arg, struct error *err)
{
    struct job_results *results = arg;
    const struct context *context = results->context;
    int64_t ended = 0;

    if (store_jobs_overdue(db, CARE_MOST, &ended, err) < 0)
        return -1;
    if (ended > 0)
        log_event(LOG_INFO, "jobs_overdue", "count=%lld", (long long)ended);
    if (access(context->jobs->results_dir, F_OK) < 0)
        return 0; /* a host without agents */
    if (!results->recovered && job_files_recover(db, context->jobs, results->opened_at, err) < 0)
        return -1;
    results->recovered = true;
    return remove_old(db, context, err) < 0 ? -1 : job_uploads_prune(db, context->jobs, err);
}

static void care_later(struct job_results *results);

static void cared(const struct error *err, void *arg)
{
    struct job_results *results = arg;

    results->caring = false;
    if (err && err->kind != ERROR_UNAVAILABLE)
        log_error("job_results_care_failed", err);
    care_later(results);
}

static void on_care(evutil_socket_t fd, short what, void *arg)
{
    struct job_results *results = arg;

    (void)fd;
    (void)what;
    if (!context_takes(results->context)) {
        care_later(results);
        return;
    }
    results->caring = true;
    db_pool_submit(results->context->pool, DB_LARGE, NULL, care, cared, results);
}

static void care_later(struct job_results *results)
{
    context_timer(results->context, &results->care_timer,
                  results->recovered ? CARE_ROUNDS * results->context->settings->sweep_ms
                                     : results->context->settings->sweep_ms,
                  on_care, results);
}

/* --- the kind of work ------------------------------------------------------------------------ */

static int64_t results_space(const void *room)
{
    return CHECKS_MAX - (int64_t)((const struct job_results *)room)->all.count;
}

static void results_take(void *room, const struct id *id)
{
    struct job_results *results = room;
    struct check *check;

    if (!context_takes(results->context) || registry_find(&results->all, id) ||
        results_space(results) <= 0)
        return;
    check = xcalloc(1, sizeof(*check));
    check->id = *id;
    check->results = results;
    check->in_fd = check->file_fd = -1;
    check->others = result_graders_pending(results->context->result_graders);
    registry_insert(&results->all, check);
    LIST_INSERT_HEAD(&results->list, check, next);
    db_pool_insist(results->context->pool, DB_SMALL, NULL, claim, claimed, check);
}

static bool results_expected(const void *room, const struct id *id)
{
    const struct job_results *results = room;
    const struct check *check = registry_find(&results->all, id);

    return check && check->claimed;
}

static int results_finished(struct db *db, const struct id *id, bool *ret_finished,
                            struct error *err)
{
    return store_is_finished(db, "job-result", id, ret_finished, err);
}

static int results_search(struct db *db, const struct kind_search *search, struct error *err)
{
    return store_job_upload_claimable(db, search->run, search->limit, search->each, search->arg,
                                      err);
}

static size_t results_count(const void *room)
{
    return ((const struct job_results *)room)->all.count;
}

static void *results_open(struct context *context)
{
    struct job_results *results = xcalloc(1, sizeof(*results));

    results->context = context;
    results->opened_at = clock_now();
    LIST_INIT(&results->list);
    care_later(results);
    return results;
}

static void results_close(void *room)
{
    struct job_results *results = room;
    struct check *check;

    /* clang-tidy does not see that what is freed leaves the list first. */
    while ((check = LIST_FIRST(&results->list))) {
        result_grader_cancel(TAKE_PTR(check->grader)); // NOLINT
        free_check(check);
    }
    if (results->care_timer)
        event_free(results->care_timer);
    free(results);
}

const struct kind job_result_kind = {
    .word = WORK_JOB_RESULT,
    .open = results_open,
    .close = results_close,
    .take = results_take,
    .space = results_space,
    .find = results_search,
    .expected = results_expected,
    .finished = results_finished,
    .count = results_count,
};
