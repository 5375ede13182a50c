#include "agent/server.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/changes.h"
#include "agent/command.h"
#include "agent/edit.h"
#include "agent/request.h"
#include "agent/worker.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"

#include "base/banned.h"

#define HEAD_MOST (32 * 1024)
#define BODY_MOST (INT64_C(520) << 20) /* an archive of changes, the largest of bodies */
#define COMMAND_BODY_MOST (4 << 20)
#define TAR "application/x-tar"
#define TREE_SECONDS 240         /* until an archive begins, or is laid */
#define IDLE_SECONDS (24 * 3600) /* the daemon decides which connections to keep */

struct server {
    struct evhttp *http;
    struct commands *commands;
    struct workers *workers;
    const char *token;
};

static void hello(struct server *server, struct evhttp_request *req, const char *rest)
{
    (void)server;
    (void)rest;
    request_json(req, 200, "{\"protocol\":1}");
}

static const char *end_name(enum command_end end)
{
    switch (end) {
    case COMMAND_EXIT:
        return "exit";
    case COMMAND_TIMEOUT:
        return "timeout";
    default:
        return "failed";
    }
}

static void text_sent(const void *data, size_t length, void *arg)
{
    (void)data;
    (void)length;
    command_unref(arg);
}

/* The text goes out from where it lies: a copy would double what a flood costs. */
static void add_text(struct evbuffer *body, struct command *command,
                     const struct capture_text *text)
{
    for (int i = 0; i < CAPTURE_PARTS && text->parts[i].length > 0; i++)
        evbuffer_add_reference(body, text->parts[i].data, text->parts[i].length, text_sent,
                               command_ref(command));
}

static void send_result(struct command *command, const struct command_result *result, void *arg)
{
    struct evhttp_request *req = arg;
    struct evbuffer *body;

    if (result->end == COMMAND_REFUSED) {
        request_message(req, 503, result->message);
        return;
    }
    request_header(req, "Content-Type", "application/octet-stream");
    request_header(req, "X-End", "%s", end_name(result->end));
    request_header(req, "X-Exit-Status", "%d", result->status);
    request_header(req, "X-Seconds", "%" PRId64 ".%06" PRId64, result->micros / 1000000,
                   result->micros % 1000000);
    request_header(req, "X-Started-At", "%" PRId64, result->started_at);
    request_header(req, "X-Stdout-Length", "%zu", result->out.length);
    request_header(req, "X-Stderr-Length", "%zu", result->err.length);
    request_header(req, "X-Stdout-Truncated", "%d", result->out.truncated);
    request_header(req, "X-Stderr-Truncated", "%d", result->err.truncated);
    if (result->message[0]) {
        _cleanup_(free_ptr) char *message = evhttp_uriencode(result->message, -1, 0);

        request_header(req, "X-Message", "%s", message);
    }
    body = evbuffer_new();
    add_text(body, command, &result->out);
    add_text(body, command, &result->err);
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

static void command_put(struct server *server, struct evhttp_request *req, const char *id)
{
    struct command *command = commands_find(server->commands, id);
    _cleanup_(json_release) json_object *body = NULL;
    _cleanup_(free_ptr) char **environment = NULL;
    struct command_spec spec;
    int64_t timeout;
    struct error err = ERROR_INIT;

    if (!command) {
        if (request_body_json(req, COMMAND_BODY_MOST, &body, &err) < 0) {
            request_message(req, 400, err.message);
            return;
        }
        environment = environment_read(body);
        spec.command = request_member(body, "command");
        spec.workdir = request_member(body, "workdir");
        spec.environment = environment;
        timeout = json_get_int(body, "timeout", 0);
        if (!spec.command || !spec.workdir || spec.workdir[0] != '/' || !environment ||
            timeout < 1 || timeout > COMMAND_TIMEOUT_MOST) {
            request_message(req, 400, "command, workdir, env or timeout is missing or wrong");
            return;
        }
        spec.timeout_seconds = (int)timeout;
        command = commands_start(server->commands, id, &spec, &err);
        if (!command) {
            request_message(req, 503, err.message);
            return;
        }
    }
    command_wait(command, send_result, req);
}

static void command_get(struct server *server, struct evhttp_request *req, const char *id)
{
    struct command *command = commands_find(server->commands, id);

    if (command)
        command_wait(command, send_result, req);
    else
        request_message(req, 404, "no command has this id");
}

static void command_delete(struct server *server, struct evhttp_request *req, const char *id)
{
    struct command *command = commands_find(server->commands, id);

    if (command)
        commands_forget(server->commands, command);
    evhttp_send_reply(req, 204, NULL, NULL);
}

static void command_route(struct server *server, struct evhttp_request *req, const char *id)
{
    if (!command_id_valid(id)) {
        request_message(req, 400, "not an id of a command");
        return;
    }
    switch (evhttp_request_get_command(req)) {
    case EVHTTP_REQ_PUT:
        command_put(server, req, id);
        break;
    case EVHTTP_REQ_DELETE:
        command_delete(server, req, id);
        break;
    default:
        command_get(server, req, id);
        break;
    }
}

static void replace(struct server *server, struct evhttp_request *req, const char *rest)
{
    (void)rest;
    worker_start(server->workers, req, edit_replace, NULL, EDIT_SECONDS);
}

static void file(struct server *server, struct evhttp_request *req, const char *rest)
{
    (void)rest;
    worker_start(server->workers, req, edit_file, NULL, EDIT_SECONDS);
}

static void listing(struct server *server, struct evhttp_request *req, const char *rest)
{
    (void)rest;
    worker_start(server->workers, req, listing_get, "application/octet-stream", TREE_SECONDS);
}

static void changes(struct server *server, struct evhttp_request *req, const char *rest)
{
    bool put = evhttp_request_get_command(req) == EVHTTP_REQ_PUT;

    (void)rest;
    worker_start(server->workers, req, put ? changes_put : changes_post, TAR, TREE_SECONDS);
}

static void files(struct server *server, struct evhttp_request *req, const char *rest)
{
    (void)rest;
    worker_start(server->workers, req, files_get, TAR, TREE_SECONDS);
}

static const struct route {
    const char *path; /* one that ends in / takes an id behind it */
    int methods;
    void (*handle)(struct server *server, struct evhttp_request *req, const char *rest);
} routes[] = {
    {"/hello", EVHTTP_REQ_GET, hello},
    {"/commands/", EVHTTP_REQ_PUT | EVHTTP_REQ_GET | EVHTTP_REQ_DELETE, command_route},
    {"/replace", EVHTTP_REQ_POST, replace},
    {"/file", EVHTTP_REQ_PUT, file},
    {"/listing", EVHTTP_REQ_GET, listing},
    {"/changes", EVHTTP_REQ_POST | EVHTTP_REQ_PUT, changes},
    {"/files", EVHTTP_REQ_GET, files},
};

static bool matches(const struct route *route, const char *path, const char **ret_rest)
{
    size_t length = strlen(route->path);

    if (strncmp(route->path, path, length) != 0)
        return false;
    if (route->path[length - 1] != '/' && path[length] != '\0')
        return false;
    *ret_rest = path + length;
    return true;
}

static void handle(struct evhttp_request *req, void *arg)
{
    struct server *server = arg;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
    const char *rest;

    if (server->token && !request_authorized(req, server->token)) {
        request_header(req, "WWW-Authenticate", "Bearer");
        request_message(req, 401, "the token is missing or wrong");
        return;
    }
    for (size_t i = 0; path && i < ARRAY_SIZE(routes); i++) {
        if (!matches(&routes[i], path, &rest))
            continue;
        if (evhttp_request_get_command(req) & (unsigned)routes[i].methods)
            routes[i].handle(server, req, rest);
        else
            request_message(req, 405, "this path has no such method");
        return;
    }
    request_message(req, 404, "no such path");
}

static void child_reaped(pid_t pid, void *arg)
{
    const struct server *server = arg;

    workers_reaped(server->workers, pid);
}

int server_start(struct event_base *base, int listen_fd, const char *token, struct error *err)
{
    struct server *server = xcalloc(1, sizeof(*server));

    server->token = token;
    server->workers = workers_new(base);
    server->commands = commands_new(base, child_reaped, server, err);
    if (!server->commands)
        return -1;
    server->http = evhttp_new(base);
    if (!server->http || evhttp_accept_socket(server->http, listen_fd) < 0)
        return error_set(err, ERROR_INTERNAL, NULL, "cannot serve descriptor %d", listen_fd);
    evhttp_set_max_headers_size(server->http, HEAD_MOST);
    evhttp_set_max_body_size(server->http, BODY_MOST);
    evhttp_set_timeout(server->http, IDLE_SECONDS);
    evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_PUT | EVHTTP_REQ_POST |
                                                 EVHTTP_REQ_DELETE);
    evhttp_set_gencb(server->http, handle, server);
    return 0;
}
