/*
 * regrade.c - codesetctl verify regrade: verdicts once more, from the changes that were kept,
 * without the sessions; and which of them are other ones now.
 *
 * Each repetition is a verification of its own that any daemon takes up; the first verdict stays as
 * it was told. A few are asked for at a time, so that users' verifications find places between
 * them.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "routes/doorbell.h"
#include "store/changes.h"
#include "store/sessions.h"
#include "store/verifications.h"

#include "base/banned.h"

#define AT_ONCE 8
#define LOOK_AGAIN_MS 100
#define LIMIT_DEFAULT 1000
#define LIMIT_MOST 100000
#define STALLED_SECONDS 300 /* beyond a verifier's time, without any end: is there a daemon? */
#define RUNS_MOST 3         /* of the verifier in a verification */

/* Ctrl-C, or a time limit: what was asked for is done by the daemon all the same. */
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

struct repetition {
    json_object *row; /* of `rows` */
    struct id job_id; /* the new one's */
    bool waits;
};

struct regrading {
    struct ctl *ctl;
    struct db *db;
    struct doorbell bell;
    bool latest;
    json_object
        *rows; /* of {"job_id", "dataset", "sample_id", "before", "after", "changed", ...} */
    struct repetition under_way[AT_ONCE];
    size_t begun, waiting, ended, changed, failed;
    int64_t heard_at; /* monotonic: of the last end */
    struct progress progress;
};

static void regrading_release(struct regrading *regrading)
{
    doorbell_release(&regrading->bell);
    json_object_put(regrading->rows);
}

static const char *verdict_word(int is_success, const char *error_code)
{
    return is_success < 0 ? error_code ? error_code : "no verdict"
           : is_success   ? "success"
                          : "failure";
}

static void add_row(const struct regradable *regradable, void *arg)
{
    json_object *row = json_object_new_object();

    json_add_text(row, "job_id", regradable->job_id.text);
    json_add_text(row, "dataset", regradable->dataset);
    json_add_text(row, "sample_id", regradable->sample_id);
    json_add_text(row, "before", verdict_word(regradable->is_success, regradable->error_code));
    json_add_text(row, "after", NULL);
    json_add(row, "changed", NULL);
    json_add_text(row, "new_job_id", NULL);
    json_object_array_add(arg, row);
}

/* --- one ------------------------------------------------------------------------------------- */

static int begin(struct regrading *regrading, struct repetition *repetition, struct error *err)
{
    json_object *row = json_object_array_get_idx(regrading->rows, regrading->begun++);
    struct id of;

    if (id_parse(json_get_text(row, "job_id"), ID_LENGTH, &of) < 0)
        return error_set(err, ERROR_INTERNAL, NULL, "a verification's id cannot be read");
    repetition->row = row;
    repetition->job_id = id_new();
    if (store_regrade_create(regrading->db, &repetition->job_id, &of, regrading->latest, err) < 0) {
        if (err->kind != ERROR_NOT_FOUND)
            return -1;
        json_add_text(row, "after", err->message);
        error_clear(err);
        regrading->failed++;
        return 0;
    }
    json_add_text(row, "new_job_id", repetition->job_id.text);
    repetition->waits = true;
    regrading->waiting++;
    doorbell_ring(&regrading->bell, WORK_VERIFICATION, &repetition->job_id);
    return 0;
}

static int take(struct regrading *regrading, struct repetition *repetition, struct error *err)
{
    _cleanup_(verification_report_release) struct verification_report report = {0};
    const char *before = json_get_text(repetition->row, "before"), *after;
    bool changed;

    if (store_verification_report(regrading->db, repetition->job_id.text, &report, err) < 0)
        return -1;
    after = verdict_word(report.is_success, report.error_code);
    changed = strcmp(before, after) != 0;
    json_add_text(repetition->row, "after", after);
    json_add_bool(repetition->row, "changed", changed);
    json_add_text(repetition->row, "reason", report.reason ? report.reason : report.error_message);
    regrading->changed += changed;
    regrading->failed += report.is_success < 0;
    regrading->ended++;
    regrading->waiting--;
    repetition->waits = false;
    regrading->heard_at = clock_monotonic();
    return 0;
}

/* --- all ------------------------------------------------------------------------------------- */

static int step(struct regrading *regrading, struct repetition *repetition, struct error *err)
{
    bool finished = false;

    if (!repetition->waits)
        return regrading->begun < json_object_array_length(regrading->rows)
                   ? begin(regrading, repetition, err)
                   : 0;
    if (store_is_finished(regrading->db, "verification", &repetition->job_id, &finished, err) < 0)
        return -1;
    return finished ? take(regrading, repetition, err) : 0;
}

static int check_alive(const struct regrading *regrading, struct error *err)
{
    int64_t longest =
        RUNS_MOST * ctl_settings(regrading->ctl)->reaper.verify_timeout_seconds + STALLED_SECONDS;

    if (interrupted)
        return error_set(err, ERROR_UNAVAILABLE, NULL,
                         "interrupted; those that were asked for go on, and 'codesetctl "
                         "verification list' shows them");
    if (clock_monotonic() - regrading->heard_at > longest * CLOCK_SECOND)
        return error_set(err, ERROR_UNAVAILABLE, NULL,
                         "none has ended for %" PRId64 " s; is codeset-reaper running? 'codesetctl "
                         "node list' shows it",
                         longest);
    return 0;
}

static int repeat_all(struct regrading *regrading, struct error *err)
{
    const struct timespec pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};
    size_t count = json_object_array_length(regrading->rows);

    regrading->heard_at = clock_monotonic();
    progress_begin(&regrading->progress);
    while (regrading->begun < count || regrading->waiting > 0) {
        for (size_t i = 0; i < AT_ONCE; i++)
            if (step(regrading, &regrading->under_way[i], err) < 0)
                return -1;
        if (check_alive(regrading, err) < 0)
            return -1;
        if (progress_due(&regrading->progress))
            progress_show(&regrading->progress, "%zu of %zu verdicts", regrading->ended, count);
        nanosleep(&pause, NULL);
    }
    progress_end(&regrading->progress);
    return 0;
}

static int find(struct regrading *regrading, int64_t limit, struct error *err)
{
    const char *job_id = ctl_argument(regrading->ctl, 0);
    const char *dataset = ctl_option(regrading->ctl, "dataset");

    regrading->db = ctl_db(regrading->ctl, err);
    if (!regrading->db || (dataset && ctl_check_dataset(regrading->db, dataset, err) < 0) ||
        store_regradable_list(regrading->db, dataset, job_id, limit, add_row, regrading->rows,
                              err) < 0)
        return -1;
    if (json_object_array_length(regrading->rows) > 0)
        return 0;
    return error_set(err, ERROR_NOT_FOUND, NULL,
                     "no changes of %s%s are kept: they go after changes_days, those of more than "
                     "changes_bytes_max never are, and a verification must have ended",
                     job_id ? "verification " : "data set ", job_id ? job_id : dataset);
}

static void print(const struct regrading *regrading)
{
    static const struct output_column columns[] = {{"JOB ID", "job_id"},    {"DATASET", "dataset"},
                                                   {"SAMPLE", "sample_id"}, {"BEFORE", "before"},
                                                   {"AFTER", "after"},      {"CHANGED", "changed"}};

    output_rows(ctl_json(regrading->ctl), regrading->rows, columns, ARRAY_SIZE(columns), "");
    if (!ctl_json(regrading->ctl))
        printf("%zu verdict%s, %zu changed, %zu without a verdict\n", regrading->ended,
               regrading->ended == 1 ? "" : "s", regrading->changed, regrading->failed);
}

int ctl_verify_regrade(struct ctl *ctl)
{
    _cleanup_(regrading_release) struct regrading regrading = {
        .ctl = ctl,
        .bell = DOORBELL_INIT(ctl_settings(ctl)->api.doorbell_socket),
        .latest = ctl_option(ctl, "latest") != NULL,
        .rows = json_object_new_array(),
    };
    const struct sigaction action = {.sa_handler = on_signal};
    struct error err = ERROR_INIT;
    int64_t limit;
    int status;

    if (!ctl_argument(ctl, 0) == !ctl_option(ctl, "dataset"))
        return ctl_usage(ctl, "give either a JOB_ID or --dataset NAME");
    if (ctl_argument(ctl, 0) && !id_valid(ctl_argument(ctl, 0)))
        return ctl_usage(ctl, "not the id of a verification: '%.80s'", ctl_argument(ctl, 0));
    if (ctl_option_int(ctl, "limit", 1, LIMIT_MOST, LIMIT_DEFAULT, &limit) != CTL_OK)
        return CTL_USAGE;
    if (find(&regrading, limit, &err) < 0)
        return ctl_fail(ctl, &err);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    status = repeat_all(&regrading, &err);
    if (status < 0)
        progress_end(&regrading.progress);
    print(&regrading);
    if (status < 0)
        return ctl_fail(ctl, &err);
    return regrading.failed > 0 ? CTL_FAILED : CTL_OK;
}
