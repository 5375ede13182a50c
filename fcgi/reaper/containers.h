/*
 * containers.h - the life that sessions, verifications and jobs share: a container is started, its
 * agent greeted; it is watched; it is stopped, and its row says that it is gone.
 *
 *     CLAIMED -> STARTING -> GREETING -> UP -> STOPPING -> (gone)
 *
 * An owner makes an entry before it makes the row (containers.container_id is the entry's id), so
 * that whatever is found in the database or on the host is known here. It lets go of it with
 * container_stop; from then on the container is this room's alone: a start under way is waited
 * for, a stop that fails is repeated, the row is written at the end, and until then the container
 * counts.
 *
 * The engine is asked for so many starts at once (CONTAINERS_STARTS_PER_PROCESSOR); those that
 * wait for it take turns between users, all kinds alike.
 *
 * Rows that somebody else has ended (a user closed the session, it expired, another daemon took
 * this host for lost) come by containers_unwanted.
 */
#ifndef CODESET_REAPER_CONTAINERS_H
#define CODESET_REAPER_CONTAINERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "wire/container.h"

struct container;
struct containers;
struct context;

/* The others: the engine ended it, to keep the host's disk free, or because the kernel held too
 * much for it that counts to no limit. */
#define CONTAINERS_LOST "CONTAINER_LOST"
#define CONTAINERS_DISK_FULL "HOST_DISK_FULL"
#define CONTAINERS_KERNEL_MEMORY "KERNEL_MEMORY_LIMIT"

/* Did the engine end it? Then the message is for its user. */
bool container_was_ended(const struct error *err);

/* Starts under way in the engine at once, twice as many as codeset-engined works on: so that it
 * never waits for the next one. */
#define CONTAINERS_STARTS_PER_PROCESSOR 4
#define CONTAINERS_STARTS_LEAST 8
size_t containers_starts_most(void);

/* Told to the owner, from the loop. Each may call container_stop. */
struct container_events {
    /* Its agent answers. Once. */
    void (*up)(void *owner);
    /* Before it was up: it could not be started (codes as engine.h's), was not found, has ended
     * (CONTAINERS_LOST, or by the engine), or did not answer.
     * Once, and then nothing else. */
    void (*failed)(const struct error *err, void *owner);
    /* After it was up: it has ended, with codes as above, or answers no more. Once, and then
     * nothing else. */
    void (*lost)(const struct error *err, void *owner);
    /* Its row was ended by somebody else. May be told again. */
    void (*unwanted)(void *owner);
};

/* Of a start: the host is short of something, and may not be later. */
bool containers_host_is_full(const struct error *err);

struct containers *containers_new(void);
void containers_free(struct containers *containers); /* nobody is told, nothing is stopped */

/* An entry, nothing more. events and owner live until container_stop or container_discard. */
struct container *container_new(struct context *context, enum container_kind kind,
                                const struct id *id, const struct container_events *events,
                                void *owner);

/* Nothing was made for the entry, no row either. */
void container_discard(struct container *container);

/* Before the start: how its owner wants commands to be run (wire/profile.h); NULL: as the image
 * says. */
void container_set_profile(struct container *container, const char *profile);

/* Starts it from the image, for the user, when it is its turn: `up` or `failed` follows. */
void container_start(struct container *container, const struct id *user, const char *image);

/* It was started by an earlier run: looks for it. `up` or `failed` follows. image: NULL where it is
 * not known. */
void container_attach(struct container *container, const char *image);

/* It is not wanted any more; the owner is told nothing from here on. */
void container_stop(struct container *container);

/* A call to its agent failed: is it there? `lost` follows if it is not. */
void container_suspect(struct container *container);

/* Good from `up` on. */
const char *container_address(const struct container *container);
const char *container_environment(const struct container *container); /* of commands: JSON array */
const char *container_profile(const struct container *container);     /* the same: JSON object */
/* It has a way out from now on: its commands are told of the proxy, and when it is stopped,
 * codeset-egress is. Once it is up. */
void container_has_way_out(struct container *container);
int64_t container_image_time(const struct container *container); /* as engine.h's */
int64_t container_oom_kills(const struct container *container);
int64_t container_refusals(const struct container *container); /* of processes, by their limit */
bool container_knows_ids(const struct container *container);   /* of file operations */

const struct id *container_id(const struct container *container);

/* "cs-<id>", as the API shows it; lives as long as the container. */
const char *container_text(const struct container *container);

/* The row has ended, or nobody has one: an owner is told, one without an owner is stopped. */
void containers_unwanted(struct context *context, enum container_kind kind, const struct id *id);

bool containers_know(const struct context *context, const struct id *id);

/* Those that are not gone yet. */
size_t containers_count(const struct context *context, enum container_kind kind);

#endif
