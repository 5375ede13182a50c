/*
 * launch.h - what a process does last before it is a command: as whom, by which shell.
 *
 * All of it is for the forked child, which is still the container's root.
 */
#ifndef CODESET_AGENT_LAUNCH_H
#define CODESET_AGENT_LAUNCH_H

#include <stdbool.h>

#include "base/error.h"
#include "wire/account.h"

/* How the image or the data set wants its commands to be run. All zero: as root, `bash -c`. */
struct launch {
    const char *user;        /* as in wire/account.h; NULL: root */
    bool login;              /* the shell reads first what a person's shell reads */
    char *const *entrypoint; /* the program that runs the shell, with its arguments; NULL: none */
};

/* Reads AGENT_CPUS_VARIABLE, of the process's environment; once, before that is cleared. */
void launch_prepare(void);

/*
 * The processors that the command may use, as far as its container may use fewer than there are:
 * nproc, JVMs and build tools count them. Which ones is chosen anew for each command, beginning
 * with the one that it is on, so that commands are spread as the kernel spread them.
 */
void launch_limit_cpus(void);

/* Looks the user up in the container's files. For root: nothing, and a home of "". */
int launch_find(const struct launch *launch, struct account *ret_account, struct error *err);

/* Becomes that user, for good, who then owns both outputs, so that it may open them again by name
 * (/dev/stdout). */
int launch_become(const struct launch *launch, const struct account *account, int out_fd,
                  int err_fd, struct error *err);

/* Runs the command by the image's shell; HOME is the account's unless the environment has one.
 * Descriptors 0 to 2 are the command's. Returns on failure only. */
void launch_shell(const struct launch *launch, const struct account *account, const char *command,
                  char *const *environment, struct error *err);

#endif
