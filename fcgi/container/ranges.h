/*
 * ranges.h - each container's own range of host ids.
 *
 * The image store's owners are uid_base and up. Above them lie uid_ranges ranges of as many ids, of
 * which each container on this host has one, so that no quota that the kernel keeps for a user, and
 * no permission, is shared between containers.
 *
 * What a container has is recorded where nothing can lose it as long as anything of the container
 * is there: its folder's group is the range's first id. The table in memory only says where to
 * look; a daemon that comes after reads it from the folders. A range is given back by the folder's
 * removal, and the ranges are taken in turn, so that what the kernel gives back late
 * (descriptors in flight, keys) is not a successor's burden.
 *
 * One daemon at a time takes ranges for a state_dir (it holds the lock there). Two installations on
 * a host need spans that do not overlap.
 */
#ifndef CODESET_CONTAINER_RANGES_H
#define CODESET_CONTAINER_RANGES_H

#include <stdint.h>

#include "base/error.h"

#define RANGES_LAST_ID INT64_C(4294967294) /* the one above means "none" */

struct engine_settings;
struct ranges;

/* The first and the last host id that the store and the containers take. */
void ranges_span(const struct engine_settings *settings, int64_t *ret_first, int64_t *ret_last);

/* Reads what the containers that are there have. NULL on failure. */
struct ranges *ranges_new(const struct engine_settings *settings, struct error *err);
void ranges_free(struct ranges *ranges);

/* The first id of the range of the container whose folder this is: the one that it has, else one
 * that no other has. ERROR_UNAVAILABLE when all are taken. */
int ranges_take(struct ranges *ranges, const char *folder, int64_t *ret_first, struct error *err);

#endif
