#include "agent/command_request.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/command.h"
#include "agent/request.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

static const char *end_name(enum command_end end)
{
    switch (end) {
    case COMMAND_EXIT:
        return AGENT_ENDED_EXIT;
    case COMMAND_TIMEOUT:
        return AGENT_ENDED_TIMEOUT;
    default:
        return AGENT_ENDED_FAILED;
    }
}

static void text_sent(const void *data, size_t length, void *arg)
{
    (void)data;
    (void)length;
    operation_unref(arg);
}

/* The text is sent from where it is: a copy would double the memory of a flood. */
static void add_text(struct evbuffer *body, struct operation *operation,
                     const struct capture_text *text)
{
    for (int i = 0; i < CAPTURE_PARTS && text->parts[i].length > 0; i++)
        evbuffer_add_reference(body, text->parts[i].data, text->parts[i].length, text_sent,
                               operation_ref(operation));
}

void command_answer(struct operation *operation, struct evhttp_request *req)
{
    const struct command_result *result = command_result(operation);
    struct evbuffer *body;

    if (result->end == COMMAND_REFUSED) {
        request_message(req, AGENT_STATUS_BUSY, result->message);
        return;
    }
    request_header(req, "Content-Type", AGENT_TYPE_BYTES);
    request_header(req, AGENT_HEAD_END, "%s", end_name(result->end));
    request_header(req, AGENT_HEAD_STATUS, "%d", result->status);
    request_header(req, AGENT_HEAD_SECONDS, "%" PRId64 ".%06" PRId64, result->micros / 1000000,
                   result->micros % 1000000);
    request_header(req, AGENT_HEAD_STARTED, "%" PRId64, result->started_at);
    request_header(req, AGENT_HEAD_FILES_FROM, "%" PRId64, result->files_from);
    request_header(req, AGENT_HEAD_OUT_LENGTH, "%zu", result->out.length);
    request_header(req, AGENT_HEAD_ERR_LENGTH, "%zu", result->err.length);
    request_header(req, AGENT_HEAD_OUT_TRUNCATED, "%d", result->out.truncated);
    request_header(req, AGENT_HEAD_ERR_TRUNCATED, "%d", result->err.truncated);
    if (result->message[0]) {
        _cleanup_(free_ptr) char *message = evhttp_uriencode(result->message, -1, 0);

        request_header(req, AGENT_HEAD_MESSAGE, "%s", message);
    }
    body = evbuffer_new();
    add_text(body, operation, &result->out);
    add_text(body, operation, &result->err);
    evhttp_send_reply(req, 200, NULL, body);
    evbuffer_free(body);
}

void command_tail(struct operation *operation, struct evhttp_request *req)
{
    const struct printed *printed = command_printed(operation);
    struct ring_runs runs;
    struct evbuffer *body;

    if (!printed) {
        request_message(req, 404, "the command was not started to keep its tail");
        return;
    }
    runs = ring_runs(&printed->last, ring_cut(&printed->last, 0));
    request_header(req, "Content-Type", AGENT_TYPE_BYTES);
    request_header(req, AGENT_HEAD_TOTAL, "%" PRIu64, printed->total);
    body = evbuffer_new();
    evbuffer_add(body, runs.first, runs.first_length);
    evbuffer_add(body, runs.second, runs.second_length);
    evhttp_send_reply(req, 200, NULL, body);
    evbuffer_free(body);
}

/* {"env": ["A=b", ...]} as execve(2) takes it; the texts stay the object's. NULL if it is not. */
static char **environment_read(json_object *body)
{
    json_object *list;
    size_t count;
    char **environment;

    if (!json_object_object_get_ex(body, "env", &list) || !list)
        return xcalloc(1, sizeof(*environment));
    if (!json_object_is_type(list, json_type_array))
        return NULL;
    count = json_object_array_length(list);
    environment = xcalloc(count + 1, sizeof(*environment));
    for (size_t i = 0; i < count; i++) {
        json_object *item = json_object_array_get_idx(list, i);
        const char *text = json_object_get_string(item);

        if (!json_object_is_type(item, json_type_string) || !strchr(text, '=') ||
            strlen(text) != (size_t)json_object_get_string_len(item)) {
            free(environment);
            return NULL;
        }
        environment[i] = (char *)text;
    }
    return environment;
}

/* The entry point's arguments; the texts stay the object's. False if it is not that. */
static bool entrypoint_read(json_object *list, char ***ret_arguments)
{
    _cleanup_(free_ptr) char **arguments = NULL;
    size_t count;

    if (!json_object_is_type(list, json_type_array) ||
        json_object_array_length(list) > AGENT_ENTRYPOINT_MOST)
        return false;
    count = json_object_array_length(list);
    if (count == 0)
        return true;
    arguments = xcalloc(count + 1, sizeof(*arguments));
    for (size_t i = 0; i < count; i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (!json_object_is_type(item, json_type_string))
            return false;
        arguments[i] = (char *)json_object_get_string(item);
    }
    *ret_arguments = TAKE_PTR(arguments);
    return true;
}

/* {"profile": {...}}: how the command is to be run. False if it is not that. */
static bool profile_read(json_object *body, struct launch *launch, char ***ret_arguments)
{
    json_object *profile = json_object_object_get(body, "profile"), *list = NULL;
    const char *shell = json_get_text(profile, AGENT_PROFILE_SHELL);

    *launch = (struct launch){.user = json_get_text(profile, AGENT_PROFILE_USER)};
    if (launch->user && !account_spec_valid(launch->user))
        return false;
    if (!shell || strcmp(shell, AGENT_SHELL_PLAIN) == 0)
        return true;
    if (strcmp(shell, AGENT_SHELL_LOGIN) == 0) {
        launch->login = true;
        return true;
    }
    if (strcmp(shell, AGENT_SHELL_ENTRYPOINT) != 0)
        return false;
    if (json_object_object_get_ex(profile, AGENT_PROFILE_ENTRYPOINT, &list) &&
        !entrypoint_read(list, ret_arguments))
        return false;
    launch->entrypoint = *ret_arguments;
    return true;
}

static struct operation *start(struct commands *commands, const char *id,
                               struct evhttp_request *req)
{
    _cleanup_(json_release) json_object *body = NULL;
    _cleanup_(free_ptr) char **environment = NULL;
    _cleanup_(free_ptr) char **entrypoint = NULL;
    struct operation *operation;
    struct command_spec spec;
    struct error err = ERROR_INIT;
    int64_t timeout;

    if (request_body_json(req, AGENT_REQUEST_CAP, &body, &err) < 0) {
        request_message(req, 400, err.message);
        return NULL;
    }
    environment = environment_read(body);
    spec.command = request_member(body, "command");
    spec.workdir = request_member(body, "workdir");
    spec.environment = environment;
    spec.is_trial = json_object_get_boolean(json_object_object_get(body, "trial"));
    timeout = json_get_int(body, "timeout", 0);
    spec.keeps_tail = json_object_get_boolean(json_object_object_get(body, "tail"));
    if (!profile_read(body, &spec.launch, &entrypoint)) {
        request_message(req, 400, "profile is wrong");
        return NULL;
    }
    if (!spec.command || !spec.workdir || spec.workdir[0] != '/' || !environment || timeout < 1 ||
        timeout > AGENT_COMMAND_SECONDS_MOST) {
        request_message(req, 400, "command, workdir, env or timeout is missing or wrong");
        return NULL;
    }
    spec.timeout_seconds = (int)timeout;
    operation = commands_start(commands, id, &spec, &err);
    if (!operation)
        request_message(req, AGENT_STATUS_BUSY, err.message);
    return operation;
}

void command_put(struct commands *commands, struct operation *operation, const char *id,
                 struct evhttp_request *req)
{
    if (!operation)
        operation = start(commands, id, req);
    if (operation)
        operation_wait(operation, req);
}
