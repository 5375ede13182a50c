/*
 * scripted_engine.h - an engine that does what a test says, when it says it (engine/engine.h).
 *
 * A scripted host has containers, which outlive the engines that started them as real ones do. A
 * container is a real agent, outside of any container, on a unix socket. Calls that the test holds
 * wait until it releases them; so a race is not waited for, it is played.
 */
#ifndef CODESET_TESTS_SCRIPTED_ENGINE_H
#define CODESET_TESTS_SCRIPTED_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "engine/engine.h"

struct event_base;
struct scripted_host;

enum scripted_call {
    SCRIPTED_START,
    SCRIPTED_STOP,
    SCRIPTED_LIST,
    SCRIPTED_DESCRIBE,
    SCRIPTED_CLEAR,
    SCRIPTED_FREEZE, /* is counted, nothing else */
    SCRIPTED_EGRESS, /* gives a socket that listens on some port of this host's loopback */
};
#define SCRIPTED_CALLS (SCRIPTED_EGRESS + 1)

struct scripted_host *scripted_host_new(struct event_base *base);

/* Containers made from now on have this folder for their root. Their agent is its file `agent`;
 * `proc` is an empty folder. NULL: the machine's own root. */
void scripted_root(struct scripted_host *host, const char *root);
void scripted_host_free(struct scripted_host *host); /* with its containers; behind its engines */

/* One of the engines that ask this host. When it is freed, what it had under way is done by the
 * host all the same, as codeset-engined does, and nobody is told. */
struct engine *scripted_engine(struct scripted_host *host);

/* Of the images of containers that are described from now on: engine.h. 1 until then. */
void scripted_image_time(struct scripted_host *host, int64_t image_time);

/* Such calls wait from now on; the number of those that wait; they go on, and others too. */
void scripted_hold(struct scripted_host *host, enum scripted_call call);
size_t scripted_held(const struct scripted_host *host, enum scripted_call call);
bool scripted_holds(const struct scripted_host *host, enum scripted_call call, const struct id *id);
void scripted_step(struct scripted_host *host, enum scripted_call call); /* the first one only */
void scripted_release(struct scripted_host *host, enum scripted_call call);

/* The next `times` calls that go on fail so. code: a literal or NULL. */
void scripted_fail(struct scripted_host *host, enum scripted_call call, int times,
                   enum error_kind kind, const char *code);

/* Pid 1 of the container ends. code: why the engine ended it; a literal or NULL. */
void scripted_end(struct scripted_host *host, const struct id *id, const char *code,
                  const char *message);

/* The agent of each container comes to nothing, until the container is cleared or all are woken. */
void scripted_starve(struct scripted_host *host);
void scripted_wake(struct scripted_host *host);
size_t scripted_clears(const struct scripted_host *host); /* so often that was asked for */

/* Whether public_ was asked for with the last of them; so often that was asked for. */
bool scripted_public(const struct scripted_host *host);
size_t scripted_egresses(const struct scripted_host *host);
size_t scripted_freezes(const struct scripted_host *host);

/* A container that no daemon asked for. */
void scripted_plant(struct scripted_host *host, enum container_kind kind, const struct id *id);

bool scripted_has(const struct scripted_host *host, const struct id *id);
size_t scripted_count(const struct scripted_host *host);  /* containers that are there */
size_t scripted_starts(const struct scripted_host *host); /* that have ever been made */

/* A folder of the host, where commands of its containers find what the test lays; it goes with the
 * host. */
const char *scripted_folder(const struct scripted_host *host);

/* A file in it: its path, to free(); is it there; makes it. */
char *scripted_path(const struct scripted_host *host, const char *name);
bool scripted_has_file(const struct scripted_host *host, const char *name);
void scripted_touch(const struct scripted_host *host, const char *name);

/* A command that waits for the file, or for the folder's end, and goes on with `then`. To free().
 */
char *scripted_wait(const struct scripted_host *host, const char *name, const char *then);

/* The same for many at once: each looks every third second only, as a look is a process. */
char *scripted_wait_long(const struct scripted_host *host, const char *name, const char *then);

#endif
