/*
 * command.h - commands: what the agent runs in the container.
 *
 * A command is an operation (operations.h): it is known by its id until it is forgotten, and stays
 * until the last answer that points into its output is sent.
 */
#ifndef CODESET_AGENT_COMMAND_H
#define CODESET_AGENT_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/capture.h"
#include "agent/launch.h"
#include "agent/operations.h"
#include "base/error.h"

struct event_base;
struct commands;

enum command_end {
    COMMAND_EXIT,
    COMMAND_TIMEOUT,
    COMMAND_FAILED,  /* it never ran; message says why */
    COMMAND_REFUSED, /* as failed, for want of memory or processes; the id is forgotten already */
};

struct command_result {
    enum command_end end;
    int status;         /* 137 with a message where another command's end took it along */
    int64_t started_at; /* microseconds since 1970 */
    int64_t files_from; /* clock_of_files */
    int64_t micros;
    struct capture_text out, err;
    char message[256];
};

struct command_spec {
    const char *command;
    bool is_trial; /* the command is the request of one (trial/trial.h) */
    const char *workdir;
    char *const *environment;
    struct launch launch;
    int timeout_seconds;
    bool keeps_tail; /* command_printed tells what it prints */
};

/* Called for each child that has ended and was no command's. */
typedef void commands_reaped(pid_t pid, void *arg);

/* Lives as long as the process. From here on children are waited for here and nowhere else: see
 * children.h. */
struct commands *commands_new(struct event_base *base, struct operations *operations,
                              commands_reaped *reaped, void *arg, struct error *err);

/* NULL with ERROR_UNAVAILABLE when there is no process, memory or place for it. Nothing of the
 * spec is kept. */
struct operation *commands_start(struct commands *commands, const char *id,
                                 const struct command_spec *spec, struct error *err);

/* Is the operation a command? */
bool operation_is_command(const struct operation *operation);

/* What both of its outputs had so far; NULL for a command that was not to keep that. */
const struct printed *command_printed(const struct operation *operation);

/* Of a command that has ended. The texts stay as long as a reference to the operation does. */
const struct command_result *command_result(const struct operation *operation);

#endif
