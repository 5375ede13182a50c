#include "wire/grader.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#include "base/banned.h"

#define MESSAGE_MAX 500
#define REASON_MAX 8192
#define TOOL_MAX 64

static const char *const text_names[GRADER_TEXTS] = {"fail_to_pass", "pass_to_pass", "fail_to_fail",
                                                     "stdout", "stderr"};

/* --- heads ----------------------------------------------------------------------------------- */

int64_t grader_head_length(const char bytes[GRADER_LENGTH_SIZE])
{
    uint32_t length = 0;

    for (int i = 0; i < GRADER_LENGTH_SIZE; i++)
        length = length << 8 | (unsigned char)bytes[i];
    return length <= GRADER_HEAD_MAX ? (int64_t)length : -1;
}

static void add_head(struct buf *out, json_object *head)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    json_write(&text, head);
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_add_char(out, (char)(text.length >> shift & 0xff));
    buf_add(out, text.data, text.length);
}

/* What may quote a guest. */
static void add_sanitized(json_object *head, const char *key, const char *text, size_t most)
{
    _cleanup_(buf_release) struct buf clean = BUF_INIT;

    utf8_sanitize(&clean, text, strnlen(text, most / 3)); /* a byte may become three */
    json_add_text(head, key, clean.data);
}

static int senseless(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, NULL, "the %s is not what was agreed", what);
}

/* The members of a head, each of which must be there, be used, and be of its type. */
struct reader {
    json_object *head;
    int used;
    bool failed;
};

static json_object *member(struct reader *reader, const char *key, enum json_type type)
{
    json_object *value = NULL;

    reader->used++;
    if (!json_object_object_get_ex(reader->head, key, &value) ||
        !json_object_is_type(value, type)) {
        reader->failed = true;
        return NULL;
    }
    return value;
}

static bool read_bool(struct reader *reader, const char *key)
{
    return json_object_get_boolean(member(reader, key, json_type_boolean));
}

static int64_t read_int(struct reader *reader, const char *key, int64_t least, int64_t most)
{
    int64_t number = json_object_get_int64(member(reader, key, json_type_int));

    if (number < least || number > most) {
        reader->failed = true;
        return least;
    }
    return number;
}

/* Not longer than `most`, and no NUL in it. */
static const char *read_text(struct reader *reader, const char *key, size_t most)
{
    json_object *value = member(reader, key, json_type_string);
    const char *text = json_object_get_string(value);

    if (!text || strlen(text) != (size_t)json_object_get_string_len(value) || strlen(text) > most) {
        reader->failed = true;
        return "";
    }
    return text;
}

static double read_seconds(struct reader *reader, const char *key)
{
    double seconds = json_object_get_double(member(reader, key, json_type_double));

    if (!isfinite(seconds) || seconds < 0 || seconds > 1e9) {
        reader->failed = true;
        return 0;
    }
    return seconds;
}

static bool all_read(const struct reader *reader)
{
    return !reader->failed && json_object_object_length(reader->head) == reader->used;
}

static int read_head(const char *head, size_t length, const char *what, json_object **ret_head,
                     struct error *err)
{
    struct error reason = ERROR_INIT;

    if (json_parse(head, length, ret_head, NULL, &reason) < 0 ||
        !json_object_is_type(*ret_head, json_type_object))
        return senseless(err, what);
    return 0;
}

/* --- the request ----------------------------------------------------------------------------- */

int grader_request_write(struct buf *out, const struct grader_request *request, struct error *err)
{
    const struct verifier_run *run = &request->run;
    const struct sample_lists *lists = &request->lists;
    const char *const texts[GRADER_TEXTS] = {lists->fail_to_pass, lists->pass_to_pass,
                                             lists->fail_to_fail, run->out, run->err};
    const size_t lengths[GRADER_TEXTS] = {strlen(lists->fail_to_pass), strlen(lists->pass_to_pass),
                                          strlen(lists->fail_to_fail), run->out_length,
                                          run->err_length};
    _cleanup_(json_release) json_object *head = json_object_new_object();

    json_add_text(head, "tool", run->tool);
    json_add_int(head, "exit_status", run->exit_status);
    json_add_bool(head, "timed_out", run->timed_out);
    json_add_bool(head, "out_of_memory", run->out_of_memory);
    json_add_double(head, "seconds", run->seconds > 0 && run->seconds < 1e9 ? run->seconds : 0);
    json_add_int(head, "timeout", run->timeout);
    json_add_int(head, "since", request->since);
    add_sanitized(head, "fault", request->fault ? request->fault : "", 3 * GRADER_FAULT_MAX);
    for (int i = 0; i < GRADER_TEXTS; i++) {
        if (lengths[i] > (size_t)GRADER_TEXT_MAX)
            return error_set(err, ERROR_LIMIT, "VERDICT_FAILED", "%s is too long to be graded",
                             text_names[i]);
        json_add_int(head, text_names[i], (int64_t)lengths[i]);
    }
    add_head(out, head);
    for (int i = 0; i < GRADER_TEXTS; i++)
        buf_add(out, texts[i] ? texts[i] : "", lengths[i]);
    return 0;
}

int grader_request_parse(const char *head, size_t length, struct grader_request *ret_request,
                         int64_t ret_lengths[GRADER_TEXTS], char **ret_tool, char **ret_fault,
                         struct error *err)
{
    _cleanup_(json_release) json_object *object = NULL;
    struct reader reader = {0};
    struct grader_request request = {0};
    const char *tool, *fault;

    if (read_head(head, length, "request", &object, err) < 0)
        return -1;
    reader.head = object;
    tool = read_text(&reader, "tool", TOOL_MAX);
    request.run.exit_status = (int)read_int(&reader, "exit_status", INT_MIN, INT_MAX);
    request.run.timed_out = read_bool(&reader, "timed_out");
    request.run.out_of_memory = read_bool(&reader, "out_of_memory");
    request.run.seconds = read_seconds(&reader, "seconds");
    request.run.timeout = read_int(&reader, "timeout", 0, INT64_MAX);
    request.since = read_int(&reader, "since", INT64_MIN, INT64_MAX);
    fault = read_text(&reader, "fault", 3 * GRADER_FAULT_MAX);
    for (int i = 0; i < GRADER_TEXTS; i++)
        ret_lengths[i] = read_int(&reader, text_names[i], 0, GRADER_TEXT_MAX);
    if (!all_read(&reader))
        return senseless(err, "request");
    *ret_tool = xstrdup(tool);
    request.run.tool = *ret_tool;
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
    add_sanitized(head, "message", error->message, 3 * MESSAGE_MAX);
    add_head(out, head);
}

void grader_answer_write_verdict(struct buf *out, bool success, const char *reason, size_t length)
{
    _cleanup_(json_release) json_object *head = json_object_new_object();

    json_add_bool(head, "success", success);
    add_sanitized(head, "reason", reason ? reason : "", REASON_MAX);
    json_add_int(head, "length", (int64_t)length);
    add_head(out, head);
}

static int parse_error(struct reader *reader, struct grader_answer *answer, struct error *err)
{
    const char *code = read_text(reader, "code", TOOL_MAX);
    const char *message = read_text(reader, "message", 3 * MESSAGE_MAX);
    enum error_kind kind;

    code = grader_code(code, &kind);
    if (!code || !all_read(reader))
        return senseless(err, "grader's answer");
    error_set(&answer->error, kind, code, "%s", message);
    return 0;
}

static int parse_verdict(struct reader *reader, struct grader_answer *answer, struct error *err)
{
    bool success = read_bool(reader, "success");
    const char *reason = read_text(reader, "reason", REASON_MAX);
    int64_t length = read_int(reader, "length", 0, GRADER_RESULT_MAX);

    if (!all_read(reader) || success != (reason[0] == '\0'))
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
    struct reader reader = {0};

    memset(ret_answer, 0, sizeof(*ret_answer));
    if (read_head(head, length, "grader's answer", &object, err) < 0)
        return -1;
    reader.head = object;
    return json_object_object_get(object, "code") ? parse_error(&reader, ret_answer, err)
                                                  : parse_verdict(&reader, ret_answer, err);
}
