/*
 * command_request.h - /commands/{id}: a command as it is asked for, and its result as an answer.
 */
#ifndef CODESET_AGENT_COMMAND_REQUEST_H
#define CODESET_AGENT_COMMAND_REQUEST_H

struct commands;
struct evhttp_request;
struct operation;

/* PUT: starts it, where the operation is NULL, and waits for its end. */
void command_put(struct commands *commands, struct operation *operation, const char *id,
                 struct evhttp_request *req);

/* GET .../tail: what it printed last, whether it has ended or not. */
void command_tail(struct operation *operation, struct evhttp_request *req);

/* The result of a command that has ended. */
void command_answer(struct operation *operation, struct evhttp_request *req);

#endif
