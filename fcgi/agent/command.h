/*
 * command.h - the commands that the agent has started and has not been told to forget.
 *
 * A command lives from command_start until commands_forget (and until the last answer that points
 * into its output is sent: command_ref, command_unref). At most COMMANDS_MOST are kept; to make
 * room the oldest that ended and was answered is forgotten.
 */
#ifndef CODESET_AGENT_COMMAND_H
#define CODESET_AGENT_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/capture.h"
#include "base/error.h"

struct event_base;
struct command;
struct commands;

#define COMMANDS_MOST 128
#define COMMAND_ID_MOST 64
#define COMMAND_TIMEOUT_MOST (7 * 24 * 3600)

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
    int64_t micros;
    struct capture_text out, err;
    char message[256];
};

struct command_spec {
    const char *command;
    const char *workdir;
    char *const *environment;
    int timeout_seconds;
};

/* Called for each child that was reaped and was no command's. */
typedef void commands_reaped(pid_t pid, void *arg);

/*
 * To be called before there is anybody else in the container: makes the agent dumpable, which the
 * caller must undo. Else /proc/self is root's of the host. Keeps its oom_score_adj open, so that
 * commands, which can't write theirs before they are somebody else, are born with the highest.
 */
void commands_prepare(void);

/* Lives as long as the process. From here on SIGCHLD is this room's: it must be blocked, and nobody
 * else waits for children. */
struct commands *commands_new(struct event_base *base, commands_reaped *reaped, void *arg,
                              struct error *err);

/* 1 to COMMAND_ID_MOST of A-Z a-z 0-9 . _ - */
bool command_id_valid(const char *id);

/* NULL if there is none. */
struct command *commands_find(struct commands *commands, const char *id);

/* NULL with ERROR_UNAVAILABLE when there is no process, memory or place for it. Nothing of the
 * spec is kept. */
struct command *commands_start(struct commands *commands, const char *id,
                               const struct command_spec *spec, struct error *err);

/* Removes it at once from what commands_find knows; kills it if it runs. */
void commands_forget(struct commands *commands, struct command *command);

/* Calls back when the command has ended, at once if it has. The callback may take references. */
typedef void command_ended(struct command *command, const struct command_result *result, void *arg);
void command_wait(struct command *command, command_ended *ended, void *arg);

/* The result's texts stay as long as a reference does. */
struct command *command_ref(struct command *command);
void command_unref(struct command *command);

#endif
