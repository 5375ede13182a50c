/*
 * request.h - reading a request and answering it, on top of evhttp's own calls.
 *
 * A request that was read is answered exactly once, also when its connection has gone meanwhile:
 * evhttp then frees it without sending anything.
 */
#ifndef CODESET_AGENT_REQUEST_H
#define CODESET_AGENT_REQUEST_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct evhttp_request;
struct evkeyvalq;

/* Does it bear the token? Takes as long whatever the token is. */
bool request_authorized(struct evhttp_request *req, const char *token);

/* Is there still somebody who would read an answer? evhttp does not look while it waits for one. */
bool request_has_client(struct evhttp_request *req);

void request_header(struct evhttp_request *req, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answers with a JSON text, or with {"message": ...}. */
void request_json(struct evhttp_request *req, int status, const char *json);
void request_message(struct evhttp_request *req, int status, const char *message);

char *request_message_json(const char *message); /* that text; free() it */

/* The body as a JSON object (give it back). */
int request_body_json(struct evhttp_request *req, size_t most, json_object **ret_body,
                      struct error *err);

/* A text without NUL; NULL if it is absent, another type or holds NUL. */
const char *request_member(json_object *object, const char *key);

/* Appends the query's fields; evhttp_clear_headers releases them. */
int request_query(struct evhttp_request *req, struct evkeyvalq *fields, struct error *err);

#endif
