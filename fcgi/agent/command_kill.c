/*
 * BUGS: a command that kills its shepherd and runs into its limit takes along what earlier
 * commands left in the background.
 */
#include <event2/event.h>
#include <signal.h>
#include <unistd.h>

#include "agent/command_parts.h"
#include "base/clock.h"

#include "base/banned.h"

#define PASS_PAUSE_MICROS 3000
#define QUIET_PASSES 3
#define KILL_MOST (10 * CLOCK_SECOND)
#define HELP_PAUSE (CLOCK_SECOND / 20)
#define HELP_MOST (15 * CLOCK_SECOND) /* from the limit on */

void command_set_limit(struct command *command, int64_t micros)
{
    struct timeval when = {.tv_sec = micros / CLOCK_SECOND, .tv_usec = micros % CLOCK_SECOND};

    if (command->limit)
        evtimer_add(command->limit, &when);
}

void command_note_kill_all(const struct command *cause, int64_t when)
{
    struct command *command;

    TAILQ_FOREACH(command, &cause->commands->list, links)
    if (command != cause && command->begun < when)
        command->killed_along = true;
}

/* One pass over what is below the agent and no shepherd. */
static void kill_pass(struct command *lost)
{
    struct commands *commands = lost->commands;
    int before = lost->kill.fresh_passes;
    pid_t spared[AGENT_OPERATIONS_MOST];
    const struct command *command;
    size_t count = 0;

    TAILQ_FOREACH(command, &commands->list, links)
    if (command->shepherd && count < AGENT_OPERATIONS_MOST)
        spared[count++] = command->shepherd;
    tree_kill_pass(&lost->kill, commands->proc_fd, getpid(), spared, count);
    if (commands->in_container && lost->kill.fresh_passes > before &&
        tree_kill_too_slow(&lost->kill)) {
        command_note_kill_all(lost, clock_monotonic());
        kill(-1, SIGKILL);
    }
}

void command_kill_step(struct command *command)
{
    int64_t now = clock_monotonic();

    if (!command->killing) {
        command->killing = true;
        command->kill_begun = now;
    }
    kill_pass(command);
    if (command->kill.quiet_passes < QUIET_PASSES && now - command->kill_begun <= KILL_MOST)
        command_set_limit(command, PASS_PAUSE_MICROS);
    else if (command->out_of_time)
        command_finish(command, COMMAND_TIMEOUT, 124);
    else
        command_finish(command, COMMAND_EXIT, 128 + SIGKILL);
}

/* It should have reported: it is at it, or does not get to it. What is below it can be told as long
 * as it lives. */
static void help_shepherd(struct command *command)
{
    int64_t limit = command->begun + command->timeout_seconds * CLOCK_SECOND;

    if (clock_monotonic() - limit < HELP_MOST) {
        tree_kill_pass(&command->kill, command->commands->proc_fd, command->shepherd, NULL, 0);
        command_set_limit(command, HELP_PAUSE);
        return;
    }
    kill(command->shepherd, SIGKILL);
    command_set_limit(command, CLOCK_SECOND);
}

void command_limit_reached(int fd, short what, void *arg)
{
    struct command *command = arg;

    (void)fd;
    (void)what;
    if (command->shepherd) {
        help_shepherd(command);
        return;
    }
    if (!command->killing)
        command->out_of_time = true;
    command_kill_step(command);
}
