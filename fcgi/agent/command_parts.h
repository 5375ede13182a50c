/*
 * command_parts.h - what the files of a command share.
 *
 *     commands.c      starts commands, and hears of their processes' ends
 *     command.c       one command: from what its shepherd says to its result
 *     command_kill.c  its time limit, and its end where the shepherd is gone
 *
 * As a rule the shepherd says how a command ended. A command may kill or stop its shepherd: then it
 * has become the agent's own child (the agent is pid 1, or a child subreaper), the agent waits for
 * it itself, holds it to its limit, and, as it can no longer tell whose a process is, ends at the
 * limit everything that is below no other shepherd.
 */
#ifndef CODESET_AGENT_COMMAND_PARTS_H
#define CODESET_AGENT_COMMAND_PARTS_H

#include <stdbool.h>

#include "agent/command.h"
#include "agent/output.h"
#include "agent/tree.h"
#include "base/cleanup.h"

struct event;
struct output_drain;

struct command {
    struct operation operation; /* first */
    TAILQ_ENTRY(command) links;
    struct commands *commands;
    bool killing; /* by our own hand: the shepherd is gone */
    bool out_of_time;
    bool killed_along; /* kill(-1) for another command's sake has ended it, or will */
    pid_t shepherd;    /* 0 once it is gone */
    pid_t main;        /* 0 until it is about to run */
    int report_fd;
    int timeout_seconds;
    int64_t begun; /* monotonic */
    int64_t kill_begun;
    struct tree_kill kill;
    struct event *report_event;
    struct event *limit;
    struct output outputs[2];
    bool keeps_tail;
    struct printed printed;
    struct command_result result;
};

struct commands {
    struct event_base *base;
    struct operations *operations;
    commands_reaped *reaped;
    void *reaped_arg;
    int proc_fd;
    int null_fd;
    bool in_container;
    struct output_drain *drain;
    TAILQ_HEAD(, command) list; /* those that are in the table of operations */
};

static inline struct command *command_ref(struct command *command)
{
    return (struct command *)operation_ref(&command->operation);
}

static inline void command_unref(struct command *command)
{
    operation_unref(&command->operation);
}

DEFINE_CLEANUP(struct command *, release_command, command_unref)

/* ---- command.c ---- */

struct command *command_new(struct commands *commands, const char *id,
                            const struct command_spec *spec);

/* Its shepherd runs: listens to it, and to the outputs. */
void command_watch(struct command *command);

void command_finish(struct command *command, enum command_end end, int status);

/* Takes all reports there are. False at the end: neither shepherd nor starting command is left. */
bool command_take_reports(struct command *command);

/* The shepherd is gone, and may not have said how the command ended. */
void command_lost(struct command *command);

/* ---- command_kill.c ---- */

void command_set_limit(struct command *command, int64_t micros); /* from now */
void command_limit_reached(int fd, short what, void *command);

/* Kills a command whose shepherd is gone, a pass at a time so that the loop goes on. */
void command_kill_step(struct command *command);

/* Notes who was there when kill(-1) ended all for the sake of one command. */
void command_note_kill_all(const struct command *cause, int64_t when);

#endif
