/*
 * trial.c - codesetctl sample try: what a task's author wants to know before anybody is given the
 * task. In a session as any user's the verifier runs twice, on the unchanged repository, which must
 * fail, and on one with the sample's own patch, which must pass.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "routes/doorbell.h"
#include "store/interactions.h"
#include "store/samples.h"
#include "store/sessions.h"
#include "store/verifications.h"

#include "base/banned.h"

#define LOOK_AGAIN_MS 100
#define DAEMON_SECONDS 300 /* for what takes seconds where a daemon runs */
#define COMMAND_SECONDS 120
#define MINUTE 60
#define RUNS_MOST 3 /* of the verifier in a verification: docs/verdicts.md, whose doing it is */
#define PATCH_FILE "/tmp/.codeset-try.patch"

/* git's apply takes all of a patch or nothing. It is told of no repository: in one it passes over
 * files that are not below the folder, or complains about the owner. */
static const char apply_command[] =
    "said=$(GIT_DIR=/dev/null git apply --whitespace=nowarn " PATCH_FILE " 2>&1) || "
    "patch -p1 -i " PATCH_FILE " || { printf '%s\n' \"$said\"; exit 1; }";

/* Ctrl-C, or a time limit: the session is closed all the same. */
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

struct trial {
    struct ctl *ctl;
    struct db *db;
    struct doorbell bell;
    struct user user;
    struct sample_summary sample;
    json_object *document; /* the sample's */
    struct id session_id;
    bool opened;
    int64_t verify_seconds; /* the longest that a verification may take */
};

static void trial_release(struct trial *trial)
{
    double duration;
    bool changed;
    struct error ignored = ERROR_INIT;

    if (trial->opened && store_session_close(trial->db, NULL, trial->session_id.text, &duration,
                                             &changed, &ignored) == 0)
        doorbell_ring(&trial->bell, WORK_SESSION, &trial->session_id);
    doorbell_release(&trial->bell);
    user_release(&trial->user);
    sample_summary_release(&trial->sample);
    json_object_put(trial->document);
}

/* Until the row has ended. what: for the message and the progress. */
static int wait_for(struct trial *trial, const char *kind, const struct id *id, int64_t seconds,
                    const char *what, struct error *err)
{
    const struct timespec pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};
    int64_t begun = clock_monotonic();
    struct progress progress;
    bool finished = false;

    progress_begin(&progress);
    for (;;) {
        int64_t passed = (clock_monotonic() - begun) / CLOCK_SECOND;

        if (store_is_finished(trial->db, kind, id, &finished, err) < 0)
            return -1;
        if (finished)
            break;
        if (interrupted)
            return error_set(err, ERROR_UNAVAILABLE, NULL, "interrupted; the session is closed");
        if (passed > seconds)
            return error_set(err, ERROR_UNAVAILABLE, NULL,
                             "%s has not ended after %lld s; is codeset-reaper running? "
                             "'codesetctl node list' shows it",
                             what, (long long)passed);
        if (progress_due(&progress))
            progress_show(&progress, "%s: %lld s", what, (long long)passed);
        nanosleep(&pause, NULL);
    }
    progress_end(&progress);
    return 0;
}

static int open_session(struct trial *trial, struct error *err)
{
    struct new_session wanted = {
        .session_id = trial->session_id = id_new(),
        .user_id = trial->user.user_id,
        .dataset = trial->sample.dataset,
        .sample_id = trial->sample.sample_id,
        /* Should this program be killed, the session ends by itself. */
        .ttl_minutes = (2 * trial->verify_seconds + 2 * DAEMON_SECONDS) / MINUTE + 1,
        .open_max = ctl_settings(trial->ctl)->api.sessions_per_user,
    };
    _cleanup_(session_release) struct session session = {0};
    int64_t expires_at;

    if (store_session_create(trial->db, &wanted, &expires_at, err) < 0)
        return -1;
    trial->opened = true;
    doorbell_ring(&trial->bell, WORK_SESSION, &trial->session_id);
    if (wait_for(trial, "session", &trial->session_id, DAEMON_SECONDS, "the session", err) < 0 ||
        store_session_get(trial->db, NULL, trial->session_id.text, &session, err) < 0)
        return -1;
    return session.status == SESSION_READY
               ? 0
               : error_set(err, ERROR_UNAVAILABLE, NULL, "no session can be started: %s: %s",
                           session.error_code ? session.error_code
                                              : session_status_name(session.status),
                           session.error_message ? session.error_message : "it has ended");
}

/* What an interaction came to; *ret_success. */
static int interact(struct trial *trial, struct new_interaction *wanted, const char *what,
                    struct interaction *ret_interaction, struct error *err)
{
    wanted->interaction_id = id_new();
    wanted->user_id = trial->user.user_id;
    wanted->session_id = trial->session_id.text;
    wanted->unfinished_max = ctl_settings(trial->ctl)->api.interactions_per_session;
    if (store_interaction_create(trial->db, wanted, err) < 0)
        return -1;
    doorbell_ring(&trial->bell, WORK_INTERACTION, &wanted->interaction_id);
    if (wait_for(trial, "interaction", &wanted->interaction_id, DAEMON_SECONDS, what, err) < 0)
        return -1;
    return store_interaction_get(trial->db, &trial->user.user_id, trial->session_id.text,
                                 wanted->interaction_id.text, ret_interaction, err);
}

static struct text text_of(const char *text)
{
    return (struct text){(char *)text, strlen(text)};
}

static int apply_patch(struct trial *trial, const char *patch, struct error *err)
{
    struct new_interaction upload = {
        .type = INTERACTION_UPLOAD, .file_path = text_of(PATCH_FILE), .content = text_of(patch)};
    struct new_interaction apply = {.type = INTERACTION_EXEC,
                                    .command = text_of(apply_command),
                                    .command_timeout = COMMAND_SECONDS};
    _cleanup_(interaction_release) struct interaction laid = {0}, applied = {0};

    if (interact(trial, &upload, "the upload of the patch", &laid, err) < 0)
        return -1;
    if (laid.success != 1)
        return error_set(err, ERROR_UNAVAILABLE, NULL, "the patch cannot be uploaded: %s",
                         laid.message ? laid.message : "no reason was given");
    if (interact(trial, &apply, "the application of the patch", &applied, err) < 0)
        return -1;
    if (applied.success != 1)
        return error_set(err, ERROR_INVALID, NULL,
                         "the sample's patch cannot be applied in %s (status %lld): %.300s%.100s",
                         trial->sample.repo_path, (long long)applied.exit_code,
                         applied.out.bytes ? applied.out.bytes : "",
                         applied.err.bytes ? applied.err.bytes : "");
    return 0;
}

static int verify(struct trial *trial, const char *what, struct verification_report *ret_report,
                  struct error *err)
{
    struct id job_id = id_new();
    int64_t created_at;

    if (store_verification_create(trial->db, &job_id, &trial->user.user_id, trial->session_id.text,
                                  ctl_settings(trial->ctl)->api.verifications_per_session,
                                  &created_at, err) < 0)
        return -1;
    doorbell_ring(&trial->bell, WORK_VERIFICATION, &job_id);
    if (wait_for(trial, "verification", &job_id, trial->verify_seconds + DAEMON_SECONDS, what,
                 err) < 0)
        return -1;
    return store_verification_report(trial->db, job_id.text, ret_report, err);
}

/* --- what is told ---------------------------------------------------------------------------- */

static json_object *verdict_object(const struct verification_report *report, bool expected)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "job_id", report->job_id.text);
    json_add_text(object, "status", job_status_name(report->status));
    json_add(object, "is_success",
             report->is_success < 0 ? NULL : json_object_new_boolean(report->is_success));
    json_add_bool(object, "as_expected", report->is_success == expected);
    json_add_text(object, "reason", report->reason);
    json_add_text(object, "error_code", report->error_code);
    json_add_text(object, "error_message", report->error_message);
    if (report->seconds >= 0)
        json_add_double(object, "seconds", report->seconds);
    else
        json_add(object, "seconds", NULL);
    return object;
}

static void say(const struct verification_report *report, const char *what, bool expected)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    buf_addf(&text, "%s: ", what);
    if (report->is_success < 0)
        buf_addf(&text, "no verdict (%s)\n%s",
                 report->error_code ? report->error_code : "cancelled",
                 report->error_message ? report->error_message : "");
    else
        buf_addf(&text, "%s, %s%s%s", report->is_success ? "passes" : "fails",
                 report->is_success == expected ? "as it should" : "which it should not",
                 report->reason ? ": " : "", report->reason ? report->reason : "");
    if (report->is_success != expected)
        buf_addf(&text, "\nTo see more: codesetctl verification show %s", report->job_id.text);
    output_block(text.data);
}

/* *good: becomes false where the verdict is not the expected one. */
static int tell(struct trial *trial, const char *key, const char *what, bool expected,
                json_object *told, bool *good, struct error *err)
{
    _cleanup_(verification_report_release) struct verification_report report = {0};

    if (verify(trial, what, &report, err) < 0)
        return -1;
    json_object_object_add(told, key, verdict_object(&report, expected));
    if (!ctl_json(trial->ctl))
        say(&report, what, expected);
    *good &= report.is_success == expected;
    return 0;
}

static int run_trial(struct trial *trial, json_object *told, bool *ret_good, struct error *err)
{
    const char *patch = json_get_text(trial->document, "patch");
    bool good = true;

    if (open_session(trial, err) < 0 ||
        tell(trial, "unchanged", "the unchanged repository", false, told, &good, err) < 0)
        return -1;
    if (patch && patch[0]) {
        if (apply_patch(trial, patch, err) < 0 ||
            tell(trial, "patched", "with the sample's patch", true, told, &good, err) < 0)
            return -1;
    } else {
        json_object_object_add(told, "patched", NULL);
        ctl_warn(trial->ctl, "the sample has no patch: whether a right answer passes is not known");
    }
    *ret_good = good;
    return 0;
}

/* --- the command ----------------------------------------------------------------------------- */

static int prepare(struct trial *trial, struct error *err)
{
    const char *dataset = ctl_argument(trial->ctl, 0), *sample = ctl_argument(trial->ctl, 1);
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    trial->db = ctl_find_user(trial->ctl, ctl_option(trial->ctl, "user"), &trial->user, err);
    if (!trial->db)
        return -1;
    if (store_sample_get(trial->db, dataset, sample, 0, &trial->sample, &text, err) < 0)
        return err->kind == ERROR_NOT_FOUND
                   ? error_set(err, ERROR_NOT_FOUND, NULL,
                               "data set '%s' has no sample '%s'; list them with 'codesetctl "
                               "sample list'",
                               dataset, sample)
                   : -1;
    if (!trial->sample.image)
        return error_set(err, ERROR_INVALID, NULL,
                         "the sample has no image, so no session can be started from it; import "
                         "it again with --image or --image-map");
    trial->verify_seconds = trial->sample.verify_timeout
                                ? trial->sample.verify_timeout
                                : ctl_settings(trial->ctl)->reaper.verify_timeout_seconds;
    trial->verify_seconds *= RUNS_MOST;
    return json_parse(text.data, text.length, &trial->document, NULL, err);
}

int ctl_sample_try(struct ctl *ctl)
{
    _cleanup_(trial_release) struct trial trial = {
        .ctl = ctl, .bell = DOORBELL_INIT(ctl_settings(ctl)->api.doorbell_socket)};
    _cleanup_(json_release) json_object *told = json_object_new_object();
    struct error err = ERROR_INIT;
    const struct sigaction action = {.sa_handler = on_signal};
    bool good = false;

    if (!ctl_option(ctl, "user"))
        return ctl_usage(ctl, "--user is missing: whose session the trial is to be");
    if (prepare(&trial, &err) < 0)
        return ctl_fail(ctl, &err);
    json_add_text(told, "dataset", trial.sample.dataset);
    json_add_text(told, "sample_id", trial.sample.sample_id);
    json_add_int(told, "version", trial.sample.version);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (run_trial(&trial, told, &good, &err) < 0)
        return ctl_fail(ctl, &err);
    json_add_text(told, "session_id", trial.session_id.text);
    json_add_bool(told, "good", good);
    if (ctl_json(ctl))
        output_object(true, told);
    return good ? CTL_OK : CTL_FAILED;
}
