/*
 * DIAGNOSTICS: what went wrong reaches whoever waits for the command, as its message.
 */
#include "agent/command.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/command_parts.h"
#include "agent/command_request.h"
#include "agent/shepherd.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/mem.h"

#include "base/banned.h"

#ifndef __clang__
/* gcc 12's analyzer does not count references, so each second command_unref is a use after free. */
#pragma GCC diagnostic ignored "-Wanalyzer-use-after-free"
#endif

#define STATUS_TIMEOUT 124
#define SHEPHERD_LATE CLOCK_SECOND /* after the limit: then the agent lends a hand */

DEFINE_CLEANUP(struct event *, free_event, event_free)

/* ---- as an operation ---- */

static void command_abandon(struct operation *operation)
{
    struct command *command = (struct command *)operation;

    if (command->shepherd)
        (void)!send(command->report_fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    else
        command_kill_step(command);
}

static void command_unlisted(struct operation *operation)
{
    struct command *command = (struct command *)operation;

    TAILQ_REMOVE(&command->commands->list, command, links);
}

static void command_free(struct operation *operation)
{
    struct command *command = (struct command *)operation;

    for (int i = 0; i < 2; i++)
        output_release(&command->outputs[i]);
    ring_release(&command->printed.last);
    free_event(&command->report_event);
    free_event(&command->limit);
    close_fd(&command->report_fd);
    tree_kill_release(&command->kill);
    free(command);
}

static const struct operation_kind command_kind = {.answer = command_answer,
                                                   .abandon = command_abandon,
                                                   .unlisted = command_unlisted,
                                                   .free = command_free};

bool operation_is_command(const struct operation *operation)
{
    return operation->kind == &command_kind;
}

const struct printed *command_printed(const struct operation *operation)
{
    const struct command *command = (const struct command *)operation;

    return command->keeps_tail ? &command->printed : NULL;
}

const struct command_result *command_result(const struct operation *operation)
{
    return &((const struct command *)operation)->result;
}

struct command *command_new(struct commands *commands, const char *id,
                            const struct command_spec *spec)
{
    struct command *command = xcalloc(1, sizeof(*command));

    operation_init(&command->operation, &command_kind, id);
    command->commands = commands;
    command->report_fd = -1;
    command->timeout_seconds = spec->timeout_seconds;
    command->keeps_tail = spec->keeps_tail;
    command->printed = (struct printed)PRINTED_INIT;
    command->begun = clock_monotonic();
    command->result.started_at = clock_now();
    command->result.files_from = clock_of_files();
    for (int i = 0; i < 2; i++) {
        command->outputs[i] = (struct output)OUTPUT_INIT;
        if (spec->keeps_tail)
            command->outputs[i].capture.along = &command->printed;
    }
    return command;
}

/* ---- its end ---- */

void command_finish(struct command *command, enum command_end end, int status)
{
    struct command_result *result = &command->result;

    if (command->operation.ended)
        return;
    if (result->micros == 0)
        result->micros = clock_monotonic() - command->begun;
    /* Somebody else was quicker than its shepherd: the agent, or the engine from outside. */
    if (end == COMMAND_EXIT && status == 128 + SIGKILL &&
        result->micros >= command->timeout_seconds * CLOCK_SECOND) {
        end = COMMAND_TIMEOUT;
        status = STATUS_TIMEOUT;
    }
    command->main = 0; /* reaped: the number may be anybody's from here on */
    if (command->killed_along && end == COMMAND_EXIT && status == 128 + SIGKILL)
        snprintf(result->message, sizeof(result->message),
                 "killed together with another command that exceeded its time limit");
    result->end = end;
    result->status = status;
    output_finish(&command->outputs[0], command->commands->drain, &result->out);
    output_finish(&command->outputs[1], command->commands->drain, &result->err);
    free_event(&command->limit);
    command->limit = NULL;
    if (command->report_event)
        event_del(command->report_event);
    operation_end(&command->operation, end != COMMAND_REFUSED);
}

/* ---- what the shepherd says ---- */

static void take_report(struct command *command, const struct shepherd_report *report)
{
    struct command_result *result = &command->result;
    bool short_of;

    switch (report->event) {
    case SHEPHERD_STARTED:
        command->main = report->pid;
        result->started_at = report->started_at;
        result->files_from = report->files_from;
        break;
    case SHEPHERD_FAILED:
        snprintf(result->message, sizeof(result->message), "%s", report->message);
        short_of = report->sys_errno == EAGAIN || report->sys_errno == ENOMEM;
        command_finish(command, short_of ? COMMAND_REFUSED : COMMAND_FAILED, 0);
        break;
    case SHEPHERD_ENDED:
        result->micros = report->micros;
        command_finish(command, COMMAND_EXIT, report->status);
        break;
    case SHEPHERD_TIMEOUT:
        result->micros = report->micros;
        command_finish(command, COMMAND_TIMEOUT, report->status);
        break;
    case SHEPHERD_KILLS_ALL:
        command_note_kill_all(command, report->micros);
        break;
    }
}

bool command_take_reports(struct command *command)
{
    _cleanup_(release_command) struct command *held =
        command_ref(command); /* the end may free it */
    struct shepherd_report report;
    ssize_t got;

    while (!held->operation.ended) {
        got = recv(held->report_fd, &report, sizeof(report), MSG_DONTWAIT);
        if (got == (ssize_t)sizeof(report))
            take_report(held, &report);
        else
            return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
    return true;
}

static void report_ready(evutil_socket_t fd, short what, void *arg)
{
    struct command *command = command_ref(arg);

    (void)fd;
    (void)what;
    if (!command_take_reports(command) && !command->operation.ended) {
        event_del(command->report_event);
        if (!command->main) {
            snprintf(command->result.message, sizeof(command->result.message),
                     "the command was killed before it started");
            command_finish(command, COMMAND_FAILED, 0);
        }
    }
    command_unref(command);
}

void command_watch(struct command *command)
{
    struct event_base *base = command->commands->base;

    command->report_event =
        event_new(base, command->report_fd, EV_READ | EV_PERSIST, report_ready, command);
    event_add(command->report_event, NULL);
    for (int i = 0; i < 2; i++)
        output_watch(&command->outputs[i], base);
    command->limit = evtimer_new(base, command_limit_reached, command);
    command_set_limit(command, command->timeout_seconds * CLOCK_SECOND + SHEPHERD_LATE);
}

void command_lost(struct command *command)
{
    int64_t left;
    int status;
    pid_t pid;

    command->shepherd = 0;
    if (command->operation.ended || !command->main)
        return; /* the end of the reports tells */
    pid = waitpid(command->main, &status, WNOHANG);
    if (pid == command->main) {
        command_finish(command, COMMAND_EXIT, child_status(status));
    } else if (pid < 0) {
        /* It ended before its shepherd, which was killed before it could say how. */
        command_finish(command, COMMAND_EXIT, 128 + SIGKILL);
    } else {
        left = command->begun + command->timeout_seconds * CLOCK_SECOND - clock_monotonic();
        command_set_limit(command, left > 0 ? left : 0);
        if (!command->operation.known)
            command_kill_step(command);
    }
}
