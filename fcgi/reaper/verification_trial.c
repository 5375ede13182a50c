/*
 * verification_trial.c - verifications whose runner is the server's own (trial/trial.h).
 *
 * The grading container's agent prepares the tests first, as long as nothing of the session is
 * there, and runs them after the changes were laid, in the place of the sample's verifier_command.
 * What the preparation left says more about the tests than the session may know, so it stays in
 * the container; what it rehearsed is kept for the next trials of the sample (rehearsals.h).
 */
#include <inttypes.h>
#include <string.h>

#include "agent_client/agent_client.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "reaper/containers.h"
#include "reaper/context.h"
#include "reaper/rehearsals.h"
#include "reaper/verification.h"
#include "settings.h"
#include "wire/agent_protocol.h"
#include "wire/framework.h"

#include "base/banned.h"

#define PLAN_SECONDS 150
#define KEPT_LIST_MOST ((size_t)1 << 20) /* bytes, where only a few of the list are drawn */
#define SHOWN_MOST 1000                  /* bytes of what a preparation that failed wrote */
#define REQUEST_REST 1024                /* bytes of a request beside its texts, at most */

bool job_is_trial(const struct job *job)
{
    return job->work.trial != NULL;
}

static bool lists_name_files(const char *trial)
{
    _cleanup_(json_release) json_object *document = NULL;
    struct error ignored = ERROR_INIT;
    const struct framework *framework = NULL;

    if (json_parse(trial, strlen(trial), &document, NULL, &ignored) == 0)
        framework = framework_find(json_get_text(document, "framework"));
    return framework && framework->lists_name_files;
}

/* What is told of pass_to_pass: where only a few of the list would be drawn and it is very long,
 * nothing. */
static const char *kept_list(const struct job *job)
{
    const char *list = job->work.pass_to_pass;

    return strlen(list) <= KEPT_LIST_MOST || lists_name_files(job->work.trial) ? list : "[]";
}

void job_trial_request(const struct job *job, const char *step, struct buf *request)
{
    bool first = strcmp(step, AGENT_TRIAL_FIRST_STEP) == 0;
    bool is_hidden = job->work.hide_lists || strcmp(job->work.held_out, "[]") != 0;

    /* The sample's own JSON, with more members: it is an object with some. */
    buf_addf(request, "{\"step\":\"%s\",\"" AGENT_TRIAL_TELLS_PLANTED "\":true,\"trial\":", step);
    buf_add(request, job->work.trial, strlen(job->work.trial) - 1);
    buf_addf(request, ",\"fail_to_pass\":%s,\"held_out\":%s,\"pass_to_pass\":%s,\"hidden\":%s}}",
             first ? job->work.fail_to_pass : "[]", first ? job->work.held_out : "[]",
             first ? kept_list(job) : "[]", is_hidden ? "true" : "false");
}

/* --- what was rehearsed ---------------------------------------------------------------------- */

static void add_part(struct sha256_sum *sum, const char *text)
{
    sha256_add(sum, text, strlen(text) + 1);
}

/* All that a rehearsal depends on: the image, how commands are run in it, and the request. */
static struct rehearsal_key rehearsal_key(const struct job *job,
                                          const struct agent_command *command)
{
    _cleanup_(free_ptr) char *image_time =
        xasprintf("%" PRId64, container_image_time(job->container));
    struct sha256_sum *sum = sha256_begin();
    struct rehearsal_key key = {""};

    add_part(sum, job->work.verifier_image);
    add_part(sum, image_time);
    add_part(sum, job->work.profile ? job->work.profile : "");
    add_part(sum, command->workdir);
    add_part(sum, command->env_json ? command->env_json : "");
    add_part(sum, command->command);
    sha256_end_hex(sum, key.hex);
    sha256_free(sum);
    return key;
}

/* The last line, if it is a JSON object: its own words are the container's. */
static bool read_record(const char *out, size_t length, struct buf *record)
{
    _cleanup_(json_release) json_object *object = NULL;
    struct error ignored = ERROR_INIT;
    const char *line;

    if (length == 0 || out[length - 1] != '\n')
        return false;
    line = memrchr(out, '\n', --length);
    line = line ? line + 1 : out;
    length -= (size_t)(line - out);
    if (length > AGENT_TRIAL_REHEARSED_MOST ||
        json_parse(line, length, &object, NULL, &ignored) < 0 ||
        !json_object_is_type(object, json_type_object))
        return false;
    json_write(record, object);
    return record->length <= AGENT_TRIAL_REHEARSED_MOST;
}

static void keep_rehearsed(struct job *job, const struct agent_result *result)
{
    _cleanup_(buf_release) struct buf record = BUF_INIT;

    if (container_image_time(job->container) > 0 &&
        read_record(result->out, result->out_length, &record))
        rehearsals_keep(job->verifications->rehearsals, &job->rehearsal, &record);
}

/* --- the preparation ------------------------------------------------------------------------- */

static void add_end(struct buf *said, const char *text, size_t length)
{
    size_t cut = length > SHOWN_MOST ? length - SHOWN_MOST : 0;

    utf8_sanitize(said, text + cut, length - cut);
}

static void not_prepared(struct job *job, const char *reason)
{
    job_give_up(job, "TRIAL_NOT_PREPARED", reason,
                "the sample's tests could not be prepared; 'codesetctl verification show' tells "
                "the operator why");
}

static void prepared(const struct error *err, const struct agent_result *result, void *arg)
{
    struct job *job = ((struct admission *)arg)->owner;
    struct buf said = BUF_INIT;

    job->call = NULL;
    overtime_end(&job->overtime);
    if (!err && result->end == AGENT_END_EXIT && result->exit_status == 0) {
        keep_rehearsed(job, result);
        admission_return(job_admission(job));
        job_prepared(job);
        return;
    }
    if (!err && job->takes_over) { /* no plan comes of that: it is made without */
        rehearsals_forget(job->verifications->rehearsals, &job->rehearsal);
        admission_return(job_admission(job));
        job_prepare(job);
        return;
    }
    if (err) {
        buf_add_str(&said, err->message);
    } else {
        if (result->message)
            buf_addf(&said, "%s ", result->message);
        add_end(&said, result->err, result->err_length);
    }
    admission_return(job_admission(job));
    if (err && error_has_code(err, "AGENT_UNREACHABLE"))
        job_give_up(job, "GRADING_CONTAINER_LOST", said.data,
                    "the grading container ended before its tests were prepared");
    else
        not_prepared(job, said.data);
    buf_release(&said);
}

/* Bytes of the request's body, in which the command is a text within JSON. */
static size_t body_size(const struct agent_command *command)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    json_write_string(&text, command->command, command->command_length);
    return text.length + strlen(command->workdir) +
           (command->env_json ? strlen(command->env_json) : 0) + REQUEST_REST;
}

static bool is_too_long(struct job *job, const struct agent_command *command)
{
    size_t size = body_size(command);
    _cleanup_(free_ptr) char *reason = NULL;

    if (size <= AGENT_REQUEST_CAP)
        return false;
    reason = xasprintf("the sample's lists of tests (fail_to_pass, held_out, pass_to_pass) are too "
                       "long for a trial: with them its request has %zu bytes, at most %lld are "
                       "allowed. Take names out of pass_to_pass, or split the sample",
                       size, (long long)AGENT_REQUEST_CAP);
    not_prepared(job, reason);
    return true;
}

/* What was rehearsed for an earlier trial, if it is drawn and there is room for it. The request is
 * an object, and ends with its brace. */
static void add_rehearsed(struct job *job, struct buf *request, struct agent_command *command)
{
    const struct buf *record = rehearsals_draw(job->verifications->rehearsals, &job->rehearsal);

    /* Within JSON a quote and a backslash take two bytes. */
    if (!record || body_size(command) + 2 * record->length > (size_t)AGENT_REQUEST_CAP)
        return;
    buf_truncate(request, request->length - 1);
    buf_addf(request, ",\"" AGENT_TRIAL_REHEARSED "\":%s}", record->data);
    command->command = request->data;
    command->command_length = request->length;
    job->takes_over = true;
}

void job_prepare(struct job *job)
{
    _cleanup_(buf_release) struct buf request = BUF_INIT;
    struct agent_command command = {
        .id = job->plan_id.text,
        .is_trial = true,
        .workdir = job->work.repo_path,
        .env_json = container_environment(job->container),
        .timeout_seconds = PLAN_SECONDS,
    };

    job->plan_id = id_new();
    job_trial_request(job, AGENT_TRIAL_FIRST_STEP, &request);
    command.command = request.data;
    command.command_length = request.length;
    if (is_too_long(job, &command))
        return;
    job->rehearsal = rehearsal_key(job, &command);
    job->takes_over = false;
    add_rehearsed(job, &request, &command);
    job->call = agent_run(job_context(job)->agents, container_address(job->container), &command,
                          false, prepared, job_admission(job));
    overtime_begin(&job->overtime, job_context(job), CONTAINER_GRADING, &job->container_id,
                   job->call, PLAN_SECONDS);
}

/* Of a supervisor that did its part, or was ended, whatever it wrote there. */
void job_take_planted(struct job *job)
{
    if (!job_is_trial(job) || job->run.exit_status == AGENT_TRIAL_FAULT)
        return;
    job->planted = job->run.err;
    job->planted_length = job->run.err_length;
    job->run.err = "";
    job->run.err_length = 0;
}

bool job_trial_broke(struct job *job)
{
    _cleanup_(buf_release) struct buf said = BUF_INIT;

    if (!job_is_trial(job) || job->run.timed_out || job->run.out_of_memory ||
        job->run.exit_status != AGENT_TRIAL_FAULT)
        return false;
    add_end(&said, job->run.err, job->run.err_length);
    job_give_up(job, "TRIAL_BROKEN", said.data,
                "the supervisor of the sample's tests could not do its part");
    return true;
}

void job_tell_tampered(const struct job *job, struct buf *out)
{
    if (job_is_trial(job) && job->run.exit_status == AGENT_TRIAL_TAMPERED)
        buf_add_str(out,
                    "GRADER_TAMPERED: tests with a failure planted in them passed, so the change "
                    "deceives its tests. It is no success, whatever they say.\n");
}
