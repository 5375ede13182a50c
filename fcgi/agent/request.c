#include "agent/request.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"

#include "base/banned.h"

bool request_authorized(struct evhttp_request *req, const char *token)
{
    const char *given = evhttp_find_header(evhttp_request_get_input_headers(req), "Authorization");
    size_t expected = strlen(token), length;
    volatile unsigned char differences = 0;

    if (!given || strncmp(given, "Bearer ", 7) != 0)
        return false;
    given += 7;
    length = strlen(given);
    /* The loop's length depends on what was sent alone. */
    for (size_t i = 0; i < length; i++)
        differences |= (unsigned char)(given[i] ^ token[i % (expected + 1)]);
    return length == expected && differences == 0;
}

bool request_has_client(struct evhttp_request *req)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(req);
    char byte;
    int fd;

    if (!connection)
        return false;
    fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    switch (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT)) {
    case 0:
        return false;
    case 1:
        return true;
    default:
        return errno == EAGAIN || errno == EINTR;
    }
}

void request_header(struct evhttp_request *req, const char *name, const char *format, ...)
{
    char value[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    evhttp_add_header(evhttp_request_get_output_headers(req), name, value);
}

void request_json(struct evhttp_request *req, int status, const char *json)
{
    struct evbuffer *body = evbuffer_new();

    request_header(req, "Content-Type", "application/json");
    evbuffer_add(body, json, strlen(json));
    evhttp_send_reply(req, status, NULL, body);
    evbuffer_free(body);
}

char *request_message_json(const char *message)
{
    struct buf json = BUF_INIT;

    buf_add_str(&json, "{\"message\":");
    json_write_string(&json, message, strlen(message));
    buf_add_char(&json, '}');
    return buf_take(&json);
}

void request_message(struct evhttp_request *req, int status, const char *message)
{
    _cleanup_(free_ptr) char *json = request_message_json(message);

    request_json(req, status, json);
}

int request_body_json(struct evhttp_request *req, size_t most, json_object **ret_body,
                      struct error *err)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(req);
    size_t length = evbuffer_get_length(input);
    _cleanup_(json_release) json_object *body = NULL;

    if (length > most)
        return error_set(err, ERROR_INVALID, NULL, "the body is larger than %zu bytes", most);
    if (json_parse(length ? (const char *)evbuffer_pullup(input, -1) : "", length, &body, NULL,
                   err) < 0)
        return error_wrap(err, "the body");
    if (!json_object_is_type(body, json_type_object))
        return error_set(err, ERROR_INVALID, NULL, "the body is not a JSON object");
    *ret_body = TAKE_PTR(body);
    return 0;
}

const char *request_member(json_object *object, const char *key)
{
    json_object *value;
    const char *text;

    if (!json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    text = json_object_get_string(value);
    return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

int request_query(struct evhttp_request *req, struct evkeyvalq *fields, struct error *err)
{
    const char *text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));

    if (text && evhttp_parse_query_str(text, fields) == 0)
        return 0;
    return error_set(err, ERROR_INVALID, NULL, "the query cannot be read");
}
