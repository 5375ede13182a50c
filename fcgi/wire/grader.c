#include "wire/grader.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "wire/head.h"

#include "base/banned.h"

#define MESSAGE_MAX 500
#define REASON_MAX 8192
#define TOOL_MAX 64

static const char *const text_names[GRADER_TEXTS] = {"fail_to_pass", "pass_to_pass", "fail_to_fail",
                                                     "held_out",     "stdout",       "stderr"};

#define TEXT_STDOUT 4

static int senseless(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, NULL, "the %s is not what was agreed", what);
}

static double read_seconds(struct head_reader *reader, const char *key)
{
    double seconds = json_object_get_double(head_member(reader, key, json_type_double));

    if (!isfinite(seconds) || seconds < 0 || seconds > 1e9) {
        reader->failed = true;
        return 0;
    }
    return seconds;
}

/* --- the request ----------------------------------------------------------------------------- */

int grader_request_write(struct buf *out, const struct grader_request *request, struct error *err)
{
    const struct verifier_run *run = &request->run;
    const struct sample_lists *lists = &request->lists;
    const char *held_out = lists->held_out ? lists->held_out : "[]";
    const char *const texts[GRADER_TEXTS] = {lists->fail_to_pass,
                                             lists->pass_to_pass,
                                             lists->fail_to_fail,
                                             held_out,
                                             run->out,
                                             run->err};
    const size_t lengths[GRADER_TEXTS] = {strlen(lists->fail_to_pass),
                                          strlen(lists->pass_to_pass),
                                          strlen(lists->fail_to_fail),
                                          strlen(held_out),
                                          run->out_length,
                                          run->err_length};
    _cleanup_(json_release) json_object *head = json_object_new_object();

    json_add_text(head, "tool", run->tool);
    json_add_int(head, "exit_status", run->exit_status);
    json_add_bool(head, "timed_out", run->timed_out);
    json_add_bool(head, "out_of_memory", run->out_of_memory);
    json_add_double(head, "seconds", run->seconds > 0 && run->seconds < 1e9 ? run->seconds : 0);
    json_add_int(head, "timeout", run->timeout);
    json_add_int(head, "since", request->since);
    json_add_text(head, "log_parser", request->log_parser ? request->log_parser : "");
    json_add_bool(head, "hide_output", request->hide_output);
    json_add_bool(head, "hide_lists", lists->hidden);
    json_add_int(head, "told", (int64_t)request->told);
    json_add_bool(head, "exact_outcomes", request->exact_outcomes);
    head_add_sanitized(head, "fault", request->fault ? request->fault : "", 3 * GRADER_FAULT_MAX);
    for (int i = 0; i < GRADER_TEXTS; i++) {
        if (lengths[i] > (size_t)GRADER_TEXT_MAX)
            return error_set(err, ERROR_LIMIT, "VERDICT_FAILED", "%s is too long to be graded",
                             text_names[i]);
        json_add_int(head, text_names[i], (int64_t)lengths[i]);
    }
    head_add(out, head);
    for (int i = 0; i < GRADER_TEXTS; i++)
        buf_add(out, texts[i] ? texts[i] : "", lengths[i]);
    return 0;
}

int grader_request_parse(const char *head, size_t length, struct grader_request *ret_request,
                         int64_t ret_lengths[GRADER_TEXTS], char **ret_tool, char **ret_fault,
                         char **ret_parser, struct error *err)
{
    _cleanup_(json_release) json_object *object = NULL;
    struct head_reader reader = {0};
    struct grader_request request = {0};
    const char *tool, *fault, *parser;

    if (head_parse(head, length, &object) < 0)
        return senseless(err, "request");
    reader.head = object;
    tool = head_text(&reader, "tool", TOOL_MAX);
    request.run.exit_status = (int)head_int(&reader, "exit_status", INT_MIN, INT_MAX);
    request.run.timed_out = head_bool(&reader, "timed_out");
    request.run.out_of_memory = head_bool(&reader, "out_of_memory");
    request.run.seconds = read_seconds(&reader, "seconds");
    request.run.timeout = head_int(&reader, "timeout", 0, INT64_MAX);
    request.since = head_int(&reader, "since", INT64_MIN, INT64_MAX);
    parser = head_text(&reader, "log_parser", TOOL_MAX);
    request.hide_output = head_bool(&reader, "hide_output");
    request.lists.hidden = head_bool(&reader, "hide_lists");
    request.told = (size_t)head_int(&reader, "told", 0, GRADER_TEXT_MAX);
    request.exact_outcomes = head_bool(&reader, "exact_outcomes");
    fault = head_text(&reader, "fault", 3 * GRADER_FAULT_MAX);
    for (int i = 0; i < GRADER_TEXTS; i++)
        ret_lengths[i] = head_int(&reader, text_names[i], 0, GRADER_TEXT_MAX);
    if (!head_all_read(&reader) || (int64_t)request.told > ret_lengths[TEXT_STDOUT])
        return senseless(err, "request");
    *ret_tool = xstrdup(tool);
    request.run.tool = *ret_tool;
    *ret_parser = parser[0] ? xstrdup(parser) : NULL;
    request.log_parser = *ret_parser;
    *ret_fault = fault[0] ? xstrdup(fault) : NULL;
    request.fault = *ret_fault;
    *ret_request = request;
    return 0;
}

/* --- the answer ------------------------------------------------------------------------------ */

const char *grader_code(const char *text, enum error_kind *ret_kind)
{
    static const struct {
        const char *code;
        enum error_kind kind;
    } codes[] = {
        {"REPORT_MISSING", ERROR_NOT_FOUND},     {"REPORT_STALE", ERROR_INVALID},
        {"REPORT_UNREADABLE", ERROR_INVALID},    {"REPORT_TOO_LARGE", ERROR_LIMIT},
        {"SAMPLE_INVALID", ERROR_INVALID},       {"VERIFIER_TIMEOUT", ERROR_LIMIT},
        {"VERIFIER_OUT_OF_MEMORY", ERROR_LIMIT}, {"VERDICT_FAILED", ERROR_INTERNAL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        if (strcmp(text, codes[i].code) == 0) {
            *ret_kind = codes[i].kind;
            return codes[i].code;
        }
    }
    return NULL;
}

void grader_answer_release(struct grader_answer *answer)
{
    free(TAKE_PTR(answer->reason));
}

void grader_answer_write_error(struct buf *out, const struct error *error)
{
    _cleanup_(json_release) json_object *head = json_object_new_object();

    json_add_text(head, "code", error->code ? error->code : "VERDICT_FAILED");
    head_add_sanitized(head, "message", error->message, 3 * MESSAGE_MAX);
    head_add(out, head);
}

void grader_answer_write_verdict(struct buf *out, bool success, const char *reason, size_t length)
{
    _cleanup_(json_release) json_object *head = json_object_new_object();

    json_add_bool(head, "success", success);
    head_add_sanitized(head, "reason", reason ? reason : "", REASON_MAX);
    json_add_int(head, "length", (int64_t)length);
    head_add(out, head);
}

static int parse_error(struct head_reader *reader, struct grader_answer *answer, struct error *err)
{
    const char *code = head_text(reader, "code", TOOL_MAX);
    const char *message = head_text(reader, "message", 3 * MESSAGE_MAX);
    enum error_kind kind;

    code = grader_code(code, &kind);
    if (!code || !head_all_read(reader))
        return senseless(err, "grader's answer");
    error_set(&answer->error, kind, code, "%s", message);
    return 0;
}

static int parse_verdict(struct head_reader *reader, struct grader_answer *answer,
                         struct error *err)
{
    bool success = head_bool(reader, "success");
    const char *reason = head_text(reader, "reason", REASON_MAX);
    int64_t length = head_int(reader, "length", 0, GRADER_RESULT_MAX);

    if (!head_all_read(reader) || success != (reason[0] == '\0'))
        return senseless(err, "grader's answer");
    answer->success = success;
    answer->reason = success ? NULL : xstrdup(reason);
    answer->length = length;
    return 0;
}

int grader_answer_parse(const char *head, size_t length, struct grader_answer *ret_answer,
                        struct error *err)
{
    _cleanup_(json_release) json_object *object = NULL;
    struct head_reader reader = {0};

    memset(ret_answer, 0, sizeof(*ret_answer));
    if (head_parse(head, length, &object) < 0)
        return senseless(err, "grader's answer");
    reader.head = object;
    return json_object_object_get(object, "code") ? parse_error(&reader, ret_answer, err)
                                                  : parse_verdict(&reader, ret_answer, err);
}
