/*
 * fixture.h - what the engine's tests stand on: folders of their own, an image made of busybox, a
 * pid 1 that does as it is told, and calls of the engine that wait for their end.
 *
 * Needs root, crun, busybox-static. Whatever is missing is a failure.
 */
#ifndef CODESET_TESTS_ENGINE_FIXTURE_H
#define CODESET_TESTS_ENGINE_FIXTURE_H

#include <event2/event.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "engined/containers.h"
#include "settings.h"

struct fixture {
    char *dir; /* all of it, below /tmp */
    struct settings settings;
    struct event_base *base;
    struct containers *engine;
    struct error last; /* of the last call that failed */
    char *socket;      /* codeset-engined's */
    pid_t engined;
};

/* tag: part of the cgroup's name. Aborts when something is missing. */
void fixture_open(struct fixture *fixture, const char *tag);

/* Ends the test program's last trace; false when the engine left something behind: mounts, loop
 * devices, cgroups, folders of containers. Says what. */
bool fixture_close(struct fixture *fixture);

/* From now on containers get this program of the build folder as their pid 1. */
void fixture_use_agent(struct fixture *fixture, const char *program);

/* Another engine on the same folders, as after a restart of the daemon. */
void fixture_restart(struct fixture *fixture);

/*
 * codeset-engined on the same folders, as a process of its own, listening at fixture->socket; with
 * these lines more in [engine]. Its asker is FIXTURE_ASKER. Returns when it can be connected to.
 */
#define FIXTURE_ASKER 60777
void fixture_run_engined(struct fixture *fixture, const char *more);
void fixture_end_engined(struct fixture *fixture,
                         int signal_number); /* SIGTERM: it must end well */

/* A connection to it, or -1. */
int fixture_connect(const struct fixture *fixture);

extern const struct container_limits fixture_limits;

/* 0 or -1 with fixture->last. */
int fixture_start(struct fixture *fixture, const char *name, const char *image,
                  const struct container_limits *limits);
int fixture_stop(struct fixture *fixture, const char *name);
int fixture_clear(struct fixture *fixture, const char *name);

/* Runs the command in the container. Returns its exit status, -1 when there is no answer within
 * 120 s; output may be NULL. */
int fixture_run(struct fixture *fixture, const char *name, const char *command, struct buf *output);

/* Sends the bytes to the container's socket and reads until its end or for 120 s. 0 or -1. */
int fixture_talk(struct fixture *fixture, const char *name, const char *bytes, struct buf *answer);

/* Runs the loop until *flag or the deadline. */
bool fixture_wait(struct fixture *fixture, const bool *flag, int seconds);

#endif
