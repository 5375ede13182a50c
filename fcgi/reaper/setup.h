/*
 * setup.h - a sample's own command, run once in the container of a new session, before anybody is
 * told that the session is ready: formats of data sets have it to take out of an image what a
 * session must not see, or to make the bug that is to be found.
 *
 * It is run as the session's commands are: user, shell and environment are the container's profile.
 * What it changes below the repository's folder is a change of the session, as any command's.
 */
#ifndef CODESET_REAPER_SETUP_H
#define CODESET_REAPER_SETUP_H

#include "base/error.h"
#include "base/id.h"

struct container;
struct context;
struct setup;

struct setup_command {
    const char *command, *folder; /* both live until the end */
    struct id user;               /* whose session it is */
};

/* Once, and not from within. err: SETUP_FAILED, whose message is for the log, as it quotes what the
 * command wrote; or the call's. AGENT_UNREACHABLE is that of the last of several tries, between
 * which the container was looked at: nobody is called if that is lost. */
typedef void setup_done(const struct error *err, void *arg);

/* The container is up. */
struct setup *setup_begin(struct context *context, struct container *container,
                          const struct setup_command *command, setup_done *done, void *arg);

/* Also at the end; nobody is called any more. NULL: nothing. */
void setup_end(struct setup *setup);

#endif
