/*
 * world.h - what the engine's tests stand on: folders of their own, an image made of busybox, a
 * pid 1 that does as it is told, and calls of the engine that wait for their end.
 *
 * Needs root, crun, busybox-static. Whatever is missing is a failure.
 */
#ifndef CODESET_TESTS_ENGINE_WORLD_H
#define CODESET_TESTS_ENGINE_WORLD_H

#include <event2/event.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "engine/engine.h"
#include "settings.h"

struct world {
    char *dir; /* all of it, below /tmp */
    struct settings settings;
    struct event_base *base;
    struct engine *engine;
    struct error last; /* of the last call that failed */
};

/* tag: part of the cgroup's name. Aborts when something is missing. */
void world_open(struct world *world, const char *tag);

/* Ends the test program's last trace; false when the engine left something behind: mounts, loop
 * devices, cgroups, folders of containers. Says what. */
bool world_close(struct world *world);

/* From now on containers get this program of the build folder as their pid 1. */
void world_use_agent(struct world *world, const char *program);

/* Another engine on the same folders, as after a restart of the daemon. */
void world_restart(struct world *world);

extern const struct engine_limits world_limits;

/* 0 or -1 with world->last. */
int world_start(struct world *world, const char *name, const char *image,
                const struct engine_limits *limits);
int world_stop(struct world *world, const char *name);

/* Runs the command in the container. Returns its exit status, -1 when there is no answer within
 * 120 s; output may be NULL. */
int world_run(struct world *world, const char *name, const char *command, struct buf *output);

/* Sends the bytes to the container's socket and reads until its end or for 120 s. 0 or -1. */
int world_talk(struct world *world, const char *name, const char *bytes, struct buf *answer);

/* Runs the loop until *flag or the deadline. */
bool world_wait(struct world *world, const bool *flag, int seconds);

#endif
