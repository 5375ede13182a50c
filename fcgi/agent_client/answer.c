#include "agent_client/answer.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/utf8.h"

#include "base/banned.h"

/* An agent of the release before says only when the command was started, by a finer clock than that
 * of files, which moves once a tick; whoever had it started then had waited for longer. */
#define TICK (12 * 1000)

#define TIME_MOST INT64_C(253402300799000000) /* the end of the year 9999 */
#define MESSAGE_MOST 4096

static int wrong(struct error *err, const char *what)
{
    return error_set(err, ERROR_INTERNAL, "AGENT_PROTOCOL", "the agent's answer is wrong: %s",
                     what);
}

void answer_init(struct answer *answer)
{
    *answer = (struct answer){.content_length = -1,
                              .end = -1,
                              .exit_status = -1,
                              .seconds = -1,
                              .started_at = -1,
                              .files_from = -1,
                              .out_length = -1,
                              .err_length = -1,
                              .total = -1,
                              .out_truncated = -1,
                              .err_truncated = -1};
}

/* Digits only, at most `most`. */
static bool number_read(const char *text, size_t length, int64_t most, int64_t *ret_number)
{
    int64_t number = 0;

    if (length == 0 || length > 18)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
    }
    if (number > most)
        return false;
    *ret_number = number;
    return true;
}

static bool int_read(const char *text, size_t length, int most, int *ret_number)
{
    int64_t number;

    if (!number_read(text, length, most, &number))
        return false;
    *ret_number = (int)number;
    return true;
}

static bool seconds_read(const char *text, size_t length, double *ret_seconds)
{
    const char *dot = memchr(text, '.', length);
    size_t whole_length = dot ? (size_t)(dot - text) : length;
    int64_t whole, fraction;

    if (!dot || length - whole_length - 1 != 6 ||
        !number_read(text, whole_length, INT64_C(1000000000), &whole) ||
        !number_read(dot + 1, 6, 999999, &fraction))
        return false;
    *ret_seconds = (double)whole + (double)fraction / 1e6;
    return true;
}

static bool end_read(const char *text, size_t length, int *ret_end)
{
    static const char *const names[] = {
        [AGENT_END_EXIT] = AGENT_ENDED_EXIT,
        [AGENT_END_TIMEOUT] = AGENT_ENDED_TIMEOUT,
        [AGENT_END_FAILED] = AGENT_ENDED_FAILED,
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (length == strlen(names[i]) && memcmp(text, names[i], length) == 0) {
            *ret_end = (int)i;
            return true;
        }
    }
    return false;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Undoes percent-encoding; keeps what fits of the text as valid UTF-8. */
static bool message_read(const char *text, size_t length, char *message, size_t size)
{
    _cleanup_(buf_release) struct buf raw = BUF_INIT;
    _cleanup_(buf_release) struct buf clean = BUF_INIT;
    size_t kept = 0, step;

    for (size_t i = 0; i < length; i++) {
        int value = (unsigned char)text[i];

        if (text[i] == '%') {
            if (i + 2 >= length || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
                return false;
            value = hex(text[i + 1]) * 16 + hex(text[i + 2]);
            i += 2;
        }
        if (value == 0)
            return false;
        buf_add_char(&raw, (char)value);
    }
    utf8_sanitize(&clean, raw.data, raw.length);
    while (kept < clean.length) {
        step = utf8_char(clean.data + kept, clean.length - kept);
        if (kept + step >= size)
            break;
        kept += step;
    }
    memcpy(message, clean.data, kept);
    message[kept] = '\0';
    return true;
}

static bool named(const char *line, size_t name_length, const char *name)
{
    return name_length == strlen(name) && strncasecmp(line, name, name_length) == 0;
}

/* False if a field of ours has a value that it can't have. Other fields mean nothing. */
static bool field_read(struct answer *answer, const char *line, size_t name, const char *value,
                       size_t length)
{
    if (named(line, name, "Content-Length"))
        return number_read(value, length, INT64_MAX / 2, &answer->content_length);
    if (named(line, name, AGENT_HEAD_END))
        return end_read(value, length, &answer->end);
    if (named(line, name, AGENT_HEAD_STATUS))
        return int_read(value, length, 255, &answer->exit_status);
    if (named(line, name, AGENT_HEAD_SECONDS))
        return seconds_read(value, length, &answer->seconds);
    if (named(line, name, AGENT_HEAD_STARTED))
        return number_read(value, length, TIME_MOST, &answer->started_at);
    if (named(line, name, AGENT_HEAD_FILES_FROM))
        return number_read(value, length, TIME_MOST, &answer->files_from);
    if (named(line, name, AGENT_HEAD_OUT_LENGTH))
        return number_read(value, length, AGENT_OUTPUT_CAP, &answer->out_length);
    if (named(line, name, AGENT_HEAD_ERR_LENGTH))
        return number_read(value, length, AGENT_OUTPUT_CAP, &answer->err_length);
    if (named(line, name, AGENT_HEAD_TOTAL))
        return number_read(value, length, INT64_MAX / 2, &answer->total);
    if (named(line, name, AGENT_HEAD_OUT_TRUNCATED))
        return int_read(value, length, 1, &answer->out_truncated);
    if (named(line, name, AGENT_HEAD_ERR_TRUNCATED))
        return int_read(value, length, 1, &answer->err_truncated);
    if (named(line, name, AGENT_HEAD_MESSAGE))
        return message_read(value, length, answer->message, sizeof(answer->message));
    if (named(line, name, "Content-Type"))
        answer->is_tar = named(value, length, AGENT_TYPE_TAR);
    return true;
}

int answer_head(struct answer *answer, const char *line, size_t length, struct error *err)
{
    size_t head_bytes = answer->head_bytes + length;
    const char *colon, *value;
    int status;

    if (head_bytes > ANSWER_HEAD_MOST)
        return wrong(err, "its head is too long");
    while (length > 0 && strchr("\r\n \t", line[length - 1]) && line[length - 1])
        length--;
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        /* A new head: what an interim one said does not count. */
        const char *space = memchr(line, ' ', length);

        if (!space || length - (size_t)(space - line) < 4 || !int_read(space + 1, 3, 599, &status))
            return wrong(err, "its status cannot be read");
        answer_init(answer);
        answer->status = status;
    }
    answer->head_bytes = head_bytes;
    colon = memchr(line, ':', length);
    if (!colon)
        return 0;
    value = colon + 1;
    while (value < line + length && (*value == ' ' || *value == '\t'))
        value++;
    if (!field_read(answer, line, (size_t)(colon - line), value, (size_t)(line + length - value)))
        return wrong(err, "a field of its head cannot be read");
    return 0;
}

size_t answer_result_most(const struct answer *answer)
{
    if (answer->out_length < 0 || answer->err_length < 0 ||
        answer->content_length != answer->out_length + answer->err_length)
        return 0;
    return (size_t)answer->content_length;
}

int answer_result(const struct answer *answer, struct buf *body, struct agent_result *ret_result,
                  struct error *err)
{
    size_t out_length = (size_t)answer->out_length;

    if (answer->end < 0 || answer->exit_status < 0 || answer->seconds < 0 ||
        answer->started_at < 0 || answer->out_length < 0 || answer->err_length < 0 ||
        answer->out_truncated < 0 || answer->err_truncated < 0)
        return wrong(err, "a field of its head is missing");
    if (answer->content_length != answer->out_length + answer->err_length ||
        body->length != (size_t)answer->content_length)
        return wrong(err, "its lengths do not add up");
    if (!utf8_valid(body->data, out_length) ||
        !utf8_valid(body->data + out_length, body->length - out_length))
        return wrong(err, "an output is not UTF-8");
    *ret_result = (struct agent_result){
        .end = (enum agent_end)answer->end,
        .exit_status = answer->end == AGENT_END_TIMEOUT ? 124 : answer->exit_status,
        .out = body->data,
        .out_length = out_length,
        .err = body->data + out_length,
        .err_length = body->length - out_length,
        .texts = body,
        .out_truncated = answer->out_truncated,
        .err_truncated = answer->err_truncated,
        .seconds = answer->seconds,
        .started_at = answer->started_at,
        .files_from = answer->files_from < 0 ? answer->started_at - TICK : answer->files_from,
        .message = answer->end == AGENT_END_FAILED || answer->message[0] ? answer->message : NULL,
    };
    return 0;
}

int answer_tail(const struct answer *answer, const struct buf *body, struct error *err)
{
    if (answer->total < (int64_t)body->length || body->length > AGENT_TAIL_CAP)
        return wrong(err, "its length and its total do not fit");
    if (!utf8_valid(body->data, body->length))
        return wrong(err, "an output is not UTF-8");
    return 0;
}

static int object_read(const struct buf *body, json_object **ret_object, struct error *err)
{
    _cleanup_(json_release) json_object *object = NULL;

    if (json_parse(body->data, body->length, &object, NULL, err) < 0 ||
        !json_object_is_type(object, json_type_object))
        return wrong(err, "its body is not a JSON object");
    *ret_object = TAKE_PTR(object);
    return 0;
}

int answer_file(const struct buf *body, bool *ret_success, struct buf *message,
                int64_t *ret_size_bytes, struct error *err)
{
    _cleanup_(json_release) json_object *object = NULL;
    json_object *success;
    const char *text;
    int64_t size;

    if (object_read(body, &object, err) < 0)
        return -1;
    text = json_get_text(object, "message");
    size = json_get_int(object, "size_bytes", -1);
    if (!json_object_object_get_ex(object, "success", &success) ||
        !json_object_is_type(success, json_type_boolean) || !text || strlen(text) > MESSAGE_MOST ||
        size < 0)
        return wrong(err, "a member of its body is missing or wrong");
    *ret_success = json_object_get_boolean(success);
    utf8_sanitize(message, text, strlen(text));
    *ret_size_bytes = size;
    return 0;
}

int answer_hello(const struct buf *body, int *ret_protocol, struct error *err)
{
    _cleanup_(json_release) json_object *object = NULL;
    int64_t protocol;

    if (object_read(body, &object, err) < 0)
        return -1;
    protocol = json_get_int(object, "protocol", 0);
    if (protocol < AGENT_PROTOCOL_LEAST || protocol > AGENT_PROTOCOL)
        return wrong(err, "it uses another version of the protocol");
    *ret_protocol = (int)protocol;
    return 0;
}

int answer_refusal(const struct answer *answer, const struct buf *body, struct error *err)
{
    _cleanup_(json_release) json_object *object = NULL;
    _cleanup_(buf_release) struct buf message = BUF_INIT;
    struct error ignored = ERROR_INIT;
    const char *text = NULL;

    if (object_read(body, &object, &ignored) == 0)
        text = json_get_text(object, "message");
    if (!text)
        text = "it gave no reason";
    utf8_sanitize(&message, text, strnlen(text, MESSAGE_MOST));
    switch (answer->status) {
    case 400:
        return error_set(err, ERROR_INVALID, "AGENT_REFUSED", "the agent: %.400s", message.data);
    case 404:
        return error_set(err, ERROR_NOT_FOUND, NULL, "the agent: %.400s", message.data);
    case AGENT_STATUS_INCOMPLETE:
        return error_set(err, ERROR_CONFLICT, "CHANGES_INCOMPLETE", "the agent: %.400s",
                         message.data);
    case AGENT_STATUS_LOST:
        return error_set(err, ERROR_INTERNAL, "AGENT_OUTCOME_UNKNOWN", "the agent: %.400s",
                         message.data);
    case AGENT_STATUS_TOO_LARGE:
        return error_set(err, ERROR_LIMIT, "CHANGES_TOO_LARGE", "%.400s", message.data);
    case AGENT_STATUS_BUSY:
        return error_set(err, ERROR_UNAVAILABLE, "AGENT_BUSY", "the agent: %.400s", message.data);
    default:
        return wrong(err, "its status is unknown");
    }
}
