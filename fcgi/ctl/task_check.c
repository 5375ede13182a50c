/*
 * task_check.c - codesetctl task check: which samples of a data set can be trained on; and sample
 * try, the same for one sample, once, with more words and without a trace.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "ctl/planted.h"
#include "ctl/trial.h"
#include "routes/doorbell.h"
#include "store/sample_checks.h"
#include "store/samples.h"

#include "base/banned.h"

#define LOOK_AGAIN_MS 100
#define MINUTE 60
#define WHY_SHOWN 100 /* bytes, in the table */
#define STATES (SAMPLE_BROKEN + 1)
#define REPEAT_DEFAULT 3
#define JOBS_DEFAULT 2
#define TASKS_DATASET "tasks" /* of folders */

/* Ctrl-C, or a time limit: the sessions are closed all the same. */
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static void heed_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void pause_shortly(void)
{
    const struct timespec pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};

    nanosleep(&pause, NULL);
}

static int was_interrupted(struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, NULL,
                     "interrupted; the sessions are closed, and what was found is stored");
}

/* --- many samples ---------------------------------------------------------------------------- */

struct wanted_sample {
    char *dataset, *sample_id;
};

struct running_trial {
    struct trial *trial;
    size_t place; /* among the wanted */
};

struct check {
    struct ctl *ctl;
    struct trial_world world;
    struct doorbell bell;
    struct user user;
    bool unchecked_only;
    struct wanted_sample *wanted;
    size_t count, next; /* next: to be started */
    struct running_trial running[TRIAL_AT_ONCE_MOST];
    size_t trials, jobs;
    json_object *rows; /* an object each, at the sample's place */
    int64_t states[STATES], unjudged;
    int64_t verified; /* by trials that have ended */
    int64_t begun;    /* monotonic */
    struct progress progress;
};

static void check_release(struct check *check)
{
    for (size_t i = 0; i < check->trials; i++)
        trial_free(check->running[i].trial);
    for (size_t i = 0; i < check->count; i++) {
        free(check->wanted[i].dataset);
        free(check->wanted[i].sample_id);
    }
    free(check->wanted);
    json_object_put(check->rows);
    doorbell_release(&check->bell);
    user_release(&check->user);
}

static void add_duration(int64_t seconds, struct buf *out)
{
    if (seconds < 2 * MINUTE)
        buf_addf(out, "%" PRId64 " s", seconds);
    else
        buf_addf(out, "%" PRId64 " min", seconds / MINUTE);
}

static void show_progress(struct check *check)
{
    const int64_t all = 2 * check->world.repeat * (int64_t)check->count;
    const int64_t passed = (clock_monotonic() - check->begun) / CLOCK_SECOND;
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    int64_t done = check->verified;

    if (!progress_due(&check->progress))
        return;
    for (size_t i = 0; i < check->trials; i++)
        done += trial_verified(check->running[i].trial);
    add_duration(passed, &text);
    if (done > 0) {
        buf_add_str(&text, ", time left: ");
        add_duration(passed * (all - done) / done, &text);
    }
    progress_show(&check->progress,
                  "%zu of %zu samples, %" PRId64 " of %" PRId64 " verifications, %s",
                  check->next - check->trials, check->count, done, all, text.data);
}

/* The server's faults say nothing of the sample, so nothing is stored of them. */
static int store_check(struct check *check, const struct trial *trial, json_object *object,
                       struct error *err)
{
    _cleanup_(buf_release) struct buf detail = BUF_INIT;
    const struct sample_summary *sample = trial_sample(trial);
    struct sample_check stored = {.dataset = sample->dataset,
                                  .sample_id = sample->sample_id,
                                  .version = sample->version,
                                  .repeats = check->world.repeat};
    const char *reason;

    if (!trial_judged(trial, &reason)) {
        check->unjudged++;
        return 0;
    }
    stored.state = trial_state(trial, &reason);
    check->states[stored.state]++;
    json_write(&detail, object);
    stored.detail = detail.data;
    return store_sample_check_set(check->world.db, &stored, err);
}

static int end_trial(struct check *check, size_t at, struct error *err)
{
    struct running_trial ended = check->running[at];
    json_object *object = trial_object(ended.trial);
    int status = store_check(check, ended.trial, object, err);

    json_add(object, "planted_failures", trial_planted(ended.trial)); /* too long to be stored */
    json_object_array_put_idx(check->rows, ended.place, object);
    check->verified += trial_verified(ended.trial);
    check->running[at] = check->running[--check->trials];
    trial_free(ended.trial);
    return status;
}

/* 0 also where a limit of the user's leaves no room for one more than run already. */
static int start_trial(struct check *check, struct error *err)
{
    const struct wanted_sample *sample = &check->wanted[check->next];
    struct trial *trial = trial_new(&check->world, sample->dataset, sample->sample_id, err);

    if (!trial) {
        if (err->kind != ERROR_LIMIT || check->trials == 0)
            return -1;
        error_clear(err);
        check->jobs = check->trials;
        return 0;
    }
    check->running[check->trials++] = (struct running_trial){trial, check->next++};
    return 0;
}

static int step_all(struct check *check, struct error *err)
{
    for (size_t i = check->trials; i-- > 0;) {
        int stepped = trial_step(check->running[i].trial, err);

        if (stepped < 0 || (stepped > 0 && end_trial(check, i, err) < 0))
            return -1;
    }
    return 0;
}

static int run_check(struct check *check, struct error *err)
{
    while (check->next < check->count || check->trials > 0) {
        if (interrupted)
            return was_interrupted(err);
        while (check->next < check->count && check->trials < check->jobs) {
            const size_t before = check->trials;

            if (start_trial(check, err) < 0)
                return -1;
            if (check->trials == before)
                break;
        }
        if (step_all(check, err) < 0)
            return -1;
        show_progress(check);
        if (check->trials > 0)
            pause_shortly();
    }
    return 0;
}

/* --- what is told ---------------------------------------------------------------------------- */

static void add_runs(json_object *row, const char *key, json_object *half, const char *wanted)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    if (half)
        buf_addf(&text, "%" PRId64 "/%" PRId64, json_get_int(half, wanted, 0),
                 json_get_int(half, "runs", 0));
    json_add_text(row, key, half ? text.data : "-");
}

static void add_planted(json_object *row, json_object *object)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    planted_tell_shortly(json_object_object_get(object, "planted_failures"), &text);
    json_add_text(row, "planted", text.data);
}

/* The reason in one line, and of a flaky sample its tests first. */
static void add_why(json_object *row, json_object *object)
{
    const char *reason = json_get_text(object, "reason"), *state = json_get_text(object, "state");
    json_object *tests = json_object_object_get(object, "flaky_tests");
    _cleanup_(buf_release) struct buf why = BUF_INIT;

    if (state && strcmp(state, "flaky") == 0)
        for (size_t i = 0; i < json_object_array_length(tests) && why.length < WHY_SHOWN; i++)
            buf_addf(&why, "%s%s", i ? ", " : "",
                     json_object_get_string(json_object_array_get_idx(tests, i)));
    if (why.length == 0)
        buf_add_str(&why, reason ? reason : "");
    for (size_t i = 0; i < why.length; i++) {
        if (why.data[i] == '\n')
            why.data[i] = ' ';
    }
    if (why.length > WHY_SHOWN) {
        buf_truncate(&why, utf8_valid_length(why.data, WHY_SHOWN));
        buf_add_str(&why, "...");
    }
    json_add_text(row, "why", why.data);
}

static json_object *table_row(json_object *object)
{
    json_object *row = json_object_new_object();
    json_object *unchanged = json_object_object_get(object, "unchanged");
    json_object *patched = json_object_object_get(object, "patched");
    json_object *half = patched ? patched : unchanged, *seconds = NULL;

    json_add_text(row, "sample_id", json_get_text(object, "sample_id"));
    json_add_text(row, "state",
                  json_get_text(object, "state") ? json_get_text(object, "state") : "not judged");
    add_runs(row, "unchanged", unchanged, "failed");
    add_runs(row, "patched", patched, "passed");
    add_planted(row, object);
    if (half)
        json_object_object_get_ex(half, "seconds", &seconds);
    json_add(row, "seconds", json_object_get(seconds));
    add_why(row, object);
    return row;
}

static void print_table(const struct check *check)
{
    static const struct output_column columns[] = {{"SAMPLE", "sample_id"},
                                                   {"STATE", "state"},
                                                   {"UNCHANGED FAILS", "unchanged"},
                                                   {"SOLVED PASSES", "patched"},
                                                   {"PLANTED FAIL", "planted"},
                                                   {"SECONDS", "seconds"},
                                                   {"WHY", "why"}};
    _cleanup_(json_release) json_object *rows = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(check->rows); i++)
        json_object_array_add(rows, table_row(json_object_array_get_idx(check->rows, i)));
    output_rows(false, rows, columns, ARRAY_SIZE(columns), "");
    printf("%" PRId64 " good, %" PRId64 " slow, %" PRId64 " flaky, %" PRId64 " broken",
           check->states[SAMPLE_GOOD], check->states[SAMPLE_SLOW], check->states[SAMPLE_FLAKY],
           check->states[SAMPLE_BROKEN]);
    if (check->unjudged > 0)
        printf(", %" PRId64 " not judged because of the server", check->unjudged);
    printf("\n");
}

static void print_object(const struct check *check)
{
    _cleanup_(json_release) json_object *object = json_object_new_object();

    for (int state = 0; state < STATES; state++)
        json_add_int(object, sample_state_name((enum sample_state)state), check->states[state]);
    json_add_int(object, "not_judged", check->unjudged);
    json_add(object, "samples", json_object_get(check->rows));
    output_object(true, object);
}

/* --- the command ----------------------------------------------------------------------------- */

static void want(struct check *check, const char *dataset, const char *sample_id)
{
    check->wanted = xrealloc(check->wanted, (check->count + 1) * sizeof(*check->wanted));
    check->wanted[check->count++] = (struct wanted_sample){xstrdup(dataset), xstrdup(sample_id)};
}

static void want_of_list(const struct sample_summary *summary, void *arg)
{
    struct check *check = arg;

    if (!check->unchecked_only || !summary->state)
        want(check, summary->dataset, summary->sample_id);
}

/* The argument is a data set's name, unless it has a slash, or there is no such data set but such a
 * folder. Data sets' names have no slash. */
static int is_folder(struct check *check, const char *argument, bool *ret_folder, struct error *err)
{
    struct error none = ERROR_INIT;
    struct stat st;

    *ret_folder = false;
    if (!strchr(argument, '/') && ctl_check_dataset(check->world.db, argument, &none) == 0)
        return 0;
    if (!strchr(argument, '/') && none.kind != ERROR_NOT_FOUND) {
        *err = none;
        return -1;
    }
    *ret_folder = strchr(argument, '/') || (stat(argument, &st) == 0 && S_ISDIR(st.st_mode));
    return 0;
}

/* Returns an exit status. */
static int choose_tasks(struct check *check, const char *folder)
{
    const char *named = ctl_option(check->ctl, "dataset");
    const char *dataset = named ? named : TASKS_DATASET;
    _cleanup_(json_release) json_object *ids = json_object_new_array();
    int status;

    if (ctl_argument(check->ctl, 1))
        return ctl_usage(check->ctl, "a SAMPLE_ID goes with a data set, not with a folder");
    status = ctl_import_tasks(check->ctl, folder, dataset,
                              ctl_option(check->ctl, "network") != NULL, ids);
    for (size_t i = 0; status == CTL_OK && i < json_object_array_length(ids); i++)
        want(check, dataset, json_object_get_string(json_object_array_get_idx(ids, i)));
    return status;
}

static int choose_samples(struct check *check, struct error *err)
{
    const char *dataset = ctl_argument(check->ctl, 0), *sample = ctl_argument(check->ctl, 1);
    const struct sample_page page = {.dataset = dataset};

    check->unchecked_only = ctl_option(check->ctl, "unchecked") != NULL;
    if (sample) {
        want(check, dataset, sample);
        return 0;
    }
    if (ctl_check_dataset(check->world.db, dataset, err) < 0 ||
        store_sample_list(check->world.db, &page, want_of_list, check, err) < 0)
        return -1;
    return check->count > 0 || check->unchecked_only
               ? 0
               : error_set(err, ERROR_NOT_FOUND, NULL, "data set '%s' has no samples", dataset);
}

/* What one sample leaves unused of the places, its own runs take. */
static void share_places(struct check *check, int64_t jobs)
{
    const int64_t in_session = ctl_settings(check->ctl)->api.verifications_per_session;
    int64_t at_once;

    check->jobs = check->count < (size_t)jobs ? check->count : (size_t)jobs;
    at_once = check->jobs > 0 ? jobs / (int64_t)check->jobs : 1;
    if (at_once > in_session)
        at_once = in_session;
    check->world.at_once = at_once < TRIAL_AT_ONCE_MOST ? at_once : TRIAL_AT_ONCE_MOST;
    check->world.trials = (int64_t)check->jobs;
}

static int open_world(struct ctl *ctl, struct trial_world *world, struct doorbell *bell,
                      struct user *user, struct error *err)
{
    world->settings = ctl_settings(ctl);
    world->db = ctl_find_user(ctl, ctl_option(ctl, "user"), user, err);
    world->user = user;
    world->bell = bell;
    return world->db ? 0 : -1;
}

static int choose(struct check *check)
{
    const char *argument = ctl_argument(check->ctl, 0);
    struct error err = ERROR_INIT;
    bool folder;

    if (is_folder(check, argument, &folder, &err) < 0)
        return ctl_fail(check->ctl, &err);
    if (folder)
        return choose_tasks(check, argument);
    if (ctl_option(check->ctl, "dataset") || ctl_option(check->ctl, "network"))
        return ctl_usage(check->ctl,
                         "--dataset and --network are for a folder; there is none "
                         "called '%s'",
                         argument);
    return choose_samples(check, &err) < 0 ? ctl_fail(check->ctl, &err) : CTL_OK;
}

int ctl_task_check(struct ctl *ctl)
{
    _cleanup_(check_release) struct check check = {
        .ctl = ctl,
        .bell = DOORBELL_INIT(ctl_settings(ctl)->api.doorbell_socket),
        .rows = json_object_new_array()};
    struct error err = ERROR_INIT;
    int64_t jobs;
    int status;

    if (!ctl_option(ctl, "user"))
        return ctl_usage(ctl, "--user is missing: whose sessions the trials are to be");
    if (ctl_option_int(ctl, "repeat", 1, TRIAL_REPEAT_MOST, REPEAT_DEFAULT, &check.world.repeat) !=
            CTL_OK ||
        ctl_option_int(ctl, "jobs", 1, TRIAL_AT_ONCE_MOST, JOBS_DEFAULT, &jobs) != CTL_OK)
        return CTL_USAGE;
    if (open_world(ctl, &check.world, &check.bell, &check.user, &err) < 0)
        return ctl_fail(ctl, &err);
    status = choose(&check);
    if (status != CTL_OK)
        return status;
    share_places(&check, jobs);
    heed_signals();
    check.begun = clock_monotonic();
    progress_begin(&check.progress);
    status = run_check(&check, &err);
    progress_end(&check.progress);
    if (status < 0) {
        ctl_no_sample(&err, ctl_argument(ctl, 0), ctl_argument(ctl, 1));
        return ctl_fail(ctl, &err);
    }
    if (ctl_json(ctl))
        print_object(&check);
    else if (check.count == 0)
        printf("all samples have been checked\n");
    else
        print_table(&check);
    return check.states[SAMPLE_GOOD] == (int64_t)check.count ? CTL_OK : CTL_FAILED;
}

/* --- sample try ------------------------------------------------------------------------------ */

static void say(const struct trial_half *half, const char *what, bool expected)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    const bool right = expected ? half->passed > 0 : half->failed > 0;

    if (half->ended == 0)
        return;
    buf_addf(&text, "%s: ", what);
    if (half->errors > 0)
        buf_addf(&text, "no verdict (%s)\n%s", half->error_code,
                 half->error_message ? half->error_message : "");
    else
        buf_addf(&text, "%s, %s%s%s", half->passed > 0 ? "passes" : "fails",
                 right ? "as it should" : "which it should not", half->reason ? ": " : "",
                 half->reason ? half->reason : "");
    if (!right)
        buf_addf(&text, "\nTo see more: codesetctl verification show %s", half->job_id.text);
    output_block(text.data);
}

static int run_one(struct ctl *ctl, struct trial *trial, struct error *err)
{
    struct progress progress;
    const int64_t begun = clock_monotonic();
    int stepped;

    progress_begin(&progress);
    while ((stepped = trial_step(trial, err)) == 0) {
        if (interrupted) {
            stepped = error_set(err, ERROR_UNAVAILABLE, NULL, "interrupted; the session is closed");
            break;
        }
        if (progress_due(&progress) && !ctl_json(ctl))
            progress_show(&progress, "%s: %lld s", trial_sample(trial)->sample_id,
                          (long long)((clock_monotonic() - begun) / CLOCK_SECOND));
        pause_shortly();
    }
    progress_end(&progress);
    return stepped < 0 ? -1 : 0;
}

static void say_planted(json_object *planted)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    planted_tell(planted, &text);
    if (text.length > 0)
        output_block(text.data);
}

/* Right as far as can be told: without a solution, half of it. */
static bool is_right(const struct trial *trial)
{
    const struct trial_half *unchanged = trial_half(trial, TRIAL_UNCHANGED);
    const struct trial_half *patched = trial_half(trial, TRIAL_PATCHED);

    return unchanged->failed > 0 && (patched->passed > 0 || !trial_has_solution(trial));
}

static int tell_one(struct ctl *ctl, const struct trial *trial)
{
    _cleanup_(json_release) json_object *object = NULL, *planted = trial_planted(trial);
    const char *reason;
    struct error err = ERROR_INIT;

    if (ctl_json(ctl)) {
        object = trial_object(trial);
        json_add(object, "planted_failures", json_object_get(planted));
        json_add_text(object, "session_id", trial_session(trial)->text);
        json_add_bool(object, "good", is_right(trial));
        output_object(true, object);
    } else {
        say(trial_half(trial, TRIAL_UNCHANGED), "the unchanged repository", false);
        say(trial_half(trial, TRIAL_PATCHED), "with the sample's solution", true);
        say_planted(planted);
    }
    if (!trial_has_solution(trial))
        ctl_warn(ctl, "the sample has no solution: whether a right answer passes is not known");
    if (is_right(trial))
        return CTL_OK;
    if (!trial_judged(trial, &reason) || (trial_half(trial, TRIAL_PATCHED)->ended == 0 &&
                                          trial_state(trial, &reason) == SAMPLE_BROKEN && reason)) {
        error_set(&err, ERROR_INVALID, NULL, "%s", reason);
        return ctl_fail(ctl, &err);
    }
    return CTL_FAILED;
}

int ctl_sample_try(struct ctl *ctl)
{
    const char *dataset = ctl_argument(ctl, 0), *sample = ctl_argument(ctl, 1);
    struct doorbell bell = DOORBELL_INIT(ctl_settings(ctl)->api.doorbell_socket);
    struct trial_world world = {.repeat = 1, .at_once = 1, .trials = 1};
    _cleanup_(user_release) struct user user = {0};
    struct trial *trial = NULL;
    struct error err = ERROR_INIT;
    int status;

    if (!ctl_option(ctl, "user"))
        return ctl_usage(ctl, "--user is missing: whose session the trial is to be");
    heed_signals();
    if (open_world(ctl, &world, &bell, &user, &err) == 0)
        trial = trial_new(&world, dataset, sample, &err);
    if (trial && run_one(ctl, trial, &err) == 0) {
        status = tell_one(ctl, trial);
    } else {
        ctl_no_sample(&err, dataset, sample);
        status = ctl_fail(ctl, &err);
    }
    trial_free(trial);
    doorbell_release(&bell);
    return status;
}
