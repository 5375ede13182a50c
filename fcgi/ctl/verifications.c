/*
 * verifications.c - codesetctl verification.
 */
#include "store/verifications.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "ctl/planted.h"

#include "base/banned.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MOST 1000000

static json_object *listed_object(const struct verification_report *report)
{
    json_object *object = json_object_new_object();

    json_add_text(object, "job_id", report->job_id.text);
    json_add_text(object, "session_id", report->session_id.text);
    json_add_text(object, "user_id", report->user_id.text);
    json_add_text(object, "dataset", report->dataset);
    json_add_text(object, "sample_id", report->sample_id);
    json_add_int(object, "version", report->version);
    json_add_text(object, "status", job_status_name(report->status));
    json_add(object, "is_success",
             report->is_success < 0 ? NULL : json_object_new_boolean(report->is_success));
    json_add_text(object, "error_code", report->error_code);
    json_add_time(object, "created_at", report->created_at);
    json_add_time(object, "started_at", report->started_at);
    json_add_time(object, "completed_at", report->completed_at);
    json_add_int(object, "attempt", report->attempt);
    json_add_text(object, "regrade_of",
                  report->regrade_of.text[0] ? report->regrade_of.text : NULL);
    return object;
}

static void add_listed(const struct verification_report *report, void *arg)
{
    json_object_array_add(arg, listed_object(report));
}

int ctl_verification_list(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"JOB ID", "job_id"},     {"STATUS", "status"},   {"SUCCESS", "is_success"},
        {"ERROR", "error_code"},  {"DATASET", "dataset"}, {"SAMPLE", "sample_id"},
        {"CREATED", "created_at"}};
    const char *word = ctl_option(ctl, "status"), *session = ctl_option(ctl, "session");
    enum job_status status = JOB_PENDING;
    struct error err = ERROR_INIT;
    _cleanup_(json_release) json_object *rows = json_object_new_array();
    struct db *db;
    int64_t limit;

    if (word && job_status_parse(word, &status) < 0)
        return ctl_usage(ctl, "--status must be pending, starting, running, completed, error or "
                              "cancelled");
    if (ctl_option_int(ctl, "limit", 1, LIMIT_MOST, LIMIT_DEFAULT, &limit) != CTL_OK)
        return CTL_USAGE;
    if (session && !id_valid(session))
        return ctl_usage(ctl, "--session must be the id of a session, not '%.80s'", session);
    db = ctl_db(ctl, &err);
    if (!db || store_verification_list(db, word ? (int)status : -1, session, limit, add_listed,
                                       rows, &err) < 0)
        return ctl_fail(ctl, &err);
    output_rows(ctl_json(ctl), rows, columns, ARRAY_SIZE(columns),
                word || session ? "no verification matches" : "there are no verifications yet");
    return CTL_OK;
}

/* --- one of them ----------------------------------------------------------------------------- */

static json_object *parsed(const char *text, size_t length)
{
    json_object *object = NULL;
    struct error ignored = ERROR_INIT;

    return text && json_parse(text, length, &object, NULL, &ignored) == 0 ? object : NULL;
}

/* The verifier's output: of the trace, or of the result, which has all of it. */
static json_object *output_of(const char *kept, size_t length, json_object *result,
                              const char *name)
{
    if (kept)
        return json_object_new_string_len(kept, (int)length);
    return json_object_get(json_object_object_get(result, name));
}

/* A trial's supervisor writes to it only for the operator, or to say why it could not do its part.
 */
static json_object *stderr_of(const struct verification_report *report, json_object *result)
{
    size_t length = planted_offset(report);
    const char *kept = report->is_trial && length == 0 ? NULL : report->err.bytes;

    return output_of(kept, length, result, "stderr");
}

static json_object *planted_of(const struct verification_report *report)
{
    struct planted *planted = planted_new();
    json_object *object;

    planted_add(planted, report);
    object = planted_object(planted);
    planted_free(planted);
    return object;
}

static json_object *report_object(const struct verification_report *report)
{
    _cleanup_(json_release) json_object *result =
        parsed(report->result.bytes, report->result.length);
    json_object *object = listed_object(report);

    json_add_text(object, "error_message", report->error_message);
    json_add_text(object, "reason", report->reason);
    json_add_text(object, "image", report->image);
    json_add_text(object, "repo_path", report->repo_path);
    json_add_text(object, "verifier_command", report->verifier_command);
    json_add(object, "report_paths",
             report->report_paths ? parsed(report->report_paths, strlen(report->report_paths))
                                  : NULL);
    json_add(object, "exit_status",
             report->exit_status < 0 ? NULL : json_object_new_int(report->exit_status));
    json_add_bool(object, "timed_out", report->timed_out);
    if (report->seconds < 0)
        json_add(object, "seconds", NULL);
    else
        json_add_double(object, "seconds", report->seconds);
    json_add_text(object, "found", report->found);
    json_add(object, "stdout", output_of(report->out.bytes, report->out.length, result, "stdout"));
    json_add(object, "stderr", stderr_of(report, result));
    json_add(object, "planted_failures", planted_of(report));
    return object;
}

/* For people texts of several lines stand below, not in the list of values. What was found in the
 * verifier's container is told by the message, in words. */
static void print_report(json_object *object)
{
    static const char *const blocks[] = {"stdout", "stderr"};
    const char *message = json_get_text(object, "error_message");
    json_object *texts[ARRAY_SIZE(blocks)];
    _cleanup_(buf_release) struct buf planted = BUF_INIT;

    if (message) { /* behind its first line are the outputs, which follow in full */
        json_object *line = json_object_new_string_len(message, (int)strcspn(message, "\n"));

        json_object_object_add(object, "error_message", line);
    }
    json_object_object_del(object, "found");
    planted_tell(json_object_object_get(object, "planted_failures"), &planted);
    json_object_object_del(object, "planted_failures");
    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
        texts[i] = json_object_get(json_object_object_get(object, blocks[i]));
        json_object_object_del(object, blocks[i]);
    }
    output_object(false, object);
    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
        const char *text = json_object_get_string(texts[i]);

        if (text && text[0]) {
            printf("\n--- the verifier's %s ---\n", blocks[i]);
            output_block(text);
        }
        json_object_put(texts[i]);
    }
    if (planted.length > 0) {
        printf("\n--- planted failures ---\n");
        output_block(planted.data);
    }
}

int ctl_verification_show(struct ctl *ctl)
{
    struct error err = ERROR_INIT;
    struct db *db = ctl_db(ctl, &err);
    _cleanup_(verification_report_release) struct verification_report report = {0};
    _cleanup_(json_release) json_object *object = NULL;
    int64_t ahead;

    if (!db || store_verification_report(db, ctl_argument(ctl, 0), &report, &err) < 0) {
        if (err.kind == ERROR_NOT_FOUND)
            error_set(&err, ERROR_NOT_FOUND, NULL,
                      "there is no verification '%s'; list them with 'codesetctl verification "
                      "list'",
                      ctl_argument(ctl, 0));
        return ctl_fail(ctl, &err);
    }
    object = report_object(&report);
    if (report.status == JOB_PENDING) {
        if (store_verification_ahead(db, &report.job_id, &ahead, &err) < 0)
            return ctl_fail(ctl, &err);
        json_add_int(object, "queue_position", ahead + 1);
    }
    if (ctl_json(ctl))
        output_object(true, object);
    else
        print_report(object);
    return CTL_OK;
}
