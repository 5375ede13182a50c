#include "agent/server.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/changes.h"
#include "agent/command.h"
#include "agent/command_request.h"
#include "agent/edit.h"
#include "agent/edits.h"
#include "agent/operations.h"
#include "agent/request.h"
#include "agent/worker.h"
#include "base/cleanup.h"
#include "base/mem.h"

#include "base/banned.h"

#define HEAD_MOST (32 * 1024)
#define BODY_MOST (INT64_C(520) << 20) /* an archive of changes, the largest of bodies */
#define TREE_SECONDS 240               /* until an archive begins, or is unpacked */
#define IDLE_SECONDS (24 * 3600)       /* the daemon decides which connections to keep */

struct server {
    struct evhttp *http;
    struct operations *operations;
    struct commands *commands;
    struct edits *edits;
    struct workers *workers;
    const char *token;
};

static void hello(struct server *server, struct evhttp_request *req, const char *rest)
{
    char json[32];

    (void)server;
    (void)rest;
    snprintf(json, sizeof(json), "{\"protocol\":%d}", AGENT_PROTOCOL);
    request_json(req, 200, json);
}

/* 400: an id is that of one thing that is done. */
static void command_ask(struct server *server, struct evhttp_request *req, const char *id)
{
    struct operation *operation = operations_find(server->operations, id);

    if (operation && !operation_is_command(operation))
        request_message(req, 400, "the id is that of a file operation");
    else if (evhttp_request_get_command(req) == EVHTTP_REQ_PUT)
        command_put(server->commands, operation, id, req);
    else if (operation)
        operation_wait(operation, req);
    else
        request_message(req, 404, "no command has this id");
}

/* Whatever it is: a command, or a file operation. */
static void operation_delete(struct server *server, struct evhttp_request *req, const char *id)
{
    struct operation *operation = operations_find(server->operations, id);

    if (operation)
        operation_forget(operation);
    evhttp_send_reply(req, 204, NULL, NULL);
}

/* 404 as well where it is no command. */
static void tail(struct server *server, struct evhttp_request *req, const char *id)
{
    struct operation *operation = operations_find(server->operations, id);

    if (evhttp_request_get_command(req) != EVHTTP_REQ_GET)
        request_message(req, 405, "the path does not support this method");
    else if (operation && operation_is_command(operation))
        command_tail(operation, req);
    else
        request_message(req, 404, "no command has this id");
}

/* Takes AGENT_PATH_TAIL off the end of `rest`. False if it is not there. */
static bool is_tail(const char *rest, char id[AGENT_ID_MOST + 1])
{
    size_t length = strlen(rest), end = sizeof(AGENT_PATH_TAIL) - 1;

    if (length <= end || length - end > AGENT_ID_MOST ||
        strcmp(rest + length - end, AGENT_PATH_TAIL) != 0)
        return false;
    snprintf(id, AGENT_ID_MOST + 1, "%.*s", (int)(length - end), rest);
    return operation_id_valid(id);
}

static void command_route(struct server *server, struct evhttp_request *req, const char *id)
{
    char of[AGENT_ID_MOST + 1];

    if (is_tail(id, of)) {
        tail(server, req, of);
        return;
    }
    if (!operation_id_valid(id))
        request_message(req, 400, "not the id of an operation");
    else if (evhttp_request_get_command(req) == EVHTTP_REQ_DELETE)
        operation_delete(server, req, id);
    else
        command_ask(server, req, id);
}

static void replace(struct server *server, struct evhttp_request *req, const char *rest)
{
    (void)rest;
    edits_request(server->edits, req, edit_replace);
}

static void file(struct server *server, struct evhttp_request *req, const char *rest)
{
    (void)rest;
    edits_request(server->edits, req, edit_file);
}

static void listing(struct server *server, struct evhttp_request *req, const char *rest)
{
    (void)rest;
    worker_start(server->workers, req, listing_get, AGENT_TYPE_BYTES, TREE_SECONDS);
}

static void changes(struct server *server, struct evhttp_request *req, const char *rest)
{
    bool put = evhttp_request_get_command(req) == EVHTTP_REQ_PUT;

    (void)rest;
    worker_start(server->workers, req, put ? changes_put : changes_post, AGENT_TYPE_TAR,
                 TREE_SECONDS);
}

static void files(struct server *server, struct evhttp_request *req, const char *rest)
{
    (void)rest;
    worker_start(server->workers, req, files_get, AGENT_TYPE_TAR, TREE_SECONDS);
}

static void archive(struct server *server, struct evhttp_request *req, const char *rest)
{
    (void)rest;
    worker_start(server->workers, req, archive_get, AGENT_TYPE_TAR, TREE_SECONDS);
}

static const struct route {
    const char *path; /* one that ends in / takes an id behind it */
    int methods;
    void (*handle)(struct server *server, struct evhttp_request *req, const char *rest);
} routes[] = {
    {AGENT_PATH_HELLO, EVHTTP_REQ_GET, hello},
    {AGENT_PATH_COMMANDS, EVHTTP_REQ_PUT | EVHTTP_REQ_GET | EVHTTP_REQ_DELETE, command_route},
    {AGENT_PATH_REPLACE, EVHTTP_REQ_POST, replace},
    {AGENT_PATH_FILE, EVHTTP_REQ_PUT, file},
    {AGENT_PATH_LISTING, EVHTTP_REQ_GET, listing},
    {AGENT_PATH_CHANGES, EVHTTP_REQ_POST | EVHTTP_REQ_PUT, changes},
    {AGENT_PATH_FILES, EVHTTP_REQ_GET, files},
    {AGENT_PATH_ARCHIVE, EVHTTP_REQ_GET, archive},
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
            request_message(req, 405, "the path does not support this method");
        return;
    }
    request_message(req, 404, "no such path");
}

static void child_reaped(pid_t pid, void *arg)
{
    const struct server *server = arg;

    workers_reaped(server->workers, pid);
    edits_reaped(server->edits, pid);
}

int server_start(struct event_base *base, int listen_fd, const char *token, struct error *err)
{
    struct server *server = xcalloc(1, sizeof(*server));

    server->token = token;
    server->workers = workers_new(base);
    server->operations = operations_new();
    edit_prepare();
    server->edits = edits_new(base, server->operations);
    server->commands = commands_new(base, server->operations, child_reaped, server, err);
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
