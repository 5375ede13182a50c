#include "ctl/trial.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "ctl/planted.h"
#include "routes/doorbell.h"
#include "settings.h"
#include "store/interactions.h"
#include "store/sessions.h"
#include "store/verifications.h"

#include "base/banned.h"

#define DAEMON_SECONDS 300 /* for what takes seconds where a daemon runs */
#define COMMAND_SECONDS 120
#define SOLUTION_SECONDS 600
#define MINUTE 60
#define RUNS_MOST 3 /* of the verifier in a verification: docs/verdicts.md, whose doing it is */
#define SOLUTION_FILE "/tmp/.codeset-solution"
#define TESTS_TOLD 100
#define TESTS_KEPT 1000
#define NAME_TOLD 300
#define REASON_TOLD 2000
#define OUTPUT_TOLD 300

/* git's apply takes all of a patch or nothing. It is told of no repository: in one it passes over
 * files that are not below the folder, or complains about the owner. */
static const char apply_command[] =
    "said=$(GIT_DIR=/dev/null git apply --whitespace=nowarn " SOLUTION_FILE " 2>&1) || "
    "patch -p1 -i " SOLUTION_FILE " || { printf '%s\n' \"$said\"; exit 1; }";
static const char solve_command[] =
    "if command -v bash >/dev/null; then bash " SOLUTION_FILE "; else sh " SOLUTION_FILE "; fi";

enum stage {
    STAGE_OPENING,   /* the session */
    STAGE_VERIFYING, /* trial->half */
    STAGE_LAYING,    /* the solution is uploaded */
    STAGE_SOLVING,   /* and applied */
    STAGE_ENDED,
};

/* Something that the daemon is to end. */
struct wait {
    const char *kind; /* as store_is_finished has it; NULL: nothing */
    const char *what; /* for people */
    struct id id;
    int64_t since; /* monotonic */
    int64_t seconds;
};

struct trial {
    const struct trial_world *world;
    struct sample_summary sample;
    json_object *document; /* the sample's */
    struct buf solution;   /* a script, else the patch; empty: none */
    bool is_script;
    struct id session_id;
    bool opened;
    enum stage stage;
    enum trial_half_name half;
    struct trial_half halves[TRIAL_HALVES];
    struct planted *planted; /* of the half with its solution */
    struct wait waits[TRIAL_AT_ONCE_MOST];
    int64_t limit_seconds;   /* of the verifier */
    char *trouble;           /* of the sample: it is broken, whatever the runs came to */
    char *failure;           /* of the server: it can't be judged */
    enum sample_state state; /* when it has ended */
    char *reason;            /* of the state */
};

/* Its beginning, in whole characters; to free(). */
static char *cut(const char *text, size_t most)
{
    return text ? xstrndup(text, utf8_valid_length(text, strnlen(text, most))) : NULL;
}

static void half_release(struct trial_half *half)
{
    free(half->reason);
    free(half->error_code);
    free(half->error_message);
    json_object_put(half->outcomes);
    json_object_put(half->differing);
}

void trial_free(struct trial *trial)
{
    double duration;
    bool changed;
    struct error ignored = ERROR_INIT;

    if (!trial)
        return;
    if (trial->opened && store_session_close(trial->world->db, NULL, trial->session_id.text,
                                             &duration, &changed, &ignored) == 0)
        doorbell_ring(trial->world->bell, WORK_SESSION, &trial->session_id);
    for (size_t i = 0; i < TRIAL_HALVES; i++)
        half_release(&trial->halves[i]);
    planted_free(trial->planted);
    sample_summary_release(&trial->sample);
    json_object_put(trial->document);
    buf_release(&trial->solution);
    free(trial->trouble);
    free(trial->failure);
    free(trial->reason);
    free(trial);
}

/* --- waiting --------------------------------------------------------------------------------- */

static void wait_begin(struct wait *wait, const char *kind, const struct id *id, int64_t seconds,
                       const char *what)
{
    *wait = (struct wait){
        .kind = kind, .what = what, .id = *id, .since = clock_monotonic(), .seconds = seconds};
}

/* 1: it has ended, and is waited for no more. */
static int wait_look(struct trial *trial, struct wait *wait, struct error *err)
{
    bool finished = false;

    if (store_is_finished(trial->world->db, wait->kind, &wait->id, &finished, err) < 0)
        return -1;
    if (finished) {
        wait->kind = NULL;
        return 1;
    }
    if (clock_monotonic() - wait->since <= wait->seconds * CLOCK_SECOND)
        return 0;
    return error_set(err, ERROR_UNAVAILABLE, NULL,
                     "%s of sample %s has not ended after %lld s; is codeset-reaper running? "
                     "'codesetctl node list' shows it",
                     wait->what, trial->sample.sample_id, (long long)wait->seconds);
}

/* --- what the runs came to ------------------------------------------------------------------- */

static void count_cases(json_object *result, const char *list, char letter, json_object *outcomes)
{
    json_object *cases = NULL;

    if (!json_object_object_get_ex(result, list, &cases) ||
        !json_object_is_type(cases, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(cases); i++) {
        json_object *one = json_object_array_get_idx(cases, i);
        const char *name = json_get_text(one, "name"), *class = json_get_text(one, "classname");
        const bool both = class && class[0] && name && name[0];
        _cleanup_(free_ptr) char *id =
            xasprintf("%s%s%s", class ? class : "", both ? "::" : "", name ? name : "");
        const char *before = json_get_text(outcomes, id);
        _cleanup_(free_ptr) char *after = xasprintf("%s%c", before ? before : "", letter);

        json_add_text(outcomes, id, after);
    }
}

/* Keys: the tests' ids. Values: a letter for each case of that id. */
static json_object *outcomes_of(const struct text *text)
{
    _cleanup_(json_release) json_object *result = NULL;
    json_object *outcomes = json_object_new_object();
    struct error ignored = ERROR_INIT;

    if (text->bytes && json_parse(text->bytes, text->length, &result, NULL, &ignored) == 0) {
        count_cases(result, "passes", 'p', outcomes);
        count_cases(result, "failures", 'f', outcomes);
        count_cases(result, "skips", 's', outcomes);
    }
    return outcomes;
}

/* Tests of a that b has not, or otherwise. */
static void add_differing(json_object *a, json_object *b, json_object *differing)
{
    json_object_object_foreach (a, id, outcome) {
        const char *other = json_get_text(b, id);

        if (json_object_object_length(differing) < TESTS_KEPT &&
            (!other || strcmp(other, json_object_get_string(outcome)) != 0))
            json_add(differing, id, NULL);
    }
}

static void compare(struct trial_half *half, const struct verification_report *report)
{
    json_object *outcomes = outcomes_of(&report->result);

    if (!half->outcomes) {
        half->outcomes = outcomes;
        half->differing = json_object_new_object();
        half->reason = xstrdup(report->reason);
        return;
    }
    add_differing(outcomes, half->outcomes, half->differing);
    add_differing(half->outcomes, outcomes, half->differing);
    json_object_put(outcomes);
    half->reasons_differ |=
        strcmp(half->reason ? half->reason : "", report->reason ? report->reason : "") != 0;
}

/* Faults of the server's, which say nothing of the sample. */
static bool is_server_fault(const struct verification_report *report)
{
    static const char *const codes[] = {"CHANGES_INCOMPLETE",  "CHANGES_REFUSED",
                                        "CHANGES_UNREADABLE",  "CONTAINER_START_FAILED",
                                        "HOST_DISK_FULL",      "HOST_FULL",
                                        "ATTEMPTS_EXHAUSTED",  "VERDICT_FAILED",
                                        "VERIFICATION_FAILED", "GRADING_CONTAINER_LOST"};

    for (size_t i = 0; report->error_code && i < ARRAY_SIZE(codes); i++) {
        if (strcmp(report->error_code, codes[i]) == 0)
            return true;
    }
    return report->status == JOB_CANCELLED;
}

static void count_run(struct trial *trial, struct trial_half *half,
                      const struct verification_report *report)
{
    half->ended++;
    half->job_id = report->job_id;
    if (report->seconds >= 0)
        half->seconds[half->timed++] = report->seconds;
    if (report->is_success < 0) {
        half->errors++;
        if (!half->error_code) {
            half->error_code = xstrdup(report->error_code ? report->error_code : "CANCELLED");
            half->error_message = xstrdup(report->error_message);
        }
        if (is_server_fault(report) && !trial->failure)
            trial->failure = xasprintf("%s: %s", half->error_code,
                                       report->error_message ? report->error_message
                                                             : "the session ended before");
        return;
    }
    if (report->is_success)
        half->passed++;
    else
        half->failed++;
    compare(half, report);
}

static int compare_seconds(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double most_seconds(const struct trial_half *half)
{
    return half->timed > 0 ? half->seconds[half->timed - 1] : 0;
}

/* Not the same each time: the verdict, or one of the tests that it depends on. */
static bool is_flaky(const struct trial_half *half)
{
    return (half->passed > 0) + (half->failed > 0) + (half->errors > 0) > 1 || half->reasons_differ;
}

static char *flaky_reason(const struct trial *trial)
{
    for (size_t i = 0; i < TRIAL_HALVES; i++) {
        const struct trial_half *half = &trial->halves[i];

        if (is_flaky(half))
            return xasprintf("%s: of %lld runs %lld passed, %lld failed, %lld had no verdict%s",
                             i == TRIAL_UNCHANGED ? "unchanged" : "with its solution",
                             (long long)half->ended, (long long)half->passed,
                             (long long)half->failed, (long long)half->errors,
                             half->reasons_differ ? ", and the listed tests differ" : "");
    }
    return NULL;
}

static char *wrong_half(const struct trial_half *half, const char *when, bool expected)
{
    if (half->errors > 0)
        return xasprintf("%s there is no verdict: %s: %s", when, half->error_code,
                         half->error_message ? half->error_message : "");
    if (half->passed > 0 && !expected)
        return xasprintf("%s it passes", when);
    if (half->failed > 0 && expected)
        return xasprintf("%s it fails: %s", when, half->reason ? half->reason : "");
    return NULL;
}

static char *broken_reason(const struct trial *trial)
{
    char *reason = NULL;

    if (trial->trouble)
        return xstrdup(trial->trouble);
    reason = wrong_half(&trial->halves[TRIAL_UNCHANGED], "unchanged", false);
    if (!reason)
        reason = wrong_half(&trial->halves[TRIAL_PATCHED], "with its solution", true);
    if (!reason && trial->solution.length == 0)
        reason = xstrdup("it has no solution, so whether a right answer passes is not known");
    return reason;
}

static char *slow_reason(const struct trial *trial)
{
    double most = most_seconds(&trial->halves[TRIAL_UNCHANGED]);

    if (most_seconds(&trial->halves[TRIAL_PATCHED]) > most)
        most = most_seconds(&trial->halves[TRIAL_PATCHED]);
    return most * 2 > (double)trial->limit_seconds
               ? xasprintf("its verifier took %.0f s of the %lld s that it may take; raise "
                           "verify_timeout",
                           most, (long long)trial->limit_seconds)
               : NULL;
}

static void judge(struct trial *trial)
{
    /* What differs explains what is wrong; what is wrong is worse than slow. */
    static const struct {
        enum sample_state state;
        char *(*reason)(const struct trial *trial); /* NULL: it is not so */
    } states[] = {
        {SAMPLE_FLAKY, flaky_reason}, {SAMPLE_BROKEN, broken_reason}, {SAMPLE_SLOW, slow_reason}};

    for (size_t i = 0; i < TRIAL_HALVES; i++)
        qsort(trial->halves[i].seconds, (size_t)trial->halves[i].timed, sizeof(double),
              compare_seconds);
    trial->state = SAMPLE_GOOD;
    for (size_t i = 0; i < ARRAY_SIZE(states) && !trial->reason; i++) {
        trial->reason = states[i].reason(trial);
        if (trial->reason)
            trial->state = states[i].state;
    }
}

/* --- stages ---------------------------------------------------------------------------------- */

static int end(struct trial *trial)
{
    trial->stage = STAGE_ENDED;
    judge(trial);
    return 1;
}

static int open_session(struct trial *trial, struct error *err)
{
    const struct trial_world *world = trial->world;
    const int64_t verify = (2 * world->repeat + world->trials) * trial->limit_seconds;
    struct new_session wanted = {
        .session_id = trial->session_id = id_new(),
        .user_id = world->user->user_id,
        .dataset = trial->sample.dataset,
        .sample_id = trial->sample.sample_id,
        /* Should this program be killed, the session ends by itself. */
        .ttl_minutes = (verify + 4 * DAEMON_SECONDS) / MINUTE + 1,
        .open_max = world->settings->api.sessions_per_user,
    };
    int64_t expires_at;

    if (store_session_create(world->db, &wanted, &expires_at, err) < 0)
        return -1;
    trial->opened = true;
    doorbell_ring(world->bell, WORK_SESSION, &trial->session_id);
    wait_begin(&trial->waits[0], "session", &trial->session_id, DAEMON_SECONDS, "the session");
    return 0;
}

static int begin_interaction(struct trial *trial, struct new_interaction *wanted, const char *what,
                             int64_t seconds, struct error *err)
{
    const struct trial_world *world = trial->world;

    wanted->interaction_id = id_new();
    wanted->user_id = world->user->user_id;
    wanted->session_id = trial->session_id.text;
    wanted->unfinished_max = world->settings->api.interactions_per_session;
    if (store_interaction_create(world->db, wanted, err) < 0)
        return -1;
    doorbell_ring(world->bell, WORK_INTERACTION, &wanted->interaction_id);
    wait_begin(&trial->waits[0], "interaction", &wanted->interaction_id, seconds + DAEMON_SECONDS,
               what);
    return 0;
}

static struct text text_of(const char *text, size_t length)
{
    return (struct text){(char *)(uintptr_t)text, length};
}

static int begin_laying(struct trial *trial, struct error *err)
{
    struct new_interaction upload = {.type = INTERACTION_UPLOAD,
                                     .file_path = text_of(SOLUTION_FILE, strlen(SOLUTION_FILE)),
                                     .content =
                                         text_of(trial->solution.data, trial->solution.length)};

    trial->stage = STAGE_LAYING;
    return begin_interaction(trial, &upload, "the upload of the solution", 0, err);
}

static int begin_solving(struct trial *trial, struct error *err)
{
    const char *command = trial->is_script ? solve_command : apply_command;
    const int64_t seconds = trial->is_script ? SOLUTION_SECONDS : COMMAND_SECONDS;
    struct new_interaction apply = {.type = INTERACTION_EXEC,
                                    .command = text_of(command, strlen(command)),
                                    .command_timeout = seconds};

    trial->stage = STAGE_SOLVING;
    return begin_interaction(trial, &apply, "the application of the solution", seconds, err);
}

static int begin_half(struct trial *trial, enum trial_half_name half)
{
    trial->stage = STAGE_VERIFYING;
    trial->half = half;
    return 0;
}

static int after_opening(struct trial *trial, struct error *err)
{
    _cleanup_(session_release) struct session session = {0};
    const char *code;
    char *reason;

    if (store_session_get(trial->world->db, NULL, trial->session_id.text, &session, err) < 0)
        return -1;
    if (session.status == SESSION_READY)
        return begin_half(trial, TRIAL_UNCHANGED);
    code = session.error_code ? session.error_code : session_status_name(session.status);
    reason = xasprintf("no session can be started: %s: %s", code,
                       session.error_message ? session.error_message : "it has ended");
    if (strcmp(code, "IMAGE_MISSING") == 0 || strcmp(code, "IMAGE_REFUSED") == 0)
        trial->trouble = reason;
    else
        trial->failure = reason;
    return end(trial);
}

static int read_interaction(struct trial *trial, struct interaction *ret_interaction,
                            struct error *err)
{
    return store_interaction_get(trial->world->db, &trial->world->user->user_id,
                                 trial->session_id.text, trial->waits[0].id.text, ret_interaction,
                                 err);
}

static int after_laying(struct trial *trial, struct error *err)
{
    _cleanup_(interaction_release) struct interaction laid = {0};

    if (read_interaction(trial, &laid, err) < 0)
        return -1;
    if (laid.success == 1)
        return begin_solving(trial, err);
    trial->failure = xasprintf("the solution cannot be uploaded: %s",
                               laid.message ? laid.message : "no reason was given");
    return end(trial);
}

static int after_solving(struct trial *trial, struct error *err)
{
    _cleanup_(interaction_release) struct interaction applied = {0};
    _cleanup_(free_ptr) char *out = NULL, *error = NULL;

    if (read_interaction(trial, &applied, err) < 0)
        return -1;
    if (applied.success == 1)
        return begin_half(trial, TRIAL_PATCHED);
    out = cut(applied.out.bytes, OUTPUT_TOLD);
    error = cut(applied.err.bytes, OUTPUT_TOLD);
    trial->trouble = xasprintf("the sample's %s cannot be applied in %s (status %lld): %s%s",
                               trial->is_script ? "solution" : "patch", trial->sample.repo_path,
                               (long long)applied.exit_code, out ? out : "", error ? error : "");
    return end(trial);
}

static int start_run(struct trial *trial, struct wait *wait, struct error *err)
{
    const struct trial_world *world = trial->world;
    const int64_t seconds =
        world->trials * world->at_once * trial->limit_seconds * RUNS_MOST + DAEMON_SECONDS;
    struct id job_id = id_new();
    int64_t created_at;

    if (store_verification_create(world->db, &job_id, &world->user->user_id, trial->session_id.text,
                                  world->settings->api.verifications_per_session, &created_at,
                                  err) < 0)
        return -1;
    trial->halves[trial->half].started++;
    doorbell_ring(world->bell, WORK_VERIFICATION, &job_id);
    wait_begin(wait, "verification", &job_id, seconds, "a verification");
    return 0;
}

static int end_run(struct trial *trial, const struct wait *wait, struct error *err)
{
    _cleanup_(verification_report_release) struct verification_report report = {0};

    if (store_verification_report(trial->world->db, wait->id.text, &report, err) < 0)
        return -1;
    count_run(trial, &trial->halves[trial->half], &report);
    if (trial->half == TRIAL_PATCHED)
        planted_add(trial->planted, &report);
    return 0;
}

static int after_half(struct trial *trial, struct error *err)
{
    if (trial->half == TRIAL_PATCHED || trial->failure || trial->solution.length == 0)
        return end(trial);
    return begin_laying(trial, err);
}

static int step_verifying(struct trial *trial, struct error *err)
{
    struct trial_half *half = &trial->halves[trial->half];

    for (int64_t i = 0; i < trial->world->at_once; i++) {
        struct wait *wait = &trial->waits[i];

        if (wait->kind) {
            int looked = wait_look(trial, wait, err);

            if (looked < 0 || (looked > 0 && end_run(trial, wait, err) < 0))
                return -1;
        }
        if (!wait->kind && half->started < trial->world->repeat && !trial->failure &&
            start_run(trial, wait, err) < 0)
            return -1;
    }
    return half->ended < half->started ? 0 : after_half(trial, err);
}

int trial_step(struct trial *trial, struct error *err)
{
    int looked;

    if (trial->stage == STAGE_ENDED)
        return 1;
    if (trial->stage == STAGE_VERIFYING)
        return step_verifying(trial, err);
    looked = wait_look(trial, &trial->waits[0], err);
    if (looked <= 0)
        return looked;
    switch (trial->stage) {
    case STAGE_OPENING:
        return after_opening(trial, err);
    case STAGE_LAYING:
        return after_laying(trial, err);
    default:
        return after_solving(trial, err);
    }
}

/* --- begin ----------------------------------------------------------------------------------- */

static int read_sample(struct trial *trial, const char *dataset, const char *sample_id,
                       struct error *err)
{
    struct db *db = trial->world->db;
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    const char *patch;

    if (store_sample_get(db, dataset, sample_id, 0, &trial->sample, &text, err) < 0 ||
        json_parse(text.data, text.length, &trial->document, NULL, err) < 0 ||
        store_sample_solution(db, dataset, sample_id, trial->sample.version, &trial->solution,
                              err) < 0)
        return -1;
    trial->is_script = trial->solution.length > 0;
    patch = json_get_text(trial->document, "patch");
    if (!trial->is_script && patch)
        buf_add_str(&trial->solution, patch);
    trial->limit_seconds = trial->sample.verify_timeout
                               ? trial->sample.verify_timeout
                               : trial->world->settings->reaper.verify_timeout_seconds;
    return 0;
}

struct trial *trial_new(const struct trial_world *world, const char *dataset, const char *sample_id,
                        struct error *err)
{
    struct trial *trial = xcalloc(1, sizeof(*trial));

    *trial = (struct trial){.world = world, .solution = BUF_INIT, .planted = planted_new()};
    if (read_sample(trial, dataset, sample_id, err) < 0)
        goto failed;
    if (!trial->sample.image) {
        trial->trouble = xstrdup("it has no image, so no session can be started from it; import it "
                                 "again with --image or --image-map");
        end(trial);
    } else if (open_session(trial, err) < 0) {
        goto failed;
    }
    return trial;
failed:
    trial_free(trial);
    return NULL;
}

/* --- what is told ---------------------------------------------------------------------------- */

int64_t trial_verified(const struct trial *trial)
{
    return trial->halves[TRIAL_UNCHANGED].ended + trial->halves[TRIAL_PATCHED].ended;
}

const struct sample_summary *trial_sample(const struct trial *trial)
{
    return &trial->sample;
}

const struct id *trial_session(const struct trial *trial)
{
    return &trial->session_id;
}

const struct trial_half *trial_half(const struct trial *trial, enum trial_half_name name)
{
    return &trial->halves[name];
}

bool trial_expected(enum trial_half_name name)
{
    return name == TRIAL_PATCHED;
}

bool trial_judged(const struct trial *trial, const char **ret_reason)
{
    *ret_reason = trial->failure;
    return !trial->failure;
}

enum sample_state trial_state(const struct trial *trial, const char **ret_reason)
{
    *ret_reason = trial->reason;
    return trial->state;
}

bool trial_has_solution(const struct trial *trial)
{
    return trial->solution.length > 0;
}

static void add_cut(json_object *object, const char *key, const char *text)
{
    _cleanup_(free_ptr) char *beginning = cut(text, REASON_TOLD);

    json_add_text(object, key, beginning);
}

static json_object *half_object(const struct trial_half *half, bool expected)
{
    json_object *object = json_object_new_object();
    const bool alike =
        half->ended > 0 && (half->passed == half->ended || half->failed == half->ended);

    json_add_int(object, "runs", half->ended);
    json_add_int(object, "passed", half->passed);
    json_add_int(object, "failed", half->failed);
    json_add_int(object, "errors", half->errors);
    json_add(object, "is_success", alike ? json_object_new_boolean(half->passed > 0) : NULL);
    json_add_bool(object, "as_expected", alike && (half->passed > 0) == expected);
    add_cut(object, "reason", half->reason);
    json_add_text(object, "error_code", half->error_code);
    add_cut(object, "error_message", half->error_message);
    json_add_double(object, "seconds", half->timed > 0 ? half->seconds[half->timed / 2] : 0);
    json_add_double(object, "seconds_most", most_seconds(half));
    json_add_text(object, "job_id", half->job_id.text);
    return object;
}

static json_object *flaky_tests(const struct trial *trial)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < TRIAL_HALVES; i++) {
        if (!trial->halves[i].differing)
            continue;
        json_object_object_foreach (trial->halves[i].differing, id, ignored) {
            _cleanup_(free_ptr) char *name = cut(id, NAME_TOLD);

            (void)ignored;
            if (json_object_array_length(list) < TESTS_TOLD)
                json_object_array_add(list, json_object_new_string(name));
        }
    }
    return list;
}

json_object *trial_object(const struct trial *trial)
{
    static const char *const names[TRIAL_HALVES] = {"unchanged", "patched"};
    json_object *object = json_object_new_object();

    json_add_text(object, "dataset", trial->sample.dataset);
    json_add_text(object, "sample_id", trial->sample.sample_id);
    json_add_int(object, "version", trial->sample.version);
    json_add_text(object, "state", trial->failure ? NULL : sample_state_name(trial->state));
    add_cut(object, "reason", trial->failure ? trial->failure : trial->reason);
    for (size_t i = 0; i < TRIAL_HALVES; i++)
        json_add(object, names[i],
                 trial->halves[i].ended > 0
                     ? half_object(&trial->halves[i], trial_expected((enum trial_half_name)i))
                     : NULL);
    json_add(object, "flaky_tests", flaky_tests(trial));
    return object;
}

json_object *trial_planted(const struct trial *trial)
{
    return planted_object(trial->planted);
}
